"""One lane of a shard: batching, retry, bisect, partial answers and age, as a pure state machine.

An event source mapping reads a shard and spreads its records over `ParallelizationFactor` lanes by
partition key, so that a key is always in one lane; within a lane one batch is in flight at a time.
This module is that lane. It has no clock, no network and no thread: the caller passes the time in
(seconds, any epoch, never going back) and carries out what `step` returns. Every rule is one of
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html unless it says [open]:
then AWS documents nothing, and the named constant is the choice made here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BATCH_BYTES = 6 * 1024 * 1024 - 1024
"""The most the records of a batch may be as JSON: Lambda's 6 MB, less what stands around them."""

RETRY_DELAYS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0)
"""Seconds between two invocations of one batch, by attempt; the last one repeats. [open]"""

HALVES_GET_A_FULL_BUDGET = True
"""Each half of a bisected batch may be retried MaximumRetryAttempts times. [open]"""


class Condition(StrEnum):
    """Why a batch was given up: the `condition` of the on-failure message."""

    RETRY_ATTEMPTS_EXHAUSTED = "RetryAttemptsExhausted"
    RECORD_AGE_EXCEEDED = "RecordAgeExceeded"


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as the machine sees it: `size` is its share of the payload, in bytes."""

    sequence_number: int
    partition_key: str
    arrival: float
    size: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The mapping's parameters that a lane obeys, in seconds and counts; None means no limit."""

    batch_size: int = 100
    window: float = 0.0
    retries: int | None = None
    age: float | None = None
    bisect: bool = False
    batch_bytes: int = BATCH_BYTES


@dataclass(frozen=True, slots=True)
class Window:
    """The tumbling window an invocation belongs to, and the state carried into it.

    `start` and `end` are epoch seconds, `state` is the JSON text of the last answer's `state`.
    """

    start: int
    end: int
    state: bytes = b"{}"
    final: bool = False
    early: bool = False


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The function took the whole batch; `state` is what a windowed function answered."""

    state: bytes = b"{}"


@dataclass(frozen=True, slots=True)
class Failed:
    """The function failed from `first` on: None is the whole batch.

    `error` is the invocation's `functionError`: "Unhandled" for an exception, None for an answer
    that reported the failure itself.
    """

    first: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """The function did not run (throttled, missing, unreachable): no attempt was used."""


Answer = Succeeded | Failed | NotExecuted


@dataclass(frozen=True, slots=True)
class Invoke:
    """Invoke the function with these records, then call `answered`.

    `window` is None unless the mapping has tumbling windows (`local.mapping.window`).
    """

    entries: tuple[Entry, ...]
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Send these records' description to the on-failure destination; the lane has moved on.

    `invocations` counts how often this very batch was invoked, `error` is the last one's
    `functionError`.
    """

    entries: tuple[Entry, ...]
    condition: Condition
    invocations: int
    error: str | None


@dataclass(slots=True)
class Work:
    """A batch that was cut from the queue, with what has been tried on it."""

    entries: tuple[Entry, ...]
    invocations: int = 0
    unexecuted: int = 0
    error: str | None = None
    not_before: float = 0.0

    def rest(self, index: int) -> Work:
        """The batch from `index` on, with a full budget."""
        return Work(self.entries[index:])


