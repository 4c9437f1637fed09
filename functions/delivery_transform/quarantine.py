"""What was rejected, kept with its reason: JSON lines in the lake, which SQL reads.

A line is {reason, detail, payload, arrived_at, rejected_at, shard_id, sequence_number,
subsequence_number}; the payload in base64 as it came, but decompressed and without a mark that it
carried, times in epoch milliseconds. A record that was resubmitted and rejected again has the place
and the arrival that it had on the stream. One object holds the lines of one invocation and arrival
date. Its name follows from the records in it: the same batch, tried again, writes the same objects
again and not a second copy.
"""

from __future__ import annotations

import gzip
import hashlib
from binascii import b2a_base64
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from events.compression import readable
from functions.delivery_transform.reading import Record, read
from functions.delivery_transform.transform import Rejection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Line(msgspec.Struct, frozen=True):
    """One rejected record."""

    reason: str
    detail: str
    payload: str
    arrived_at: int
    rejected_at: int
    shard_id: str | None
    sequence_number: str | None
    subsequence_number: int | None


def objects(
    records: Sequence[Record],
    rejections: Iterable[Rejection],
    rejected_at: datetime,
    lake: str,
) -> dict[str, bytes]:
    """The objects to keep, by the end of their key: `arrival_date=YYYY-MM-DD/<digest>.json.gz`."""
    moment = round(rejected_at.timestamp() * 1000)
    days: dict[str, list[bytes]] = defaultdict(list)
    names: dict[str, hashlib._Hash] = defaultdict(hashlib.sha256)
    for rejection in rejections:
        record = records[rejection.index]
        _, data, arrived = read(record, "", lake)
        day = datetime.fromtimestamp(arrived / 1000, UTC).date().isoformat()
        line = Line(
            reason=rejection.reason,
            detail=rejection.detail,
            payload=b2a_base64(readable(data), newline=False).decode("ascii"),
            arrived_at=arrived,
            rejected_at=moment,
            shard_id=rejection.shard_id,
            sequence_number=rejection.sequence_number,
            subsequence_number=rejection.subsequence_number,
        )
        days[day].append(msgspec.json.encode(line))
        names[day].update(record["recordId"].encode() + b"\n")
    return {
        f"arrival_date={day}/{names[day].hexdigest()}.json.gz": gzip.compress(
            b"\n".join(lines) + b"\n", compresslevel=6, mtime=0
        )
        for day, lines in days.items()
    }


@dataclass(frozen=True)
class Quarantine:
    """The prefix of a bucket under which this function may put objects, and nothing else."""

    bucket: str
    prefix: str

    @cached_property
    def _s3(self) -> S3Client:
        """Made when the first record is rejected: a batch without one waits for nothing."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            config=Config(
                connect_timeout=2,
                read_timeout=5,
                retries={"mode": "standard", "total_max_attempts": 3},
            ),
        )

    def keep(self, found: dict[str, bytes]) -> None:
        """Put the objects; raises what the client raises."""
        for name, body in found.items():
            self._s3.put_object(Bucket=self.bucket, Key=f"{self.prefix}{name}", Body=body)
