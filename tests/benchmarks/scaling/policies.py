"""Who chooses the number of shards: nobody, AWS, AWS's published sample, and our scaler."""

from collections import deque
from dataclasses import dataclass, replace
from heapq import heapify, heapreplace
from math import ceil

import numpy as np

from functions.shard_scaler.budget import Call
from functions.shard_scaler.decision import Merge, Resize, Split
from functions.shard_scaler.load import Load, Sample, Shard
from functions.shard_scaler.scaling import decide
from functions.shard_scaler.settings import Policy as Scaling
from tests.benchmarks.scaling.shards import BYTES, RECORDS, Shards, even
from tests.benchmarks.scaling.simulator import CALLS_A_DAY, DAY, Calls, Change, Seen, Wire
from tests.benchmarks.scaling.traffic import TOP, Floats

ASKED_MINUTES = 5
"""After a refused record the scaler is asked so long in every minute: it looks at the last four."""
START = 4
"""With so many shards on-demand starts, so every policy does that changes them."""


@dataclass
class Fixed:
    """The same number for the whole year."""

    start: int
    name: str = ""
    by_volume: bool = False

    def __post_init__(self) -> None:
        self.name = self.name or f"fixed, {self.start}"

    def turn(self, *_: object) -> None:
        """Never another number."""


class OnDemand:
    """As AWS describes it: room for twice the peak of the last 30 days, and no shard above 500
    KB/s, each within 15 minutes; shards are split evenly, and never isolate a key. How soon within
    the 15 minutes is not said: `reaction`. It gives none back here, which costs nothing.

    https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html
    """

    start = START
    by_volume = True
    DAYS = 30
    HALF = 500 * 1024

    def __init__(self, wire: Wire, reaction: int) -> None:
        self.name = f"on-demand, in {reaction} min"
        self._wire = wire
        self._reaction = reaction
        self._due: int | None = None
        self._days: deque[float] = deque(maxlen=self.DAYS)
        self._today = self._peak = 0.0
        self._hot: Floats | None = None

    def turn(self, minute: int, seen: Seen, shards: Shards, _: Calls) -> Change | None:
        if not minute:
            return None
        # AWS itself is not as late as CloudWatch.
        taken = float(seen.taken[minute - 1])
        self._today = max(self._today, taken)
        self._peak = max(self._today, max(self._days, default=0.0))
        if minute % DAY == 0:
            self._days.append(self._today)
            self._today = 0.0
        if self._due is None and self._wants(shards, seen, minute):
            self._due = minute + self._reaction
        if self._due is None or minute < self._due:
            return None
        self._due = None
        bounds = self._grown(shards)
        return Change(bounds, "own") if len(bounds) > len(shards.bounds) else None

    def _shards(self, events: float) -> float:
        """What events of a minute fill, in shards."""
        return max(
            events / 60 * self._wire.event_bytes / BYTES,
            events / 60 / self._wire.events_per_record / RECORDS,
        )

    def _target(self) -> int:
        return max(START, ceil(2 * self._shards(self._peak)))

    def _wants(self, shards: Shards, seen: Seen, minute: int) -> bool:
        target = self._target()
        if shards.count >= 2 * target:
            return False
        refused = (minute - 1) in seen.by_shard
        half = self.HALF / BYTES
        return target > shards.count or refused or self._shards(self._peak) * shards.fullest > half

    def _grown(self, shards: Shards) -> list[float]:
        """The fullest shards, split in the middle of their range."""
        target, peak = self._target(), self._shards(self._peak)
        keys = shards._keys  # it is AWS here
        bounds = shards.bounds.tolist()
        heap = [
            (-weight, begin, end)
            for weight, begin, end in zip(shards.weights.tolist(), bounds, bounds[1:], strict=False)
        ]
        if shards.waits.any():
            # What is refused is split, even where one key is why: AWS does not see that.
            place = int(shards.waits.argmax())
            heap[place] = (-1.0, *heap[place][1:])
        heapify(heap)
        while len(heap) < 2 * target:
            weight, begin, end = heap[0]
            if len(heap) >= target and -weight * peak <= self.HALF / BYTES:
                break
            middle = (begin + end) / 2
            if not begin < middle < end:
                break
            below = keys.below(np.array([begin, middle, end]))
            heapreplace(heap, (float(below[0] - below[1]), begin, middle))
            heap.append((float(below[1] - below[2]), middle, end))
            heapify(heap)
        return [*sorted(begin for _, begin, _ in heap), 1.0]


