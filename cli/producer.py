"""Which records go into the next PutRecords call, and what to do with its answer.

A pure state machine: no clock, no network, no thread, so that a test can drive it through any
pattern of answers. Its promises:

- Every entry offered is put once in its account, or counted as not put with the reason.
- No call is larger than the limits, and at most `lanes` calls are in flight.
- Order: the entries of one partition key share a lane, a lane has one call in flight, and what
  failed in it goes first in its next call. So the order of a key is kept between calls.
  Within one call a later record of a key may be on the stream before an earlier one, as when
  Kinesis takes it in part only: PutRecords promises no more than that. So with `apart` no call
  holds two entries of a key, and every key has its order; few keys then mean small calls.
- What waits is bounded: `room` says no before the memory fills.

Times are seconds of one monotonic clock that the caller reads.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from zlib import crc32

MIB = 1024 * 1024
TOO_LARGE = "RecordTooLarge"
NEVER = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What Kinesis accepts in one PutRecords call.

    A call may hold 500 records and, by the present API reference, 10 MiB including partition
    keys. It was 5 MiB until 2025; with 500 records the number binds first for everything up to
    10 KiB, so the smaller size costs nothing and holds everywhere. A record is data and key.
    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
    """

    records: int = 500
    request_bytes: int = 5 * MIB
    record_bytes: int = MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Exponential backoff from `base` to `cap` seconds, of which half is jitter."""

    attempts: int = 20
    base: float = 0.05
    cap: float = 5.0

    def delay(self, attempt: int, jitter: float) -> float:
        """Seconds to wait after failed attempt number `attempt`; `jitter` is in [0, 1)."""
        longest = min(self.cap, self.base * 2.0 ** min(attempt - 1, 30))
        return longest * (0.5 + 0.5 * jitter)


@dataclass(slots=True, eq=False)
class Entry:
    """One record to put: `number` is its place in the source (from 1)."""

    number: int
    key: str
    data: bytes
    when: float | None = None
    """Event time, epoch seconds, where pacing needs it."""
    attempts: int = 0
    size: int = field(init=False)
    """Bytes that count against the limits: data and partition key."""

    def __post_init__(self) -> None:
        self.size = len(self.data) + len(self.key.encode())


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One PutRecords call, to be answered with `Producer.settle`."""

    lane: int
    entries: tuple[Entry, ...]


