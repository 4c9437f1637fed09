"""Reading shards back, as fast as they give or slower.

GetRecords gives 2 MB a second of a shard to all its pollers together, delivery among them: whoever
is in no hurry reads at a `pace` below that. Who reads too fast is refused: from the first refusal
on, each page is waited for as long as it is worth, as trying again and again costs more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import botocore.session

from functions.audit.cutting import Record
from functions.shared import shards
from functions.shared.ranges import Reader

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

FULL_PACE = 2 * 2**20
"""Bytes a second that a shard gives."""
GENTLE_PACE = FULL_PACE // 2
THROTTLED_SECONDS = 0.25
LONGEST_WAIT = 0.5


def for_ever() -> float:
    """No deadline."""
    return float("inf")


def connected() -> KinesisClient:
    """A client that leaves instants as they come, in seconds: making a datetime of each takes
    botocore longer than all else about a record."""
    session = botocore.session.get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=float)
    return boto3.Session(botocore_session=session).client("kinesis")


class Described(NamedTuple):
    """When a stream was created, in epoch milliseconds, and how long it keeps its records."""

    created: int
    retention_hours: int


@dataclass(frozen=True)
class Stream:
    """One stream, by its ARN, through a client as `connected` makes it."""

    client: KinesisClient
    arn: str
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def shards(self) -> list[str]:
        """All that still hold records, closed ones too."""
        found = []
        given: dict[str, Any] = {}
        while True:
            answer = self.client.list_shards(StreamARN=self.arn, **given)
            found += [shard["ShardId"] for shard in answer["Shards"]]
            if not answer.get("NextToken"):
                return found
            given = {"NextToken": answer["NextToken"]}

    def described(self) -> Described:
        answer = self.client.describe_stream(StreamARN=self.arn, Limit=1)["StreamDescription"]
        created: Any = answer["StreamCreationTimestamp"]
        return Described(round(created * 1000), answer["RetentionPeriodHours"])

    def first_since(self, shard_id: str, moment: int) -> int | None:
        """The number of the first record that arrived at an instant or later, None without one."""
        iterator: str | None = self.client.get_shard_iterator(
            StreamARN=self.arn,
            ShardId=shard_id,
            ShardIteratorType="AT_TIMESTAMP",
            Timestamp=datetime.fromtimestamp(moment / 1000, UTC),
        )["ShardIterator"]
        while iterator:
            try:
                answer = self.client.get_records(
                    StreamARN=self.arn, ShardIterator=iterator, Limit=1
                )
            except self.client.exceptions.ProvisionedThroughputExceededException:
                self.sleep(THROTTLED_SECONDS)
                continue
            if answer["Records"]:
                return int(answer["Records"][0]["SequenceNumber"])
            if not answer["MillisBehindLatest"]:
                return None
            iterator = answer.get("NextShardIterator")
            self.sleep(THROTTLED_SECONDS)
        return None

    def pages(
        self, reader: Reader, *, pace: float = 0, seconds_left: Callable[[], float] = for_ever
    ) -> Iterator[list[Record]]:
        """What the reader asks for, at so many bytes a second; 0 is as fast as the shard gives.
        Raises OutOfTime."""
        began = self.clock()

        def wait(seconds: float) -> None:
            nonlocal pace
            pace = pace or FULL_PACE
            self.sleep(min(seconds, LONGEST_WAIT))

        for page in shards.read(
            self.client, self.arn, reader, sleep=wait, seconds_left=seconds_left
        ):
            records = [
                Record(
                    one["SequenceNumber"],
                    round(one["ApproximateArrivalTimestamp"] * 1000),
                    one["Data"],
                )
                for one in page
            ]
            yield records
            if pace and reader.request is not None:
                size = sum(len(one.data) for one in records)
                self.sleep(max(0.0, min(began + size / pace - self.clock(), seconds_left())))
            began = self.clock()
