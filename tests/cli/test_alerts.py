"""How soon alerts follow their flights, from what is on the derived stream."""

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from cli.alerts import Latency, latencies, summary

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Kinesis:
    """Two shards at the seam: pages of records, an empty page in between."""

    def __init__(self, *shards: list[list[dict[str, Any]]]) -> None:
        self.shards = shards

    def get_paginator(self, name: str) -> "Kinesis":
        assert name == "list_shards"
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"Shards": [{"ShardId": str(n)} for n in range(len(self.shards))]}]

    def get_shard_iterator(self, **given: str) -> dict[str, str]:
        return {"ShardIterator": f"{given['ShardId']}:0"}

    def get_records(self, **given: Any) -> dict[str, Any]:
        shard, page = map(int, given["ShardIterator"].split(":"))
        pages = self.shards[shard]
        records = pages[page] if page < len(pages) else []
        behind = 1000 * (page < len(pages) - 1)
        return {
            "Records": records,
            "NextShardIterator": f"{shard}:{page + 1}",
            "MillisBehindLatest": behind,
        }


def alert(name: str, arrived: int, waited: float) -> dict[str, Any]:
    flight = NOON + timedelta(seconds=arrived)
    return {
        "Data": f'{{"event_id":"{name}","flight_arrived":"{flight.isoformat()}"}}'.encode(),
        "ApproximateArrivalTimestamp": flight + timedelta(seconds=waited),
    }


def test_every_alert_counts_once_over_shards_and_empty_pages() -> None:
    kinesis = Kinesis(
        [[alert("a", 2, 0.5)], [], [alert("a", 2, 9.0), alert("b", 3, 0.25)]],
        [[alert("c", 1, 0.125)]],
    )
    assert latencies(cast("KinesisClient", kinesis), "stream") == [
        (NOON + timedelta(seconds=1), 0.125),
        (NOON + timedelta(seconds=2), 0.5),
        (NOON + timedelta(seconds=3), 0.25),
    ]


def test_the_summary_is_median_and_99th_percentile() -> None:
    waits = [number / 100 for number in range(1, 100)]
    assert summary(waits) == Latency(99, 0.5, 0.99)
    assert summary([0.5]) == Latency(1, 0.5, 0.5)
    assert math.isnan(summary([]).median)
