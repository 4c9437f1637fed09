"""What a stream says of itself in CloudWatch: as a whole, and shard by shard when told to."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local.kinesis import meter
from local.kinesis.stream import Entry, Stream
from tests.local.kinesis.conftest import MakeStream, read, refused, shard

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

    from tests.conftest import AWS

LAST = 2**128 - 1


def sums(aws: "AWS", stream: str, **dimensions: str) -> dict[str, float]:
    """Every metric with exactly these dimensions, summed up."""
    cloudwatch, now = aws.client("cloudwatch"), datetime.now(UTC)
    wanted = {"StreamName": stream, **dimensions}
    named = [{"Name": name, "Value": value} for name, value in wanted.items()]
    metrics = cloudwatch.list_metrics(Namespace="AWS/Kinesis", Dimensions=named)["Metrics"]
    found = {}
    for metric in metrics:
        if len(metric["Dimensions"]) != len(named):
            continue
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/Kinesis",
            MetricName=metric["MetricName"],
            Dimensions=named,
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=10),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        found[metric["MetricName"]] = sum(point["Sum"] for point in points)
    return found


def put(kinesis: "KinesisClient", name: str) -> None:
    """Three records for the first shard of two, one for the second."""
    entries: list[Any] = [
        {"PartitionKey": "key", "ExplicitHashKey": str(key), "Data": b"1234567"}
        for key in (0, 0, 0, LAST)
    ]
    kinesis.put_records(StreamName=name, Records=entries)


def test_a_stream_reports_what_it_takes_gives_and_refuses(
    aws: "AWS", kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream(ShardCount=2)
    put(kinesis, name)
    kinesis.put_record(StreamName=name, PartitionKey="key", ExplicitHashKey="0", Data=b"1234567")
    read(kinesis, name, 0)
    found = sums(aws, name)
    assert found.pop("GetRecords.IteratorAgeMilliseconds") >= 0
    calls = found.pop("GetRecords.Success")
    assert calls >= 1
    assert found == {
        "IncomingBytes": 50,
        "IncomingRecords": 5,
        "WriteProvisionedThroughputExceeded": 0,
        "ReadProvisionedThroughputExceeded": 0,
        "PutRecord.Bytes": 10,
        "PutRecord.Success": 1,
        "PutRecords.Bytes": 40,
        "PutRecords.Success": 1,
        "PutRecords.TotalRecords": 4,
        "PutRecords.SuccessfulRecords": 4,
        "PutRecords.FailedRecords": 0,
        "PutRecords.ThrottledRecords": 0,
        "GetRecords.Records": 4,
        "GetRecords.Bytes": 40,
    }
    assert sums(aws, name, ShardId=shard(0)) == {}


def test_shards_report_what_enhanced_monitoring_is_switched_on_for(
    aws: "AWS", kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream(ShardCount=2)
    wanted: list[Any] = ["IncomingBytes", "WriteProvisionedThroughputExceeded", "IncomingRecords"]
    on = kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=wanted)
    assert on["CurrentShardLevelMetrics"] == []
    assert sorted(on["DesiredShardLevelMetrics"]) == sorted(wanted)
    put(kinesis, name)
    read(kinesis, name, 0)
    assert [sums(aws, name, ShardId=shard(number)) for number in (0, 1)] == [
        {"IncomingBytes": 30, "IncomingRecords": 3, "WriteProvisionedThroughputExceeded": 0},
        {"IncomingBytes": 10, "IncomingRecords": 1, "WriteProvisionedThroughputExceeded": 0},
    ]
    kinesis.disable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=wanted[:2])
    described = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert described["EnhancedMonitoring"] == [{"ShardLevelMetrics": ["IncomingRecords"]}]


def test_all_are_all_of_them(aws: "AWS", kinesis: "KinesisClient", make_stream: MakeStream) -> None:
    name = make_stream()
    kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["ALL"])
    put(kinesis, name)
    read(kinesis, name, 0)
    assert set(sums(aws, name, ShardId=shard(0))) == set(meter.SHARD_LEVEL)


def test_a_metric_that_shards_do_not_have_is_refused(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    odd: list[Any] = ["PutRecords.Bytes"]
    code, _ = refused(
        lambda: kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=odd)
    )
    assert code == "ValidationException"


def test_refused_records_are_counted_where_they_were_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[tuple[dict[str, float], dict[str, str]]] = []

    def report(_region: str, _stream: str, values: dict[str, float], **dimensions: str) -> None:
        reported.append((values, dimensions))

    monkeypatch.setattr(meter, "report", report)
    stream = Stream("s", "us-east-1", 2, clock=lambda: 1_000.0)
    stream.limited = True
    stream.monitored = ("IncomingRecords", "WriteProvisionedThroughputExceeded")
    stream.put([Entry(b"", "k", 0)] * 1_200 + [Entry(b"", "k", LAST)])
    refused_of_first = {"IncomingRecords": 1_000, "WriteProvisionedThroughputExceeded": 200}
    refused_of_last = {"IncomingRecords": 1, "WriteProvisionedThroughputExceeded": 0}
    whole = {**refused_of_first, "IncomingRecords": 1_001, "IncomingBytes": 1_001}
    assert sorted(reported, key=lambda one: one[1].get("ShardId", "")) == [
        (whole, {}),
        (refused_of_first, {"ShardId": shard(0)}),
        (refused_of_last, {"ShardId": shard(1)}),
    ]
