"""What the scheduled audit keeps in the lake's bucket, under `audits/<type>/`:

state.json                          where the next run goes on, and what is missing
reports/<date>/<time>-<run>.json    what each run found: the proof, for as long as it is kept
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from functions.audit.run import Report, State

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Store:
    """A prefix of a bucket, with its slash, through one client."""

    client: S3Client
    bucket: str
    prefix: str

    def state(self) -> State:
        """What the last run left; the beginning when there was none."""
        try:
            body = self.client.get_object(Bucket=self.bucket, Key=self._state)["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return State()
        return msgspec.json.decode(body, type=State)

    def save(self, state: State) -> None:
        self.client.put_object(Bucket=self.bucket, Key=self._state, Body=msgspec.json.encode(state))

    def keep(self, report: Report, began: datetime, run: str) -> None:
        """Before the state moves on, so that a crash in between has a stretch audited twice, and
        none without a report."""
        key = f"{self.prefix}reports/{began:%Y-%m-%d/%H%M%S}-{run}.json"
        self.client.put_object(Bucket=self.bucket, Key=key, Body=msgspec.json.encode(report))

    @property
    def _state(self) -> str:
        return f"{self.prefix}state.json"
