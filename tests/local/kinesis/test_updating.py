"""While its shards change, a stream is UPDATING and takes no other change; changes have a rate."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config

from local.settings import ACCOUNT
from tests.local.kinesis.conftest import arn, refused, shard
from tests.local.server.process import LocalAWSProcess

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

SECONDS = 0.6
HALF = str(2**127)


@pytest.fixture(scope="module")
def slow() -> "Iterator[KinesisClient]":
    """A client of a local AWS in which resharding takes a while; it does not retry."""
    with LocalAWSProcess("--shard-limits", "--resharding-seconds", str(SECONDS)) as aws:
        client: KinesisClient = aws.client(
            "kinesis", config=Config(retries={"total_max_attempts": 1})
        )
        yield client
        client.close()


def status(slow: "KinesisClient", name: str) -> str:
    return slow.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"]


def test_a_stream_that_is_updating_refuses_changes_and_takes_records(
    slow: "KinesisClient",
) -> None:
    slow.create_stream(StreamName="slow", ShardCount=2)
    slow.update_shard_count(StreamName="slow", TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    assert status(slow, "slow") == "UPDATING"
    changes: list[Callable[[], object]] = [
        lambda: slow.update_shard_count(
            StreamName="slow", TargetShardCount=8, ScalingType="UNIFORM_SCALING"
        ),
        lambda: slow.split_shard(
            StreamName="slow", ShardToSplit=shard(2), NewStartingHashKey=str(2**125)
        ),
        lambda: slow.merge_shards(
            StreamName="slow", ShardToMerge=shard(2), AdjacentShardToMerge=shard(3)
        ),
        lambda: slow.increase_stream_retention_period(StreamName="slow", RetentionPeriodHours=48),
        lambda: slow.enable_enhanced_monitoring(StreamName="slow", ShardLevelMetrics=["ALL"]),
        lambda: slow.update_stream_mode(
            StreamARN=arn("slow"), StreamModeDetails={"StreamMode": "ON_DEMAND"}
        ),
    ]
    message = f"Stream slow under account {ACCOUNT} not ACTIVE, instead in state UPDATING"
    assert {refused(change) for change in changes} == {("ResourceInUseException", message)}
    assert slow.put_record(StreamName="slow", PartitionKey="k", Data=b"x")["ShardId"]
    while status(slow, "slow") == "UPDATING":
        time.sleep(0.05)
    slow.merge_shards(StreamName="slow", ShardToMerge=shard(2), AdjacentShardToMerge=shard(3))


def test_a_sixth_split_in_a_second_is_refused_whatever_the_stream(slow: "KinesisClient") -> None:
    names = [f"split{number}" for number in range(8)]
    for name in names:
        slow.create_stream(StreamName=name, ShardCount=1)
    begun = time.monotonic()

    def split_all() -> None:
        for name in names:
            slow.split_shard(StreamName=name, ShardToSplit=shard(0), NewStartingHashKey=HALF)

    code, message = refused(split_all)
    assert time.monotonic() - begun < 0.5, "the machine is too slow for this test"
    assert (code, message) == (
        "LimitExceededException",
        f"Rate exceeded for stream split5 under account {ACCOUNT}.",
    )