class Sample2021:
    """AWS's published sample: doubled when five periods of 5 minutes in a row were above 75 % of
    the shards, halved when 57 of the last 60 were below 25 % and readers not 30 minutes behind.

    https://github.com/aws-samples/kinesis-auto-scaling
    """

    start = START
    by_volume = False
    name = "AWS sample, double and halve"
    PERIOD, UP, UP_PERIODS, DOWN, DOWN_PERIODS, DOWN_OF, AGE = 5, 0.75, 5, 0.25, 57, 60, 30

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def turn(self, minute: int, seen: Seen, shards: Shards, calls: Calls) -> Change | None:
        if minute % self.PERIOD or not _left(minute, calls):
            return None
        used = self._used(seen, shards.count)
        if len(used) >= self.UP_PERIODS and (used[-self.UP_PERIODS :] >= self.UP).all():
            return Change(even(2 * shards.count), "count")
        if shards.count == 1 or len(used) < self.DOWN_OF:
            return None
        ages = seen.age[: seen.known][-self.PERIOD * self.DOWN_OF :].reshape(-1, self.PERIOD)
        behind = ages.max(axis=1) / 60 / self.AGE * self.DOWN
        low = np.maximum(used[-self.DOWN_OF :], behind) < self.DOWN
        if low.sum() >= self.DOWN_PERIODS:
            return Change(even(ceil(shards.count / 2)), "count")
        return None

    def _used(self, seen: Seen, count: int) -> Floats:
        """The periods that matter, of today's shards, as its alarms' metric math has it."""
        most = self.PERIOD * self.DOWN_OF
        taken = seen.taken[max(0, seen.known - most) : seen.known]
        taken = taken[len(taken) % self.PERIOD :].reshape(-1, self.PERIOD).mean(axis=1) / 60
        by_bytes = taken * self._wire.event_bytes / BYTES
        used: Floats = np.maximum(by_bytes, taken / self._wire.events_per_record / RECORDS) / count
        return used


class Double2016:
    """AWS's first example of UpdateShardCount: doubled when 5 minutes were above 80 %; never less.

    https://aws.amazon.com/blogs/big-data/scale-your-amazon-kinesis-stream-capacity-with-updateshardcount/
    """

    start = START
    by_volume = False
    name = "AWS example, double on alarm"

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def turn(self, minute: int, seen: Seen, shards: Shards, calls: Calls) -> Change | None:
        if minute % 5 or seen.known < 5 or not _left(minute, calls):
            return None
        taken = float(seen.taken[seen.known - 5 : seen.known].mean()) / 60
        used = max(
            taken * self._wire.event_bytes / BYTES, taken / self._wire.events_per_record / RECORDS
        )
        return Change(even(2 * shards.count), "count") if used >= 0.8 * shards.count else None


def _left(minute: int, calls: Calls) -> int:
    return CALLS_A_DAY - sum(call > minute - DAY for call in calls[-CALLS_A_DAY:])


