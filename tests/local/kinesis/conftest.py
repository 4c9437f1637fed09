"""A boto3 client of the running local AWS, and streams that are deleted afterwards."""

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

    from tests.conftest import AWS

MakeStream = Callable[..., str]


@pytest.fixture(scope="session")
def kinesis(aws: "AWS") -> "Iterator[KinesisClient]":
    client: KinesisClient = aws.client("kinesis")
    yield client
    client.close()


@pytest.fixture
def make_stream(kinesis: "KinesisClient") -> Iterator[MakeStream]:
    """Make a stream, by default of one shard; the answer is its name."""
    names = []

    def make(**options: Any) -> str:
        name = f"stream-{uuid.uuid4().hex[:12]}"
        kinesis.create_stream(StreamName=name, **(options or {"ShardCount": 1}))
        names.append(name)
        return name

    yield make
    for name in names:
        kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)


def refused(call: Callable[[], object]) -> tuple[str, str]:
    """Code and message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def arn(name: str) -> str:
    return f"arn:aws:kinesis:us-east-1:123456789012:stream/{name}"


def shard(number: int) -> str:
    return f"shardId-{number:012d}"


def read(kinesis: "KinesisClient", name: str, number: int, **start: Any) -> list[bytes]:
    """Everything in a shard from a position on, page by page."""
    position = {"ShardIteratorType": "TRIM_HORIZON", **start}
    answer = kinesis.get_shard_iterator(StreamName=name, ShardId=shard(number), **position)
    iterator: str | None = answer["ShardIterator"]
    found: list[bytes] = []
    while iterator is not None:
        page = kinesis.get_records(ShardIterator=iterator)
        found += [record["Data"] for record in page["Records"]]
        iterator = page.get("NextShardIterator") if page["Records"] else None
    return found
