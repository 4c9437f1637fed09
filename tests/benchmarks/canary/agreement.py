"""Whether the vectorised score is the function's own: the same looks, scored by both."""

from __future__ import annotations

from datetime import UTC, datetime
from math import expm1

import numpy as np

from events.release import Metric, Trial
from functions.release_health import evidence as given
from functions.release_health.scoring import score
from tests.benchmarks.canary import crashes, devices, flights
from tests.benchmarks.canary.crashes import Crashing
from tests.benchmarks.canary.devices import LOOKS, Fleet
from tests.benchmarks.canary.sums import HOUR, Floats, Rule, Sums, course, look

WITHIN = 1e-9
LOOKED_AT = (0, 7, 59, 60, 125, LOOKS - 1)


def disagreement(seed: int) -> float:
    """The largest difference of an e-value's logarithm or an effect, of which more than 1 is taken
    relatively, over some looks at some trials of each kind."""
    most = 0.0
    for number, fleet in enumerate(
        (Fleet(60, 60), Fleet(80, 300, noise=0.25, known=0.5, growing=True))
    ):
        chance = np.random.default_rng([seed, number])
        arms = [one.sums() for one in devices.trial(chance, fleet)]
        most = max(most, _sizes(arms, Rule(1.0, 0.01, 0.05)))
    chance = np.random.default_rng([seed, 2])
    arms, _ = flights.trial(chance, flights.flights("July to December", "speed"), events=False)
    return max(most, _sizes(arms, Rule(-1.0, 0.0, 0.03)), _crashes(seed))


def _sizes(arms: list[Sums], rule: Rule) -> float:
    whole = course(arms[0], arms[1])
    looked = look(whole, rule)
    metric = Metric(
        name="heap_bytes",
        direction="higher" if rule.worse > 0 else "lower",
        weight=1.0,
        tolerance=rule.tolerance,
        margin=rule.margin,
    )
    most = 0.0
    for at in LOOKED_AT:
        canary, baseline = (
            given.Arm(devices=1, events=1, windows={"heap_bytes": _windows(one, at)})
            for one in arms
        )
        found = score(
            _trial(metric),
            given.Evidence(canary=canary, baseline=baseline, elapsed_seconds=at * 60 + 59),
        ).metrics[0]
        most = max(most, _apart(found.log_e_fail, looked.fail[at]))
        most = max(most, _apart(found.log_e_pass, looked.passes[at]))
        if found.effect is not None:
            most = max(most, _apart(found.effect, expm1(whole.mean[0, at])))
            most = max(most, _apart(found.theta, whole.theta[0, at]))
    return most


def _windows(one: Sums, at: int) -> tuple[given.Window, ...]:
    """What the state would hold after this look."""
    return tuple(
        given.Window(
            hour=first // HOUR,
            events=_row(one.events, first, at),
            y=_row(one.y, first, at),
            known=_row(one.known, first, at),
            p=_row(one.p, first, at),
            known_y=int(one.known_y[first : min(first + HOUR, at + 1)].sum()),
            pp=int(one.pp[first : min(first + HOUR, at + 1)].sum()),
            py=int(one.py[first : min(first + HOUR, at + 1)].sum()),
        )
        for first in range(0, at + 1, HOUR)
    )


def _row(table: Floats, first: int, at: int) -> given.Row:
    return tuple(int(each) for each in table[first : min(first + HOUR, at + 1)].sum(axis=0))


def _crashes(seed: int) -> float:
    of = Crashing(400, 900, rate=0.02)
    canary, baseline = crashes.trial(np.random.default_rng([seed, 3]), of, 1.5)
    looked = crashes.look(canary, baseline, 400 / 1300, crashes.PER_HOUR)
    metric = Metric(name="crashed", weight=1.0, tolerance=0.0, margin=1.0)
    most = 0.0
    for at in (0, 5, 30, len(looked) - 1):
        arms = []
        for found, size in ((canary, of.canary), (baseline, of.baseline)):
            hours = tuple(
                given.Episodes(
                    hour=first // crashes.PER_HOUR,
                    episodes=int(found[first : min(first + crashes.PER_HOUR, at + 1)].sum()),
                    exposure=size,
                )
                for first in range(0, at + 1, crashes.PER_HOUR)
            )
            arms.append(given.Arm(devices=size, events=size, crashes=hours))
        said = score(_trial(metric), given.Evidence(canary=arms[0], baseline=arms[1]))
        most = max(most, _apart(said.metrics[0].log_e_fail, looked[at]))
    return most


def _trial(metric: Metric) -> Trial:
    then = datetime(2025, 6, 2, tzinfo=UTC)
    return Trial(
        number=1,
        canary="2.0.0",
        baseline="1.0.0",
        registered_at=then,
        prepares_at=then,
        started_at=then,
        metrics=(metric,),
    )


def _apart(one: float, other: float) -> float:
    return abs(one - other) / max(1.0, abs(one))
