"""A queue's messages under an event source mapping: batches, answers, retries; a state machine.

Pure, as `local.mapping.lane`: the poller receives messages and invokes functions, this says which.
The rules are those of https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html: a message is
deleted when the function took it; any other becomes visible again when the queue's visibility
timeout is over, and is then a new message to this machine. There is no order between batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from local.mapping.lane import BATCH_BYTES, delay

RECEIVED = 10
"""The most messages that one ReceiveMessage gives."""

CONCURRENCY = 5
"""Invocations side by side without MaximumConcurrency: AWS begins with five and goes on to as many
as 1,250 while there are messages; this machine has fewer processors. [open]"""


@dataclass(frozen=True, slots=True)
class Message:
    """One received message: `record` is its JSON in the event; at `expires` (epoch seconds) it
    becomes visible again, and belongs to whoever receives it then."""

    id: str
    record: bytes
    expires: float

    @property
    def size(self) -> int:
        """Its share of the payload, with the comma that joins it to the next."""
        return len(self.record) + 1


@dataclass(slots=True)
class Batch:
    """What to invoke the function with; then call `answered`."""

    messages: list[Message]
    unexecuted: int = 0
    not_before: float = 0.0

    @property
    def payload(self) -> bytes:
        """The event."""
        return b'{"Records":[%s]}' % b",".join(message.record for message in self.messages)


@dataclass(slots=True)
class Batches:
    """Call `offer` with what was received, carry out what `step` returns, give the outcome to
    `answered`. `window` is in seconds; `concurrency` counts invocations side by side."""

    size: int = 10
    window: float = 0.0
    concurrency: int = CONCURRENCY
    gathered: list[Message] = field(default_factory=list)
    opened: float = 0.0
    again: deque[Batch] = field(default_factory=deque)
    flights: int = 0

    @property
    def room(self) -> int:
        """How many messages to receive now: none while every invocation there may be is."""
        if self.flights + len(self.again) >= self.concurrency or self._full:
            return 0
        return min(RECEIVED, self.size - len(self.gathered))

    def offer(self, now: float, messages: Iterable[Message]) -> None:
        """Take messages that were just received; the first one opens the batching window."""
        if not self.gathered:
            self.opened = now
        self.gathered.extend(messages)

    def step(self, now: float) -> Batch | None:
        """The next batch to invoke the function with, if one is due."""
        self._forget(now)
        if self.flights >= self.concurrency:
            return None
        if self.again and self.again[0].not_before <= now:
            batch = self.again.popleft()
        elif self.gathered and (self._full or now >= self.opened + self.window):
            batch = self._cut(now)
        else:
            return None
        self.flights += 1
        return batch

    def answered(self, now: float, batch: Batch, failed: Collection[str] | None) -> list[str]:
        """The ids of the messages to delete; `failed` are those that the function did not take.

        None says that the function did not run: the batch is tried again while it is invisible.
        """
        self.flights -= 1
        if failed is None:
            batch.unexecuted += 1
            batch.not_before = now + delay(batch.unexecuted)
            self.again.append(batch)
            return []
        return [message.id for message in batch.messages if message.id not in failed]

    def wakeup(self) -> float | None:
        """When `step` may next have something to do, if nothing else happens."""
        if self.flights >= self.concurrency:
            return None
        times = [batch.not_before for batch in self.again]
        if self.gathered:
            times.append(self.opened + self.window)
        return min(times, default=None)

    @property
    def _full(self) -> bool:
        return len(self.gathered) >= self.size or sum(it.size for it in self.gathered) > BATCH_BYTES

    def _cut(self, now: float) -> Batch:
        """The oldest messages that fit in one payload; a window opens for what is left."""
        count, size = 0, 0
        for message in self.gathered[: self.size]:
            size += message.size
            if count and size > BATCH_BYTES:
                break
            count += 1
        batch, self.gathered, self.opened = self.gathered[:count], self.gathered[count:], now
        return Batch(batch)

    def _forget(self, now: float) -> None:
        """Let go of messages that are visible again: nobody is given them from here."""
        self.gathered = [it for it in self.gathered if it.expires > now]
        for batch in self.again:
            batch.messages = [it for it in batch.messages if it.expires > now]
        self.again = deque(batch for batch in self.again if batch.messages)
