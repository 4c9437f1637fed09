"""The environment of the audit function: infra writes it, the function reads it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

SECONDS = 900
"""The longest that Lambda lets a function run."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which stream is compared with which tables, and where the audit keeps what it found.

    `settle_seconds` is what delivery may take: a younger record that is nowhere yet is on its way.
    """

    event_type: str
    stream: str
    bucket: str
    database: str
    workgroup: str
    audit_prefix: str
    settle_seconds: int

    def environment(self) -> dict[str, str]:
        """The variables that carry these settings to the function."""
        return {field.name.upper(): str(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings that the variables carry; KeyError names the one that is missing."""
        found = {field.name: environment[field.name.upper()] for field in fields(cls)}
        return cls(**{**found, "settle_seconds": int(found["settle_seconds"])})  # type: ignore[arg-type]
