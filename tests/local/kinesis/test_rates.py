"""With `--shard-limits` a shard refuses what is above AWS's rates, as AWS does."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config

from local.settings import ACCOUNT
from tests.local.kinesis.conftest import refused, shard
from tests.local.server.process import LocalAWSProcess

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

KIB = 1024
RATE = "ProvisionedThroughputExceededException"


@pytest.fixture(scope="module")
def limited() -> "Iterator[KinesisClient]":
    """A client of a local AWS with limits; it does not retry."""
    with LocalAWSProcess("--shard-limits") as aws:
        client: KinesisClient = aws.client(
            "kinesis", config=Config(retries={"total_max_attempts": 1})
        )
        yield client
        client.close()


def message(stream: str) -> str:
    return f"Rate exceeded for shard {shard(0)} in stream {stream} under account {ACCOUNT}."


def put(limited: "KinesisClient", stream: str, count: int, size: int) -> list[Any]:
    records: list[Any] = [{"PartitionKey": "key", "Data": bytes(size)}] * count
    answer = limited.put_records(StreamName=stream, Records=records)
    entries = answer["Records"]
    assert answer["FailedRecordCount"] == sum("ErrorCode" in entry for entry in entries)
    return list(entries)


def test_records_above_a_mebibyte_fail_one_by_one(limited: "KinesisClient") -> None:
    limited.create_stream(StreamName="bytes", ShardCount=1)
    entries = put(limited, "bytes", 12, 100 * KIB)
    failed = {"ErrorCode": RATE, "ErrorMessage": message("bytes")}
    assert [entry for entry in entries if "ErrorCode" in entry] == [failed] * 2
    assert {entry.get("ShardId") for entry in entries[:10]} == {shard(0)}


def test_records_above_a_thousand_fail_and_others_follow_later(limited: "KinesisClient") -> None:
    limited.create_stream(StreamName="count", ShardCount=1)
    entries = [entry for _ in range(4) for entry in put(limited, "count", 500, 1)]
    taken = sum("ErrorCode" not in entry for entry in entries)
    assert 1_000 <= taken < 2_000
    time.sleep(1)
    assert all("ErrorCode" not in entry for entry in put(limited, "count", 500, 1))


def test_a_single_record_above_the_rate_is_an_error(limited: "KinesisClient") -> None:
    limited.create_stream(StreamName="single", ShardCount=1)
    put(limited, "single", 10, 104 * KIB)

    def put_one() -> None:
        limited.put_record(StreamName="single", PartitionKey="key", Data=bytes(1000 * KIB))

    assert refused(put_one) == (RATE, message("single"))


def test_a_sixth_read_in_a_second_is_an_error(limited: "KinesisClient") -> None:
    limited.create_stream(StreamName="reads", ShardCount=1)
    iterator = limited.get_shard_iterator(
        StreamName="reads", ShardId=shard(0), ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]

    def read_ten_times() -> None:
        for _ in range(10):
            limited.get_records(ShardIterator=iterator)

    assert refused(read_ten_times) == (RATE, message("reads"))


def test_a_subscription_gets_two_mebibytes_a_second(limited: "KinesisClient") -> None:
    limited.create_stream(StreamName="pushed", ShardCount=1)
    stream = limited.describe_stream_summary(StreamName="pushed")["StreamDescriptionSummary"]
    consumer = limited.register_stream_consumer(
        StreamARN=stream["StreamARN"], ConsumerName="reader"
    )["Consumer"]
    put(limited, "pushed", 10, 100 * KIB)
    answer = limited.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"],
        ShardId=shard(0),
        StartingPosition={"Type": "TRIM_HORIZON"},
    )
    with closing(answer["EventStream"]) as events:
        first = next(iter(events))["SubscribeToShardEvent"]
        begun = time.monotonic()
        put(limited, "pushed", 1, 1)
        second = next(iter(events))["SubscribeToShardEvent"]
        took = time.monotonic() - begun
    assert (len(first["Records"]), len(second["Records"])) == (10, 1)
    assert took > 0.4  # 1,000 KiB at 2 MiB a second
