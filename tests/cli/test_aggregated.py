"""Records that are aggregated keep the producer's promises, whatever the stream does."""

from collections import defaultdict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cli.producer import (
    AGGREGATE_KEY,
    GATHER,
    TOO_LARGE,
    WRONG_SHARD,
    Call,
    Entry,
    Limits,
    Placed,
    Producer,
    Retry,
)
from cli.shards import Shards, hash_key
from events.aggregation import UserRecord, deaggregate
from tests.cli.streams import THROTTLED, Stream, drive

LIMITS = Limits(records=5, request_bytes=600, record_bytes=400)
RETRY = Retry(attempts=1_000, base=1.0, cap=4.0)
KEYS = [f"key-{number}" for number in range(12)]

shapes = st.lists(
    st.tuples(
        st.sampled_from(KEYS), st.integers(0, 60) | st.just(300), st.none() | st.integers(0, 7)
    ),
    max_size=80,
)
words = st.lists(st.sampled_from(["", "", "throttled", "lost"]), max_size=150)
reshapes = st.dictionaries(st.integers(1, 30), st.integers(0, 20), max_size=4)
picks = st.lists(st.integers(0, 3), max_size=20)


def producer(shards: Shards, **more: object) -> Producer:
    given: dict[str, object] = {"limits": LIMITS, "retry": RETRY, "aggregate": 150} | more
    return Producer(shards=shards, **given)  # type: ignore[arg-type]


def entries(wanted: list[tuple[str, int, int | None]]) -> list[Entry]:
    """Each with data of its own; the explicit hash keys spread over all shards."""
    return [
        Entry(
            number,
            key if explicit is None else f"{key}-{explicit}",
            b"%d " % number + b"x" * size,
            hash_key=None if explicit is None else str(explicit * 2**125 + number),
            tokens=(number,),
        )
        for number, (key, size, explicit) in enumerate(wanted, 1)
    ]


def order(offered: list[Entry]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = defaultdict(list)
    for entry in offered:
        found[entry.key].append(entry.data)
    return found


@settings(max_examples=300, deadline=None)
@given(shapes, words, reshapes, picks, st.integers(1, 5))
@example([("key-0", 300, None), ("key-1", 300, None)], [], {1: 0, 2: 0}, [], 2)
def test_nothing_is_lost_and_every_key_keeps_its_order_through_refusals_and_resharding(
    wanted: list[tuple[str, int, int | None]],
    answers: list[str],
    changes: dict[int, int],
    picked: list[int],
    shards: int,
) -> None:
    """Read as a consumer with enhanced fan-out does, which is shown nothing of another shard."""
    # One key's records are of one shard only if all or none has an explicit hash key: see entries.
    offered = entries([(k, n, e) for k, n, e in wanted])
    stream = Stream(Shards.even(shards), answers, changes)
    told: list[object] = []
    put = producer(
        stream.shards,
        end=lambda entry, _, places: told.extend(entry.tokens[n] for n in places),
    )

    drive(put, offered, stream, picked)

    assert stream.by_key() == order(offered)
    assert put.tally.put == len(offered)
    assert put.tally.put_bytes == sum(len(one.data) for one in offered)
    assert sorted(map(str, told)) == sorted(str(one.number) for one in offered)
    assert put.tally.calls == stream.calls


@settings(max_examples=100, deadline=None)
@given(shapes, words, picks)
def test_a_record_is_of_one_shard_and_a_call_within_the_limits(
    wanted: list[tuple[str, int, int | None]], answers: list[str], picked: list[int]
) -> None:
    class Checked(Stream):
        def answer(self, call: Call) -> list[str | Placed | None]:
            assert sum(one.size for one in call.entries) <= LIMITS.request_bytes
            assert len(call.entries) <= LIMITS.records
            places = []
            for one in call.entries:
                users = deaggregate(one.data)
                place = self.shards.place(hash_key(one.key, one.hash_key))
                if users is not None:
                    assert one.size <= 150
                    assert {self.shards.place(hash_key(u[0], u[2])) for u in users} == {place}
                places.append(place)
            assert len(set(places)) == len(places)
            return super().answer(call)

    stream = Checked(Shards.even(4), answers)
    drive(producer(stream.shards), entries(wanted), stream, picked)
    assert stream.by_key() == order(entries(wanted))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 60), st.none()), max_size=60),
    words,
    reshapes,
    picks,
)
def test_plain_records_keep_their_order_when_keys_are_apart(
    wanted: list[tuple[str, int, int | None]],
    answers: list[str],
    changes: dict[int, int],
    picked: list[int],
) -> None:
    stream = Stream(Shards.even(3), answers, changes)
    drive(producer(stream.shards, aggregate=0, apart=True), entries(wanted), stream, picked)
    assert stream.by_key() == order(entries(wanted))


ONE = Shards.even(1)