@dataclass(slots=True)
class Lane:
    """Records in arrival order in, invocations and give-ups out.

    `work` holds batches already cut, the next one first; `queue` what was never in a batch, each
    record with the time it was offered: the batching window opens with the oldest of them.
    `queued_bytes` is the size of the queue, `held_bytes` that of everything in the lane.
    """

    limits: Limits
    queue: deque[tuple[float, Entry]] = field(default_factory=deque)
    work: deque[Work] = field(default_factory=deque)
    flight: Work | None = None
    queued_bytes: int = 0
    held_bytes: int = 0
    done: list[int] = field(default_factory=list)

    def offer(self, now: float, entries: Sequence[Entry]) -> None:
        """Queue records that were just read, oldest first."""
        self.queue.extend((now, entry) for entry in entries)
        size = sum(entry.size for entry in entries)
        self.queued_bytes += size
        self.held_bytes += size

    @property
    def pending(self) -> int:
        """How many records are in the lane, in whatever state."""
        flying = len(self.flight.entries) if self.flight else 0
        return len(self.queue) + flying + sum(len(work.entries) for work in self.work)

    @property
    def idle(self) -> bool:
        return not (self.queue or self.work or self.flight)

    def step(self, now: float, *, flush: bool = False) -> Invoke | GiveUp | None:
        """What to do now, if anything; `flush`: nothing more comes, do not wait for it."""
        if self.flight:
            return None
        if not self.work:
            if not self._due(now, flush=flush):
                return None
            self._cut()
        work = self.work[0]
        if given_up := self._expired(now, work):
            return given_up
        if work.not_before > now:
            return None
        self.flight = self.work.popleft()
        return Invoke(self.flight.entries)

    def wakeup(self) -> float | None:
        """When `step` may next have something to do without anything else happening."""
        if self.flight:
            return None
        if self.work:
            return min(self.work[0].not_before, self._expiry(self.work[0]))
        return self.queue[0][0] + self.limits.window if self.queue else None

    def answered(self, now: float, answer: Answer) -> GiveUp | None:
        """Take the outcome of the invocation in flight."""
        work, self.flight = self.flight, None
        if work is None:
            raise RuntimeError("answered without an invocation in flight")
        match answer:
            case Succeeded():
                self._finish(work.entries)
                return None
            case NotExecuted():
                work.unexecuted += 1
                work.not_before = now + delay(work.unexecuted)
                self.work.appendleft(work)
                return None
            case Failed(first, error):
                return self._failed(now, work, first, error)

    def take_done(self) -> list[int]:
        """The sequence numbers finished since the last call."""
        done, self.done = self.done, []
        return done

    def _failed(
        self, now: float, work: Work, first: int | None, error: str | None
    ) -> GiveUp | None:
        index = position(work.entries, first)
        if index:
            # The checkpoint moved: what is left starts again with a full budget.
            self._finish(work.entries[:index])
            rest = work.rest(index)
            rest.not_before = now + delay(1)
            self.work.appendleft(rest)
            return None
        work.invocations += 1
        work.unexecuted = 0
        work.error = error
        if self.limits.bisect and len(work.entries) > 1:
            self._bisect(now, work)
            return None
        if self.limits.retries is not None and work.invocations > self.limits.retries:
            self._finish(work.entries)
            return GiveUp(
                work.entries, Condition.RETRY_ATTEMPTS_EXHAUSTED, work.invocations, work.error
            )
        work.not_before = now + delay(work.invocations)
        self.work.appendleft(work)
        return None

    def _bisect(self, now: float, work: Work) -> None:
        middle = (len(work.entries) + 1) // 2
        spent = 0 if HALVES_GET_A_FULL_BUDGET else work.invocations
        for entries in (work.entries[middle:], work.entries[:middle]):
            self.work.appendleft(Work(entries, invocations=spent, not_before=now + delay(1)))

    def _due(self, now: float, *, flush: bool) -> bool:
        if not self.queue:
            return False
        if flush or now >= self.queue[0][0] + self.limits.window:
            return True
        if len(self.queue) >= self.limits.batch_size:
            return True
        return self.queued_bytes > self.limits.batch_bytes

    def _cut(self) -> None:
        """Move the next batch from the queue to the work: full by count or bytes, else all."""
        batch = [self.queue.popleft()[1]]
        size = batch[0].size
        while self.queue and len(batch) < self.limits.batch_size:
            size += self.queue[0][1].size
            if size > self.limits.batch_bytes:
                break
            batch.append(self.queue.popleft()[1])
        self.queued_bytes -= sum(entry.size for entry in batch)
        self.work.append(Work(tuple(batch)))

    def _expired(self, now: float, work: Work) -> GiveUp | None:
        """Split the expired records off the front and give them up as a batch of their own."""
        if self.limits.age is None:
            return None
        index = 0
        while index < len(work.entries) and now - work.entries[index].arrival > self.limits.age:
            index += 1
        if not index:
            return None
        self.work.popleft()
        if index < len(work.entries):
            self.work.appendleft(work.rest(index))
        self._finish(work.entries[:index])
        return GiveUp(
            work.entries[:index], Condition.RECORD_AGE_EXCEEDED, work.invocations, work.error
        )

    def _expiry(self, work: Work) -> float:
        if self.limits.age is None:
            return work.not_before
        return work.entries[0].arrival + self.limits.age

    def _finish(self, entries: tuple[Entry, ...]) -> None:
        self.done.extend(entry.sequence_number for entry in entries)
        self.held_bytes -= sum(entry.size for entry in entries)


def position(entries: tuple[Entry, ...], first: int | None) -> int:
    """The index of a reported sequence number; 0, the whole batch, for None or an unknown one."""
    if first is None:
        return 0
    for index, entry in enumerate(entries):
        if entry.sequence_number == first:
            return index
    return 0


def delay(attempt: int) -> float:
    """Seconds to wait after the given attempt, 1 being the first."""
    return RETRY_DELAYS[min(attempt, len(RETRY_DELAYS)) - 1]
