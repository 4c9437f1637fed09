"""Putting and getting records through boto3."""

import base64
import json
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from local.settings import ACCESS_KEY, ACCOUNT
from tests.local.kinesis.conftest import MakeStream, arn, read, refused, shard

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

    from tests.conftest import AWS

MIB = 2**20
HASH_KEYS = 2**128


def put(kinesis: "KinesisClient", name: str, *datas: bytes) -> list[str]:
    """Put records one by one; their sequence numbers."""
    return [
        kinesis.put_record(StreamName=name, PartitionKey="key", Data=data)["SequenceNumber"]
        for data in datas
    ]


def test_a_record_is_read_as_it_was_put(kinesis: "KinesisClient", make_stream: MakeStream) -> None:
    name = make_stream()
    data = bytes(range(256))
    answer = kinesis.put_record(StreamName=name, PartitionKey="schlüssel", Data=data)
    iterator = kinesis.get_shard_iterator(
        StreamARN=arn(name), ShardId=answer["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    page = kinesis.get_records(ShardIterator=iterator)
    (record,) = page["Records"]
    age = datetime.now(UTC) - record.pop("ApproximateArrivalTimestamp")
    assert 0 <= age.total_seconds() < 60
    assert record == {
        "SequenceNumber": answer["SequenceNumber"],
        "Data": data,
        "PartitionKey": "schlüssel",
    }
    assert (page["MillisBehindLatest"], answer["ShardId"]) == (0, shard(0))


def test_records_go_to_shards_by_key_and_by_explicit_hash_key(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream(ShardCount=16)
    answer = kinesis.put_records(
        StreamName=name,
        Records=[
            {"PartitionKey": "abc", "Data": b"by key"},  # MD5 9001...
            {"PartitionKey": "abc", "ExplicitHashKey": "0", "Data": b"lowest"},
            {"PartitionKey": "abc", "ExplicitHashKey": str(HASH_KEYS - 1), "Data": b"highest"},
        ],
    )
    assert answer["FailedRecordCount"] == 0
    assert [record["ShardId"] for record in answer["Records"]] == [shard(9), shard(0), shard(15)]
    assert read(kinesis, name, 9) == [b"by key"]


def test_sequence_numbers_have_56_digits_and_rise(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    numbers = put(kinesis, name, b"1", b"2", b"3")
    assert numbers == sorted(set(numbers))
    assert {len(number) for number in numbers} == {56}


def test_reading_starts_where_it_is_told_to(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    _, second, _ = put(kinesis, name, b"1", b"2", b"3")
    time.sleep(0.002)
    middle = datetime.now(UTC)
    put(kinesis, name, b"4")

    def start(kind: Any, **more: Any) -> list[bytes]:
        return read(kinesis, name, 0, ShardIteratorType=kind, **more)

    assert {
        "TRIM_HORIZON": start("TRIM_HORIZON"),
        "AT": start("AT_SEQUENCE_NUMBER", StartingSequenceNumber=second),
        "AFTER": start("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=second),
        "TIME": start("AT_TIMESTAMP", Timestamp=middle),
        "LONG AGO": start("AT_TIMESTAMP", Timestamp=middle - timedelta(days=2)),
        "LATEST": start("LATEST"),
    } == {
        "TRIM_HORIZON": [b"1", b"2", b"3", b"4"],
        "AT": [b"2", b"3", b"4"],
        "AFTER": [b"3", b"4"],
        "TIME": [b"4"],
        "LONG AGO": [b"1", b"2", b"3", b"4"],
        "LATEST": [],
    }


def test_latest_gives_what_is_put_after_the_iterator_was_made(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    put(kinesis, name, b"before")
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard(0), ShardIteratorType="LATEST"
    )["ShardIterator"]
    empty = kinesis.get_records(ShardIterator=iterator)
    put(kinesis, name, b"after")
    page = kinesis.get_records(ShardIterator=empty["NextShardIterator"])
    assert (empty["Records"], [record["Data"] for record in page["Records"]]) == ([], [b"after"])


def test_pages_follow_each_other_and_say_how_far_behind_they_are(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    put(kinesis, name, b"1", b"2", b"3")
    time.sleep(0.01)
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard(0), ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    first = kinesis.get_records(ShardIterator=iterator, Limit=2)
    again = kinesis.get_records(ShardIterator=iterator, Limit=2)
    second = kinesis.get_records(ShardIterator=first["NextShardIterator"], Limit=2)
    assert first["Records"] == again["Records"]
    assert [record["Data"] for record in first["Records"] + second["Records"]] == [
        b"1",
        b"2",
        b"3",
    ]
    assert 10 <= first["MillisBehindLatest"] < 60_000
    assert second["MillisBehindLatest"] == 0


def test_a_page_holds_at_most_ten_mebibytes(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    data = bytes(MIB - 1)
    for _ in range(2):
        kinesis.put_records(
            StreamName=name, Records=[{"PartitionKey": "k", "Data": data} for _ in range(6)]
        )
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard(0), ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    first = kinesis.get_records(ShardIterator=iterator)
    second = kinesis.get_records(ShardIterator=first["NextShardIterator"])
    assert [len(first["Records"]), len(second["Records"])] == [10, 2]


def test_an_empty_record_is_a_record(kinesis: "KinesisClient", make_stream: MakeStream) -> None:
    name = make_stream()
    put(kinesis, name, b"")
    assert read(kinesis, name, 0) == [b""]


def test_a_record_may_be_as_large_as_the_stream_says(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    large = bytes(MIB)

    def put_large() -> None:
        kinesis.put_record(StreamName=name, PartitionKey="k", Data=large)

    too_large = (
        "ValidationException",
        "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must "
        "have length less than or equal to 1048576",
    )
    assert refused(put_large) == too_large
    kinesis.update_max_record_size(StreamARN=arn(name), MaxRecordSizeInKiB=10_240)
    put_large()
    assert read(kinesis, name, 0) == [large]


def test_one_record_too_large_refuses_the_whole_request(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    records: list[Any] = [
        {"PartitionKey": "k", "Data": b"small"},
        {"PartitionKey": "k", "Data": bytes(MIB)},
    ]
    assert refused(lambda: kinesis.put_records(StreamName=name, Records=records)) == (
        "ValidationException",
        "1 validation error detected: Value at 'records.2.member.data' failed to satisfy "
        "constraint: Member must have length less than or equal to 1048576",
    )
    assert read(kinesis, name, 0) == []


def test_a_request_holds_at_most_ten_mebibytes_keys_included(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    data, key = bytes(MIB - 200), "k" * 200
    records: list[Any] = [{"PartitionKey": key, "Data": data} for _ in range(10)]
    assert kinesis.put_records(StreamName=name, Records=records)["FailedRecordCount"] == 0
    records.append({"PartitionKey": "k", "Data": b""})
    assert refused(lambda: kinesis.put_records(StreamName=name, Records=records)) == (
        "InvalidArgumentException",
        "Records size exceeds 10 MB limit",
    )


NULL = "'records.1.member.partitionKey' failed to satisfy constraint: Member must not be null"


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"PartitionKey": "", "Data": b""}, "greater than or equal to 1"),
        ({"PartitionKey": "k" * 257, "Data": b""}, "less than or equal to 256"),
        ({"PartitionKey": "k", "Data": b"", "ExplicitHashKey": "01"}, "regular expression"),
        ({"Data": b""}, NULL),
    ],
)
def test_a_record_that_breaks_the_model_is_refused(
    aws: "AWS", make_stream: MakeStream, record: Any, problem: str
) -> None:
    name = make_stream()
    unchecked = boto3.client(
        "kinesis",
        endpoint_url=aws.endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=ACCESS_KEY,
        config=Config(parameter_validation=False),
    )
    code, message = refused(lambda: unchecked.put_records(StreamName=name, Records=[record]))
    assert code == "ValidationException"
    assert problem in message


def test_more_than_500_records_are_refused(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    records: list[Any] = [{"PartitionKey": "k", "Data": b""}] * 501
    assert refused(lambda: kinesis.put_records(StreamName=name, Records=records)) == (
        "ValidationException",
        "1 validation error detected: Value at 'records' failed to satisfy constraint: Member "
        "must have length less than or equal to 500",
    )


def test_an_explicit_hash_key_outside_the_range_is_refused(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    assert refused(
        lambda: kinesis.put_record(
            StreamName=name, PartitionKey="k", ExplicitHashKey=str(HASH_KEYS), Data=b""
        )
    ) == (
        "InvalidArgumentException",
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified "
        f"value was {HASH_KEYS}",
    )


def test_an_ordering_number_must_be_a_sequence_number(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    (first,) = put(kinesis, name, b"1")
    second = kinesis.put_record(
        StreamName=name, PartitionKey="k", Data=b"2", SequenceNumberForOrdering=first
    )["SequenceNumber"]
    assert int(second) > int(first)
    code, _ = refused(
        lambda: kinesis.put_record(
            StreamName=name, PartitionKey="k", Data=b"3", SequenceNumberForOrdering="12"
        )
    )
    assert code == "InvalidArgumentException"


def test_a_stream_must_be_named_and_must_be(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    record = {"PartitionKey": "k", "Data": b""}
    name = make_stream()
    refusals = [
        refused(lambda: kinesis.put_record(**record)),  # type: ignore[arg-type]
        refused(lambda: kinesis.put_record(StreamName="other", StreamARN=arn(name), **record)),  # type: ignore[arg-type]
        refused(lambda: kinesis.put_records(StreamName="missing", Records=[record])),  # type: ignore[list-item]
    ]
    assert [code for code, _ in refusals] == [
        "InvalidArgumentException",
        "InvalidArgumentException",
        "ResourceNotFoundException",
    ]


def test_an_iterator_is_refused_in_the_words_of_aws(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream(ShardCount=2)
    number = kinesis.put_record(StreamName=name, PartitionKey="k", ExplicitHashKey="0", Data=b"")[
        "SequenceNumber"
    ]
    used = f"used in GetShardIterator on shard {shard(0)} in stream {name} under account {ACCOUNT}"

    def iterate(which: str, kind: str, **more: Any) -> tuple[str, str]:
        return refused(
            lambda: kinesis.get_shard_iterator(
                StreamName=name,
                ShardId=which,
                ShardIteratorType=kind,  # type: ignore[arg-type]
                **more,
            )
        )

    future = datetime.now(UTC) + timedelta(hours=1)
    assert iterate(shard(7), "LATEST") == (
        "ResourceNotFoundException",
        f"Shard {shard(7)} in stream {name} under account {ACCOUNT} does not exist",
    )
    assert iterate(shard(1), "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number) == (
        "InvalidArgumentException",
        f"Invalid StartingSequenceNumber. It encodes {shard(0)}, while it was used in a call to "
        f"a shard with {shard(1)}",
    )
    assert iterate(shard(0), "AT_SEQUENCE_NUMBER", StartingSequenceNumber="42") == (
        "InvalidArgumentException",
        f"StartingSequenceNumber 42 {used} is invalid.",
    )
    assert iterate(shard(0), "AT_SEQUENCE_NUMBER")[0] == "InvalidArgumentException"
    assert iterate(shard(0), "LATEST", StartingSequenceNumber=number)[0] == (
        "InvalidArgumentException"
    )
    assert iterate(shard(0), "AT_TIMESTAMP")[0] == "InvalidArgumentException"
    assert iterate(shard(0), "AT_TIMESTAMP", Timestamp=future)[1].startswith(
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis."
    )
    assert refused(lambda: kinesis.get_records(ShardIterator="nonsense")) == (
        "InvalidArgumentException",
        "Invalid ShardIterator.",
    )


def test_a_limit_is_between_one_and_ten_thousand(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard(0), ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert refused(lambda: kinesis.get_records(ShardIterator=iterator, Limit=10_001)) == (
        "ValidationException",
        "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: "
        "Member must have value less than or equal to 10000",
    )


def test_what_is_put_counts_in_cloudwatch(
    aws: "AWS", kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    kinesis.put_records(
        StreamName=name, Records=[{"PartitionKey": "key", "Data": b"1234567"}] * 500
    )
    put(kinesis, name, b"1234567")
    read(kinesis, name, 0)
    cloudwatch, now = aws.client("cloudwatch"), datetime.now(UTC)

    def total(metric: str) -> float:
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/Kinesis",
            MetricName=metric,
            Dimensions=[{"Name": "StreamName", "Value": name}],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=10),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    metrics = ("IncomingRecords", "IncomingBytes", "GetRecords.Records", "GetRecords.Bytes")
    assert [total(metric) for metric in metrics] == [501, 5_010, 501, 5_010]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"Records": 7, "StreamName": "s"}'])
def test_a_body_that_is_not_what_it_should_be_is_refused(aws: "AWS", body: bytes) -> None:
    headers = {
        "X-Amz-Target": "Kinesis_20131202.PutRecords",
        "Content-Type": "application/x-amz-json-1.1",
    }
    request = AWSRequest("POST", aws.endpoint + "/", headers, body)
    SigV4Auth(Credentials(ACCESS_KEY, ACCESS_KEY), "kinesis", "us-east-1").add_auth(request)
    sent = urllib.request.Request(aws.endpoint + "/", body, dict(request.headers))  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(sent)  # noqa: S310  our own endpoint
    answer = json.loads(caught.value.read())
    caught.value.close()
    assert (caught.value.code, answer["__type"]) in [
        (400, "SerializationException"),
        (400, "ValidationException"),
    ]


@pytest.mark.parametrize("operation", ["PutRecords", "DescribeStream"])
def test_the_cbor_protocol_is_refused_by_name(aws: "AWS", operation: str) -> None:
    headers = {
        "X-Amz-Target": f"Kinesis_20131202.{operation}",
        "Content-Type": "application/x-amz-cbor-1.1",
    }
    sent = urllib.request.Request(aws.endpoint + "/", b"\xa0", headers)  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(sent)  # noqa: S310  our own endpoint
    answer = json.loads(caught.value.read())
    caught.value.close()
    assert answer["__type"] == "UnsupportedOperation"


def test_base64_is_decoded_once(kinesis: "KinesisClient", make_stream: MakeStream) -> None:
    name = make_stream()
    put(kinesis, name, base64.b64encode(b"data"))
    assert read(kinesis, name, 0) == [base64.b64encode(b"data")]
