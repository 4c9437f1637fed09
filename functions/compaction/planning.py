"""What to compact: decided from listings and instants alone, without a clock or a network."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from events.columns import PARTITION_COLUMN
from events.swap import State

LATE_OBJECTS = 10
"""A compacted date is rewritten when this many further files have come: a rewrite costs as much for
one late event as for many, and a few small files cost a query little."""

LARGEST_BYTES = 512 * 1024**2
LARGE_BYTES = 128 * 1024**2
"""Files are to have 128 to 512 MiB: large enough to be read in few requests, small enough to be
read side by side."""

NEVER = datetime(9999, 1, 1)  # noqa: DTZ001  the instants of rows have no zone
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Found:
    """An object of a table, as S3 lists it."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Delivered(Found):
    """A delivered file with the instants (UTC, naive) of its oldest and newest row."""

    oldest: datetime
    newest: datetime


@dataclass(frozen=True)
class Work:
    """A date to compact: its delivered files, and the compacted ones by the pass they are of."""

    event_date: str
    delivered: tuple[Found, ...]
    compacted: dict[int, tuple[Found, ...]]

    @property
    def size(self) -> int:
        return sum(one.size for one in self.delivered)


@dataclass(frozen=True)
class Plan:
    """The dates that are due, oldest first, and why others are not yet."""

    due: list[Work]
    waiting: dict[str, str]


def by_date(found: Iterable[Found]) -> dict[str, list[Found]]:
    """Objects by the event date in their key, dates in order; others are not the tables'."""
    dates: dict[str, list[Found]] = defaultdict(list)
    for one in found:
        match = re.search(rf"/{PARTITION_COLUMN}=(\d{{4}}-\d{{2}}-\d{{2}})/[^/]+$", one.key)
        if match and one.size:
            dates[match[1]].append(one)
    return dict(sorted(dates.items()))


def pass_of(key: str) -> int:
    """The pass that wrote a compacted object, out of its name."""
    return int(key.rpartition("/")[2].partition("-")[0])


def by_pass(found: Iterable[Found], state: State) -> dict[int, tuple[Found, ...]]:
    """The compacted objects of a date that count, by their pass."""
    passes: dict[int, list[Found]] = defaultdict(list)
    for one in found:
        if pass_of(one.key) <= state.newest and pass_of(one.key) not in state.hidden:
            passes[pass_of(one.key)].append(one)
    return {number: tuple(files) for number, files in sorted(passes.items())}


def plan(
    delivered: Iterable[Found],
    compacted: Iterable[Found],
    state: State,
    *,
    now: datetime,
    settle: timedelta,
    only: Sequence[str] = (),
) -> Plan:
    """The dates whose delivered files are to be rewritten now.

    A date is closed when it is over in UTC. Dates named in `only` are due however few files have
    come since they were compacted.
    """
    earlier = by_date(compacted)
    due, waiting = [], {}
    for event_date, files in by_date(delivered).items():
        if only and event_date not in only:
            continue
        work = Work(event_date, tuple(files), by_pass(earlier.get(event_date, ()), state))
        why = _why_not(work, state, now, settle, asked=bool(only))
        if why is None:
            due.append(work)
        else:
            waiting[event_date] = why
    for event_date in only:
        if event_date not in waiting and all(event_date != work.event_date for work in due):
            waiting[event_date] = "nothing was delivered since"
    return Plan(due, waiting)


def _why_not(
    work: Work, state: State, now: datetime, settle: timedelta, *, asked: bool
) -> str | None:
    if work.event_date >= now.astimezone(UTC).date().isoformat():
        return "the date is not over"
    begun = state.find(work.event_date)
    if begun is not None:
        return (
            "replaced files are kept for running queries"
            if begun.committed is not None
            else "in progress"
        )
    settled = sum(one.modified <= now - settle for one in work.delivered)
    if not settled:
        return "delivered too recently"
    if work.compacted and not asked and settled < LATE_OBJECTS:
        return "few late files"
    return None


def cut(
    files: Sequence[Delivered], *, settled: datetime, budget: int
) -> tuple[list[Delivered], datetime] | None:
    """The files of a date that one pass takes, and the last millisecond it then holds wholly.

    As many as are settled and within the budget, such that no row of any other file is as old as
    the newest of theirs: delivered rows up to one instant are then theirs and nobody else's. With
    Athena's rounding to milliseconds, so that a millisecond is never on both sides. None when no
    instant divides the files so.
    """
    ordered = sorted(files, key=lambda one: (one.newest, one.key))
    oldest_left: list[datetime] = [NEVER]
    for one in reversed(ordered):
        oldest_left.append(min(oldest_left[-1], one.oldest))
    oldest_left.reverse()
    best, size = None, 0
    for number, one in enumerate(ordered, start=1):
        size += one.size
        if one.modified > settled or size > budget:
            break
        until = rounded_up(one.newest)
        if oldest_left[number] > until + MILLISECOND:
            best = ordered[:number], until
    return best


def rounded_up(instant: datetime) -> datetime:
    """The millisecond that the instant is in, or is rounded to."""
    rest = instant.microsecond % 1000
    return instant - timedelta(microseconds=rest) + (MILLISECOND if rest else timedelta(0))


def rewritten(work: Work, taken: int, budget: int) -> dict[int, tuple[Found, ...]]:
    """The earlier passes of a date that a pass over `taken` bytes rewrites with them: those that
    made no large file, all together within the budget. The others stay as they are."""
    chosen = {}
    sizes = {number: sum(one.size for one in files) for number, files in work.compacted.items()}
    for number, size in sorted(sizes.items(), key=lambda item: item[1]):
        whole = taken + size <= min(budget, LARGEST_BYTES)
        if whole or size < LARGE_BYTES:
            taken += size
            if taken > budget:
                break
            chosen[number] = work.compacted[number]
    return chosen


def pieces(size: int) -> int:
    """How many files to make of this many bytes."""
    return max(1, -(-size // LARGEST_BYTES))
