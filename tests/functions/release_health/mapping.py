"""A model of an event source mapping, with everything that goes wrong with one; no clock, no AWS.

A stream has shards, and each of them lanes (the parallelization factor): a partition key is always
in the same lane, and a lane has one batch in flight. An invocation may fail before it did anything,
half-way, or after it did everything and before it answered; then the batch is cut in two and both
halves are tried again, in order. Which lane goes on next is chance. When the stream is resharded,
what is put from then on is on the children, which are read when their parents are at their ends.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import md5
from typing import TypeVar

T = TypeVar("T")


class Fate(Enum):
    """Of an invocation."""

    ANSWERED = auto()
    NOT_BEGUN = auto()
    HALF_WAY = auto()
    NOT_ANSWERED = auto()


FAILED = (Fate.NOT_BEGUN, Fate.HALF_WAY, Fate.NOT_ANSWERED)

Invoke = Callable[[Sequence[T], Fate], None]
"""Handles a batch as far as its fate lets it."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Shares of 1. `late`: of the records, those that come up to `behind` places later."""

    failing: float = 0.0
    repeated: float = 0.0
    late: float = 0.0
    behind: int = 0


NONE = Faults()


def arrival_order(events: Sequence[T], chance: random.Random, faults: Faults) -> list[T]:
    """The events as a producer that tries again puts them: some late, some twice."""
    placed: list[tuple[float, int, T]] = []
    for index, event in enumerate(events):
        place: float = index
        if chance.random() < faults.late:
            place += chance.uniform(1, faults.behind)
        placed.append((place, len(placed), event))
        if chance.random() < faults.repeated:
            placed.append((place + chance.uniform(0, faults.behind), len(placed), event))
    placed.sort(key=lambda one: one[:2])
    return [event for _, _, event in placed]


def deliver(
    records: Sequence[T],
    key: Callable[[T], str],
    invoke: Invoke[T],
    *,
    chance: random.Random,
    faults: Faults = NONE,
    factor: int = 1,
    shards: Iterable[int] = (2,),
    batch_size: int = 500,
) -> int:
    """Every record, until it was answered for; how many invocations that took.

    `shards`: how many the stream has, in the beginning and after each resharding; the stretches
    are of equal length.
    """
    counts = list(shards)
    stretch = -(-len(records) // len(counts))
    invocations = 0
    for generation, count in enumerate(counts):
        lanes: dict[tuple[int, int], list[T]] = {}
        for record in records[generation * stretch : (generation + 1) * stretch]:
            hashed = int.from_bytes(md5(key(record).encode(), usedforsecurity=False).digest())
            lane = hashed % count, (hashed >> 64) % factor
            lanes.setdefault(lane, []).append(record)
        waiting = [list(reversed(_batches(lane, batch_size, chance))) for lane in lanes.values()]
        while waiting:
            lane_of = chance.randrange(len(waiting))
            batches = waiting[lane_of]
            batch = batches.pop()
            invocations += 1
            fails = chance.random() < faults.failing
            fate = chance.choice(FAILED) if fails else Fate.ANSWERED
            invoke(batch, fate)
            if fails:
                cut = (len(batch) + 1) // 2
                batches += [half for half in (batch[cut:], batch[:cut]) if half]
            if not batches:
                del waiting[lane_of]
    return invocations


def _batches(lane: Sequence[T], most: int, chance: random.Random) -> list[Sequence[T]]:
    found = []
    start = 0
    while start < len(lane):
        size = chance.randint(1, most)
        found.append(lane[start : start + size])
        start += size
    return found
