"""Which records go into the next PutRecords call, and what to do with its answer.

A pure state machine: no clock, no network, no thread, so that a test can drive it through any
pattern of answers. Its promises:

- Every entry offered is put once in its account, or counted as not put with the reason.
- No call is larger than the limits, and at most one call per channel is in flight.
- Order: the entries of one partition key share a lane, a lane belongs to one channel, and what
  failed goes first in its channel's next call. So the order of a key is kept between calls.
  Within one call a later record of a key may be on the stream before an earlier one, as when
  Kinesis takes it in part only: PutRecords promises no more than that. So with `apart` no call
  holds two entries of a key, and every key has its order; few keys then mean small calls.
- With `aggregate` entries are packed into records of at most so many bytes, each for one shard,
  and no call holds two records of a shard: every key has its order, and calls are large.
- What waits is bounded: `room` says no before the memory fills.

With the stream's `shards` a lane is a shard, written as fast as `cli.rates` allows. Where the
stream puts a record on another shard than expected, the shards have changed: `stale` is true, no
call is made, and once none is in flight `reshard` takes the new ones. An aggregated record that was
on its way meanwhile may hold events of another shard; a consumer with enhanced fan-out drops those,
so they are put again, before what follows them.

Times are seconds of one monotonic clock that the caller reads.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zlib import crc32

from cli.rates import Rate, Rates
from cli.shards import Shard, Shards, hash_key
from events.aggregating import LARGEST_HEAD, Aggregate, listed
from events.aggregation import deaggregate

MIB = 1024 * 1024
TOO_LARGE = "RecordTooLarge"
WRONG_SHARD = "WrongShard"
NEVER = float("inf")
AGGREGATE = 51_200
"""Bytes of an aggregated record, as the Kinesis Producer Library has it: two payload units of the
bill, and few events that wait for one of them that a processor cannot process."""
AGGREGATE_KEY = "a"
"""The partition key of an aggregated record, which goes by its explicit hash key."""
GATHER = 0.02
"""Seconds that an aggregated record waits for others to share its call."""
FULL = 0.9
"""Share of what the lanes of a channel give to a call with which it need not wait."""
MEMORY = 16 * MIB
MOST_KEYS = 1 << 18
"""Partition keys of which it is remembered where they belong, and how a table lists them."""
THROTTLED = "ProvisionedThroughputExceededException"


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


class Placed(NamedTuple):
    """Where a record was put."""

    shard_id: str
    sequence_number: str


Answer = str | Placed | None
"""What became of a record: an error code, or where it is, or that it is put and no more."""


@dataclass(slots=True, eq=False)
class Entry:
    """One record to put: `number` is its place in the source (from 1)."""

    number: int
    key: str
    data: bytes
    when: float | None = None
    """Event time, epoch seconds, where pacing needs it."""
    attempts: int = 0
    hash_key: str | None = None
    """An explicit hash key, in decimal."""
    tokens: Sequence[object] = (None,)
    """What who offered them wants to be told again, one of each user record."""
    payload: int = -1
    """Bytes of the user records' data."""
    size: int = field(init=False)
    """Bytes that count against the limits: data and partition key."""

    def __post_init__(self) -> None:
        self.size = len(self.data) + len(self.key.encode())
        if self.payload < 0:
            self.payload = len(self.data)

    @property
    def users(self) -> int:
        """User records in it."""
        return len(self.tokens)

    def apart(self) -> "Iterator[Entry]":
        """An entry for each user record."""
        users = deaggregate(self.data) if self.payload != len(self.data) else None
        if users is None:
            yield self
            return
        for user, token in zip(users, self.tokens, strict=True):
            yield Entry(
                self.number,
                user.partition_key,
                user.data,
                hash_key=user.explicit_hash_key,
                tokens=(token,),
            )


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One PutRecords call, to be answered with `Producer.settle`."""

    lane: int
    """The number of its channel."""
    entries: tuple[Entry, ...]


@dataclass(slots=True, eq=False)
class Lane:
    """What waits for one shard, oldest first; without shards, what waits for one channel."""

    shard: Shard | None = None
    rate: Rate | None = None
    aggregate: Aggregate | None = None
    waiting: deque[Entry] = field(default_factory=deque)
    since: float = 0.0
    not_before: float = 0.0
    first: int = 0
    """The number of the first user record in `aggregate`, which was opened at `opened`."""
    opened: float = 0.0
    tokens: list[object] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Channel:
    """The lanes of one of the parallel calls."""

    lanes: list[Lane] = field(default_factory=list)
    waiting: int = 0
    size: int = 0
    """Of what waits in the lanes, in number and in bytes; not what is in their aggregates."""
    in_flight: int = 0
    first_in_flight: int = 0
    turn: int = 0


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of the entries: offered = put + not put + pending."""

    put: int = 0
    put_bytes: int = 0
    records: int = 0
    """Kinesis records in which they were put, and their bytes."""
    record_bytes: int = 0
    calls: int = 0
    throttled: int = 0
    """Calls of which the stream refused a part, because it was too much."""
    retried: Counter[str] = field(default_factory=Counter)
    not_put: Counter[str] = field(default_factory=Counter)
    first_not_put: int | None = None
    first_to_repeat: int | None = None
    """The first that may not be on the stream, and could be put by another run."""