@dataclass(slots=True, eq=False)
class Lane:
    """What waits for one of the parallel calls, oldest first."""

    waiting: deque[Entry] = field(default_factory=deque)
    size: int = 0
    since: float = 0.0
    not_before: float = 0.0
    in_flight: int = 0
    first_in_flight: int = 0


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of the entries: offered = put + not put + pending."""

    put: int = 0
    put_bytes: int = 0
    retried: Counter[str] = field(default_factory=Counter)
    not_put: Counter[str] = field(default_factory=Counter)
    first_not_put: int | None = None
    first_to_repeat: int | None = None
    """The first that may not be on the stream, and could be put by another run."""


class Producer:
    """Collects entries into calls and keeps the account of them."""

    def __init__(
        self,
        *,
        limits: Limits = Limits(),
        retry: Retry = Retry(),
        lanes: int = 2,
        linger: float = 0.05,
        apart: bool = False,
    ) -> None:
        """`linger`: seconds that an entry waits at most for its call to become full."""
        self.tally = Tally()
        self._limits = limits
        self._retry = retry
        self._linger = linger
        self._apart = apart
        self._lanes = [Lane() for _ in range(lanes)]
        self._pending = 0
        self._pending_bytes = 0
        self._closed = False

    @property
    def pending(self) -> int:
        """Entries that wait or are in flight."""
        return self._pending

    @property
    def room(self) -> bool:
        """Whether another entry may be offered now: two full calls per lane are enough."""
        full = 2 * len(self._lanes)
        return (
            self._pending < full * self._limits.records
            and self._pending_bytes < full * self._limits.request_bytes
        )

    def offer(self, entry: Entry, now: float) -> None:
        """Take an entry; one that no call can hold is not put, and said so."""
        size = entry.size
        if size > self._limits.record_bytes:
            self._give_up(entry, TOO_LARGE)
            return
        lane = self._lanes[crc32(entry.key.encode()) % len(self._lanes)]
        if not lane.waiting:
            lane.since = now
        lane.waiting.append(entry)
        lane.size += size
        self._pending += 1
        self._pending_bytes += size

    def close(self) -> None:
        """Nothing more will be offered: what waits goes out without lingering."""
        self._closed = True

    def calls(self, now: float) -> list[Call]:
        """The calls to make now."""
        return [
            self._take(number, now)
            for number, lane in enumerate(self._lanes)
            if self._ready(lane) <= now
        ]

    def due(self) -> float | None:
        """When `calls` has something to give; None: not before an offer or an answer."""
        times = [self._ready(lane) for lane in self._lanes]
        return min((time for time in times if time != NEVER), default=None)

    def settle(
        self, call: Call, errors: Sequence[str | None], now: float, jitter: float = 0.0
    ) -> None:
        """Account for an answer: one error code, or None for success, per entry of the call."""
        lane = self._lanes[call.lane]
        lane.in_flight = 0
        failed = []
        for entry, error in zip(call.entries, errors, strict=True):
            if error is None:
                self.tally.put += 1
                self.tally.put_bytes += len(entry.data)
                self._forget(entry)
                continue
            entry.attempts += 1
            if entry.attempts < self._retry.attempts:
                self.tally.retried[error] += 1
                failed.append(entry)
            else:
                self._forget(entry)
                self._give_up(entry, error)
        if failed:
            self._wait_again(lane, failed, now, jitter)

    def refuse(self, call: Call, reason: str) -> None:
        """Give up a call that no repetition can mend."""
        self._lanes[call.lane].in_flight = 0
        for entry in call.entries:
            self._forget(entry)
            self._give_up(entry, reason)

    def abandon(self, reason: str) -> None:
        """Give up what waits, not what is in flight, of which nobody will hear any more."""
        for lane in self._lanes:
            if lane.in_flight:
                self._repeat(lane.first_in_flight)
            for entry in lane.waiting:
                self._forget(entry)
                self._give_up(entry, reason)
            lane.waiting.clear()
            lane.size = 0

    def _ready(self, lane: Lane) -> float:
        if lane.in_flight or not lane.waiting:
            return NEVER
        full = len(lane.waiting) >= self._limits.records or lane.size >= self._limits.request_bytes
        return max(lane.not_before, 0.0 if full or self._closed else lane.since + self._linger)

    def _take(self, number: int, now: float) -> Call:
        lane = self._lanes[number]
        taken: list[Entry] = []
        passed: list[Entry] = []
        keys: set[str] = set()
        size = 0
        while lane.waiting and len(taken) < self._limits.records:
            entry = lane.waiting[0]
            if self._apart and entry.key in keys:
                passed.append(lane.waiting.popleft())
                continue
            if taken and size + entry.size > self._limits.request_bytes:
                break
            size += entry.size
            keys.add(entry.key)
            taken.append(lane.waiting.popleft())
        lane.waiting.extendleft(reversed(passed))
        lane.size -= size
        lane.since = now
        lane.in_flight = len(taken)
        lane.first_in_flight = taken[0].number
        return Call(number, tuple(taken))

    def _wait_again(self, lane: Lane, failed: list[Entry], now: float, jitter: float) -> None:
        lane.waiting.extendleft(reversed(failed))
        lane.size += sum(entry.size for entry in failed)
        lane.since = now - self._linger
        worst = max(entry.attempts for entry in failed)
        lane.not_before = now + self._retry.delay(worst, jitter)

    def _forget(self, entry: Entry) -> None:
        self._pending -= 1
        self._pending_bytes -= entry.size

    def _give_up(self, entry: Entry, reason: str) -> None:
        self.tally.not_put[reason] += 1
        first = self.tally.first_not_put
        self.tally.first_not_put = entry.number if first is None else min(first, entry.number)
        if reason != TOO_LARGE:
            self._repeat(entry.number)

    def _repeat(self, number: int) -> None:
        first = self.tally.first_to_repeat
        self.tally.first_to_repeat = number if first is None else min(first, number)