def test_what_is_for_another_shard_is_put_again_before_what_follows() -> None:
    stream = Stream(Shards.even(1))
    ended: list[tuple[tuple[object, ...], Placed]] = []

    def end(entry: Entry, answer: object, places: list[int]) -> None:
        assert isinstance(answer, Placed)
        ended.append((tuple(entry.tokens[n] for n in places), answer))

    put = producer(stream.shards, aggregate=400, end=end)
    first = entries([(KEYS[n % 4], 1, None) for n in range(8)])
    for one in first:
        put.offer(one, 0.0)
    put.close()
    (call,) = put.calls(0.0)
    assert [one.users for one in call.entries] == [8]
    stream.reshard(0)
    put.settle(call, stream.answer(call), 1.0)
    assert put.stale
    assert put.calls(1.0) == []
    assert put.due() is None
    assert not put.reshard(ONE, 1.0), "these cannot be the newest"
    assert put.reshard(stream.shards, 1.0)

    below = [one for one in first if stream.shards.place(hash_key(one.key)) == 0]
    above = [one for one in first if one not in below]
    assert below
    assert above
    assert put.tally.retried == {WRONG_SHARD: len(above)}
    assert ended == [(tuple(one.number for one in below), Placed("shardId-000000000001", "1"))]
    (call,) = put.calls(1.0)
    put.settle(call, stream.answer(call), 1.0)
    assert put.pending == 0
    assert put.tally.put == 8
    assert ended[1][0] == tuple(one.number for one in above)


def test_a_record_waits_for_company_and_a_full_one_only_for_its_call() -> None:
    put = producer(ONE, linger=0.1)
    put.offer(Entry(1, "a", b"1"), 5.0)
    assert put.calls(5.09) == []
    put.offer(Entry(2, "a", b"2"), 5.09)
    assert put.due() == pytest.approx(5.1)
    (call,) = put.calls(5.11)
    (record,) = call.entries
    assert deaggregate(record.data) == [UserRecord("a", b"1"), UserRecord("a", b"2")]
    assert (record.key, record.hash_key) == (AGGREGATE_KEY, "0")
    put.settle(call, [Placed("shardId-000000000000", "1")], 5.2)

    two = producer(Shards.even(2), linger=10.0, lanes=1)
    two.offer(Entry(1, "a", b"x" * 100), 6.0)
    two.offer(Entry(2, "a", b"x" * 100), 6.0)  # the first one's record is full
    assert two.due() == pytest.approx(6.0 + GATHER)
    two.offer(Entry(3, "a", b"x" * 100), 6.0)
    two.offer(Entry(4, "a", b"x" * 100), 6.0)
    assert [[one.number for one in call.entries] for call in two.calls(6.0)] == [[1]]


def test_a_record_that_is_alone_is_put_as_it_is() -> None:
    put = producer(ONE)
    put.offer(Entry(1, "a", b"1", hash_key="7"), 0.0)
    put.offer(Entry(2, "b", b"x" * 300), 0.0)
    put.offer(Entry(3, "c", b"x" * 500), 0.0)
    put.close()
    sent = []
    while calls := put.calls(0.0):
        (record,) = calls[0].entries
        sent.append((record.key, record.hash_key, len(record.data)))
        put.settle(calls[0], [None], 0.0)
    assert sent == [("a", "7", 1), ("b", None, 300)]
    assert put.tally.not_put == {TOO_LARGE: 1}


def test_a_throttled_shard_is_sent_less_and_the_others_as_before() -> None:
    shards = Shards.even(2)
    put = producer(shards, lanes=1)
    keys = [next(k for k in KEYS if shards.place(hash_key(k)) == n) for n in (0, 1)]
    for number, key in enumerate(keys, 1):
        put.offer(Entry(number, key, b"1"), 0.0)
    put.close()
    (call,) = put.calls(0.0)
    answers = [
        THROTTLED if one.key == keys[0] else Placed("shardId-000000000001", "1")
        for one in call.entries
    ]
    put.settle(call, answers, 0.0, jitter=1.0)
    assert put.calls(0.9) == []
    (call,) = put.calls(1.1)
    assert [one.number for one in call.entries] == [1]
    assert (put.tally.calls, put.tally.throttled) == (1, 1)


def test_what_is_given_up_names_the_first_of_its_records() -> None:
    put = producer(ONE, retry=Retry(attempts=1))
    for number in range(1, 8):
        put.offer(Entry(number, "a", b"x" * 25), 0.0)
    put.close()
    (call,) = put.calls(0.0)
    put.settle(call, [None], 0.0)
    put.abandon("Interrupted")
    assert put.tally.put + put.tally.not_put["Interrupted"] == 7
    assert put.tally.first_not_put == put.tally.put + 1
    assert put.pending == 0


def test_many_are_offered_at_once_as_one_by_one() -> None:
    stream, pairs = Stream(Shards.even(3)), [(KEYS[n % 7], b"%d" % n) for n in range(400)]
    put = producer(stream.shards, limits=Limits())
    put.offer_all(pairs, 0.0)
    assert put.pending == 400
    drive(put, [], stream, [])
    assert put.tally.put == 400
    assert stream.by_key() == order([Entry(0, key, data) for key, data in pairs])


def test_an_aggregate_without_shards_is_a_defect() -> None:
    with pytest.raises(ValueError, match="give the shards"):
        Producer(aggregate=100)
