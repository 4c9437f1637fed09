"""The environment of the rescue function: infra writes it, the function reads it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

SECONDS = 60
"""A run of the function at most. A message that was not rescued is tried again after six times
this, when its queue shows it again."""

MESSAGES = 10
"""Messages per run, each a batch of up to 6 MB."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Whose failures are rescued, and what the processor's events said of where they came from."""

    processor: str
    event_type: str
    """What the processor reads."""
    function_arn: str
    role_arn: str
    """The processor's role: `invokeIdentityArn` of its records."""
    stream_arn: str
    source_arn: str
    """What the processor's mapping reads, stream or consumer: `eventSourceARN` of its records."""
    mapping: str
    """The mapping's UUID."""
    factor: int
    """The mapping's parallelization factor."""
    log_group: str
    """Where the processor logs."""
    bucket: str
    """Where the failure archive is."""
    payload_bucket: str = ""
    """Where the mapping puts failures with their records; empty where it sends messages."""
    log_level: str = "INFO"

    def environment(self) -> dict[str, str]:
        """The variables that carry these settings to the function."""
        return {variable(field.name): str(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings that the variables carry; KeyError names the one that is missing."""
        found = {field.name: environment[variable(field.name)] for field in fields(cls)}
        return cls(**{**found, "factor": int(found["factor"])})  # type: ignore[arg-type]


def variable(name: str) -> str:
    """The environment variable that carries a field."""
    return "POWERTOOLS_LOG_LEVEL" if name == "log_level" else name.upper()
