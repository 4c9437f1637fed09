"""`headrace status` on a running local AWS."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.cli.conftest import LAKE, STREAMS, Headrace, Place, create_stack, outputs

ENVIRONMENT = "clistatus"
"""One of its own: what other tests put would be counted with what is counted here."""
URL = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/v1"
"""Where events of one of the types are taken."""


def own(event_type: str) -> dict[str, str]:
    """The outputs of a stack of this environment."""
    stream = STREAMS[event_type].replace("clitest", ENVIRONMENT)
    names = {"StreamName": stream, "DeliveryStreamName": f"{stream}-delivery"}
    return outputs(event_type) | names


def put(
    place: Place,
    namespace: str,
    name: str,
    dimension: str,
    value: str,
    *counts: int,
    environment: str = "",
) -> None:
    """One count now, one each hour before; our own are of this environment or another."""
    dimensions = {dimension: value}
    if namespace == "Headrace":
        dimensions["Environment"] = environment or ENVIRONMENT
    now = datetime.now(UTC)
    place.aws.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": of} for key, of in dimensions.items()],
                "Timestamp": now - timedelta(hours=hours),
                "Value": count,
                "Unit": "Count",
            }
            for hours, count in enumerate(counts)
        ],
    )


@pytest.fixture(scope="module", autouse=True)
def metrics(place: Place) -> None:
    for event_type in STREAMS:
        stream = own(event_type)["StreamName"]
        place.aws.client("kinesis").create_stream(StreamName=stream, ShardCount=2)
        taken = {"HttpUrl": URL, "ApiKeyId": "k"} if event_type == "device_telemetry" else {}
        create_stack(place.aws, event_type, own(event_type) | taken, ENVIRONMENT)
    lake = {"BucketName": LAKE, "DatabaseName": "clitest", "WorkGroupName": "clitest"}
    create_stack(place.aws, "lake", lake, ENVIRONMENT)
    stream, delivery = "StreamName", "DeliveryStreamName"
    put(place, "AWS/Kinesis", "IncomingRecords", stream, "clistatus-device-telemetry", 1000, 234)
    put(
        place,
        "AWS/Firehose",
        "DeliveryToS3.Records",
        delivery,
        "clistatus-device-telemetry-delivery",
        1200,
    )
    put(place, "Headrace", "Rejected", "EventType", "device_telemetry", *([0] * 30), 3)
    put(place, "Headrace", "Rejected", "EventType", "unrelated", 99)
    put(place, "Headrace", "Rejected", "EventType", "device_telemetry", 500, environment="other")
    put(place, "Headrace", "Replayed", "EventType", "device_telemetry", 11)
    # Delivery has taken apart what the stream counts as one record; of the other it is behind.
    put(place, "Headrace", "Received", "EventType", "flight", 90_000)
    put(place, "Headrace", "Received", "EventType", "device_telemetry", 1214)
    put(
        place,
        "AWS/Firehose",
        "DeliveryToS3.Records",
        delivery,
        "clistatus-flight-delivery",
        *([0] * 30),
        7,
        *([0] * 30),
        0,
    )


@pytest.fixture
def headrace(place: Place, here: Headrace) -> Headrace:
    return partial(here, env=place.aws.env | {"HEADRACE_ENV": ENVIRONMENT})


def test_every_number_comes_from_its_own_metric(headrace: Headrace) -> None:
    done = headrace("status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    telemetry, flight = json.loads(done.stdout)
    now = datetime.now(UTC)
    newest = datetime.fromisoformat(telemetry.pop("newest_delivered"))
    assert newest.second == newest.microsecond == 0
    assert 0 <= (now - newest).total_seconds() - telemetry.pop("age_seconds") < 60
    assert now - newest < timedelta(minutes=3)
    since = datetime.fromisoformat(telemetry.pop("since"))
    assert timedelta(days=14) <= now - since <= timedelta(days=14, hours=1, minutes=1)
    assert telemetry == {
        "event_type": "device_telemetry",
        "stream": "clistatus-device-telemetry",
        "stream_status": "ACTIVE",
        "mode": "provisioned",
        "shards": 2,
        "records_in": 1234,
        "delivered": 1200,
        "rejected": 3,
        "replayed": 11,
        "outstanding": 20,
        "http_url": URL,
    }
    assert flight["http_url"] == ""
    assert flight["stream"] == "clistatus-flight"
    hour = (now - timedelta(hours=30)).replace(second=0, microsecond=0)
    assert abs(datetime.fromisoformat(flight["newest_delivered"]) - hour) <= timedelta(minutes=1)
    assert (flight["delivered"], flight["rejected"]) == (7, 0)
    assert (flight["records_in"], flight["outstanding"]) == (90_000, 89_993)


def test_the_days_that_count_can_be_chosen(headrace: Headrace) -> None:
    telemetry: dict[str, Any] = json.loads(headrace("status", "--json", "--days", "1").stdout)[0]
    assert (telemetry["records_in"], telemetry["rejected"]) == (1234, 0)


def test_the_table_fits_80_columns(headrace: Headrace) -> None:
    done = headrace("status")
    assert done.returncode == 0
    head, telemetry, stream, url, flight, other = done.stdout.splitlines()
    assert head.split() == ["type", "shards", "in", "delivered", "rejected", "open", "newest"]
    counts = ["2", "provisioned", "1,234", "1,200", "3", "20"]
    assert telemetry.split()[:-3] == ["device_telemetry", *counts]
    assert flight.split()[:3] == ["flight", "2", "provisioned"]
    assert flight.split()[-3:] == ["1", "d", "ago"]
    assert (stream, other) == ("  clistatus-device-telemetry", "  clistatus-flight")
    assert url == f"  {URL}"
    assert max(map(len, (head, telemetry, flight))) <= 80
    since, replayed = done.stderr.splitlines()
    assert since.startswith("Records since 2")
    assert replayed == (
        "Replayed from this lake, which does not take them again: device_telemetry 11."
    )


def test_a_stack_that_is_deployed_by_half_is_told_beside_the_others(
    place: Place, headrace: Headrace
) -> None:
    """`delay_alert` has no outputs yet; the stream of `device_telemetry` is gone."""
    stacks = {
        "delay_alert": {},
        "device_telemetry": own("device_telemetry") | {"StreamName": "clitest-gone"},
        "flight": own("flight"),
    }
    for stage, values in stacks.items():
        create_stack(place.aws, stage, values, environment="clihalf")
    rows = json.loads(headrace("status", "--json", "--env", "clihalf").stdout)
    alert, telemetry, flight = rows
    assert sorted(alert) == sorted(telemetry) == ["event_type", "problem"]
    assert alert["problem"].startswith("Stack clihalf-delay-alert (CREATE_COMPLETE) lacks outputs")
    assert telemetry["problem"].startswith("Stream clitest-gone does not exist: deploy")
    assert (flight["event_type"], flight["delivered"]) == ("flight", 7)
    done = headrace("status", "--env", "clihalf")
    assert done.returncode == 0
    _, first, why, *_ = done.stdout.splitlines()
    assert first.split()[:3] == ["delay_alert", "not", "ready"]
    assert why.startswith("  Stack clihalf-delay-alert")


def test_an_environment_that_is_not_deployed_is_one_sentence(headrace: Headrace) -> None:
    done = headrace("status", "--env", "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "headrace: There is no stack for the lake in environment 'nowhere' of this account and "
        "region: deploy it with `cdk deploy --all -c env=nowhere`, or choose another with --env.\n"
    )
