"""The environment of the delivery transform: infra writes it, the function reads it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

BUFFER_MEGABYTES = 0.5
"""The delivery stream's BufferSizeInMBs for this function. It counts the records alone, while on
the wire each is base64 and carries about 0.3 KB of metadata. With it the largest answer, of a batch
of the smallest records, stays within the 6 MB that Lambda allows: a test does the arithmetic."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`event_type` is a name of events.registry; rejected records are kept with their reason in
    `bucket` under `rejected_prefix`; `log_level` is one of Python's names."""

    event_type: str
    bucket: str
    rejected_prefix: str
    log_level: str = "INFO"

    def environment(self) -> dict[str, str]:
        """The variables that carry these settings to the function."""
        return {
            "EVENT_TYPE": self.event_type,
            "BUCKET": self.bucket,
            "REJECTED_PREFIX": self.rejected_prefix,
            "POWERTOOLS_LOG_LEVEL": self.log_level,
        }

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings that the variables carry; KeyError names the one that is missing."""
        return cls(
            event_type=environment["EVENT_TYPE"],
            bucket=environment["BUCKET"],
            rejected_prefix=environment["REJECTED_PREFIX"],
            log_level=environment.get("POWERTOOLS_LOG_LEVEL", cls.log_level),
        )
