"""The producer as a user meets it, on streams of a running local AWS."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from mypy_boto3_kinesis import KinesisClient

from cli.aws import once
from cli.producer import MIB
from cli.putting import Closed, Delivery, NotPut, Producer
from events.compression import FRAME, decompressed
from tests.cli.conftest import users
from tests.conftest import AWS, ROOT

numbers = count()


@pytest.fixture
def stream(aws: AWS) -> Iterator[str]:
    name = f"putting-{next(numbers)}"
    kinesis = aws.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=3)
    yield name
    kinesis.delete_stream(StreamName=name)


def records(aws: AWS, stream: str) -> dict[str, list[dict[str, Any]]]:
    """What each shard holds."""
    kinesis, found = aws.client("kinesis"), {}
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        name = shard["ShardId"]
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=name, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found[name] = kinesis.get_records(ShardIterator=iterator)["Records"]
    return found


def unrepeated(aws: AWS) -> KinesisClient:
    """A client that makes each call once, as a producer's should."""
    key = "x"
    return boto3.client(
        "kinesis",
        endpoint_url=aws.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=key,
        config=once(),
    )


def lose(kinesis: Any, operation: str, times: int) -> list[str]:
    """The next answers to an operation, one after the other; what was lost so far."""
    lost: list[str] = []

    def close(**_: object) -> None:
        if len(lost) < times:
            lost.append(operation)
            raise ConnectionClosedError(endpoint_url="x")

    kinesis.meta.events.register(f"before-send.kinesis.{operation}", close)
    return lost


def by_key(aws: AWS, stream: str) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for held in records(aws, stream).values():
        for record in held:
            for key, data in users(record):
                found.setdefault(key, []).append(data)
    return found


def test_records_of_several_threads_arrive_in_the_order_of_each_key_and_are_told(
    aws: AWS, stream: str
) -> None:
    told: list[Delivery] = []
    with Producer(aws.client("kinesis"), stream, on_delivery=told.append) as producer:

        def work(name: str) -> None:
            for n in range(400):
                producer.put(f"{name}-{n % 5}", b"%d" % n, token=(name, n))

        threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert by_key(aws, stream) == {
        f"{name}-{k}": [b"%d" % n for n in range(k, 400, 5)] for name in "abc" for k in range(5)
    }
    assert producer.tally.records < 30
    held = records(aws, stream)
    places = {
        (shard, one["SequenceNumber"], place): data
        for shard, found in held.items()
        for one in found
        for place, (_, data) in enumerate(users(one))
    }
    assert {one.error for one in told} == {None}
    assert sorted(one.token for one in told) == sorted((k, n) for k in "abc" for n in range(400))  # type: ignore[type-var]
    assert all(places[one[1:4]] == b"%d" % one.token[1] for one in told)  # type: ignore[index]


def test_data_is_compressed_one_record_at_a_time_where_that_is_asked_for(
    aws: AWS, stream: str
) -> None:
    given = [
        (f"key-{n % 5}", b'{"n": %d, "words": "%s"}' % (n, b"again " * 20)) for n in range(100)
    ]
    with Producer(aws.client("kinesis"), stream, compression="zstd") as producer:
        producer.put_all(given[:50])
        for key, data in given[50:]:
            producer.put(key, data)
        producer.put("short", b"{}")
    found = by_key(aws, stream)
    assert found.pop("short") == [b"{}"]
    for key, put in found.items():
        assert all(data.startswith(FRAME) for data in put)
        assert [decompressed(data) for data in put] == [data for one, data in given if one == key]
    assert producer.tally.put_bytes < sum(len(data) for _, data in given) / 2


def test_a_flush_waits_for_what_was_taken_and_an_explicit_hash_key_is_kept(
    aws: AWS, stream: str
) -> None:
    with Producer(aws.client("kinesis"), stream, linger=60.0) as producer:
        producer.put("k", b"first", 0)
        producer.put("k", b"second", str(2**128 - 1))
        producer.flush()
        first, _, last = records(aws, stream).values()
        assert [one["Data"] for one in (*first, *last)] == [b"first", b"second"]
        producer.put_all((f"k{n}", b"%d" % n) for n in range(5_000))
    assert sum(map(len, by_key(aws, stream).values())) == 5_002


