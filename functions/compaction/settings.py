"""The environment of the compaction function: infra writes it, the function reads it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

SECONDS = 900
"""The longest that Lambda lets a function run: no run outlives it, so a pass that is older and not
committed is nobody's (see `lease_seconds`)."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where an event type's rows lie, and how long to wait for whom. Prefixes end with a slash."""

    event_type: str
    bucket: str
    database: str
    delivered_prefix: str
    compacted_prefix: str
    manifest_prefix: str
    budget_bytes: int
    """Parquet that one pass reads at most. Files, their copy and the sort's overflow share the
    function's disk: a fifth of it is safe."""
    memory_mib: int
    """What DuckDB may use before it overflows to disk."""
    settle_seconds: int = 3600
    """A delivered file is compacted when it is this old: longer than any buffer of the delivery
    stream (900 s at most) with its retries, so that no older row is still on its way."""
    grace_seconds: int = 2700
    """Replaced files are deleted when they have not counted for this long: longer than any query
    runs (Athena stops one after 30 min)."""
    lease_seconds: int = SECONDS + 300
    """A pass that was begun this long ago and not committed has crashed."""

    def environment(self) -> dict[str, str]:
        """The variables that carry these settings to the function."""
        return {field.name.upper(): str(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings that the variables carry; KeyError names the one that is missing."""
        found = {field.name: environment[field.name.upper()] for field in fields(cls)}
        numbers = {name: int(found[name]) for name in found if name.endswith(NUMBERS)}
        return cls(**{**found, **numbers})  # type: ignore[arg-type]


NUMBERS = ("_bytes", "_mib", "_seconds")
