"""Sums over CloudWatch's periods: nothing that was counted before the start is among them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.metrics import HOUR, Metric, sums

RECEIVED = {"it": Metric("Headrace", "Received", "Function", "p", "dev")}
MINUTE = timedelta(minutes=1)
NOW = datetime.now(UTC).replace(minute=10, second=30, microsecond=0) - HOUR
"""Ten minutes past an hour: what was counted 20 minutes ago is of the hour before."""


@dataclass
class CloudWatch:
    """What was counted, by instant; it answers as GetMetricData does, one page a query."""

    counted: dict[datetime, float]
    periods: list[timedelta] = field(default_factory=list)

    def get_paginator(self, operation: str) -> "CloudWatch":
        assert operation == "get_metric_data"
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        for query in asked["MetricDataQueries"]:
            period = timedelta(seconds=query["MetricStat"]["Period"])
            self.periods.append(period)
            epoch = datetime.fromtimestamp(0, UTC)
            assert (asked["StartTime"] - epoch) % period == timedelta()
            found: dict[datetime, float] = {}
            for at, number in self.counted.items():
                start = at - (at - epoch) % period
                if asked["StartTime"] <= start < asked["EndTime"]:
                    found[start] = found.get(start, 0) + number
            result = {"Id": query["Id"], "Timestamps": list(found), "Values": list(found.values())}
            yield {"MetricDataResults": [result]}


@pytest.mark.parametrize(
    ("back", "found"),
    [
        (timedelta(), 0),
        (5 * MINUTE, 10),
        (20 * MINUTE, 110),
        (30 * MINUTE, 1_110),
        (3 * HOUR, 1_110),
    ],
)
def test_what_was_counted_before_the_start_is_not_summed(back: timedelta, found: int) -> None:
    counted = {NOW - 3 * MINUTE: 10.0, NOW - 15 * MINUTE: 100.0, NOW - 25 * MINUTE: 1_000.0}
    assert sums(CloudWatch(counted), RECEIVED, start=NOW - back, end=NOW) == {"it": found}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("days", "finest"), [(1, MINUTE), (14, MINUTE), (15, 5 * MINUTE), (62, 5 * MINUTE), (63, HOUR)]
)
def test_a_start_is_taken_back_to_what_cloudwatch_has_left_of_it(
    days: int, finest: timedelta
) -> None:
    start = NOW - timedelta(days=days)
    begin = start - (start - datetime.fromtimestamp(0, UTC)) % finest
    cloudwatch = CloudWatch({begin: 1.0, begin - timedelta(seconds=1): 1_000.0, NOW: 7.0})
    assert sums(cloudwatch, RECEIVED, start=start, end=NOW) == {"it": 8}  # type: ignore[arg-type]
    assert cloudwatch.periods == [finest, HOUR]
