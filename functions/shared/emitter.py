"""Putting derived events on their stream: full PutRecords calls, only what failed tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import ClientError

from events.compression import compressed
from events.contract import Event
from events.decoding import partition_key

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

MOST_RECORDS = 500
MOST_BYTES = 5 * 1024 * 1024
"""Half of what one call may carry (10 MiB): a call that times out costs less to repeat."""

ATTEMPTS = 6
FIRST_DELAY = 0.05
"""Seconds before the second attempt; doubled each time, with full jitter
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/): 3 s in all at most."""

CONFIG = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1})
"""One attempt of the client is one of ours: by default it would be five, with a minute's patience
each, and the function's time would be over first."""


class NotPut(Exception):
    """Kinesis refused an event to the end; the last error code is the message."""


def _data(event: Event) -> bytes:
    """An event as its contract has it on the wire."""
    data = msgspec.json.encode(event)
    return compressed(data) if event.contract.compression else data


@dataclass(frozen=True)
class Emitter:
    """Puts events on a stream through one client, made once per execution environment."""

    client: KinesisClient
    stream: str
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def to(cls, stream: str) -> Self:
        """An emitter with a client, and so a connection, of its own."""
        return cls(boto3.client("kinesis", config=CONFIG), stream)

    def __call__(self, events: Sequence[Event]) -> tuple[int, Exception] | None:
        """None when all were put, else the index of the first that was not, and why.

        Entries that fail are put again after those that did not, so order within a partition key
        holds only without failures: a consumer orders by event time, or deduplicates by event id.
        """
        entries = [{"Data": _data(event), "PartitionKey": partition_key(event)} for event in events]
        for start, chunk in chunks(entries):
            failed = self._put(chunk)
            if failed is not None:
                return start + failed[0], failed[1]
        return None

    def _put(self, entries: list[dict[str, Any]]) -> tuple[int, Exception] | None:
        left = list(enumerate(entries))
        error: Exception = NotPut("not tried")
        for attempt in range(ATTEMPTS):
            if attempt:
                self.sleep(random.uniform(0, FIRST_DELAY * 2**attempt))  # noqa: S311  no secret
            try:
                answer = self.client.put_records(
                    StreamName=self.stream,
                    Records=[entry for _, entry in left],  # type: ignore[misc]
                )
            except Exception as failure:
                error = failure
                if may_pass(failure):
                    continue
                break
            records = answer.get("Records", [])
            if len(records) != len(left):  # botocore makes an empty one of one that was cut short
                error = NotPut(f"{self.stream} answered half")
                continue
            refused = [
                (item, record["ErrorCode"])
                for item, record in zip(left, records, strict=True)
                if "ErrorCode" in record
            ]
            if not refused:
                return None
            left = [item for item, _ in refused]
            error = NotPut(f"{self.stream} refused an event {ATTEMPTS} times: {refused[0][1]}")
        return left[0][0], error


def may_pass(failure: Exception) -> bool:
    """Whether a call that failed may succeed within seconds: not one that Kinesis refuses, for a
    stream that is not there or a permission that is missing. Retrying that is Lambda's business."""
    if not isinstance(failure, ClientError):
        return True
    code = failure.response["Error"]["Code"]
    status = failure.response["ResponseMetadata"]["HTTPStatusCode"]
    return status >= 500 or "Throttl" in code or "Throughput" in code


def chunks(entries: list[dict[str, Any]]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The entries in calls within every limit, each with the index of its first entry."""
    start, size = 0, 0
    for index, entry in enumerate(entries):
        bytes_ = len(entry["Data"]) + len(entry["PartitionKey"].encode())
        if index > start and (index - start == MOST_RECORDS or size + bytes_ > MOST_BYTES):
            yield start, entries[start:index]
            start, size = index, 0
        size += bytes_
    if entries:
        yield start, entries[start:]
