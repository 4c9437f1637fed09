"""A shard as an event source mapping works it off: lanes, checkpoint and the end of the shard.

Pure, as `local.mapping.lane`: the runner reads records and invokes functions, this says which.
"""

from __future__ import annotations

import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.mapping.lane import Answer, Entry, GiveUp, Invoke, Lane, Limits
from local.mapping.window import WindowedLane

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

READ_AHEAD = 2
"""Batches that may be read per lane beyond the one in flight, by count and by bytes."""

WINDOWED_LANES = 1
"""A tumbling window's state is the shard's, so the parallelization factor is not applied. [open]"""


@dataclass(slots=True)
class Checkpoint:
    """How far a shard is done: every record up to `position` needs no more work.

    Lanes finish out of order, so a record counts only when all before it are finished too.
    """

    position: int | None = None
    upto: int | None = None
    waiting: deque[int] = field(default_factory=deque)
    finished: set[int] = field(default_factory=set)

    def read(self, sequence_numbers: Iterable[int], upto: int | None) -> None:
        """Note what must be finished, and the last record read, whether or not a filter kept it."""
        self.waiting.extend(sequence_numbers)
        self.upto = upto if upto is not None else self.upto
        self._advance()

    def finish(self, sequence_numbers: Iterable[int]) -> None:
        self.finished.update(sequence_numbers)
        self._advance()

    def _advance(self) -> None:
        while self.waiting and self.waiting[0] in self.finished:
            self.position = self.waiting.popleft()
            self.finished.remove(self.position)
        if not self.waiting and self.upto is not None:
            self.position = self.upto


class Shard:
    """One shard of one mapping.

    Call `offer` with what was read, carry out what `step` returns, give outcomes to `answered`.
    `checkpoint.position` is where reading resumes (after that sequence number) if this is lost.
    """

    def __init__(self, limits: Limits, *, factor: int = 1, window: int = 0) -> None:
        self.limits = limits
        self.lanes: list[Lane | WindowedLane] = (
            [WindowedLane(limits, window) for _ in range(WINDOWED_LANES)]
            if window
            else [Lane(limits) for _ in range(factor)]
        )
        self.checkpoint = Checkpoint()
        self.closed = False

    def offer(self, now: float, entries: Sequence[Entry], *, upto: int | None = None) -> None:
        """Take records in order of their sequence numbers; `upto` is the last one read."""
        self.checkpoint.read((entry.sequence_number for entry in entries), upto)
        shares: list[list[Entry]] = [[] for _ in self.lanes]
        for entry in entries:
            shares[lane_of(entry.partition_key, len(self.lanes))].append(entry)
        for lane, share in zip(self.lanes, shares, strict=True):
            lane.offer(now, share)

    def seen(self, arrival: float) -> None:
        """Everything that arrived before this time has been offered: windows may close."""
        for lane in self.lanes:
            if isinstance(lane, WindowedLane):
                lane.seen = max(lane.seen, arrival)

    def close(self) -> None:
        """The shard's end was read: nothing more will be offered."""
        self.closed = True

    def step(self, now: float) -> list[tuple[int, Invoke | GiveUp]]:
        """Every action due now, each with its lane; the caller owes each Invoke an `answered`."""
        actions = []
        for index, lane in enumerate(self.lanes):
            while action := lane.step(now, flush=self.closed):
                actions.append((index, action))
            self.checkpoint.finish(lane.take_done())
        return actions

    def answered(self, now: float, lane: int, answer: Answer) -> GiveUp | None:
        """Take the outcome of the invocation in flight on a lane."""
        given_up = self.lanes[lane].answered(now, answer)
        self.checkpoint.finish(self.lanes[lane].take_done())
        return given_up

    def wakeup(self) -> float | None:
        """When `step` may next have something to do, if nothing else happens."""
        times = [time for lane in self.lanes if (time := lane.wakeup()) is not None]
        return min(times, default=None)

    @property
    def room(self) -> int:
        """How many records may be read now; none while as many bytes as are allowed wait."""
        batches = len(self.lanes) * (1 + READ_AHEAD)
        if sum(lane.held_bytes for lane in self.lanes) >= batches * self.limits.batch_bytes:
            return 0
        most = batches * self.limits.batch_size
        return max(0, most - sum(lane.pending for lane in self.lanes))

    @property
    def finished(self) -> bool:
        """The shard ended and everything in it is done: its children may be read."""
        return self.closed and all(lane.idle for lane in self.lanes)


def lane_of(partition_key: str, lanes: int) -> int:
    """The lane of a partition key: always the same one."""
    return zlib.crc32(partition_key.encode()) % lanes


def ready(parents: dict[str, tuple[str, ...]], finished: set[str]) -> set[str]:
    """The shards that may be read: those whose listed parents are all finished.

    `parents` maps every listed shard to its parents; a parent no longer listed has expired, with
    all its records, so there is nothing of it left to wait for.
    """
    return {
        shard
        for shard, ancestors in parents.items()
        if all(ancestor in finished or ancestor not in parents for ancestor in ancestors)
    }
