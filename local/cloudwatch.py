"""moto's CloudWatch on our store of metrics (`local.metrics`).

Percentiles, metric math and Metrics Insights are refused by name: the store holds count, sum,
minimum and maximum, and moto would answer them with nothing or with the wrong thing.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from moto.cloudwatch.exceptions import (
    InvalidParameterCombination,
    InvalidParameterValue,
    ValidationError,
)
from moto.cloudwatch.models import (
    CloudWatchBackend,
    MetricAggregatedDatum,
    MetricDatumBase,
    Statistics,
)

from local import metrics
from local.metrics import Point, Series
from local.patching import replace

COMPUTED = "AWS/S3"
"""moto computes these from the buckets when asked; they stay its own."""
STATISTICS = frozenset({"SampleCount", "Sum", "Average", "Minimum", "Maximum"})
MOST_POINTS = 1440

_moto_statistics = CloudWatchBackend.get_metric_statistics
_moto_data = CloudWatchBackend.get_metric_data
_moto_filtered = CloudWatchBackend.get_filtered_metrics


def install() -> None:
    """Put our store in place of moto's list; a second call changes nothing."""
    replace(
        CloudWatchBackend,
        put_metric_data=put_metric_data,
        get_metric_statistics=get_metric_statistics,
        get_metric_data=get_metric_data,
        get_filtered_metrics=get_filtered_metrics,
    )


def put_metric_data(self: Any, namespace: str, metric_data: list[dict[str, Any]]) -> None:
    for position, metric in enumerate(metric_data):
        self._validate_parameters_put_metric_data(metric, position + 1)
    for metric in metric_data:
        series = _series(self, namespace, metric["MetricName"], metric.get("Dimensions") or ())
        moment = _seconds(metric.get("Timestamp") or datetime.datetime.now(datetime.UTC))
        point = (series, metric.get("Unit") or "None", _point(metric))
        metrics.store.put_all(moment, [point])


def get_metric_statistics(
    self: Any,
    namespace: str,
    metric_name: str,
    start_time: datetime.datetime,
    end_time: datetime.datetime,
    period: int,
    stats: list[str],
    dimensions: list[dict[str, str]],
    unit: str | None = None,
) -> list[Statistics]:
    if namespace == COMPUTED:
        found: list[Statistics] = _moto_statistics(
            self, namespace, metric_name, start_time, end_time, period, stats, dimensions, unit
        )
        return found
    start, end = _seconds(start_time), _seconds(end_time)
    if start >= end:
        message = "The parameter StartTime must be less than the parameter EndTime."
        raise InvalidParameterValue(message)
    if (asked := int((end - start) / period)) > MOST_POINTS:
        raise InvalidParameterCombination(
            f"You have requested up to {asked:,} datapoints, which exceeds the limit of "
            f"{MOST_POINTS:,}. You may reduce the datapoints requested by increasing Period, "
            "or decreasing the time range."
        )
    if not stats:
        raise InvalidParameterValue("ExtendedStatistics are not supported by the local AWS.")
    series = _series(self, namespace, metric_name, dimensions or ())
    points = metrics.store.periods(series, start, end, period, unit)
    return [_statistics(series, stats, *point) for point in points]


def get_metric_data(
    self: Any,
    queries: list[dict[str, Any]],
    start_time: datetime.datetime,
    end_time: datetime.datetime,
    scan_by: str = "TimestampAscending",
) -> list[dict[str, Any]]:
    if _seconds(start_time) >= _seconds(end_time):
        raise ValidationError("The parameter EndTime must be greater than StartTime.")
    results = [
        _result(self, query, start_time, end_time, descending=scan_by == "TimestampDescending")
        for query in queries
    ]
    wanted = zip(queries, results, strict=True)
    return [result for query, result in wanted if query.get("ReturnData", True)]


def get_filtered_metrics(
    self: Any, metric_name: str, namespace: str, dimensions: list[dict[str, str]]
) -> list[MetricDatumBase]:
    known = metrics.store.series(self.account_id, self.region_name)
    data = [MetricDatumBase(one.namespace, one.name, _named(one.dimensions), None) for one in known]
    found = [one for one in data if one.filter(namespace, metric_name, dimensions or [])]
    if namespace == COMPUTED:
        found += _moto_filtered(self, metric_name, namespace, dimensions)
    return found


def _result(
    self: Any,
    query: dict[str, Any],
    start: datetime.datetime,
    end: datetime.datetime,
    *,
    descending: bool,
) -> dict[str, Any]:
    if "MetricStat" not in query:
        raise ValidationError(
            f"Expression '{query['Expression']}' is not supported by the local AWS: "
            "query each metric by its MetricStat."
        )
    asked, metric = query["MetricStat"], query["MetricStat"]["Metric"]
    if metric["Namespace"] == COMPUTED:
        order = "TimestampDescending" if descending else "TimestampAscending"
        found: dict[str, Any] = _moto_data(self, [query], start, end, order)[0]
        return found
    name, stat = metric["MetricName"], asked["Stat"]
    if stat not in STATISTICS:
        raise ValidationError(f"Stat '{stat}' is not supported by the local AWS.")
    series = _series(self, metric["Namespace"], name, metric.get("Dimensions") or ())
    points = metrics.store.periods(
        series, _seconds(start), _seconds(end), int(asked["Period"]), asked.get("Unit")
    )
    taken = [_statistics(series, [stat], *point) for point in points]
    if descending:
        taken.reverse()
    return {
        "id": query["Id"],
        "label": query.get("Label") or name,
        "values": [one.get_statistics_for_type(stat) for one in taken],
        "timestamps": [one.timestamp for one in taken],
        "status_code": "Complete",
    }


def _series(self: Any, namespace: str, name: str, dimensions: Iterable[dict[str, str]]) -> Series:
    whole = tuple(sorted((one["Name"], one["Value"]) for one in dimensions))
    return Series(self.account_id, self.region_name, namespace, name, whole)


def _statistics(
    series: Series, stats: list[str], begin: int, unit: str, point: Point
) -> Statistics:
    found = Statistics(stats, datetime.datetime.fromtimestamp(begin, datetime.UTC), unit)
    found.metric_data = [
        MetricAggregatedDatum(
            series.namespace,
            series.name,
            point.least,
            point.most,
            point.count,
            point.total,
            _named(series.dimensions),
            found.timestamp,
            unit,
        )
    ]
    return found


def _named(dimensions: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions]


def _point(metric: dict[str, Any]) -> Point:
    if metric.get("StatisticValues"):
        whole = metric["StatisticValues"]
        numbers = (whole["SampleCount"], whole["Sum"], whole["Minimum"], whole["Maximum"])
        return Point(*(float(number) for number in numbers))
    values = [float(value) for value in metric.get("Values") or [metric.get("Value", 0)]]
    counts = [float(count) for count in metric.get("Counts") or [1] * len(values)]
    total = sum(value * count for value, count in zip(values, counts, strict=True))
    return Point(sum(counts), total, min(values), max(values))


def _seconds(moment: datetime.datetime) -> float:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    return aware.timestamp()
