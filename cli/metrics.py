"""CloudWatch metrics: sums over periods."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

EPOCH = datetime.fromtimestamp(0, UTC)
HOUR = timedelta(hours=1)
"""CloudWatch keeps hourly sums for 455 days."""
FINER = (
    (timedelta(days=15), timedelta(minutes=1)),
    (timedelta(days=63), timedelta(minutes=5)),
)
"""How long it keeps finer ones.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention"""
QUERIES = 500
"""What one GetMetricData call may hold."""

Periods = dict[datetime, float]
"""Sums by the start of their period."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, with its one dimension; Headrace's own name their environment as well."""

    namespace: str
    name: str
    dimension: str
    value: str
    environment: str = ""

    @property
    def dimensions(self) -> dict[str, str]:
        """Exactly those it is published under: with fewer or more, CloudWatch finds nothing."""
        own = {"Environment": self.environment} if self.environment else {}
        return own | {self.dimension: self.value}


def sums(
    cloudwatch: "CloudWatchClient", metrics: Mapping[str, Metric], *, start: datetime, end: datetime
) -> dict[str, int]:
    """The sum of each metric from `start` to `end`: what was counted in the rest of its hour may be
    much, so `start` is taken back only to its minute, or to what CloudWatch has left of it."""
    period = _finest(start)
    hour = _floor(start, HOUR) + HOUR
    most = end + timedelta(minutes=1)
    found = _periods(
        cloudwatch, metrics, start=_floor(start, period), end=min(hour, most), period=period
    )
    later = hourly(cloudwatch, metrics, start=hour, end=end) if hour < most else {}
    return {name: total(found[name]) + total(later.get(name, {})) for name in metrics}


def _finest(start: datetime) -> timedelta:
    """The shortest period that CloudWatch keeps of the hour of `start`, and of some time after."""
    age = datetime.now(UTC) - start + HOUR
    return next((period for kept, period in FINER if age < kept), HOUR)


def _floor(moment: datetime, period: timedelta) -> datetime:
    """The start of the period: CloudWatch's begin with the epoch."""
    return moment - (moment - EPOCH) % period


def total(periods: Periods) -> int:
    """What was counted in all of them."""
    return round(sum(periods.values()))


def hourly(
    cloudwatch: "CloudWatchClient", metrics: Mapping[str, Metric], *, start: datetime, end: datetime
) -> dict[str, Periods]:
    """The sums of each metric by the hour, from `start` (taken back to its hour) to `end`."""
    start = _floor(start, HOUR)
    return _periods(cloudwatch, metrics, start=start, end=end + timedelta(minutes=1), period=HOUR)


def newest(
    cloudwatch: "CloudWatchClient", metric: Metric, hours: Periods, *, now: datetime
) -> datetime | None:
    """The start of the newest period in which the metric counted anything, None when there is
    none: a minute, or what CloudWatch has left of it after 15 days. `hours` are its sums.
    """
    hour = max((start for start, value in hours.items() if value > 0), default=None)
    if hour is None:
        return None
    for kept, period in FINER:
        if now - hour < kept:
            metrics = {"it": metric}
            found = _periods(cloudwatch, metrics, start=hour, end=hour + HOUR, period=period)
            # What was counted a moment ago may be in the one answer and not yet in the other.
            return max((start for start, value in found["it"].items() if value > 0), default=hour)
    return hour


def _periods(
    cloudwatch: "CloudWatchClient",
    metrics: Mapping[str, Metric],
    *,
    start: datetime,
    end: datetime,
    period: timedelta,
) -> dict[str, Periods]:
    names = list(metrics)
    found: dict[str, Periods] = {name: {} for name in names}
    for first in range(0, len(names), QUERIES):
        part = names[first : first + QUERIES]
        queries = [_query(f"m{i}", metrics[name], period) for i, name in enumerate(part)]
        pages = cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=start, EndTime=end
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                periods = found[part[int(result["Id"][1:])]]
                periods |= zip(result["Timestamps"], result["Values"], strict=True)
    return found


def _query(number: str, metric: Metric, period: timedelta) -> "MetricDataQueryTypeDef":
    return {
        "Id": number,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [
                    {"Name": name, "Value": value} for name, value in metric.dimensions.items()
                ],
            },
            "Period": int(period.total_seconds()),
            "Stat": "Sum",
        },
    }
