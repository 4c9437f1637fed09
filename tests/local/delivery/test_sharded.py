"""A Kinesis stream as source: LATEST, shards, resharding, deletion."""

import time

from tests.local.delivery.conftest import Lab
from tests.local.lab import until


def test_only_what_is_put_after_the_creation_is_delivered(lab: Lab) -> None:
    stream = lab.stream()
    lab.feed(stream, b"before;")
    lab.delivery(stream)
    lab.feed(stream, b"after;")
    assert lab.objects("data/")[0][1] == b"after;"


def test_each_shard_has_an_object_of_its_own(lab: Lab) -> None:
    stream = lab.stream(shards=2)
    lab.delivery(stream)
    lab.kinesis.put_records(
        StreamName=stream,
        Records=[
            {"Data": b"low;", "PartitionKey": "x", "ExplicitHashKey": "0"},
            {"Data": b"high;", "PartitionKey": "x", "ExplicitHashKey": str(2**128 - 1)},
            {"Data": b"low;", "PartitionKey": "x", "ExplicitHashKey": "1"},
        ],
    )
    assert sorted(body for _, body in lab.objects("data/", 2)) == [b"high;", b"low;low;"]


def test_children_of_a_split_and_of_a_merge_are_followed_after_their_parents(lab: Lab) -> None:
    stream = lab.stream()
    name = lab.delivery(stream)
    lab.feed(stream, *[b"1"] * 20)
    lab.kinesis.split_shard(
        StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )
    settled(lab, stream)
    lab.feed(stream, *[b"2"] * 20)
    lab.kinesis.merge_shards(
        StreamName=stream,
        ShardToMerge="shardId-000000000001",
        AdjacentShardToMerge="shardId-000000000002",
    )
    settled(lab, stream)
    lab.feed(stream, *[b"3"] * 20)
    lab.firehose.delete_delivery_stream(DeliveryStreamName=name)
    found = b"".join(lab.read(key) for key in lab.keys("data/"))
    assert sorted(found) == sorted(b"1" * 20 + b"2" * 20 + b"3" * 20)


def settled(lab: Lab, stream: str) -> None:
    def active() -> bool:
        summary = lab.kinesis.describe_stream_summary(StreamName=stream)
        status: str = summary["StreamDescriptionSummary"]["StreamStatus"]
        return status == "ACTIVE"

    until(active)


def test_a_shard_that_was_closed_before_is_left_out_and_its_children_are_read(lab: Lab) -> None:
    stream = lab.stream()
    lab.feed(stream, b"old;")
    lab.kinesis.split_shard(
        StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )
    settled(lab, stream)
    name = lab.delivery(stream)
    lab.feed(stream, b"new;")
    assert lab.objects("data/")[0][1] == b"new;"
    lab.firehose.delete_delivery_stream(DeliveryStreamName=name)
    assert len(lab.keys("data/")) == 1


def test_a_source_that_is_deleted_leaves_the_delivery_stream_active(lab: Lab) -> None:
    stream = lab.stream()
    name = lab.delivery(stream)
    lab.feed(stream, b"x")
    lab.objects("data/")
    lab.kinesis.delete_stream(StreamName=stream)
    assert lab.describe(name)["DeliveryStreamStatus"] == "ACTIVE"
    began = time.monotonic()
    lab.firehose.delete_delivery_stream(DeliveryStreamName=name)
    assert time.monotonic() - began < 5


def test_two_delivery_streams_read_the_same_stream_for_themselves(lab: Lab) -> None:
    stream = lab.stream()
    lab.delivery(stream, Prefix="one/!{timestamp:yyyy}/")
    lab.delivery(stream, Prefix="two/!{timestamp:yyyy}/")
    lab.feed(stream, b"x")
    assert [lab.objects(prefix)[0][1] for prefix in ("one/", "two/")] == [b"x", b"x"]


def test_metrics_of_the_source_are_reported(lab: Lab) -> None:
    stream = lab.stream()
    name = lab.delivery(stream)
    lab.feed(stream, b"12345", b"678")
    lab.objects("data/")
    assert lab.metric(name, "DataReadFromKinesisStream.Records") == 2
    assert lab.metric(name, "DataReadFromKinesisStream.Bytes") == 8
