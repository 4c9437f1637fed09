"""Whether the canary's devices crash more often than the baseline's: counts, not sizes.

A device that crashes tends to crash again, so what counts is the device-episode: a device with at
least one crash in an hour. Under the null hypothesis an episode is the canary's with probability
rho, its part of the device-hours, whatever the rate is; hour by hour, because a rollout changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf, log
from operator import add

from functions.release_health.eprocess import RATIOS, fewer, log_share, log_sum, shares
from functions.release_health.evidence import Episodes

MOST = 1_000.0
"""An interval of ratios ends here: without an episode of the baseline it has no end."""


@dataclass(frozen=True, slots=True)
class Hour:
    """Both arms of one hour, or of all from it on: episodes and device-hours, some of each arm."""

    hour: int
    canary: int
    baseline: int
    canary_exposure: int
    baseline_exposure: int


def hours(canary: Sequence[Episodes], baseline: Sequence[Episodes]) -> tuple[Hour, ...]:
    """The hours in which both arms were exposed, ascending. What happens to one arm while the other
    has no device says nothing of the two."""
    others = {one.hour: one for one in baseline if one.exposure > 0}
    return tuple(
        Hour(
            one.hour,
            _of(one),
            _of(others[one.hour]),
            one.exposure,
            others[one.hour].exposure,
        )
        for one in canary
        if one.exposure > 0 and one.hour in others
    )


def _of(one: Episodes) -> int:
    """No device has two episodes in an hour."""
    return min(one.episodes, one.exposure)


def total(seen: Iterable[Hour], since: int = 0) -> Hour:
    """All of them as one hour, which begins at `since`."""
    canary = baseline = canary_exposure = baseline_exposure = 0
    for one in seen:
        canary += one.canary
        baseline += one.baseline
        canary_exposure += one.canary_exposure
        baseline_exposure += one.baseline_exposure
    return Hour(since, canary, baseline, canary_exposure, baseline_exposure)


def more(seen: Sequence[Hour], tolerance: float) -> Iterator[tuple[Hour, float]]:
    """log E against "the canary's rate is at most 1 + tolerance times the baseline's", anew from
    every hour on, latest first, with the total that it is of. The last one is the trial's start."""
    late, logs = Hour(0, 0, 0, 0, 0), [-log(len(RATIOS))] * len(RATIOS)
    for one in reversed(seen):
        late = total((late, one), since=one.hour)
        logs = list(map(add, logs, _gains(one, 1.0 + tolerance, RATIOS)))
        yield late, log_sum(logs)
    if late.hour:
        yield replace(late, hour=0), log_sum(logs)


def not_more(seen: Sequence[Hour], margin: float, negligible: float) -> float:
    """log E against "the canary's rate is at least 1 + margin times the baseline's, and at least
    `negligible` episodes per device-hour": half of the e-value against the one, half of the other,
    as both are e-processes under both. A rate of 0 matters to nobody: then only the first."""
    ratios = tuple(1.0 / ratio for ratio in RATIOS)
    logs = [-log(len(ratios))] * len(ratios)
    for one in seen:
        logs = list(map(add, logs, _gains(one, 1.0 + margin, ratios)))
    relative = log_sum(logs)
    if not negligible:
        return relative
    whole = total(seen)
    absolute = fewer(whole.canary, negligible * whole.canary_exposure)
    return log_sum((relative - log(2.0), absolute - log(2.0)))


def _gains(one: Hour, null: float, ratios: Sequence[float]) -> Iterator[float]:
    """What an hour adds, by ratio_j, to the terms of log Σ_j w_j Π (theta_j/rho)^canary ·
    ((1-theta_j)/(1-rho))^baseline, where rho is the canary's part when its rate is `null` times the
    baseline's, and theta_j when it is ratio_j times as much again."""
    exposure = null * one.canary_exposure
    rho = exposure / (exposure + one.baseline_exposure)
    for ratio in ratios:
        for_canary, for_baseline = log_share(ratio, rho)
        yield one.canary * for_canary + one.baseline * for_baseline


def effect(whole: Hour) -> float:
    """How many times the baseline's rate the canary's is, as logarithm. Half an episode is added to
    each arm, so that there is always a number."""
    return log(whole.canary + 0.5) - log(whole.baseline + 0.5) - _exposed(whole)


def interval(whole: Hour, alpha: float) -> tuple[float, float]:
    """The confidence sequence of the same, from -log(MOST) to log(MOST)."""
    both = shares(whole.canary, whole.baseline, alpha)
    low, high = (_odds(share) - _exposed(whole) for share in both)
    return max(low, -log(MOST)), min(high, log(MOST))


def _exposed(whole: Hour) -> float:
    return log(whole.canary_exposure) - log(whole.baseline_exposure)


def _odds(share: float) -> float:
    if share <= 0.0:
        return -inf
    return log(share) - log(1.0 - share) if share < 1.0 else inf