End = Callable[[Entry, Answer, Sequence[int]], None]
"""Told of each record that has come to its end, put or with an error code that is final, and which
of its user records that is said of."""


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
        shards: Shards | None = None,
        aggregate: int = 0,
        paced: bool = True,
        end: End | None = None,
    ) -> None:
        """`lanes`: calls in flight at most. `linger`: seconds that an entry waits at most for its
        call, or its record, to become full. `aggregate`: bytes of a record, 0 for one record an
        entry; it needs `shards`. Without `paced` nobody heeds what a shard takes.
        """
        if aggregate and shards is None:
            raise ValueError("an aggregated record belongs to one shard: give the shards")
        self.tally = Tally()
        self.stale = False
        self._limits = limits
        self._retry = retry
        self._linger = linger
        self._apart = apart
        self._most = lanes
        self._shards = shards
        self._aggregate = min(aggregate, limits.record_bytes) - len(AGGREGATE_KEY)
        self._rates = Rates()
        self._paced = paced
        self._end = end
        self._strays: list[tuple[Entry, Placed]] = []
        self._pending = 0
        self._pending_bytes = 0
        self._closed = False
        self._now = 0.0
        self._lay({})

    @property
    def pending(self) -> int:
        """Entries that wait or are in flight."""
        if self._aggregate <= 0:
            return self._pending
        return self._pending + sum(len(lane.tokens) for lane in self._lanes)

    @property
    def in_flight(self) -> bool:
        """Whether a call has not been answered."""
        return any(channel.in_flight for channel in self._channels)

    @property
    def room(self) -> bool:
        """Whether another entry may be offered now: two full calls per channel are enough."""
        if self._aggregate > 0:
            return self._pending_bytes < self._memory
        full = 2 * len(self._channels)
        return (
            self._pending < full * self._limits.records
            and self._pending_bytes < full * self._limits.request_bytes
        )

    def offer(self, entry: Entry, now: float) -> None:
        """Take an entry; one that no call can hold is not put, and said so."""
        self._now = now
        lane = self._lane(entry.key, entry.hash_key)
        if lane.aggregate is not None and self._pack(lane, entry, now):
            return
        if entry.size > self._limits.record_bytes:
            self._give_up(entry, TOO_LARGE)
            return
        self._wait(lane, entry, now)

    def offer_all(
        self, pairs: Iterable[tuple[str, bytes]], now: float, token: object = None
    ) -> None:
        """Take records by their keys: as `offer`, fast."""
        find, most = self._by_key.get, self._aggregate
        for key, data in pairs:
            route = find(key)
            if route is not None:
                lane, open_, entry = route
                place = open_.index.get(key)
                size = open_.size
                if place is None and open_.records:
                    size += len(entry)
                    if size + len(data) + LARGEST_HEAD <= most:
                        place = open_.enter(key, entry)
                if place is not None:
                    indexes, frames = place
                    head, before_data, length = frames[len(data)]
                    size += length
                    if size <= most:
                        open_.records += (head, indexes, before_data, data)
                        open_.size = size
                        lane.tokens.append(token)
                        continue
            self.offer(Entry(0, key, data, tokens=(token,)), now)

    def close(self) -> None:
        """Nothing more will be offered: what waits goes out without lingering."""
        self._closed = True

    def hurry(self, *, on: bool) -> None:
        """Whether what waits goes out without lingering, though more will be offered."""
        self._closed = on

    def calls(self, now: float) -> list[Call]:
        """The calls to make now."""
        made = []
        while (call := self.call(now)) is not None:
            made.append(call)
        return made

    def call(self, now: float) -> Call | None:
        """One of the calls to make now, None when there is none."""
        self._now = now
        if not self.stale:
            for number, channel in enumerate(self._channels):
                if self._ready(channel) <= now and (call := self._take(number, now)) is not None:
                    return call
        return None

    def due(self) -> float | None:
        """When `calls` has something to give; None: not before an offer or an answer."""
        if self.stale:
            return None
        times = [self._ready(channel) for channel in self._channels]
        return min((time for time in times if time != NEVER), default=None)

    def settle(
        self, call: Call, answers: Sequence[Answer], now: float, jitter: float = 0.0
    ) -> None:
        """Account for an answer: what became of each entry of the call."""
        channel = self._channels[call.lane]
        channel.in_flight = 0
        self.tally.calls += 1
        failed: dict[int, tuple[Lane, list[Entry]]] = {}
        throttled = False
        for entry, answer in zip(call.entries, answers, strict=True):
            lane = self._lane(entry.key, entry.hash_key)
            if not isinstance(answer, str):
                self._put(lane, entry, answer)
                continue
            if answer == THROTTLED:
                throttled = True
                if lane.rate is not None:
                    lane.rate.refused(entry.size, now)
            entry.attempts += 1
            if entry.attempts < self._retry.attempts:
                self.tally.retried[answer] += entry.users
                failed.setdefault(id(lane), (lane, []))[1].append(entry)
            else:
                self._forget(entry)
                self._give_up(entry, answer)
        self.tally.throttled += throttled
        for lane, entries in failed.values():
            self._wait_again(channel, lane, entries, now, jitter)

    def refuse(self, call: Call, reason: str) -> None:
        """Give up a call that no repetition can mend."""
        self._channels[call.lane].in_flight = 0
        for entry in call.entries:
            self._forget(entry)
            self._give_up(entry, reason)

    def abandon(self, reason: str) -> None:
        """Give up what waits, not what is in flight, of which nobody will hear any more."""
        for channel in self._channels:
            if channel.in_flight:
                self._repeat(channel.first_in_flight)
            for lane in channel.lanes:
                self._seal(channel, lane)
                for entry in lane.waiting:
                    self._forget(entry)
                    self._give_up(entry, reason)
                lane.waiting.clear()
            channel.waiting = channel.size = 0
        for entry, placed in self._strays:
            self._ended(entry, placed)
        self._strays = []
        self.stale = False

    def reshard(self, shards: Shards, now: float, *, last: bool = False) -> bool:
        """Take the shards that are open now, while no call is in flight.

        False, and nothing is changed, when they cannot be the newest: a record was put on a shard
        that is not among them. With `last` they are taken all the same.
        """
        known = all(shards.find(placed.shard_id) for _, placed in self._strays)
        if not (known or last):
            return False
        strays, self._strays = self._strays, []
        left: list[Entry] = []
        for channel in self._channels:
            for lane in channel.lanes:
                self._seal(channel, lane)
                left += lane.waiting
        rates = {lane.shard.id: lane.rate for lane in self._lanes if lane.shard and lane.rate}
        self._shards = shards
        self._lay(rates)
        for entry, placed in strays:
            for user in self._settle_stray(entry, placed, shards.find(placed.shard_id)):
                self.offer(user, now)
        for entry in left:
            self._forget(entry)
            for user in entry.apart():
                self.offer(user, now)
        self.stale = False
        return True

    def _lay(self, rates: dict[str, Rate]) -> None:
        """Make the lanes, of which every channel has as many as the others, or one more."""
        shards = self._shards
        if shards is None:
            self._lanes = [Lane() for _ in range(self._most)]
        else:
            self._lanes = [Lane(shard, self._rate(shard, rates)) for shard in shards.open]
        self._channels = [Channel() for _ in range(min(self._most, len(self._lanes)))]
        self._channel_of: dict[int, Channel] = {}
        for number, lane in enumerate(self._lanes):
            channel = self._channels[number % len(self._channels)]
            channel.lanes.append(lane)
            self._channel_of[id(lane)] = channel
            if self._aggregate > 0:
                lane.aggregate = Aggregate()
        self._by_key: dict[str, tuple[Lane, Aggregate, bytes]] = {}
        self._memory = max(MEMORY, 2 * len(self._lanes) * self._aggregate)

    def _rate(self, shard: Shard, rates: dict[str, Rate]) -> Rate | None:
        return (rates.get(shard.id) or self._rates.rate()) if self._paced else None

    def _lane(self, key: str, explicit: str | None) -> Lane:
        shards = self._shards
        if explicit is not None and shards is not None:
            return self._lanes[shards.place(int(explicit))]
        route = self._by_key.get(key)
        if route is not None:
            return route[0]
        if shards is None:
            return self._lanes[crc32(key.encode()) % len(self._lanes)]
        lane = self._lanes[shards.place(hash_key(key))]
        if lane.aggregate is not None:
            if len(self._by_key) >= MOST_KEYS:
                self._by_key.clear()
            self._by_key[key] = lane, lane.aggregate, listed(key)
        return lane

    def _pack(self, lane: Lane, entry: Entry, now: float) -> bool:
        """Add an entry to its lane's aggregate; False when it is too large for any."""
        open_ = lane.aggregate
        assert open_ is not None  # noqa: S101  the caller has looked
        if open_.size + open_.needs(entry.key, entry.data, entry.hash_key) > self._aggregate:
            self._seal(self._channel_of[id(lane)], lane)
            if open_.size + open_.needs(entry.key, entry.data, entry.hash_key) > self._aggregate:
                return False
        if not open_.records:
            lane.first, lane.opened = entry.number, now
        open_.add(entry.key, entry.data, entry.hash_key)
        lane.tokens += entry.tokens
        return True

    def _seal(self, channel: Channel, lane: Lane) -> None:
        """What is in a lane's aggregate becomes a record that waits."""
        open_ = lane.aggregate
        if open_ is None or not open_.records:
            return
        assert lane.shard is not None  # noqa: S101  only shards have aggregates
        payload = open_.payload
        key, explicit = open_.alone or (AGGREGATE_KEY, str(lane.shard.first))
        sealed = Entry(
            lane.first,
            key,
            open_.seal(),
            hash_key=explicit,
            tokens=tuple(lane.tokens),
            payload=payload,
        )
        lane.tokens.clear()
        self._queue(channel, lane, sealed, self._now)

    def _wait(self, lane: Lane, entry: Entry, now: float) -> None:
        channel = self._channel_of[id(lane)]
        self._seal(channel, lane)
        self._queue(channel, lane, entry, now)

    def _queue(self, channel: Channel, lane: Lane, entry: Entry, now: float) -> None:
        if not lane.waiting:
            lane.since = now
        lane.waiting.append(entry)
        channel.waiting += 1
        channel.size += entry.size
        self._pending += entry.users
        self._pending_bytes += entry.size

    def _ready(self, channel: Channel) -> float:
        """When the channel's next call is to be made."""
        if channel.in_flight:
            return NEVER
        limits, aggregate = self._limits, self._aggregate
        full = (
            self._closed
            or channel.waiting >= limits.records
            or channel.size >= limits.request_bytes
            or (0 < FULL * len(channel.lanes) * aggregate <= channel.size)
        )
        return min((self._lane_ready(lane, full=full) for lane in channel.lanes), default=NEVER)

    def _lane_ready(self, lane: Lane, *, full: bool) -> float:
        if lane.waiting:
            wait = self._linger if lane.aggregate is None else GATHER
            ready = 0.0 if full else lane.since + wait
            size = lane.waiting[0].size
        elif lane.tokens and lane.aggregate is not None:
            ready = 0.0 if self._closed else lane.opened + self._linger
            size = lane.aggregate.size
        else:
            return NEVER
        ready = max(ready, lane.not_before)
        if lane.rate is not None and ready <= self._now:
            return max(ready, lane.rate.due(size, self._now))
        return ready

    def _take(self, number: int, now: float) -> Call | None:
        channel = self._channels[number]
        taken: list[Entry] = []
        size = 0
        lanes = channel.lanes
        channel.turn = (channel.turn + 1) % len(lanes)
        for lane in (*lanes[channel.turn :], *lanes[: channel.turn]):
            if lane.not_before > now:
                continue
            if not lane.waiting and lane.tokens:
                if not (self._closed or lane.opened + self._linger <= now):
                    continue
                self._seal(channel, lane)
            size += self._take_from(lane, taken, size, now)
        if not taken:
            return None
        channel.waiting -= len(taken)
        channel.size -= size
        channel.in_flight = len(taken)
        channel.first_in_flight = min(entry.number for entry in taken)
        return Call(number, tuple(taken))

    def _take_from(self, lane: Lane, taken: list[Entry], before: int, now: float) -> int:
        """Move what may be put now from a lane to a call of so many bytes; the bytes moved."""
        passed: list[Entry] = []
        keys: set[str] = set()
        moved = 0
        while lane.waiting and len(taken) < self._limits.records:
            entry = lane.waiting[0]
            if self._apart and entry.key in keys:
                passed.append(lane.waiting.popleft())
                continue
            if taken and before + moved + entry.size > self._limits.request_bytes:
                break
            if lane.rate is not None:
                if lane.rate.due(entry.size, now) > now:
                    break
                lane.rate.spend(entry.size, now)
            moved += entry.size
            keys.add(entry.key)
            taken.append(lane.waiting.popleft())
            if lane.aggregate is not None:
                break
        lane.waiting.extendleft(reversed(passed))
        if moved:
            lane.since = now
        return moved

    def _wait_again(
        self, channel: Channel, lane: Lane, failed: list[Entry], now: float, jitter: float
    ) -> None:
        lane.waiting.extendleft(reversed(failed))
        channel.waiting += len(failed)
        channel.size += sum(entry.size for entry in failed)
        lane.since = now - self._linger
        worst = max(entry.attempts for entry in failed)
        lane.not_before = now + self._retry.delay(worst, jitter)

    def _put(self, lane: Lane, entry: Entry, answer: Placed | None) -> None:
        if answer is not None and lane.shard is not None and answer.shard_id != lane.shard.id:
            self.stale = True
            self._strays.append((entry, answer))
            return
        self._ended(entry, answer)

    def _ended(self, entry: Entry, answer: Placed | None) -> None:
        self.tally.put += entry.users
        self.tally.put_bytes += entry.payload
        self.tally.records += 1
        self.tally.record_bytes += entry.size
        self._forget(entry)
        if self._end is not None:
            self._end(entry, answer, range(entry.users))

    def _settle_stray(self, entry: Entry, placed: Placed, shard: Shard | None) -> list[Entry]:
        """Account for a record on another shard than expected: what it holds of others is to be
        put again."""
        users = list(entry.apart())
        wrong = [
            place
            for place, user in enumerate(users)
            if shard is not None and not shard.holds(hash_key(user.key, user.hash_key))
        ]
        if not wrong:
            self._ended(entry, placed)
            return []
        self._forget(entry)
        self.tally.records += 1
        self.tally.record_bytes += entry.size
        right = [place for place in range(len(users)) if place not in wrong]
        self.tally.put += len(right)
        self.tally.put_bytes += sum(users[place].payload for place in right)
        if self._end is not None:
            self._end(entry, placed, right)
        self.tally.retried[WRONG_SHARD] += len(wrong)
        return [users[place] for place in wrong]

    def _forget(self, entry: Entry) -> None:
        self._pending -= entry.users
        self._pending_bytes -= entry.size

    def _give_up(self, entry: Entry, reason: str) -> None:
        self.tally.not_put[reason] += entry.users
        first = self.tally.first_not_put
        self.tally.first_not_put = entry.number if first is None else min(first, entry.number)
        if reason != TOO_LARGE:
            self._repeat(entry.number)
        if self._end is not None:
            self._end(entry, reason, range(entry.users))

    def _repeat(self, number: int) -> None:
        first = self.tally.first_to_repeat
        self.tally.first_to_repeat = number if first is None else min(first, number)
