"""A year of one stream, minute by minute, under one policy.

In a minute a shard takes what its limits allow, first what waits, then what is new; what it refuses
is tried again by the producers until it is taken: nothing is lost, but counted as throttled once,
in the minute in which it came. Within a minute the load is even; CloudWatch shows a minute when the
next one is over. The reader of a shard takes up to 2 MiB/s, and new shards are read from where the
slowest of those was that they come from.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from cli.plan import bill
from cli.prices import KIB, Prices
from tests.benchmarks.scaling.shards import BYTES, READ_BYTES, RECORDS, Shards, even
from tests.benchmarks.scaling.traffic import Floats, Year

DAY = 24 * 60
CALLS_A_DAY = 10
LEAST = 0.5
"""Events: less than one is arithmetic."""
TRIES = 4
"""Of a refused record in a minute: what WriteProvisionedThroughputExceeded counts. Assumed."""
QUARTER_MINUTES = 2
UNEVEN_MINUTES = 4
"""How long UpdateShardCount takes, to a multiple of a quarter and to any other number. Assumed: AWS
says "a few minutes", and that multiples of 25 % are faster. Until then the old shards are all."""
SPLIT_MINUTES = 1
"""How long SplitShard and MergeShards take. Assumed: about 30 seconds, and the minute is the step.
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html"""

Calls = list[int]
"""The minutes of the UpdateShardCount calls that AWS answered."""
Kind = Literal["count", "split", "merge", "own"]
"""`own` is what on-demand does itself: no API call, no limit."""


@dataclass(frozen=True)
class Change:
    """Other shards, wanted by a policy."""

    bounds: list[float]
    kind: Kind


@dataclass
class Seen:
    """What CloudWatch has: by the minute, in events, and refused tries; the age of the oldest read
    in seconds. The first `known` minutes are complete."""

    taken: Floats
    refused: Floats
    age: Floats
    known: int = 0
    by_shard: dict[int, Floats] = field(default_factory=dict)
    """Tries that each shard refused, in the minutes that have any."""
    uneven: dict[int, Floats] = field(default_factory=dict)
    """What each shard took, in the minutes in which it was not its weight's share."""


class Policy(Protocol):
    """Who decides: other shards, or None to keep what is there."""

    name: str
    start: int
    by_volume: bool

    def turn(self, minute: int, seen: Seen, shards: Shards, calls: Calls, /) -> Change | None: ...


