"""What others do at every look, vectorised: each has one statistic, and fails the canary when it is
above a threshold. So a method can be held to the threshold it has by itself, and to the one at
which it cries wolf as often as another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from tests.benchmarks.canary.sums import Floats, above

BINS = 1_024
"""Into which values are sorted for ranks: ties are then counted as ties, exactly."""
CHECKS = 5
FACTOR = 1.05


@dataclass(frozen=True, slots=True)
class Seen:
    """The events of one arm: look and log value of each, larger is worse."""

    look: NDArray[np.int64]
    value: Floats


NOMINAL = {
    "Mann-Whitney on events": float(norm.ppf(0.95)),
    "mSPRT on events": float(np.log(20.0)),
    "threshold 1.05, 5 checks": float(np.log(FACTOR)),
    "Kayenta's judge": float(norm.ppf(0.99)),
}
"""By method, the threshold of its statistic."""


def statistics(
    canary: Seen, baseline: Seen, looks: int, effects: list[Floats]
) -> list[dict[str, Floats]]:
    """For each effect, which the canary's values are higher by at each look in log, and each
    method, its statistic at every look."""
    shifted = [Seen(canary.look, canary.value + effect[canary.look]) for effect in effects]
    steps = [_steps(one, looks) for one in shifted]
    against = _steps(baseline, looks)
    judged = kayenta([one.mean for one in steps], against.mean)
    low = min(baseline.value.min(), *(one.value.min() for one in shifted))
    high = max(baseline.value.max(), *(one.value.max() for one in shifted))
    place = _histogram(baseline, looks, low, high)
    return [
        {
            "Mann-Whitney on events": mann_whitney(_histogram(one, looks, low, high), place),
            "mSPRT on events": msprt(step, against),
            "threshold 1.05, 5 checks": fifth(step.raw - against.raw),
            "Kayenta's judge": judge,
        }
        for one, step, judge in zip(shifted, steps, judged, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Steps:
    count: Floats
    sum: Floats
    squares: Floats
    mean: Floats
    """Of the look's values, in log."""
    raw: Floats
    """Logarithm of the mean of the values themselves."""


def _steps(seen: Seen, looks: int) -> _Steps:
    count = np.bincount(seen.look, minlength=looks).astype(float)
    total = np.bincount(seen.look, seen.value, looks).astype(float)
    squares = np.bincount(seen.look, seen.value**2, looks).astype(float)
    raw = np.bincount(seen.look, np.exp(seen.value), looks)
    return _Steps(count, total, squares, total / count, np.log(raw / count))


def _histogram(seen: Seen, looks: int, low: float, high: float) -> Floats:
    bins = ((seen.value - low) * ((BINS - 1) / (high - low))).astype(np.int64)
    flat = np.bincount(seen.look * BINS + bins, minlength=looks * BINS)
    return np.cumsum(flat.reshape(looks, BINS), axis=0, dtype=float)


def mann_whitney(canary: Floats, baseline: Floats) -> Floats:
    """z of the rank sum test on all events so far, which it takes for independent."""
    m, n = canary.sum(axis=1), baseline.sum(axis=1)
    below = np.cumsum(baseline, axis=1) - 0.5 * baseline
    distance = (canary * below).sum(axis=1) - 0.5 * m * n
    both, size = canary + baseline, m + n
    ties = (both**3 - both).sum(axis=1) / (size * (size - 1))
    z: Floats = distance / np.sqrt(m * n / 12 * (size + 1 - ties))
    return z


def msprt(canary: _Steps, baseline: _Steps) -> Floats:
    """log E of the mixture test on all events so far, which it takes for independent."""
    means, variances = [], []
    for one in (canary, baseline):
        count, total, squares = (np.cumsum(each) for each in (one.count, one.sum, one.squares))
        means.append(total / count)
        variances.append((squares / count - (total / count) ** 2) / count)
    return above(means[0] - means[1], variances[0] + variances[1])


def fifth(ratios: Floats) -> Floats:
    """The fifth largest of the looks' own log ratios so far; -inf before there are five."""
    out = np.full(len(ratios), -np.inf)
    largest: list[float] = []
    for look, ratio in enumerate(ratios):
        largest = sorted((*largest, float(ratio)), reverse=True)[:CHECKS]
        if len(largest) == CHECKS:
            out[look] = largest[-1]
    return out


def kayenta(canary: list[Floats], baseline: Floats, tolerance: float = 0.25) -> list[Floats]:
    """For each canary's series, the quantile at which the judge would just say High at each look.

    The interval's lower end is above tolerance · shift exactly when the statistic at that shift is
    above the quantile. The series differ by shifts of the values, in log, where means that are a
    few percent apart are as good as linear; so the median of the pairs is sought once.
    """
    out = [np.full(len(baseline), -np.inf) for _ in canary]
    for look in range(1, len(baseline)):
        size = look + 1
        spread = np.sqrt(size * size / 12 * (2 * size + 1))
        pairs, shift = _pairs(canary[0], baseline, size)
        for one, series in zip(out, canary, strict=True):
            apart = series[:size] - canary[0][:size]
            if np.ptp(apart) < 1e-9:
                these, median = pairs, shift
                more = float(apart[0])
            else:
                these, median = _pairs(series, baseline, size)
                more = 0.0
            if median + more > 0:
                limit = tolerance * (median + more) - more
                above_it = np.count_nonzero(these > limit)
                one[look] = (above_it - 0.5 * size * size - 0.5) / spread
    return out


def _pairs(series: Floats, against: Floats, size: int) -> tuple[Floats, float]:
    pairs: Floats = np.subtract.outer(series[:size], against[:size]).ravel()
    middle = pairs.size // 2
    return pairs, float(np.partition(pairs, middle)[middle])
