"""Enhanced fan-out: registering consumers, and SubscribeToShard as boto3 reads it."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EventStreamError

from local.settings import ACCOUNT
from tests.local.kinesis.conftest import MakeStream, arn, refused, shard

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

HALF = 2**127
Events = Iterator[dict[str, Any]]
Subscribe = Callable[..., Events]


def register(kinesis: "KinesisClient", stream: str, name: str = "reader") -> str:
    answer = kinesis.register_stream_consumer(StreamARN=arn(stream), ConsumerName=name)
    return answer["Consumer"]["ConsumerARN"]


@pytest.fixture
def subscribe(kinesis: "KinesisClient") -> Iterator[Subscribe]:
    """Subscribe a consumer to shard 0 from a position on; the answer are the events."""
    streams = []

    def start(consumer: str, kind: Any = "TRIM_HORIZON", **more: Any) -> Events:
        position: Any = {"Type": kind, **more}
        answer = kinesis.subscribe_to_shard(
            ConsumerARN=consumer, ShardId=shard(0), StartingPosition=position
        )
        streams.append(answer["EventStream"])
        return (dict(event["SubscribeToShardEvent"]) for event in answer["EventStream"])

    yield start
    for stream in streams:
        stream.close()


def datas(event: dict[str, Any]) -> list[bytes]:
    return [record["Data"] for record in event["Records"]]


def put(kinesis: "KinesisClient", stream: str, data: bytes) -> str:
    answer = kinesis.put_record(StreamName=stream, PartitionKey="key", Data=data)
    return answer["SequenceNumber"]


def test_a_consumer_is_described_by_arn_and_by_name(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    stream = make_stream()
    consumer = register(kinesis, stream)
    described = kinesis.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]
    by_name = kinesis.describe_stream_consumer(StreamARN=arn(stream), ConsumerName="reader")
    created = described["ConsumerCreationTimestamp"]
    assert consumer == f"{arn(stream)}/consumer/reader:{int(created.timestamp())}"
    assert by_name["ConsumerDescription"] == described
    assert described == {
        "ConsumerName": "reader",
        "ConsumerARN": consumer,
        "ConsumerStatus": "ACTIVE",
        "ConsumerCreationTimestamp": created,
        "StreamARN": arn(stream),
    }
    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    assert summary["ConsumerCount"] == 1


def test_a_stream_has_twenty_consumers_and_each_name_once(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    stream = make_stream()
    names = [f"reader-{number:02d}" for number in range(20)]
    for name in names:
        register(kinesis, stream, name)
    assert refused(lambda: register(kinesis, stream, names[0])) == (
        "ResourceInUseException",
        f"Consumer {names[0]} of stream {stream} under account {ACCOUNT} already exists.",
    )
    assert refused(lambda: register(kinesis, stream, "one-more"))[0] == "LimitExceededException"
    pages = kinesis.get_paginator("list_stream_consumers").paginate(
        StreamARN=arn(stream), PaginationConfig={"PageSize": 7}
    )
    assert [one["ConsumerName"] for page in pages for one in page["Consumers"]] == names


def test_a_deregistered_consumer_is_gone(kinesis: "KinesisClient", make_stream: MakeStream) -> None:
    stream = make_stream()
    consumer = register(kinesis, stream)
    kinesis.deregister_stream_consumer(StreamARN=arn(stream), ConsumerName="reader")
    code, _ = refused(lambda: kinesis.describe_stream_consumer(ConsumerARN=consumer))
    assert code == "ResourceNotFoundException"
    assert kinesis.list_stream_consumers(StreamARN=arn(stream))["Consumers"] == []


def test_a_stream_with_consumers_is_deleted_only_when_told_to(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    stream = make_stream()
    register(kinesis, stream)
    code, _ = refused(lambda: kinesis.delete_stream(StreamName=stream))
    assert code == "ResourceInUseException"


def test_a_consumer_has_tags(kinesis: "KinesisClient", make_stream: MakeStream) -> None:
    answer = kinesis.register_stream_consumer(
        StreamARN=arn(make_stream()), ConsumerName="reader", Tags={"team": "a"}
    )
    resource = answer["Consumer"]["ConsumerARN"]
    kinesis.tag_resource(ResourceARN=resource, Tags={"stage": "b"})
    assert kinesis.list_tags_for_resource(ResourceARN=resource)["Tags"] == [
        {"Key": "stage", "Value": "b"},
        {"Key": "team", "Value": "a"},
    ]


def test_records_are_pushed_as_they_arrive(
    kinesis: "KinesisClient", make_stream: MakeStream, subscribe: Subscribe
) -> None:
    stream = make_stream()
    first = put(kinesis, stream, b"before")
    events = subscribe(register(kinesis, stream))
    caught_up = next(events)
    begun = time.perf_counter()
    later = put(kinesis, stream, b"after")
    pushed = next(events)
    assert time.perf_counter() - begun < 1
    assert [datas(caught_up), datas(pushed)] == [[b"before"], [b"after"]]
    assert [caught_up["ContinuationSequenceNumber"], pushed["ContinuationSequenceNumber"]] == [
        first,
        later,
    ]
    assert pushed["MillisBehindLatest"] == 0
    (record,) = pushed["Records"]
    age = datetime.now(UTC) - record["ApproximateArrivalTimestamp"]
    assert (record["PartitionKey"], record["SequenceNumber"]) == ("key", later)
    assert 0 <= age.total_seconds() < 60


def test_a_subscription_starts_where_it_is_told_to(
    kinesis: "KinesisClient", make_stream: MakeStream, subscribe: Subscribe
) -> None:
    stream = make_stream()
    numbers = [put(kinesis, stream, data) for data in (b"1", b"2", b"3")]
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    starts: dict[str, dict[str, Any]] = {
        "TRIM_HORIZON": {},
        "AT_SEQUENCE_NUMBER": {"SequenceNumber": numbers[1]},
        "AFTER_SEQUENCE_NUMBER": {"SequenceNumber": numbers[1]},
        "AT_TIMESTAMP": {"Timestamp": long_ago},
        "LATEST": {},
    }
    found = {
        kind: datas(next(subscribe(register(kinesis, stream, kind), kind, **start)))
        for kind, start in starts.items()
    }
    assert found == {
        "TRIM_HORIZON": [b"1", b"2", b"3"],
        "AT_SEQUENCE_NUMBER": [b"2", b"3"],
        "AFTER_SEQUENCE_NUMBER": [b"3"],
        "AT_TIMESTAMP": [b"1", b"2", b"3"],
        "LATEST": [],
    }


def test_a_subscription_resumes_where_another_one_was(
    kinesis: "KinesisClient", make_stream: MakeStream, subscribe: Subscribe
) -> None:
    stream = make_stream()
    empty = next(subscribe(register(kinesis, stream, "one")))
    put(kinesis, stream, b"1")
    number = empty["ContinuationSequenceNumber"]
    resumed = subscribe(
        register(kinesis, stream, "two"), "AFTER_SEQUENCE_NUMBER", SequenceNumber=number
    )
    assert (datas(empty), datas(next(resumed))) == ([], [b"1"])


def test_the_end_of_a_closed_shard_names_its_children_and_ends_the_events(
    kinesis: "KinesisClient", make_stream: MakeStream, subscribe: Subscribe
) -> None:
    stream = make_stream()
    put(kinesis, stream, b"last")
    events = subscribe(register(kinesis, stream))
    assert datas(next(events)) == [b"last"]
    kinesis.split_shard(StreamName=stream, ShardToSplit=shard(0), NewStartingHashKey=str(HALF))
    (end,) = list(events)
    assert [child["ShardId"] for child in end["ChildShards"]] == [shard(1), shard(2)]


def test_a_second_subscription_within_five_seconds_is_refused(
    kinesis: "KinesisClient", make_stream: MakeStream, subscribe: Subscribe
) -> None:
    consumer = register(kinesis, make_stream())
    events = subscribe(consumer)
    next(events)
    code, message = refused(lambda: subscribe(consumer))
    assert code == "ResourceInUseException"
    assert message.startswith("Another active subscription exists for this consumer")


def test_a_later_subscription_takes_over(
    kinesis: "KinesisClient", make_stream: MakeStream, subscribe: Subscribe
) -> None:
    stream = make_stream()
    consumer = register(kinesis, stream)
    first = subscribe(consumer)
    next(first)
    time.sleep(5.1)  # AWS's five seconds, which a client cannot shorten
    second = subscribe(consumer)
    assert datas(next(second)) == []
    with pytest.raises(EventStreamError, match="ResourceInUseException"):
        list(first)
    put(kinesis, stream, b"data")
    assert datas(next(second)) == [b"data"]


@pytest.mark.parametrize("ending", ["stream", "consumer"])
def test_deleting_ends_the_events(
    kinesis: "KinesisClient", make_stream: MakeStream, subscribe: Subscribe, ending: str
) -> None:
    stream = make_stream()
    consumer = register(kinesis, stream)
    events = subscribe(consumer)
    next(events)
    if ending == "stream":
        kinesis.delete_stream(StreamName=stream, EnforceConsumerDeletion=True)
        kinesis.create_stream(StreamName=stream, ShardCount=1)
    else:
        kinesis.deregister_stream_consumer(ConsumerARN=consumer)
    with pytest.raises(EventStreamError, match="ResourceNotFoundException"):
        list(events)


def test_many_consumers_each_get_every_record(
    kinesis: "KinesisClient", make_stream: MakeStream, subscribe: Subscribe
) -> None:
    stream = make_stream()
    consumers = [register(kinesis, stream, f"reader-{number}") for number in range(5)]
    found: dict[str, list[bytes]] = {consumer: [] for consumer in consumers}
    started = threading.Barrier(len(consumers) + 1)

    def follow(consumer: str) -> None:
        events = subscribe(consumer)
        started.wait(10)
        while len(found[consumer]) < 200:
            found[consumer] += datas(next(events))

    threads = [threading.Thread(target=follow, args=(consumer,)) for consumer in consumers]
    for thread in threads:
        thread.start()
    started.wait(10)
    for number in range(200):
        put(kinesis, stream, b"%d" % number)
    for thread in threads:
        thread.join(30)
    expected = [b"%d" % number for number in range(200)]
    assert found == dict.fromkeys(consumers, expected)


def test_a_consumer_or_shard_that_is_not_is_refused(
    kinesis: "KinesisClient", make_stream: MakeStream, subscribe: Subscribe
) -> None:
    stream = make_stream()
    consumer = register(kinesis, stream)
    missing = f"{arn(stream)}/consumer/nobody:1"
    refusals = [
        refused(lambda: subscribe(missing)),
        refused(
            lambda: kinesis.subscribe_to_shard(
                ConsumerARN=consumer, ShardId=shard(5), StartingPosition={"Type": "LATEST"}
            )
        ),
    ]
    assert refusals == [
        ("ResourceNotFoundException", f"Consumer {missing} not found."),
        (
            "ResourceNotFoundException",
            f"Could not find shard {shard(5)} in stream {stream} under account {ACCOUNT}.",
        ),
    ]
