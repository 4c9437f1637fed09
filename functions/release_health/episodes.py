"""Whether the canary's devices crash more often than the baseline's: counts, not sizes.

A device that crashes tends to crash again, so what counts is the device-episode: a device with at
least one crash in an hour. Under the null hypothesis an episode is the canary's with probability
rho, its part of the device-hours, whatever the rate is; hour by hour, because a rollout changes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log

from functions.release_health.eprocess import RATIOS, fewer, log_share, log_sum, shares
from functions.release_health.evidence import Episodes

MOST = 1_000.0
"""An interval of ratios ends here: without an episode of the baseline it has no end."""


@dataclass(frozen=True, slots=True)
class Hour:
    """Both arms of one hour: episodes and device-hours; both arms have some of these."""

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


def more(seen: Sequence[Hour], tolerance: float) -> float:
    """log E against "the canary's rate is at most 1 + tolerance times the baseline's"."""
    return _mixture(seen, 1.0 + tolerance, RATIOS)


def not_more(seen: Sequence[Hour], margin: float, negligible: float) -> float:
    """log E against "the canary's rate is at least 1 + margin times the baseline's, and at least
    `negligible` episodes per device-hour": half of the e-value against the one, half of the other,
    as both are e-processes under both. A rate of 0 matters to nobody: then only the first."""
    relative = _mixture(seen, 1.0 + margin, tuple(1.0 / ratio for ratio in RATIOS))
    if not negligible:
        return relative
    expected = negligible * sum(one.canary_exposure for one in seen)
    absolute = fewer(sum(one.canary for one in seen), expected)
    return log_sum((relative - log(2.0), absolute - log(2.0)))


def _mixture(seen: Sequence[Hour], null: float, ratios: Sequence[float]) -> float:
    """log Σ_j w_j Π (theta_j/rho)^canary · ((1-theta_j)/(1-rho))^baseline, where rho is the
    canary's part when its rate is `null` times the baseline's, and theta_j when it is ratio_j times
    as much again."""
    terms = []
    for ratio in ratios:
        total = -log(len(ratios))
        for one in seen:
            exposure = null * one.canary_exposure
            for_canary, for_baseline = log_share(
                ratio, exposure / (exposure + one.baseline_exposure)
            )
            total += one.canary * for_canary + one.baseline * for_baseline
        terms.append(total)
    return log_sum(terms)


def effect(seen: Sequence[Hour]) -> float:
    """How many times the baseline's rate the canary's is, as logarithm. Half an episode is added to
    each arm, so that there is always a number."""
    canary, baseline = sum(one.canary for one in seen), sum(one.baseline for one in seen)
    return log(canary + 0.5) - log(baseline + 0.5) - _exposed(seen)


def interval(seen: Sequence[Hour], alpha: float) -> tuple[float, float]:
    """The confidence sequence of the same, from -log(MOST) to log(MOST), of all hours together."""
    canary, baseline = sum(one.canary for one in seen), sum(one.baseline for one in seen)
    low, high = (_odds(share) - _exposed(seen) for share in shares(canary, baseline, alpha))
    return max(low, -log(MOST)), min(high, log(MOST))


def _exposed(seen: Sequence[Hour]) -> float:
    return log(sum(one.canary_exposure for one in seen)) - log(
        sum(one.baseline_exposure for one in seen)
    )


def _odds(share: float) -> float:
    if share <= 0.0:
        return -inf
    return log(share) - log(1.0 - share) if share < 1.0 else inf
