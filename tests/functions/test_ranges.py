"""A shard's range read back, whatever the stream answers: against a shard that a test describes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.shared.ranges import (
    EMPTY_SECONDS,
    FIRST_PATIENCE,
    LAST_PATIENCE,
    SURE_PAGES,
    Answer,
    End,
    Fetch,
    Gap,
    Page,
    Position,
    Reader,
    Refused,
)

SHARD = "shardId-000000000000"
LONG = 49_600_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000
"""As long as the real ones: a float, or a comparison of strings, would mix neighbours up."""


@dataclass
class Shard:
    """The numbers a shard took; those below `horizon` are trimmed. `turns` is what each GetRecords
    meets before it is answered: how many records it may give, or what refuses it."""

    numbers: list[int]
    horizon: int = 0
    closed: bool = False
    turns: list[int | Refused | tuple[int, Refused]] = field(default_factory=list)
    asked: list[Position | Fetch] = field(default_factory=list)

    def answer(self, request: Position | Fetch) -> Answer:
        self.asked.append(request)
        if isinstance(request, Position):
            assert request.shard_id == SHARD
            return str(0 if request.number is None else request.number)
        turn = self.turns.pop(0) if self.turns else request.limit
        if isinstance(turn, tuple):
            self.horizon, turn = max(self.horizon, turn[0]), turn[1]
        if isinstance(turn, Refused):
            return turn
        at = max(int(request.iterator), self.horizon)
        left = [number for number in self.numbers if number >= at]
        given_, rest = left[: min(turn, request.limit)], left[min(turn, request.limit) :]
        following = str(rest[0] if rest else max([at, *(n + 1 for n in given_)]))
        page = [{"SequenceNumber": str(number)} for number in given_]
        return Page(page, None if self.closed and not rest else following, len(rest))

    def read(self, reader: Reader) -> list[int]:
        found: list[int] = []
        while (request := reader.request) is not None:
            found += [int(one["SequenceNumber"]) for one in reader.take(self.answer(request))]
            assert len(self.asked) < 1000, "it never ends"
        return found


def reader(start: int | None, end: int | None, **options: Any) -> Reader:
    return Reader(SHARD, start, end, **options)


def test_a_range_is_read_through_empty_pages_to_its_end_and_no_further() -> None:
    shard = Shard([LONG + n for n in range(10)], turns=[0, 0, 2, 0, 0, 0, 0, 1, 9])
    asked = reader(LONG + 3, LONG + 7)
    assert shard.read(asked) == [LONG + n for n in (3, 4, 5, 6, 7)]
    assert (asked.gaps, asked.ended) == ([], End.REACHED)
    assert shard.asked[0] == Position(SHARD, "AT_SEQUENCE_NUMBER", LONG + 3)
    waits = [one.wait for one in shard.asked]
    assert waits == [0, 0, *[EMPTY_SECONDS] * 2, 0, *[EMPTY_SECONDS] * 4, 0]


def test_one_record_takes_one_page() -> None:
    shard = Shard([LONG, LONG + 1])
    assert shard.read(reader(LONG, LONG, limit=1)) == [LONG]
    assert [type(one) for one in shard.asked] == [Position, Fetch]


def test_the_end_of_a_closed_shard_ends_the_range() -> None:
    asked = reader(3, None)
    assert Shard([3, 5], closed=True).read(asked) == [3, 5]
    assert (asked.gaps, asked.ended) == ([], End.CLOSED)


def test_everything_there_is_is_read_from_the_oldest_to_the_newest() -> None:
    asked = reader(None, None)
    assert Shard([3, 5, 8], turns=[0, 1, 1]).read(asked) == [3, 5, 8]
    assert (asked.gaps, asked.ended, asked.last) == ([], End.NEWEST, 8)


def test_reading_goes_on_after_a_record_that_is_still_there() -> None:
    asked = reader(3, None, after=True)
    assert Shard([1, 3, 5, 8]).read(asked) == [5, 8]
    assert asked.gaps == []


def test_reading_on_after_a_record_that_was_trimmed_says_that_more_may_be_missing() -> None:
    asked = reader(3, None, after=True)
    assert Shard([1, 3, 5, 8], horizon=8).read(asked) == [8]
    assert asked.gaps == [Gap(4, 7, sure=False)]


@pytest.mark.parametrize("horizon", [4, 5])
def test_what_was_trimmed_at_the_start_is_named(horizon: int) -> None:
    asked = reader(2, 8)
    assert Shard([1, 2, 3, 5, 8, 9], horizon=horizon).read(asked) == [5, 8]
    assert asked.gaps == [Gap(2, 4, sure=True)]


@pytest.mark.parametrize("numbers", [[1, 2, 3, 9], [1, 2, 3]])
@pytest.mark.parametrize("closed", [True, False])
def test_a_range_of_which_nothing_is_left_is_gone_as_a_whole(
    numbers: list[int], closed: bool
) -> None:
    asked = reader(2, 3)
    assert Shard(numbers, horizon=9, closed=closed).read(asked) == []
    assert asked.gaps == [Gap(2, 3, sure=True)]


def test_a_shard_that_expired_is_gone_with_the_range() -> None:
    asked = reader(2, 3)
    asked.take(Refused.MISSING)
    assert (asked.request, asked.ended, asked.gaps) == (None, End.MISSING, [Gap(2, 3, sure=True)])


def test_one_empty_page_is_no_proof_that_a_record_is_gone() -> None:
    asked = reader(2, 3)
    shard = Shard([1, 2], closed=False)
    assert shard.read(asked) == [2]
    assert asked.gaps == [Gap(3, 3, sure=True)]
    assert sum(isinstance(one, Fetch) for one in shard.asked) == 1 + SURE_PAGES


def test_an_iterator_that_expired_is_replaced_at_the_last_record_seen() -> None:
    asked = reader(1, 4)
    shard = Shard([1, 2, 3, 4], turns=[2, Refused.EXPIRED, 9])
    assert shard.read(asked) == [1, 2, 3, 4]
    assert [one.number for one in shard.asked if isinstance(one, Position)] == [1, 2]
    assert asked.gaps == []


def test_what_was_trimmed_while_an_iterator_was_replaced_is_named() -> None:
    asked = reader(1, 9)
    assert Shard([1, 2, 3, 8, 9], turns=[2, (8, Refused.EXPIRED)]).read(asked) == [1, 2, 8, 9]
    assert asked.gaps == [Gap(3, 7, sure=False)]


def test_a_stream_that_is_too_busy_is_asked_again_ever_later() -> None:
    shard = Shard([1], turns=[Refused.THROTTLED] * 7)
    assert shard.read(reader(1, 1)) == [1]
    waits = [one.wait for one in shard.asked[2:]]
    assert waits == [FIRST_PATIENCE * 2**n for n in range(5)] + [LAST_PATIENCE] * 2


def test_iterators_that_are_never_good_are_asked_for_ever_later() -> None:
    shard = Shard([1], turns=[Refused.EXPIRED] * 3)
    assert shard.read(reader(1, 1)) == [1]
    waits = [one.wait for one in shard.asked if isinstance(one, Position)]
    assert waits == [0, 0, FIRST_PATIENCE * 2, FIRST_PATIENCE * 4]


def test_between_pages_it_pauses_for_the_sake_of_others() -> None:
    shard = Shard([1, 2, 3], turns=[1, 0, 9])
    assert shard.read(reader(1, 3, pause=1)) == [1, 2, 3]
    assert [one.wait for one in shard.asked] == [0, 0, 1, 1]


def test_what_is_no_range_is_refused() -> None:
    with pytest.raises(ValueError, match="no records"):
        reader(3, 2)
    with pytest.raises(ValueError, match="after what"):
        reader(None, 2, after=True)
    done = reader(2, 2)
    done.take(Refused.MISSING)
    with pytest.raises(ValueError, match="nothing was asked"):
        done.take("iterator")


NUMBERS = st.lists(st.integers(1, 60), min_size=1, max_size=30, unique=True).map(sorted)
TURN = st.one_of(
    st.integers(0, 5),
    st.sampled_from([Refused.EXPIRED, Refused.THROTTLED]),
    st.tuples(st.integers(0, 70), st.just(Refused.EXPIRED)),
)


@settings(max_examples=300, deadline=None)
@given(
    numbers=NUMBERS,
    horizon=st.integers(0, 70),
    closed=st.booleans(),
    turns=st.lists(TURN, max_size=12),
    limit=st.integers(1, 10),
    picked=st.tuples(st.integers(0), st.integers(0)),
    open_=st.tuples(st.booleans(), st.booleans()),
    after=st.booleans(),
)
def test_every_record_of_a_range_is_either_read_or_said_to_be_gone(
    numbers: list[int],
    horizon: int,
    closed: bool,
    turns: list[Any],
    limit: int,
    picked: tuple[int, int],
    open_: tuple[bool, bool],
    after: bool,
) -> None:
    first, last = sorted(numbers[one % len(numbers)] for one in picked)
    start, end = None if open_[0] else first, None if open_[1] else last
    asked = reader(start, end, after=after and start is not None, limit=limit)
    shard = Shard(numbers, horizon, closed, list(turns))
    found = shard.read(asked)
    there = [number for number in numbers if number >= horizon]
    lowest = -1 if start is None else start + asked.after
    wanted = [n for n in numbers if lowest <= n <= (10**9 if end is None else end)]
    assert found == sorted(set(found))
    assert set(found) <= set(wanted)
    gone = {n for n in wanted if any(gap.start <= n <= gap.end for gap in asked.gaps)}
    assert not gone & set(found)
    if start is not None and end is not None:
        assert set(found) | gone == set(wanted), "neither read nor gone"
    if not any(isinstance(turn, tuple) for turn in turns):
        assert found == [number for number in wanted if number in there]
    for gap in asked.gaps:
        inside = [number for number in wanted if gap.start <= number <= gap.end]
        assert inside or not gap.sure
    assert [gap.start for gap in asked.gaps] == sorted(gap.start for gap in asked.gaps)
