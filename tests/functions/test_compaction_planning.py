"""What is compacted when: no clock, no files."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.swap import State
from functions.compaction.planning import (
    LARGE_BYTES,
    LARGEST_BYTES,
    LATE_OBJECTS,
    Delivered,
    Found,
    Work,
    cut,
    pieces,
    plan,
    rewritten,
    rounded_up,
)

NOW = datetime(2026, 7, 5, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
START = datetime.fromisoformat("2026-07-01T00:00:00")
DAY = "2026-07-01"
MIB = 1024**2


def delivered(
    number: int, *, day: str = DAY, age: timedelta = 2 * HOUR, size: int = 1_000
) -> Found:
    return Found(f"events/flight/event_date={day}/s-{number}.parquet", size, NOW - age)


def compacted(number: int, *, day: str = DAY, size: int = 1_000) -> Found:
    return Found(f"compacted/flight/event_date={day}/{number:010}-000.parquet", size, NOW - HOUR)


def planned(
    files: list[Found],
    earlier: list[Found] | None = None,
    state: State | None = None,
    only: tuple[str, ...] = (),
) -> tuple[list[str], dict[str, str]]:
    found = plan(files, earlier or [], state or State(newest=9), now=NOW, settle=HOUR, only=only)
    return [work.event_date for work in found.due], found.waiting


def test_dates_that_are_over_and_settled_are_due_oldest_first() -> None:
    days = ["2026-07-03", "2026-07-05", DAY, "2026-07-04"]
    files = [delivered(number, day=day) for number, day in enumerate(days)]
    files[3] = delivered(3, day="2026-07-04", age=HOUR / 2)
    assert planned(files) == (
        [DAY, "2026-07-03"],
        {"2026-07-04": "delivered too recently", "2026-07-05": "the date is not over"},
    )


def test_a_compacted_date_waits_for_some_late_files_unless_it_is_asked_for() -> None:
    few = [delivered(number) for number in range(LATE_OBJECTS - 1)]
    assert planned(few, [compacted(3)]) == ([], {DAY: "few late files"})
    assert planned(few, [compacted(3)], only=(DAY,)) == ([DAY], {})
    assert planned([*few, delivered(99)], [compacted(3)]) == ([DAY], {})
    assert planned(few, []) == ([DAY], {})


def test_a_date_with_an_open_pass_is_left_alone() -> None:
    state = State().begin(DAY, "run", 0.0)
    assert planned([delivered(1)], state=state) == ([], {DAY: "in progress"})
    state = state.commit(state.passes[0], START, (), 1.0)
    assert planned([delivered(1)], state=state, only=(DAY,)) == (
        [],
        {DAY: "replaced files are kept for running queries"},
    )


def test_other_dates_than_those_asked_for_are_not_touched() -> None:
    files = [delivered(1), delivered(2, day="2026-07-02")]
    assert planned(files, only=("2026-07-02", "2026-06-01")) == (
        ["2026-07-02"],
        {"2026-06-01": "nothing was delivered since"},
    )


def test_what_does_not_count_is_no_part_of_the_work() -> None:
    """Files of a pass that crashed, or of one that is newer than the state, are not rows."""
    state = State(newest=4).begin("2026-07-02", "run", 0.0)
    found = plan(
        [delivered(number) for number in range(20)],
        [compacted(number) for number in (3, 5, 6)],
        state,
        now=NOW,
        settle=HOUR,
    )
    assert [list(work.compacted) for work in found.due] == [[3]]


def test_empty_objects_and_others_than_the_table_s_are_no_files() -> None:
    strange = [
        Found("events/flight/event_date=2026-07-01/", 0, NOW - 2 * HOUR),
        Found("events/flight/readme.txt", 10, NOW - 2 * HOUR),
        Found("events/flight/event_date=soon/x.parquet", 10, NOW - 2 * HOUR),
    ]
    assert planned(strange) == ([], {})


def spanned(
    number: int, first: float, last: float, *, age: timedelta = 2 * HOUR, size: int = 1_000
) -> Delivered:
    """A file with rows between these seconds."""
    return Delivered(
        f"{number:03}",
        size,
        NOW - age,
        START + timedelta(seconds=first),
        START + timedelta(seconds=last),
    )


def taken(files: list[Delivered], budget: int = 10**9) -> tuple[list[str], str] | None:
    found = cut(files, settled=NOW - HOUR, budget=budget)
    return None if found is None else ([one.key for one in found[0]], found[1].isoformat())


def test_everything_is_taken_when_everything_is_settled() -> None:
    files = [spanned(1, 30, 90), spanned(0, 0, 60.0004), spanned(2, 50, 80)]
    assert taken(files) == (["000", "002", "001"], "2026-07-01T00:01:30")


def test_the_instant_is_rounded_up_to_athena_s_milliseconds() -> None:
    assert taken([spanned(0, 0, 60.0004)]) == (["000"], "2026-07-01T00:01:00.001000")


def test_a_recent_file_keeps_back_every_file_that_overlaps_it() -> None:
    files = [spanned(0, 0, 60), spanned(1, 61, 120), spanned(2, 110, 180, age=HOUR / 2)]
    assert taken(files) == (["000"], "2026-07-01T00:01:00")


def test_files_less_than_a_millisecond_apart_are_not_divided() -> None:
    files = [spanned(0, 0, 60), spanned(1, 60.001, 120, age=HOUR / 2)]
    assert taken(files) is None
    files = [spanned(0, 0, 60), spanned(1, 60.0011, 120, age=HOUR / 2)]
    assert taken(files) == (["000"], "2026-07-01T00:01:00")


def test_no_more_is_taken_than_the_budget_allows() -> None:
    files = [spanned(number, number * 60, number * 60 + 50) for number in range(10)]
    assert taken(files, budget=3_500) == (["000", "001", "002"], "2026-07-01T00:02:50")
    assert taken(files, budget=500) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 5_000), st.integers(0, 500), st.booleans(), st.integers(1, 5)),
        max_size=12,
    ),
    st.integers(1, 30),
)
def test_an_instant_divides_the_rows_taken_from_all_others(
    drawn: list[tuple[int, int, bool, int]], budget: int
) -> None:
    """In Athena's milliseconds, rounded either way."""
    files = [
        spanned(number, first / 3000, (first + length) / 3000, age=HOUR * (1 + old), size=size)
        for number, (first, length, old, size) in enumerate(drawn)
    ]
    found = cut(files, settled=NOW - 1.5 * HOUR, budget=budget)
    if found is None:
        return
    mine, until = found
    assert mine
    assert sum(one.size for one in mine) <= budget
    assert all(one.modified <= NOW - 1.5 * HOUR for one in mine)
    assert all(rounded_up(one.newest) <= until for one in mine)
    millisecond = timedelta(milliseconds=1)
    assert all(one.oldest > until + millisecond for one in files if one not in mine)


@pytest.mark.parametrize(
    ("sizes", "taken_bytes", "chosen"),
    [
        ({}, 5, []),
        ({1: 40 * MIB}, 5 * MIB, [1]),
        ({1: 300 * MIB}, 5 * MIB, [1]),
        ({1: 510 * MIB}, 5 * MIB, []),
        ({1: 510 * MIB, 2: 20 * MIB}, 5 * MIB, [2]),
        ({1: 100 * MIB, 2: 120 * MIB}, 400 * MIB, [1, 2]),
    ],
)
def test_earlier_passes_are_rewritten_unless_their_files_are_large_already(
    sizes: dict[int, int], taken_bytes: int, chosen: list[int]
) -> None:
    earlier: dict[int, tuple[Found, ...]] = {
        number: (compacted(number, size=size),) for number, size in sizes.items()
    }
    work = Work(DAY, (), earlier)
    assert list(rewritten(work, taken_bytes, 2_000 * MIB)) == chosen


@given(st.integers(0, 100 * LARGEST_BYTES))
def test_files_have_128_to_512_mib_unless_there_is_less(size: int) -> None:
    each = size / pieces(size)
    assert each <= LARGEST_BYTES
    assert each >= LARGE_BYTES or pieces(size) == 1
