"""A stream for the scaler's tests: shards, what they take of a load in a minute, AWS's rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from functions.shard_scaler.budget import CALLS_A_DAY, Call
from functions.shard_scaler.decision import Action, Decision, Keep, Merge, Resize, Split
from functions.shard_scaler.load import DAY, MINUTE, Load, Sample, Shard
from functions.shard_scaler.memory import Remembered
from functions.shard_scaler.scaling import decide
from functions.shard_scaler.settings import Policy
from functions.shard_scaler.turn import Scaler

KEYS = 2**128
START = 1_790_000_040
"""An instant at the begin of a minute."""
A_MINUTE = 1000 * MINUTE
"""Records that a shard takes."""


def even(count: int) -> list[Shard]:
    """Shards of equal width."""
    edges = [KEYS * index // count for index in range(count + 1)]
    return [
        Shard(f"shard-{index}", low, high - 1) for index, (low, high) in enumerate(pairwise(edges))
    ]


@dataclass
class Stream:
    """`load` gives, for a minute, the load in shards, and `hot` what each hot key has on top."""

    policy: Policy
    load: Callable[[int], float]
    shards: list[Shard]
    hot: Callable[[int], float] = lambda _: 0.0
    hot_keys: tuple[int, ...] = (KEYS // 3,)
    late: int = 1
    """Minutes that CloudWatch is late."""
    by_shard: bool = True
    now: int = START
    samples: list[Sample] = field(default_factory=list)
    history: list[Call] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    throttled: float = 0.0
    made: int = 0

    def run(self, minutes: int) -> Stream:
        for _ in range(minutes):
            self._take()
            self.now += MINUTE
            self.turn()
            self.counts.append(len(self.shards))
        return self

    def turn(self) -> Decision:
        """What the function does in one invocation."""
        decision = decide(self.now + 20, self.shards, self._seen(), self.history, self.policy)
        self.decisions.append(decision)
        self._do(decision.action)
        return decision

    def _seen(self) -> list[Sample]:
        return self.samples[-1440 : len(self.samples) - self.late + 1 if self.late > 1 else None]

    def _take(self) -> None:
        minute = (self.now - START) // MINUTE
        wanted, hot = self.load(minute), self.hot(minute)
        loads = {}
        for shard in self.shards:
            part = wanted * shard.width / KEYS
            part += hot * sum(shard.first_hash <= key <= shard.last_hash for key in self.hot_keys)
            taken = min(part, 1.0)
            records = taken * A_MINUTE
            loads[shard.shard_id] = Load(records * 500, records, (part - taken) * A_MINUTE)
        every = loads.values()
        refused = sum(one.throttled for one in every)
        self.throttled += refused
        self.samples.append(
            Sample(
                self.now,
                sum(one.bytes for one in every),
                sum(one.records for one in every),
                refused,
                by_shard=loads if self.by_shard else {},
            )
        )

    def _do(self, action: Action) -> None:
        before = len(self.shards)
        match action:
            case Keep():
                return
            case Resize(count):
                used = [it for it in self.history if it.kind == "count" and it.at > self.now - DAY]
                assert len(used) < CALLS_A_DAY, "LimitExceededException"
                assert count != before
                assert count <= 2 * before, "more than double"
                assert 2 * count >= before, "less than half"
                kind = "count"
                self.made += before
                self.shards = [
                    Shard(f"{it.shard_id}-{self.made}", it.first_hash, it.last_hash)
                    for it in even(count)
                ]
            case Split(shard_id, at):
                (shard,) = (it for it in self.shards if it.shard_id == shard_id)
                assert shard.first_hash + 1 < at < shard.last_hash
                kind = "split"
                self.shards.remove(shard)
                self.shards += [
                    Shard(f"{shard_id}l", shard.first_hash, at - 1, shard_id),
                    Shard(f"{shard_id}h", at, shard.last_hash, shard_id),
                ]
            case Merge(lower, upper):
                one, other = (
                    next(it for it in self.shards if it.shard_id == name) for name in (lower, upper)
                )
                assert one.last_hash + 1 == other.first_hash, "not adjacent"
                kind = "merge"
                self.shards.remove(one)
                self.shards.remove(other)
                self.made += 1
                merged = Shard(f"{lower}m{self.made}", one.first_hash, other.last_hash)
                self.shards.append(merged)
        self.shards.sort(key=lambda it: it.first_hash)
        assert sum(it.width for it in self.shards) == KEYS
        call = Call(self.now + 20, kind, before, len(self.shards))  # type: ignore[arg-type]
        self.history.append(call)


class Turned(Stream):
    """Decided by whole turns: single shards are seen only when a turn asks for them."""

    def turn(self) -> Decision:
        decision = self._scaler().turn(self.now + 20).decision
        self.decisions.append(decision)
        return decision

    def _scaler(self) -> Scaler:
        def stream(_: float, __: Any) -> list[Sample]:
            return [replace(one, by_shard={}) for one in self._seen()]

        def shards(_: float, __: Any, ___: Any, since: float) -> list[Sample]:
            return [one if one.at >= since else replace(one, by_shard={}) for one in self._seen()]

        given: dict[str, Any] = {
            "stream": SimpleNamespace(
                busy=lambda: "",
                shards=lambda: list(self.shards),
                consumers=list,
                change=self._do,
            ),
            "watching": SimpleNamespace(stream=stream, shards=shards),
            "memory": SimpleNamespace(
                recall=lambda: Remembered(list(self.history), None),
                put_down=lambda *_: Remembered([], None),
            ),
        }
        return Scaler(**given, policy=self.policy)
