"""A live stream, as other parts of the local AWS read it in process."""

import threading
import time
from collections.abc import Iterator

import pytest

from local.kinesis import streams
from local.kinesis.stream import HOUR, Entry, Stream
from local.routes import AWSError

NOW = 1_700_000_000.0


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stream(clock: Clock) -> Iterator[Stream]:
    made = Stream("events", "us-east-1", 1, clock)
    streams.add(made)
    yield made
    streams.remove(made)


def test_a_stream_is_found_by_arn_until_it_is_removed(stream: Stream) -> None:
    assert streams.find(stream.arn) is stream
    streams.remove(stream)
    with pytest.raises(AWSError, match="Stream events under account 123456789012 not found"):
        streams.find(stream.arn)
    assert stream.deleted


def test_a_reader_follows_a_shard(stream: Stream) -> None:
    (shard,) = stream.shards()
    stream.put([Entry(b"1", "a"), Entry(b"2", "b")])
    first = shard.read(None, 1)
    rest = shard.read(first[0].sequence_number, 10)
    assert [(record.data, record.partition_key, record.arrival) for record in first + rest] == [
        (b"1", "a", NOW),
        (b"2", "b", NOW),
    ]
    assert (shard.read(shard.latest(), 10), shard.closed, shard.parents) == ([], False, ())


def test_records_are_gone_when_the_retention_has_passed(stream: Stream, clock: Clock) -> None:
    (shard,) = stream.shards()
    stream.put([Entry(b"old", "a")])
    clock.now += 23 * HOUR
    stream.put([Entry(b"new", "a")])
    clock.now += 2 * HOUR
    assert [record.data for record in shard.read(None, 10)] == [b"new"]


def test_waiting_ends_when_something_is_put(stream: Stream) -> None:
    begun = threading.Event()
    versions: list[int] = []

    def wait() -> None:
        seen = stream.version
        begun.set()
        versions.append(stream.wait(30, since=seen))

    thread = threading.Thread(target=wait)
    thread.start()
    begun.wait(5)
    stream.put([Entry(b"", "a")])
    thread.join(5)
    assert versions == [1]


def test_waiting_misses_nothing_that_happened_since_a_version(stream: Stream) -> None:
    seen = stream.version
    stream.put([Entry(b"", "a")])
    begun = time.monotonic()
    assert stream.wait(30, since=seen) == seen + 1
    assert time.monotonic() - begun < 5


def test_waiting_ends_at_its_time(stream: Stream) -> None:
    assert stream.wait(0.01) == stream.version


def test_removing_a_stream_wakes_who_waits(stream: Stream) -> None:
    seen = stream.version
    streams.remove(stream)
    assert stream.wait(30, since=seen) > seen


def test_positions_by_time_and_number_are_those_of_records(stream: Stream, clock: Clock) -> None:
    (shard,) = stream.shards()
    stream.put([Entry(b"1", "a")])
    clock.now += 10
    stream.put([Entry(b"2", "a")])
    one, two = shard.read(None, 10)
    assert (shard.before(NOW), shard.before(NOW + 5), shard.before(NOW + 11)) == (
        shard.start,
        one.sequence_number,
        two.sequence_number,
    )
    assert shard.preceding(two.sequence_number) == one.sequence_number
    assert (shard.behind(None), shard.behind(two.sequence_number)) == (10_000, 0)
