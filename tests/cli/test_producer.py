"""The producer keeps its promises under any pattern of answers."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.producer import TOO_LARGE, Call, Entry, Limits, Producer, Retry

LIMITS = Limits(records=4, request_bytes=40, record_bytes=30)
RETRY = Retry(attempts=3, base=1.0, cap=4.0)


def entry(number: int, key: str = "k", size: int = 2) -> Entry:
    return Entry(number, key, b"x" * (size - len(key)))


def numbers(calls: list[Call]) -> list[list[int]]:
    return [[one.number for one in call.entries] for call in calls]


@dataclass
class Stream:
    """Answers calls as a script says, remembers what it took, and checks every call."""

    answers: list[bool]
    taken: list[Entry] = field(default_factory=list)
    asked: int = 0

    def answer(self, call: Call) -> list[str | None]:
        assert 0 < len(call.entries) <= LIMITS.records
        assert sum(one.size for one in call.entries) <= LIMITS.request_bytes
        return [self._one(one) for one in call.entries]

    def _one(self, one: Entry) -> str | None:
        refused = self.asked < len(self.answers) and self.answers[self.asked]
        self.asked += 1
        if refused:
            return "ProvisionedThroughputExceededException"
        self.taken.append(one)
        return None


def drive(producer: Producer, entries: list[Entry], stream: Stream, picks: list[int]) -> None:
    """Offer and settle in a simulated time, answering the calls in flight in the order picked."""
    waiting, flying, now = list(entries), list[Call](), 0.0
    picked = cycle(picks or [0])
    bound = 2 * 2 * LIMITS.records
    while waiting or producer.pending:
        while waiting and producer.room:
            producer.offer(waiting.pop(0), now)
        if not waiting:
            producer.close()
        flying += producer.calls(now)
        assert producer.pending <= bound
        assert len({call.lane for call in flying}) == len(flying) <= 2
        if flying:
            call = flying.pop(next(picked) % len(flying))
            producer.settle(call, stream.answer(call), now, jitter=0.5)
        elif producer.pending:
            due = producer.due()
            assert due is not None
            now = max(now, due)


sizes = st.integers(min_value=1, max_value=36)
orders = st.lists(st.integers(0, 1), max_size=20)
keys = st.sampled_from(["a", "b", "c", "d", "e"])


@settings(max_examples=300, deadline=None)
@given(
    shapes=st.lists(st.tuples(keys, sizes), max_size=60),
    answers=st.lists(st.booleans(), max_size=200),
    picks=orders,
)
def test_every_record_is_put_once_or_reported_as_not_put(
    shapes: list[tuple[str, int]], answers: list[bool], picks: list[int]
) -> None:
    entries = [entry(i, key, size) for i, (key, size) in enumerate(shapes, 1)]
    producer, stream = Producer(limits=LIMITS, retry=RETRY), Stream(answers)

    drive(producer, entries, stream, picks)

    taken = [one.number for one in stream.taken]
    assert len(set(taken)) == len(taken) == producer.tally.put
    too_large = [one.number for one in entries if one.size > LIMITS.record_bytes]
    exhausted = [one.number for one in entries if one.attempts == RETRY.attempts]
    assert sorted(taken + too_large + exhausted) == list(range(1, len(entries) + 1))
    assert producer.tally.not_put == Counter(
        {TOO_LARGE: len(too_large), "ProvisionedThroughputExceededException": len(exhausted)}
    )
    assert producer.tally.first_not_put == min(too_large + exhausted, default=None)
    assert producer.tally.first_to_repeat == min(exhausted, default=None)
    assert producer.tally.put_bytes == sum(len(one.data) for one in stream.taken)


@dataclass
class Moody(Stream):
    """Refuses whole calls, as its script says."""

    def answer(self, call: Call) -> list[str | None]:
        self.asked += 1
        if self.asked <= len(self.answers) and self.answers[self.asked - 1]:
            return ["InternalFailure"] * len(call.entries)
        self.taken += call.entries
        return [None] * len(call.entries)


@settings(max_examples=200, deadline=None)
@given(
    shapes=st.lists(st.tuples(keys, st.integers(1, 30)), max_size=60),
    answers=st.lists(st.booleans(), max_size=100),
    picks=orders,
)
def test_a_key_keeps_its_order_when_calls_are_refused_as_a_whole(
    shapes: list[tuple[str, int]], answers: list[bool], picks: list[int]
) -> None:
    entries = [entry(i, key, size) for i, (key, size) in enumerate(shapes, 1)]
    producer = Producer(limits=LIMITS, retry=Retry(attempts=101, base=1.0, cap=4.0))
    stream = Moody(answers)

    drive(producer, entries, stream, picks)

    taken: dict[str, list[int]] = defaultdict(list)
    for one in stream.taken:
        taken[one.key].append(one.number)
    wanted: dict[str, list[int]] = defaultdict(list)
    for one in entries:
        wanted[one.key].append(one.number)
    assert taken == wanted


class Shuffling(Stream):
    """Takes a call in part, and what it takes of it in the opposite order."""

    def answer(self, call: Call) -> list[str | None]:
        assert len({one.key for one in call.entries}) == len(call.entries)
        return super().answer(Call(call.lane, call.entries[::-1]))[::-1]


@settings(max_examples=200, deadline=None)
@given(
    shapes=st.lists(st.tuples(keys, st.integers(1, 30)), max_size=60),
    answers=st.lists(st.booleans(), max_size=200),
    picks=orders,
)
def test_keys_that_are_kept_apart_have_their_order_whatever_kinesis_does(
    shapes: list[tuple[str, int]], answers: list[bool], picks: list[int]
) -> None:
    entries = [entry(i, key, size) for i, (key, size) in enumerate(shapes, 1)]
    producer = Producer(limits=LIMITS, retry=Retry(attempts=201, base=1.0, cap=4.0), apart=True)
    stream = Shuffling(answers)

    drive(producer, entries, stream, picks)

    taken: dict[str, list[int]] = defaultdict(list)
    for one in stream.taken:
        taken[one.key].append(one.number)
    wanted: dict[str, list[int]] = defaultdict(list)
    for one in entries:
        wanted[one.key].append(one.number)
    assert taken == wanted


def test_what_is_passed_over_goes_first_in_the_next_call() -> None:
    producer = Producer(limits=LIMITS, lanes=1, apart=True)
    for number, key in enumerate("aabcad", 1):
        producer.offer(entry(number, key), 0.0)
    producer.close()
    calls = []
    while batch := producer.calls(0.0):
        calls += batch
        producer.settle(batch[0], [None] * len(batch[0].entries), 0.0)
    assert numbers(calls) == [[1, 3, 4, 6], [2], [5]]


def test_a_call_holds_as_many_records_as_the_limits_allow_and_no_more() -> None:
    producer = Producer(limits=LIMITS, lanes=1)
    for number, size in enumerate([2, 2, 2, 2, 30, 10, 1, 30, 30], 1):
        producer.offer(entry(number, size=size), 0.0)
    producer.close()

    calls = []
    while batch := producer.calls(0.0):
        calls += batch
        producer.settle(batch[0], [None] * len(batch[0].entries), 0.0)

    assert numbers(calls) == [[1, 2, 3, 4], [5, 6], [7, 8], [9]]


def test_only_the_failed_entries_are_sent_again_first_and_after_the_backoff() -> None:
    producer = Producer(limits=LIMITS, retry=RETRY, lanes=1)
    for number in range(1, 7):
        producer.offer(entry(number), 0.0)
    producer.close()
    (call,) = producer.calls(0.0)

    producer.settle(call, [None, "Throttled", None, "Throttled"], 10.0, jitter=0.0)

    assert producer.calls(10.4) == []
    assert producer.due() == 10.5
    assert numbers(producer.calls(10.5)) == [[2, 4, 5, 6]]
    assert producer.tally.retried == Counter(Throttled=2)


def test_backoff_doubles_up_to_its_cap_and_half_of_it_is_jitter() -> None:
    retry = Retry(attempts=9, base=1.0, cap=4.0)
    assert [retry.delay(n, 1.0) for n in range(1, 5)] == [1.0, 2.0, 4.0, 4.0]
    assert [retry.delay(n, 0.0) for n in range(1, 5)] == [0.5, 1.0, 2.0, 2.0]
    assert retry.delay(10_000, 1.0) == 4.0


def test_a_call_that_is_not_full_waits_no_longer_than_the_linger() -> None:
    producer = Producer(limits=LIMITS, lanes=1, linger=0.05)
    assert producer.due() is None
    producer.offer(entry(1), 100.0)
    assert producer.calls(100.04) == []
    assert producer.due() == pytest.approx(100.05)
    assert numbers(producer.calls(100.05)) == [[1]]
    assert producer.due() is None


def test_a_call_is_full_by_its_bytes_also_after_a_retry() -> None:
    producer = Producer(limits=LIMITS, retry=RETRY, lanes=1)
    for number in (1, 2):
        producer.offer(entry(number, size=20), 0.0)
    (call,) = producer.calls(0.0)
    producer.settle(call, ["Throttled", "Throttled"], 0.0)
    (call,) = producer.calls(1.0)
    producer.settle(call, [None, None], 1.0)
    for number in (3, 4):
        producer.offer(entry(number, size=20), 2.0)
    assert numbers(producer.calls(2.0)) == [[3, 4]]


def test_a_record_that_no_call_can_hold_is_reported_and_delays_nothing() -> None:
    producer = Producer(limits=LIMITS, lanes=1)
    producer.offer(entry(1, size=31), 0.0)
    producer.offer(entry(2, size=30), 0.0)
    producer.close()
    assert numbers(producer.calls(0.0)) == [[2]]
    assert producer.tally.not_put == Counter({TOO_LARGE: 1})
    assert producer.tally.first_not_put == 1


def test_a_key_counts_in_bytes_and_so_does_its_record() -> None:
    assert Entry(1, "é", b"abc").size == 5


def test_what_is_abandoned_or_refused_is_not_put_and_nothing_is_pending() -> None:
    producer = Producer(limits=LIMITS, lanes=1)
    for number in range(1, 7):
        producer.offer(entry(number), 0.0)
    (call,) = producer.calls(0.0)
    producer.abandon("Interrupted")
    assert (producer.pending, producer.tally.first_not_put) == (4, 5)
    assert producer.tally.first_to_repeat == 1
    producer.refuse(call, "AccessDenied")
    assert producer.pending == 0
    assert producer.tally.not_put == Counter(Interrupted=2, AccessDenied=4)
    assert producer.tally.first_not_put == 1
    assert producer.room


def test_an_answer_of_another_length_is_a_defect_and_not_swallowed() -> None:
    producer = Producer(limits=LIMITS, lanes=1)
    producer.offer(entry(1), 0.0)
    producer.close()
    (call,) = producer.calls(0.0)
    with pytest.raises(ValueError, match="zip"):
        producer.settle(call, [None, None], 0.0)


def test_the_default_limits_are_kinesis_own() -> None:
    limits = Limits()
    assert (limits.records, limits.request_bytes, limits.record_bytes) == (
        500,
        5_242_880,
        1_048_576,
    )