def test_the_shards_are_followed_through_a_split_though_their_first_listing_is_lost(
    aws: AWS, stream: str
) -> None:
    kinesis, its = aws.client("kinesis"), unrepeated(aws)
    with Producer(its, stream) as producer:
        lost = lose(its, "ListShards", 1)
        producer.put_all((f"k{n % 50}", b"%d" % n) for n in range(1_000))
        producer.flush()
        kinesis.split_shard(
            StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**125)
        )
        kinesis.get_waiter("stream_exists").wait(
            StreamName=stream, WaiterConfig={"Delay": 1, "MaxAttempts": 10}
        )
        for n in range(1_000, 2_000):
            producer.put(f"k{n % 50}", b"%d" % n)
    found = by_key(aws, stream)
    assert {key: list(dict.fromkeys(data)) for key, data in found.items()} == {
        f"k{k}": [b"%d" % n for n in range(k, 2_000, 50)] for k in range(50)
    }
    assert "shardId-000000000004" in records(aws, stream)
    assert lost == ["ListShards"]


def test_what_cannot_be_put_is_raised_or_told(aws: AWS, stream: str) -> None:
    producer = Producer(aws.client("kinesis"), stream)
    producer.put("k", b"x" * MIB)
    with pytest.raises(NotPut, match="1 records were not put: RecordTooLarge 1"):
        producer.close()
    with pytest.raises(Closed):
        producer.put("k", b"")
    told: list[Delivery] = []
    with Producer(aws.client("kinesis"), stream, on_delivery=told.append) as producer:
        producer.put("k", b"x" * MIB, token=7)
    assert told == [Delivery(7, "", "", 0, "RecordTooLarge")]


def test_what_no_repetition_mends_is_raised_by_what_is_called_next(aws: AWS, stream: str) -> None:
    producer = Producer(aws.client("kinesis"), stream)
    aws.client("kinesis").delete_stream(StreamName=stream)
    producer.put("k", b"x")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        producer.flush()
    with pytest.raises(ClientError):
        producer.put("k", b"x")
    with pytest.raises(ClientError):
        producer.close()
    aws.client("kinesis").create_stream(StreamName=stream, ShardCount=1)


class Spilt(Exception):
    """What somebody's `on_delivery` raises."""


@pytest.mark.parametrize(
    ("spilt", "last"), [(3, b"x" * MIB), (1, b"x")], ids=["in put", "in a thread"]
)
def test_what_on_delivery_raises_is_raised_by_what_is_called_next(
    aws: AWS, stream: str, spilt: int, last: bytes
) -> None:
    """And all the others are told, wherever it is raised."""
    told: list[object] = []

    def on_delivery(delivery: Delivery) -> None:
        told.append(delivery.token)
        if delivery.token == spilt:
            raise Spilt

    producer = Producer(aws.client("kinesis"), stream, on_delivery=on_delivery)
    for token, data in enumerate((b"x", b"x", last), start=1):
        producer.put("k", data, token=token)
    with pytest.raises(Spilt):
        producer.close()
    assert sorted(map(str, told)) == ["1", "2", "3"]


def test_a_call_that_fails_after_another_has_ended_the_producer_is_told_too(
    aws: AWS, stream: str
) -> None:
    told: list[Delivery] = []
    both, ended = threading.Barrier(2), threading.Event()

    def fail(**_: object) -> None:
        if both.wait(10) == 0:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutRecords")
        assert ended.wait(10)
        raise ConnectionClosedError(endpoint_url="x")

    def on_delivery(delivery: Delivery) -> None:
        told.append(delivery)
        ended.set()

    kinesis = unrepeated(aws)
    producer = Producer(kinesis, stream, on_delivery=on_delivery)
    kinesis.meta.events.register("before-send.kinesis.PutRecords", fail)
    for first in (0, 2**127):  # of shards whose calls are made in parallel
        producer.put("k", b"x", first)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        producer.close()
    assert [one.error for one in told] == ["Stopped", "Stopped"]


@pytest.mark.parametrize("key", [-1, 2**128, str(2**128 + 5), "k"])
def test_a_hash_key_that_no_shard_has_is_refused_at_once(
    aws: AWS, stream: str, key: int | str
) -> None:
    with Producer(aws.client("kinesis"), stream) as producer:
        with pytest.raises(ValueError, match=r"hash key|invalid literal"):
            producer.put("k", b"x", key)
        producer.put("k", b"y", 2**128 - 1)
    assert by_key(aws, stream) == {"k": [b"y"]}


@pytest.mark.parametrize(("key", "data"), [("", b""), ("k" * 257, b""), ("k", "text"), (1, b"")])
def test_what_is_no_record_is_refused_at_once(aws: AWS, stream: str, key: Any, data: Any) -> None:
    with Producer(aws.client("kinesis"), stream) as producer:
        with pytest.raises((ValueError, TypeError)):
            producer.put(key, data)
        with pytest.raises((ValueError, TypeError)):
            producer.put_all([(key, data)])


def test_it_can_be_imported_without_the_commands() -> None:
    code = (
        "import sys, cli.putting; "
        "print({'typer', 'rich', 'boto3', 'events.contract'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
