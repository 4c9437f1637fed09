"""What became of flights that left late: the alerts on their stream, and how soon they came."""

import math
from collections.abc import Iterator
from datetime import datetime
from statistics import median, quantiles
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import RecordTypeDef

PAGE = 10_000


class Alert(msgspec.Struct, frozen=True):
    """The two fields of a delay alert that its latency needs."""

    event_id: str
    flight_arrived: datetime


class Latency(msgspec.Struct, frozen=True):
    """Seconds from a flight's arrival on its stream to its alert's on the derived one."""

    alerts: int
    median: float
    p99: float


def latencies(kinesis: "KinesisClient", stream: str) -> list[tuple[datetime, float]]:
    """For every alert on the stream: when its flight arrived, and seconds until the alert did.

    An alert that was put twice, after a redelivery, counts with its first.
    """
    found: dict[str, tuple[datetime, float]] = {}
    for record in records(kinesis, stream):
        alert = msgspec.json.decode(record["Data"], type=Alert)
        waited = (record["ApproximateArrivalTimestamp"] - alert.flight_arrived).total_seconds()
        found.setdefault(alert.event_id, (alert.flight_arrived, waited))
    return sorted(found.values())


def summary(waits: list[float]) -> Latency:
    """Median and 99th percentile; not a number when there are no alerts."""
    if not waits:
        return Latency(0, math.nan, math.nan)
    last = quantiles(waits, n=100)[98] if len(waits) > 1 else waits[0]
    return Latency(len(waits), median(waits), last)


def records(kinesis: "KinesisClient", stream: str) -> Iterator["RecordTypeDef"]:
    """Every record on the stream now, shard by shard."""
    for page in kinesis.get_paginator("list_shards").paginate(StreamName=stream):
        for shard in page["Shards"]:
            iterator: str | None = kinesis.get_shard_iterator(
                StreamName=stream,
                ShardId=shard["ShardId"],
                ShardIteratorType="TRIM_HORIZON",
            )["ShardIterator"]
            while iterator:
                answer = kinesis.get_records(ShardIterator=iterator, Limit=PAGE)
                yield from answer["Records"]
                caught_up = not answer["Records"] and not answer.get("MillisBehindLatest")
                iterator = None if caught_up else answer.get("NextShardIterator")