class Scaler:
    """Ours: functions/shard_scaler's decision. The metrics of single shards it has when records are
    refused, and every quarter of an hour.

    It is asked in every such minute, and in every one in which more shards might be wanted. In the
    rest the answer is to keep what is there, or to take some away, which waits for the next look at
    single shards (functions/shard_scaler/turn.py): a year of questions that nothing depends on
    would take minutes.
    """

    start = START
    by_volume = False
    LOOK = 15

    def __init__(self, wire: Wire, scaling: Scaling, name: str = "scaler") -> None:
        self.name = name
        self._wire = wire
        self._scaling = scaling
        self._samples: list[Sample] = []
        self._loads: list[float] = []
        self._history: deque[Call] = deque()
        self._names: list[str] = []
        self._shards: list[Shard] = []
        self._part: tuple[list[str], Floats] = ([], np.zeros(0))
        self._parts: list[tuple[list[str], Floats]] = []
        self._detailed: dict[int, Sample] = {}
        self._refused_at = -DAY
        self._ahead: deque[tuple[int, float]] = deque()
        self._ahead_until = 0

    def turn(self, minute: int, seen: Seen, shards: Shards, _: Calls) -> Change | None:
        # While shards change nobody asks, and the old ones take what comes.
        self._parts += [self._part] * (minute - len(self._parts))
        self._part = (shards.names, shards.weights)
        self._parts.append(self._part)
        self._learn(seen)
        if shards.names is not self._names:
            self._names = shards.names
            self._shards = _described(shards)
        looks = minute % self.LOOK == 0 or minute - self._refused_at <= ASKED_MINUTES
        if not looks and not self._may_grow(minute, shards.count):
            return None
        now = minute * 60.0
        while self._history and self._history[0].at < now - 90_000:
            self._history.popleft()
        samples = self._looked(seen) if looks else self._samples
        decision = decide(now, self._shards, samples, self._history, self._scaling)
        return self._change(decision.action, minute, shards)

    def _learn(self, seen: Seen) -> None:
        wire = self._wire
        while len(self._samples) < seen.known:
            at = len(self._samples)
            events = float(seen.taken[at])
            sample = Sample(
                at * 60,
                events * wire.event_bytes,
                events / wire.events_per_record,
                float(seen.refused[at]) / wire.events_per_record,
                float(seen.age[at]),
            )
            self._samples.append(sample)
            self._loads.append(sample.shards(self._scaling.shared_readers))
            if sample.throttled:
                self._refused_at = at

    def _may_grow(self, minute: int, count: int) -> bool:
        """Whether more shards could be decided by what came, is coming, or came a day ago."""
        room = self._scaling.target * count
        loads = self._loads
        if max(loads[-ASKED_MINUTES:], default=0.0) > room:
            return True
        last = loads[-8:]
        if len(last) == 8:
            rise = (last[7] + last[6] - last[1] - last[0]) / 2
            if last[7] + rise > room or (last[7] + last[6]) / 2 + rise > room:
                return True
        return self._day_ago(minute) > room

    def _day_ago(self, minute: int) -> float:
        """The most of a day ago in the minutes that come next: of a window that moves on."""
        end = minute - DAY + self._scaling.lead_minutes
        ahead = self._ahead
        while self._ahead_until <= min(end, len(self._loads) - 1):
            at, load = self._ahead_until, self._loads[self._ahead_until]
            while ahead and ahead[-1][1] <= load:
                ahead.pop()
            ahead.append((at, load))
            self._ahead_until += 1
        while ahead and ahead[0][0] < minute - DAY:
            ahead.popleft()
        return ahead[0][1] if ahead else 0.0

    def _looked(self, seen: Seen) -> list[Sample]:
        """The last day, its last minutes with what each shard took."""
        first = max(0, len(self._samples) - self._scaling.keep_minutes - 3)
        found = self._samples[max(0, len(self._samples) - DAY - 1) : first]
        for at in range(first, len(self._samples)):
            if at not in self._detailed:
                self._detailed[at] = self._detail(at, seen)
            found.append(self._detailed[at])
        for at in [at for at in self._detailed if at < first]:
            del self._detailed[at]
        return found

    def _detail(self, at: int, seen: Seen) -> Sample:
        names, weights = self._parts[at]
        sample, wire = self._samples[at], self._wire
        events = float(seen.taken[at])
        taken = seen.uneven.get(at, weights * events)
        tries = seen.by_shard.get(at, np.zeros(len(names)))
        loads = {
            name: Load(
                one * wire.event_bytes,
                one / wire.events_per_record,
                tried / wire.events_per_record,
            )
            for name, one, tried in zip(names, taken.tolist(), tries.tolist(), strict=True)
        }
        return replace(sample, by_shard=loads)

    def _change(self, action: object, minute: int, shards: Shards) -> Change | None:
        bounds, before = shards.bounds.tolist(), shards.count
        match action:
            case Resize(count):
                change = Change(even(count), "count")
            case Split(at=at):
                change = Change(sorted([*bounds, at / TOP]), "split")
            case Merge(lower=lower):
                place = shards.names.index(lower)
                change = Change([*bounds[: place + 1], *bounds[place + 2 :]], "merge")
            case _:
                return None
        kind = change.kind
        assert kind != "own"
        self._history.append(Call(minute * 60.0, kind, before, len(change.bounds) - 1))
        return change


def _described(shards: Shards) -> list[Shard]:
    edges = [round(bound * TOP) for bound in shards.bounds.tolist()]
    return [
        Shard(name, first, last - 1, shards.parents.get(name, ""))
        for name, first, last in zip(shards.names, edges, edges[1:], strict=False)
    ]
