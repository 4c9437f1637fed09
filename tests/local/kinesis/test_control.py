"""Creating, describing, changing, tagging and deleting streams through boto3."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import xform_name

from local.settings import ACCESS_KEY, ACCOUNT
from tests.local.kinesis.conftest import MakeStream, arn, refused, shard

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

    from tests.conftest import AWS


def described(kinesis: "KinesisClient", name: str) -> dict[str, Any]:
    return dict(kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"])


def test_a_stream_is_described_by_name_and_by_arn(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream(ShardCount=2)
    description = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    age = datetime.now(UTC) - description.pop("StreamCreationTimestamp")  # type: ignore[misc]
    shards = description.pop("Shards")  # type: ignore[misc]
    assert 0 <= age.total_seconds() < 60
    assert description == {
        "StreamName": name,
        "StreamARN": arn(name),
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "HasMoreShards": False,
        "RetentionPeriodHours": 24,
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE",
    }
    assert [one["ShardId"] for one in shards] == [shard(0), shard(1)]
    by_arn = kinesis.describe_stream(StreamARN=arn(name))["StreamDescription"]
    assert by_arn["Shards"] == shards


def test_shards_of_a_description_come_in_pages(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream(ShardCount=5)
    pages = kinesis.get_paginator("describe_stream").paginate(
        StreamName=name, PaginationConfig={"PageSize": 2}
    )
    counts = [len(page["StreamDescription"]["Shards"]) for page in pages]
    assert counts == [2, 2, 1]


def test_an_on_demand_stream_starts_with_four_shards(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    summary = described(kinesis, name)
    assert (summary["OpenShardCount"], summary["StreamModeDetails"]) == (
        4,
        {"StreamMode": "ON_DEMAND"},
    )


def test_the_mode_is_switched_at_most_twice_a_day(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()

    def switch(mode: Any) -> None:
        kinesis.update_stream_mode(StreamARN=arn(name), StreamModeDetails={"StreamMode": mode})

    switch("ON_DEMAND")
    switch("PROVISIONED")
    assert refused(lambda: switch("ON_DEMAND"))[0] == "LimitExceededException"


def test_a_name_is_taken_once(kinesis: "KinesisClient", make_stream: MakeStream) -> None:
    name = make_stream()
    assert refused(lambda: kinesis.create_stream(StreamName=name, ShardCount=1)) == (
        "ResourceInUseException",
        f"Stream {name} under account {ACCOUNT} already exists.",
    )


def test_a_stream_that_is_not_is_named(kinesis: "KinesisClient") -> None:
    assert refused(lambda: kinesis.describe_stream(StreamName="missing")) == (
        "ResourceNotFoundException",
        f"Stream missing under account {ACCOUNT} not found.",
    )


def test_a_deleted_stream_is_gone_and_its_name_is_free(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    kinesis.put_record(StreamName=name, PartitionKey="key", Data=b"old")
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard(0), ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    kinesis.delete_stream(StreamName=name)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name)
    kinesis.create_stream(StreamName=name, ShardCount=1)
    code, _ = refused(lambda: kinesis.get_records(ShardIterator=iterator))
    assert code == "ResourceNotFoundException"


def test_streams_are_listed_in_pages(kinesis: "KinesisClient", make_stream: MakeStream) -> None:
    names = sorted(make_stream() for _ in range(3))
    pages = kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 1})
    found = [name for page in pages for name in page["StreamNames"] if name in names]
    summaries = {
        summary["StreamName"]: summary["StreamARN"]
        for summary in kinesis.list_streams()["StreamSummaries"]
    }
    assert found == names
    assert {name: summaries[name] for name in names} == {name: arn(name) for name in names}


def test_streams_of_another_region_are_others(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    elsewhere = boto3.client(
        "kinesis",
        endpoint_url=kinesis.meta.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=ACCESS_KEY,
    )
    assert name not in elsewhere.list_streams()["StreamNames"]
    assert refused(lambda: elsewhere.describe_stream(StreamName=name))[0] == (
        "ResourceNotFoundException"
    )


def test_retention_is_raised_and_lowered_within_its_bounds(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    raise_to, lower_to = (
        kinesis.increase_stream_retention_period,
        kinesis.decrease_stream_retention_period,
    )
    raise_to(StreamName=name, RetentionPeriodHours=8760)
    lower_to(StreamName=name, RetentionPeriodHours=48)
    messages = [
        refused(lambda: raise_to(StreamName=name, RetentionPeriodHours=24)),
        refused(lambda: lower_to(StreamName=name, RetentionPeriodHours=49)),
        refused(lambda: lower_to(StreamName=name, RetentionPeriodHours=23)),
        refused(lambda: raise_to(StreamName=name, RetentionPeriodHours=8761)),
    ]
    assert {code for code, _ in messages} == {"InvalidArgumentException"}
    assert [message for _, message in messages] == [
        f"Requested retention period (24 hours) for stream {name} can not be shorter than "
        "existing retention period (48 hours). Use DecreaseRetentionPeriod API.",
        f"Requested retention period (49 hours) for stream {name} can not be longer than "
        "existing retention period (48 hours). Use IncreaseRetentionPeriod API.",
        "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is "
        "too short.",
        "Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) "
        "is too long.",
    ]
    assert described(kinesis, name)["RetentionPeriodHours"] == 48


def test_encryption_is_echoed_wherever_aws_echoes_it(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    record = {"PartitionKey": "key", "Data": b"data"}
    before = kinesis.put_record(StreamName=name, **record)  # type: ignore[arg-type]
    kinesis.start_stream_encryption(
        StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis"
    )
    after = kinesis.put_record(StreamName=name, **record)  # type: ignore[arg-type]
    several = kinesis.put_records(StreamName=name, Records=[record])  # type: ignore[list-item]
    summary = described(kinesis, name)
    assert ("EncryptionType" in before, after["EncryptionType"], several["EncryptionType"]) == (
        False,
        "KMS",
        "KMS",
    )
    assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", "alias/aws/kinesis")
    kinesis.stop_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId="x")
    assert described(kinesis, name)["EncryptionType"] == "NONE"


def test_tags_are_set_and_removed(kinesis: "KinesisClient", make_stream: MakeStream) -> None:
    name = make_stream(ShardCount=1, Tags={"a": "1", "b": "2"})
    kinesis.tag_resource(ResourceARN=arn(name), Tags={"b": "3", "c": "4"})
    kinesis.untag_resource(ResourceARN=arn(name), TagKeys=["a"])
    tags = [{"Key": "b", "Value": "3"}, {"Key": "c", "Value": "4"}]
    assert kinesis.list_tags_for_resource(ResourceARN=arn(name))["Tags"] == tags


def test_a_stream_has_at_most_fifty_tags(kinesis: "KinesisClient", make_stream: MakeStream) -> None:
    name = make_stream()
    many = {f"key-{number}": "value" for number in range(51)}
    code, _ = refused(lambda: kinesis.tag_resource(ResourceARN=arn(name), Tags=many))
    assert code == "InvalidArgumentException"


def test_more_shards_than_an_account_may_have_are_refused(kinesis: "KinesisClient") -> None:
    code, message = refused(lambda: kinesis.create_stream(StreamName="wide", ShardCount=20_001))
    assert code == "LimitExceededException"
    assert message.startswith(
        f"This request would exceed the shard limit for the account {ACCOUNT} in us-east-1."
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"StreamName": "no spaces", "ShardCount": 1},
            "1 validation error detected: Value 'no spaces' at 'streamName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
        ),
        (
            {"StreamName": "s", "StreamModeDetails": {"StreamMode": "MANUAL"}},
            "1 validation error detected: Value 'MANUAL' at 'streamModeDetails.streamMode' failed "
            "to satisfy constraint: Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]",
        ),
        (
            {"StreamName": "s" * 129, "ShardCount": 1, "MaxRecordSizeInKiB": 20_000},
            f"2 validation errors detected: Value '{'s' * 129}' at 'streamName' failed to satisfy "
            "constraint: Member must have length less than or equal to 128; Value '20000' at "
            "'maxRecordSizeInKiB' failed to satisfy constraint: Member must have value less than "
            "or equal to 10240",
        ),
    ],
)
def test_what_breaks_the_model_is_refused_in_the_words_of_aws(
    kinesis: "KinesisClient", parameters: dict[str, Any], message: str
) -> None:
    assert refused(lambda: kinesis.create_stream(**parameters)) == (
        "ValidationException",
        message,
    )


@pytest.mark.parametrize(
    "operation",
    [
        "AddTagsToStream",
        "DescribeAccountSettings",
        "DescribeLimits",
        "PutResourcePolicy",
    ],
)
def test_what_the_local_aws_lacks_is_refused_by_name(
    kinesis: "KinesisClient", operation: str
) -> None:
    given: dict[str, dict[str, Any]] = {
        "AddTagsToStream": {"StreamName": "s", "Tags": {"a": "b"}},
        "PutResourcePolicy": {"ResourceARN": arn("s"), "Policy": "{}"},
    }
    call = getattr(kinesis, xform_name(operation))
    assert refused(lambda: call(**given.get(operation, {}))) == (
        "UnsupportedOperation",
        f"The local AWS does not support the operation {operation} of Kinesis.",
    )


def test_logs_are_not_put_on_a_stream(aws: "AWS") -> None:
    logs = aws.client("logs")
    code, message = refused(
        lambda: logs.put_subscription_filter(
            logGroupName="g", filterName="f", filterPattern="", destinationArn=arn("s")
        )
    )
    assert (code, "subscription filters" in message) == ("UnsupportedOperation", True)
