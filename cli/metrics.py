"""Sums of CloudWatch metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

HOUR = 3600
"""CloudWatch keeps hourly sums for 455 days, finer ones for less."""
QUERIES = 500
"""What one GetMetricData call may hold."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, with its one dimension."""

    namespace: str
    name: str
    dimension: str
    value: str


def sums(
    cloudwatch: "CloudWatchClient", metrics: Mapping[str, Metric], *, start: datetime, end: datetime
) -> dict[str, int]:
    """The sum of each metric from `start` (taken back to its hour) to `end`."""
    start = start.replace(minute=0, second=0, microsecond=0)
    names = list(metrics)
    found = dict.fromkeys(names, 0)
    for first in range(0, len(names), QUERIES):
        part = names[first : first + QUERIES]
        queries = [_query(f"m{i}", metrics[name]) for i, name in enumerate(part)]
        pages = cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=start, EndTime=end + timedelta(minutes=1)
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                found[part[int(result["Id"][1:])]] += round(sum(result["Values"]))
    return found


def _query(number: str, metric: Metric) -> "MetricDataQueryTypeDef":
    return {
        "Id": number,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": metric.dimension, "Value": metric.value}],
            },
            "Period": HOUR,
            "Stat": "Sum",
        },
    }
