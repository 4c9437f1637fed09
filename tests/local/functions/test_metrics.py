"""Metrics: what functions log, what Lambda counts, and that CloudWatch adds them up."""

from __future__ import annotations

import datetime
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from local.metrics import KEPT_SECONDS, Point, Series, Store
from tests.local.functions.conftest import refused

if TYPE_CHECKING:
    from tests.conftest import AWS
    from tests.local.functions.conftest import Functions

DAY = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)


def sums(aws: Any, namespace: str, name: str, dimensions: dict[str, str]) -> dict[str, float]:
    """All statistics of the last ten minutes in one."""
    now = time.time()
    found = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - 600,
        EndTime=now + 60,
        Period=86_400,
        Statistics=["SampleCount", "Sum", "Minimum", "Maximum", "Average"],
    )["Datapoints"]
    wanted = ("SampleCount", "Sum", "Minimum", "Maximum", "Average")
    return {key: sum(one[key] for one in found) for key in wanted} if found else {}


def test_lambda_counts_invocations_errors_and_throttles(functions: Functions) -> None:
    name = functions.make("def handler(event, context): return 1 / event")
    for event in (1, 2, 0):
        functions.call(name, event)
    mine = {"FunctionName": name}
    assert sums(functions.aws, "AWS/Lambda", "Invocations", mine)["Sum"] == 3
    assert sums(functions.aws, "AWS/Lambda", "Errors", mine) == {
        "SampleCount": 3,
        "Sum": 1,
        "Minimum": 0,
        "Maximum": 1,
        "Average": 1 / 3,
    }
    duration = sums(functions.aws, "AWS/Lambda", "Duration", mine)
    assert duration["SampleCount"] == 3
    assert 0 < duration["Minimum"] <= duration["Average"] <= duration["Maximum"] < 20_000
    assert sums(functions.aws, "AWS/Lambda", "ConcurrentExecutions", mine)["Maximum"] == 1
    assert sums(functions.aws, "AWS/Lambda", "Invocations", {**mine, "Resource": name})["Sum"] == 3
    assert sums(functions.aws, "AWS/Lambda", "Throttles", mine) == {}


def test_what_a_function_logs_as_embedded_metrics_becomes_metrics(functions: Functions) -> None:
    space = f"Space{uuid.uuid4().hex[:8]}"
    name = functions.make(
        "import json, time\n"
        "def handler(event, context):\n"
        "    metric = {'Name': 'Rejected', 'Unit': 'Count'}\n"
        "    directive = {'Namespace': event['space'], 'Dimensions': [['EventType']],\n"
        "                 'Metrics': [metric]}\n"
        "    print(json.dumps({'_aws': {'Timestamp': int(time.time() * 1000),\n"
        "        'CloudWatchMetrics': [directive]}, 'EventType': 'flight',\n"
        "        'Rejected': event['values']}))"
    )
    for values in (2, [3, 4, 5.5]):
        functions.call(name, {"space": space, "values": values})
    assert sums(functions.aws, space, "Rejected", {"EventType": "flight"}) == {
        "SampleCount": 4,
        "Sum": 14.5,
        "Minimum": 2,
        "Maximum": 5.5,
        "Average": 14.5 / 4,
    }
    assert sums(functions.aws, space, "Rejected", {}) == {}  # dimensions are matched whole
    listed = functions.aws.client("cloudwatch").list_metrics(Namespace=space)["Metrics"]
    assert listed == [
        {
            "Namespace": space,
            "MetricName": "Rejected",
            "Dimensions": [{"Name": "EventType", "Value": "flight"}],
        }
    ]


def test_put_values_are_added_up_in_periods_that_begin_at_multiples(aws: AWS) -> None:
    cloudwatch = aws.client("cloudwatch")
    space = f"Space{uuid.uuid4().hex[:8]}"
    data = [
        {"Timestamp": DAY + 0.5 * MINUTE, "Value": 1},
        {"Timestamp": DAY + 4.9 * MINUTE, "Values": [2, 3], "Counts": [10, 1]},
        {
            "Timestamp": DAY + 5 * MINUTE,
            "StatisticValues": {"SampleCount": 4, "Sum": 8, "Minimum": 1, "Maximum": 5},
        },
    ]
    for datum in data:
        cloudwatch.put_metric_data(
            Namespace=space, MetricData=[{"MetricName": "M", "Unit": "Count", **datum}]
        )
    window = {"StartTime": DAY + 0.9 * MINUTE, "EndTime": DAY + 10 * MINUTE}
    found = cloudwatch.get_metric_statistics(
        Namespace=space,
        MetricName="M",
        Period=300,
        Statistics=["Sum", "SampleCount", "Maximum"],
        **window,
    )["Datapoints"]
    expected = [
        {"Timestamp": DAY, "Sum": 24.0, "SampleCount": 12.0, "Maximum": 3.0, "Unit": "Count"},
        {
            "Timestamp": DAY + 5 * MINUTE,
            "Sum": 8.0,
            "SampleCount": 4.0,
            "Maximum": 5.0,
            "Unit": "Count",
        },
    ]
    assert sorted(found, key=lambda one: one["Timestamp"]) == expected
    stat = {"Metric": {"Namespace": space, "MetricName": "M"}, "Period": 300, "Stat": "Sum"}
    [result] = cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "m", "MetricStat": stat}], **window
    )["MetricDataResults"]
    assert (result["Timestamps"], result["Values"]) == ([DAY + 5 * MINUTE, DAY], [8.0, 24.0])
    asked: dict[str, Any] = {"MetricDataQueries": [{"Id": "e", "Expression": "m*2"}], **window}
    code, message = refused(lambda: cloudwatch.get_metric_data(**asked))
    assert (code, "is not supported by the local AWS" in message) == ("ValidationError", True)


def test_a_long_run_keeps_a_point_a_minute_for_fifteen_days() -> None:
    store = Store()
    series = Series("1", "us-east-1", "N", "M", ())
    for second in range(0, KEPT_SECONDS * 2, 1800):
        store.put_all(float(second), [(series, "Count", Point(1, 1, 1, 1))] * 10)
    kept = store.points[series]
    assert KEPT_SECONDS / 1800 <= len(kept) <= KEPT_SECONDS / 1800 + 3
    assert {point.count for point in kept.values()} == {10}


def test_an_active_trace_reaches_x_ray(functions: Functions) -> None:
    name = functions.make(
        """
import json, os, secrets, socket, time
def handler(event, context):
    fields = dict(part.split("=") for part in os.environ["_X_AMZN_TRACE_ID"].split(";"))
    host, _, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].partition(":")
    document = {
        "name": "inner", "id": secrets.token_hex(8), "trace_id": fields["Root"],
        "parent_id": fields["Parent"], "type": "subsegment",
        "start_time": time.time(), "end_time": time.time(),
    }
    text = '{"format": "json", "version": 1}\\n' + json.dumps(document)
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(text.encode(), (host, int(port)))
    return fields
""",
        TracingConfig={"Mode": "Active"},
    )
    trace = functions.call(name).payload
    assert trace["Sampled"] == "1"
    xray = functions.aws.client("xray")
    names: list[str] = []
    deadline = time.monotonic() + 5
    while len(names) < 2 and time.monotonic() < deadline:
        [found] = xray.batch_get_traces(TraceIds=[trace["Root"]])["Traces"] or [{"Segments": []}]
        names = [json.loads(one["Document"])["name"] for one in found["Segments"]]
    assert sorted(names) == sorted([name, "inner"])
