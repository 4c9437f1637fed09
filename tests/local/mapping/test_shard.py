"""Every interleaving: generated histories of records, failures, clocks and resharding."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.mapping.lane import Answer, Entry, Failed, GiveUp, Invoke, Limits, NotExecuted, Succeeded
from local.mapping.shard import Shard, ready

KEYS = "abcdefg"
OUTCOMES = ["success", "exception", "whole", "first", "middle", "last", "unexecuted"]


@dataclass
class History:
    """What happened to every record, checked while it happens."""

    retries: int | None
    acknowledged: Counter[int] = field(default_factory=Counter)
    given_up: Counter[int] = field(default_factory=Counter)
    executions: Counter[tuple[Entry, ...]] = field(default_factory=Counter)
    finished: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    order: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def started(self, invoke: Invoke) -> None:
        """Nothing of a key is invoked before all that came earlier is finished or ahead of it."""
        ahead: dict[str, list[int]] = defaultdict(list)
        for entry in invoke.entries:
            key = entry.partition_key
            before = [n for n in self.order[key] if n < entry.sequence_number]
            assert before == sorted(self.finished[key] + ahead[key])
            ahead[key].append(entry.sequence_number)

    def ended(self, invoke: Invoke, answer: Answer) -> None:
        if isinstance(answer, NotExecuted):
            return
        done = list(invoke.entries)
        if isinstance(answer, Failed):
            cut = [entry.sequence_number for entry in done].index(
                answer.first or done[0].sequence_number
            )
            self.executions[invoke.entries] += cut == 0
            done = done[:cut]
        assert self.retries is None or self.executions[invoke.entries] <= self.retries + 1
        for entry in done:
            self.acknowledged[entry.sequence_number] += 1
            self.finished[entry.partition_key].append(entry.sequence_number)

    def gave_up(self, given_up: GiveUp) -> None:
        for entry in given_up.entries:
            self.given_up[entry.sequence_number] += 1
            self.finished[entry.partition_key].append(entry.sequence_number)


def answer_of(outcome: str, invoke: Invoke) -> Answer:
    numbers = [entry.sequence_number for entry in invoke.entries]
    match outcome:
        case "success":
            return Succeeded()
        case "exception":
            return Failed(error="Unhandled")
        case "whole":
            return Failed()
        case "unexecuted":
            return NotExecuted()
    index = {"first": 0, "middle": len(numbers) // 2, "last": len(numbers) - 1}[outcome]
    return Failed(first=numbers[index])


limits = st.builds(
    Limits,
    batch_size=st.integers(1, 6),
    window=st.sampled_from([0.0, 1.0]),
    retries=st.one_of(st.none(), st.integers(0, 3)),
    age=st.one_of(st.none(), st.just(60.0)),
    bisect=st.booleans(),
    batch_bytes=st.sampled_from([250, 1_000_000]),
)


steps = st.sampled_from(["put", "put", "put", "poll", "answer", "wait", "age", "split", "merge"])


class World:
    """Shards of one stream under one mapping, with a simulated clock and a failing function."""

    def __init__(self, data: st.DataObject, limits: Limits, factor: int, shards: int) -> None:
        self.data, self.limits, self.factor = data, limits, factor
        self.history = History(limits.retries)
        self.parents: dict[str, tuple[str, ...]] = {f"s{index}": () for index in range(shards)}
        self.owner = {key: f"s{index % shards}" for index, key in enumerate(KEYS)}
        self.log: dict[str, list[Entry]] = {shard: [] for shard in self.parents}
        self.ended: set[str] = set()
        self.machines: dict[str, Shard] = {}
        self.read: Counter[str] = Counter()
        self.flights: list[tuple[str, int, Invoke]] = []
        self.now, self.number = 0.0, 0
        outcomes = st.lists(st.sampled_from(OUTCOMES), max_size=40)
        self.failures = data.draw(outcomes, label="outcomes")

    def act(self, step: str) -> None:
        shards = st.sampled_from(sorted(self.parents))
        match step:
            case "put":
                self.put(self.data.draw(st.sampled_from(KEYS)))
            case "poll":
                self.poll()
            case "answer" if self.flights:
                self.answer(self.data.draw(st.integers(0, 50)))
            case "wait":
                self.now += 0.7
            case "age":
                self.now += 45
            case "split":
                self.split(self.data.draw(shards))
            case "merge":
                self.merge(self.data.draw(shards), self.data.draw(shards))

    def put(self, key: str) -> None:
        self.number += 1
        shard = self.owner[key]
        self.log[shard].append(Entry(self.number, key, self.now, 100))
        self.history.order[key].append(self.number)

    def split(self, shard: str) -> None:
        """Half of the keys go to each of two children; the parent ends."""
        if shard in self.ended:
            return
        children = [f"{shard}.{side}" for side in "lr"]
        keys = [key for key, owner in self.owner.items() if owner == shard]
        self._end([shard], children)
        for index, key in enumerate(keys):
            self.owner[key] = children[index % 2]

    def merge(self, left: str, right: str) -> None:
        if left == right or {left, right} & self.ended:
            return
        child = f"({left}+{right})"
        self._end([left, right], [child])
        for key, owner in self.owner.items():
            if owner in (left, right):
                self.owner[key] = child

    def _end(self, shards: list[str], children: list[str]) -> None:
        self.ended.update(shards)
        for child in children:
            self.parents[child] = tuple(shards)
            self.log[child] = []

    def poll(self) -> None:
        done = {shard for shard, machine in self.machines.items() if machine.finished}
        for shard in sorted(ready(self.parents, done)):
            machine = self.machines.setdefault(shard, Shard(self.limits, factor=self.factor))
            start = self.read[shard]
            page = self.log[shard][start : start + machine.room]
            self.read[shard] += len(page)
            machine.offer(self.now, page)
            if shard in self.ended and self.read[shard] == len(self.log[shard]):
                machine.close()
            for lane, action in machine.step(self.now):
                if isinstance(action, GiveUp):
                    self.history.gave_up(action)
                else:
                    self.history.started(action)
                    self.flights.append((shard, lane, action))
            self.check(shard)

    def answer(self, index: int) -> None:
        shard, lane, invoke = self.flights.pop(index % len(self.flights))
        answer = answer_of(self.failures.pop() if self.failures else "success", invoke)
        self.history.ended(invoke, answer)
        given_up = self.machines[shard].answered(self.now, lane, answer)
        if given_up:
            self.history.gave_up(given_up)
        self.check(shard)

    def check(self, shard: str) -> None:
        """The checkpoint never passes a record that is not finished."""
        position = self.machines[shard].checkpoint.position
        finished = self.history.acknowledged.keys() | self.history.given_up.keys()
        for entry in self.log[shard]:
            if position is not None and entry.sequence_number <= position:
                assert entry.sequence_number in finished

    def settle(self) -> None:
        """Let everything run out; a shard that cannot is stuck."""
        for _ in range(3_000):
            self.poll()
            if self.flights:
                self.answer(0)
                continue
            if not self._left():
                return
            times = [t for m in self.machines.values() if (t := m.wakeup()) is not None]
            self.now = max([self.now, *([min(times)] if times else [])]) + 1e-6
        raise AssertionError("the shard never advanced")

    def _left(self) -> bool:
        return any(
            shard not in self.machines
            or len(log) > self.read[shard]
            or not all(lane.idle for lane in self.machines[shard].lanes)
            or (shard in self.ended and not self.machines[shard].closed)
            for shard, log in self.log.items()
        )


@settings(
    max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
@given(st.data(), limits, st.integers(1, 10), st.integers(1, 3), st.lists(steps, max_size=60))
def test_every_record_is_processed_or_in_exactly_one_message_in_order_per_key(
    data: st.DataObject, limits: Limits, factor: int, shards: int, history_of: list[str]
) -> None:
    world = World(data, limits, factor, shards)
    for step in history_of:
        world.act(step)
    world.settle()

    history, everything = world.history, set(range(1, world.number + 1))
    assert history.acknowledged.keys() | history.given_up.keys() == everything
    assert not history.acknowledged.keys() & history.given_up.keys()
    assert set(history.acknowledged.values()) | set(history.given_up.values()) <= {1}
    assert {key: history.finished[key] for key in history.order} == history.order
    for shard, machine in world.machines.items():
        if world.log[shard]:
            assert machine.checkpoint.position == world.log[shard][-1].sequence_number
    assert all(world.machines[shard].finished for shard in world.ended)


def test_a_child_waits_for_both_parents_unless_they_have_expired() -> None:
    parents: dict[str, tuple[str, ...]] = {"a": (), "b": (), "c": ("a", "b"), "d": ("expired",)}
    assert ready(parents, set()) == {"a", "b", "d"}
    assert ready(parents, {"a"}) == {"a", "b", "d"}
    assert ready(parents, {"a", "b"}) == {"a", "b", "c", "d"}


def test_filtered_records_move_the_checkpoint_without_an_invocation() -> None:
    shard = Shard(Limits())
    shard.offer(0, [], upto=7)
    assert (shard.step(0), shard.checkpoint.position) == ([], 7)


def test_the_checkpoint_waits_for_the_slowest_lane() -> None:
    shard = Shard(Limits(batch_size=1), factor=2)
    by_lane: dict[int, Entry] = {}
    for number, key in enumerate(KEYS, 1):
        entry = Entry(number, key, 0, 100)
        shard.offer(0, [entry])
        for lane, action in shard.step(0):
            assert isinstance(action, Invoke)
            by_lane[lane] = action.entries[0]
    first, last = sorted(by_lane, key=lambda lane: by_lane[lane].sequence_number)
    shard.answered(0, last, Succeeded())
    assert shard.checkpoint.position is None
    shard.answered(0, first, Succeeded())
    assert shard.checkpoint.position is not None


def test_reading_stops_when_enough_bytes_are_waiting() -> None:
    shard = Shard(Limits(batch_size=10_000, batch_bytes=1_000))
    shard.offer(0, [Entry(number, "a", 0, 1_000) for number in range(3)])
    assert shard.room == 0
    shard.step(0)
    shard.answered(0, 0, Succeeded())
    assert shard.room > 0


def test_reading_stops_when_enough_is_waiting() -> None:
    shard = Shard(Limits(batch_size=10))
    assert shard.room == 30
    shard.offer(0, [Entry(number, "a", 0, 1) for number in range(30)])
    assert shard.room == 0