@dataclass(frozen=True, kw_only=True)
class Wire:
    """How events travel: bytes of one with key and share of the overhead, and events per record."""

    event_bytes: float
    events_per_record: float
    record_bytes: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A year under a policy. Shares are of all events; ages and waits are minutes; USD are of the
    stream with a delivery that polls and a processor with fan-out, and of the stream alone."""

    policy: str
    throttled: float
    throttled_share: float
    throttled_minutes: int
    longest_wait: float
    oldest: float
    shards: float
    most_shards: int
    changes: int
    usd: float
    usd_alone: float


def run(year: Year, policy: Policy, wire: Wire, prices: Prices, *, slower: float = 1.0) -> Outcome:
    """The year; `slower` times the assumed minutes pass until a change is made."""
    stream = _Stream(year, policy, wire, slower)
    for minute in range(len(year.rate)):
        stream.change(minute)
        stream.take(minute)
        stream.read(minute)
    mean = stream.shard_minutes / len(year.rate)
    usd, alone = cost(year, policy, wire, prices, mean)
    return Outcome(
        policy=policy.name,
        throttled=stream.throttled,
        throttled_share=stream.throttled / (year.events or 1),
        throttled_minutes=stream.throttled_minutes,
        longest_wait=stream.longest_wait,
        oldest=stream.oldest,
        shards=mean,
        most_shards=stream.most,
        changes=stream.changes,
        usd=usd,
        usd_alone=alone,
    )


class _Stream:
    """The stream between two minutes, and what became of all until then."""

    def __init__(self, year: Year, policy: Policy, wire: Wire, slower: float) -> None:
        minutes = len(year.rate)
        self._policy, self._slower = policy, slower
        self._room = 60 * min(BYTES / wire.event_bytes, RECORDS * wire.events_per_record)
        """Events that a shard takes in a minute."""
        self._drain = 60 * READ_BYTES / wire.event_bytes
        self._rate: list[float] = (year.rate * 60).tolist()
        self._hot: list[float] = year.hot.tolist()
        self._stopped: list[bool] = year.stopped.tolist()
        self._shards = Shards(year.keys, even(policy.start), year.hot_place)
        self._seen = Seen(np.zeros(minutes), np.zeros(minutes), np.zeros(minutes))
        self._cumulated = np.zeros(minutes + 1)
        self._pending: tuple[int, Change] | None = None
        self._calls: Calls = []
        self._waiting = self._behind = False
        self.throttled = self.shard_minutes = self.longest_wait = self.oldest = 0.0
        self.throttled_minutes = self.most = self.changes = 0

    def change(self, minute: int) -> None:
        """What was begun may be made by now; if nothing is, the policy is asked."""
        if self._pending and self._pending[0] <= minute:
            self._shards.become(self._pending[1].bounds)
            self._pending = None
        count = self._shards.count
        self.shard_minutes += count
        self.most = max(self.most, count)
        # What began in the minute before the last is complete, and shown.
        self._seen.known = max(0, minute - 1)
        if self._pending:
            return
        change = self._policy.turn(minute, self._seen, self._shards, self._calls)
        if change is None:
            return
        if change.kind == "count":
            _allowed(change, count, minute, self._calls)
            self._calls.append(minute)
        took = max(1, round(_minutes(change, count) * self._slower))
        self._pending = minute + took, change
        self.changes += 1

    def take(self, minute: int) -> None:
        """What comes is taken, or waits."""
        comes, shards = self._rate[minute], self._shards
        if not self._waiting and comes * shards.most(self._hot[minute]) <= self._room:
            taken = comes
            if self._hot[minute]:
                self._seen.uneven[minute] = shards.part(self._hot[minute]) * comes
        else:
            taken = self._take_part(minute, shards.part(self._hot[minute]) * comes)
        self._seen.taken[minute] = taken
        self._cumulated[minute + 1] = self._cumulated[minute] + taken

    def _take_part(self, minute: int, new: Floats) -> float:
        shards = self._shards
        load = shards.waits + new
        taken = np.minimum(load, self._room)
        refused = load - taken
        self._seen.uneven[minute] = taken
        fresh = float((new - np.maximum(0.0, taken - shards.waits)).sum())
        if fresh > LEAST:
            self.throttled += fresh
            self.throttled_minutes += 1
        left = float(refused.sum())
        self._waiting = left > LEAST
        shards.waits = refused if self._waiting else np.zeros(shards.count)
        if self._waiting:
            self._seen.refused[minute] = left * TRIES
            self._seen.by_shard[minute] = refused * TRIES
            self.longest_wait = max(self.longest_wait, float(refused.max()) / self._room)
        return float(taken.sum())

    def read(self, minute: int) -> None:
        """Readers take what was taken in the same minute, unless they are behind."""
        shards, after = self._shards, float(self._cumulated[minute + 1])
        if self._stopped[minute]:
            if not self._behind:
                shards.read[:] = self._cumulated[minute]
            self._behind = True
        elif self._behind:
            weights = np.maximum(shards.part(self._hot[minute]), 1e-12)
            shards.read = np.minimum(after, shards.read + self._drain / weights)
            self._behind = bool((shards.read < after).any())
        if self._behind:
            slowest = float(shards.read.min())
            first = int(np.searchsorted(self._cumulated[: minute + 2], slowest, "right"))
            age = max(0, minute + 1 - first)
            self._seen.age[minute] = age * 60
            self.oldest = max(self.oldest, age)


def _minutes(change: Change, before: int) -> int:
    if change.kind != "count":
        return SPLIT_MINUTES
    after = len(change.bounds) - 1
    return QUARTER_MINUTES if after * 4 % before == 0 else UNEVEN_MINUTES


def _allowed(change: Change, before: int, minute: int, calls: Calls) -> None:
    """What AWS would answer with LimitExceeded is a defect of the policy."""
    after = len(change.bounds) - 1
    if not before / 2 <= after <= before * 2:
        raise AssertionError(f"UpdateShardCount from {before} to {after}: half to double only")
    if sum(call > minute - DAY for call in calls) >= CALLS_A_DAY:
        raise AssertionError(f"minute {minute}: an 11th UpdateShardCount in 24 hours")


def cost(
    year: Year, policy: Policy, wire: Wire, prices: Prices, shards: float
) -> tuple[float, float]:
    """USD of the year with two readers, and of the stream alone."""
    hours = len(year.rate) / 60
    puts = [bill.Puts(year.events / wire.events_per_record, wire.record_bytes)]
    found = []
    for polling, fan_out in ((1, 1), (0, 0)):
        if policy.by_volume:
            items = bill.by_volume(
                prices.kinesis.on_demand,
                hours=hours,
                puts=puts,
                polling=polling,
                fan_out=fan_out,
            )
        else:
            items = bill.provisioned(
                prices,
                shards=shards,
                hours=hours,
                puts=puts,
                fan_out=fan_out,
            )
        found.append(bill.total(items))
    return found[0], found[1]


def aggregated(size: float = KIB, key: float = 16, events: float = 75) -> Wire:
    """Events of so many bytes, so many in a record, as `headrace plan` has 3,000 a second."""
    record = events * (size + key + 8) + 20
    return Wire(event_bytes=(record + key) / events, events_per_record=events, record_bytes=record)


def plain(size: float = KIB, key: float = 16) -> Wire:
    """One event to a record."""
    return Wire(event_bytes=size + key, events_per_record=1, record_bytes=size)
