"""The trials of the benchmark: what is simulated, one trial at a time, and what came of it.

Every trial has a seed of its own, made of the benchmark's, its setting's and its number, so that
the results do not depend on how the trials are shared out among processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import log, log1p

import numpy as np
from scipy.special import logsumexp

from tests.benchmarks.canary import crashes, devices, flights
from tests.benchmarks.canary.crashes import Crashing
from tests.benchmarks.canary.devices import LOOKS, Fleet
from tests.benchmarks.canary.flights import Half, Size
from tests.benchmarks.canary.others import NOMINAL, Seen, statistics
from tests.benchmarks.canary.sums import HOUR, Floats, Rule, Sums, course, look, placebo

ALPHA = BETA = 0.05
LIMIT = log(1 / ALPHA)
MARGIN = 0.05
SOAK = 30
"""Looks."""
RULE = Rule(1.0, 0.0, MARGIN)
NEVER = -1
EFFECTS = ("none", "+1 %", "+2 %", "+5 %", "+10 %", "leak")
LEAK_LOOKS = 120
"""A leak grows for so long, to 10 %."""


def effect(name: str) -> Floats:
    """By how much the canary is worse at each look, in log."""
    if name == "leak":
        return log1p(0.1) * np.minimum(1.0, np.arange(1, LOOKS + 1) / LEAK_LOOKS)
    shares = {"none": 0.0, "+1 %": 0.01, "+2 %": 0.02, "+5 %": 0.05, "+10 %": 0.1}
    return np.full(LOOKS, log1p(shares[name]))


@dataclass(frozen=True)
class Outcome:
    """What one trial came to. Looks count from 1, `NEVER` when it did not happen."""

    failed: dict[str, int] = field(default_factory=dict)
    """By "<form> <effect>", the look of the FAIL."""
    passed: dict[str, int] = field(default_factory=dict)
    """The look of the first PASS, when no FAIL came before it."""
    events: list[int] = field(default_factory=list)
    """Of both arms, at each look."""
    doubted: bool = False
    """Whether the placebo did not hold."""
    others: dict[str, dict[str, Floats]] = field(default_factory=dict)
    """By effect and method, the statistic at every look."""


@dataclass(frozen=True)
class Asked:
    """What takes long, and is not asked of every trial."""

    others: bool = True
    """Whether the other methods judge as well."""
    leak: bool = True

    def of(self, effects: tuple[str, ...]) -> tuple[str, ...]:
        return effects if self.leak else tuple(one for one in effects if one != "leak")


@dataclass(frozen=True)
class Setting:
    """One kind of trial. `gated`: its false FAILs and PASSes are held to the bound."""

    name: str
    run: Callable[[np.random.Generator, Asked], Outcome]
    gated: bool = True
    compared: bool = False
    runs: int | None = None
    """Fewer than the others have."""
    note: str = ""


def first(reached: np.ndarray) -> int:
    """The first look at which it is so."""
    return int(reached.argmax()) + 1 if reached.any() else NEVER


def sized(arms: list[Sums], rule: Rule, effects: tuple[str, ...]) -> Outcome:
    """All looks at one metric, for each effect."""
    canary, baseline = arms
    seen = np.cumsum(canary.events.sum(axis=1) + baseline.events.sum(axis=1)).astype(int)
    out = Outcome(events=seen.tolist(), doubted=placebo(canary, baseline) >= log(1000))
    soaked = np.arange(LOOKS) >= SOAK
    whole = course(canary, baseline)
    for name in effects:
        shift = np.rint(1e6 * rule.worse * effect(name))
        if name == "leak":
            looked = look(course(canary.shifted(shift), baseline), rule)
        else:
            looked = look(whole, rule, float(shift[0]) / 1e6)
        for form, fail, passes in (
            ("score", looked.fail, soaked & (looked.passes >= log(1 / BETA))),
            # As the reference has it: one e-process from the start, no soak.
            ("start", looked.fail_at_start, looked.passes_at_start >= log(1 / BETA)),
        ):
            failed = fail >= LIMIT
            out.failed[f"{form} {name}"] = first(failed)
            out.passed[f"{form} {name}"] = first(passes & (np.cumsum(failed) == 0))
    return out


def of_fleet(
    fleet: Fleet, effects: tuple[str, ...], chance: np.random.Generator, asked: Asked
) -> Outcome:
    canary, baseline = devices.trial(chance, fleet)
    out = sized([canary.sums(), baseline.sums()], RULE, asked.of(effects))
    if asked.others:
        out.others.update(_others([canary.seen(), baseline.seen()], effects))
    return out


def of_independent(chance: np.random.Generator, asked: Asked) -> Outcome:
    drawn = [devices.independent(chance) for _ in range(2)]
    out = sized([sums for sums, _ in drawn], RULE, asked.of(EFFECTS))
    if asked.others:
        out.others.update(_others([seen for _, seen in drawn], EFFECTS))
    return out


def of_flights(half: Half, size: Size, chance: np.random.Generator, asked: Asked) -> Outcome:
    of = flights.flights(half, size)
    arms, seen = flights.trial(chance, of, events=asked.others)
    out = sized(arms, Rule(of.worse, 0.0, MARGIN), asked.of(EFFECTS))
    if asked.others:
        out.others.update(_others(seen, EFFECTS))
    return out


def of_variant(
    change: Callable[[Sums], Sums], fleet: Fleet, chance: np.random.Generator, _asked: Asked
) -> Outcome:
    arms = [change(one.sums()) for one in devices.trial(chance, fleet)]
    return sized(arms, RULE, ("none", "+5 %"))


def of_crashes(of: Crashing, ratio: float, chance: np.random.Generator, _asked: Asked) -> Outcome:
    canary, baseline = crashes.trial(chance, of, ratio)
    share = of.canary / (of.canary + of.baseline)
    fail = crashes.look(canary, baseline, share, crashes.PER_HOUR)
    events = np.cumsum(canary + baseline).astype(int).tolist()
    name = "score none" if ratio == 1 else f"score x{ratio:g}"
    return Outcome(failed={name: first(fail >= LIMIT)}, events=events)


def of_three(fleet: Fleet, chance: np.random.Generator, _asked: Asked) -> Outcome:
    """Heap, latency and crashes of the same devices, each depending on the other, by the weights of
    `events.release.DEFAULT_METRICS` and without tolerance."""
    heap = devices.trial(chance, fleet)
    slow = [devices.latency(chance, one) for one in heap]
    looked = [look(course(arms[0].sums(), arms[1].sums()), RULE) for arms in (heap, slow)]
    fell = [_episodes(chance, one) for one in heap]
    share = fleet.canary / (fleet.canary + fleet.baseline)
    crashed = crashes.look(fell[0], fell[1], share, HOUR)
    logs = np.array([looked[0].fail + log(0.5), looked[1].fail + log(0.3), crashed + log(0.2)])
    combined = logsumexp(logs, axis=0)
    return Outcome(failed={"score none": first(combined >= LIMIT)})


def _episodes(chance: np.random.Generator, heap: devices.Arm) -> Floats:
    """Episodes at each look of devices of which those with a large heap crash more often."""
    found = np.zeros(LOOKS)
    for hour in range(0, LOOKS, HOUR):
        risk = 0.01 * np.exp(2.0 * heap.p / 1e3)
        count = int((chance.random(len(risk)) < risk).sum())
        looks = hour + chance.integers(0, min(HOUR, LOOKS - hour), count)
        found += np.bincount(looks, minlength=LOOKS)
    return found


def _others(seen: list[Seen], effects: tuple[str, ...]) -> dict[str, dict[str, Floats]]:
    wanted = [effect(name) for name in effects]
    found = statistics(seen[0], seen[1], LOOKS, wanted)
    assert set(found[0]) == set(NOMINAL)
    return dict(zip(effects, found, strict=True))


SPARSE = Fleet(noise=0.25, reports=0.1)
SETTINGS = (
    Setting(
        "devices",
        partial(of_fleet, SPARSE, EFFECTS),
        compared=True,
        note="1,000 devices an arm, one report in ten minutes each",
    ),
    Setting(
        "independent events",
        of_independent,
        compared=True,
        note="100 devices an arm and look, each reports once",
    ),
    Setting(
        "flights, speed",
        partial(of_flights, "July to December", "speed"),
        compared=True,
        note="July to December 2013, split by aircraft",
    ),
    Setting(
        "flights, delay",
        partial(of_flights, "July to December", "delay"),
        compared=True,
        note="July to December 2013, split by aircraft",
    ),
    Setting(
        "flights, speed, January",
        partial(of_flights, "January to June", "speed"),
        gated=False,
        runs=500,
        note="January to June: where the settings were fixed",
    ),
    Setting(
        "flights, delay, January",
        partial(of_flights, "January to June", "delay"),
        gated=False,
        runs=500,
        note="January to June: where the settings were fixed",
    ),
    Setting(
        "the simulator's fleet",
        partial(of_fleet, Fleet(), EFFECTS),
        note="1,000 devices an arm, nearly a report a minute each, as cli.fleet",
    ),
    Setting(
        "without a past",
        partial(of_variant, Sums.without_past, SPARSE),
        note="devices, of which none was there before the trial",
    ),
    Setting(
        "a slow rollout",
        partial(of_fleet, Fleet(150, 1_000, noise=0.25, known=0.5, growing=True), ("none", "+5 %")),
        note="150 canaries that come in the first hour, 1,000 others; half have a past",
    ),
    Setting(
        "few devices",
        partial(of_fleet, Fleet(100, 100, noise=0.25), ("none", "+5 %")),
        note="100 devices an arm",
    ),
    Setting(
        "devices that drift",
        partial(of_fleet, Fleet(noise=0.15, memory=0.995, reports=0.2), ("none", "+5 %")),
        note="noise that remembers for three hours",
    ),
    Setting(
        "three metrics",
        partial(of_three, SPARSE),
        note="heap, latency and crashes of the same devices, each depending on the heap",
    ),
    Setting("crashes", partial(of_crashes, Crashing(), 1.0), note="0.2 % of 1,000 devices an hour"),
    Setting(
        "crashes that come again",
        partial(of_crashes, Crashing(again=0.1), 1.0),
        note="a tenth of the devices crashes in the next hour too",
    ),
    Setting(
        "frail devices",
        partial(of_crashes, Crashing(frail=0.01, often=30.0), 1.0),
        note="1 % of the devices crashes 30 times as often",
    ),
    Setting(
        "16 buckets",
        partial(of_variant, partial(Sums.merged, buckets=16), Fleet(100, 100, noise=0.25)),
        gated=False,
        note="few devices, in 16 buckets instead of 64: not what is used",
    ),
    Setting("crashes, twice", partial(of_crashes, Crashing(), 2.0), gated=False, note="as crashes"),
    Setting("crashes, 5 x", partial(of_crashes, Crashing(), 5.0), gated=False, note="as crashes"),
)
