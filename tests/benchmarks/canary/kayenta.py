"""Kayenta's judge, as its documentation and tests describe it, written anew.

Spinnaker's automated canary analysis compares two series of points, one per step and release:
https://github.com/spinnaker/kayenta. A metric is High when the whole confidence interval of the
Hodges-Lehmann shift, by the Mann-Whitney test with a correction for continuity, is above
`tolerance` times that shift, and the effect is beyond what is allowed; Low the same way around. A
group's score is the percentage of its metrics that pass, the summary the weighted sum of the
groups'; a critical metric that does not pass makes it 0. `test_kayenta.py` holds this against the
test vectors that the project publishes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

Label = Literal["Pass", "High", "Low", "Nodata"]
Direction = Literal["increase", "decrease", "either"]


@dataclass(frozen=True, slots=True)
class Judge:
    """`allowed` and `critical` are effects down and up, ratios of the means or, by "cles", the
    probability that a point of the canary is above one of the baseline."""

    tolerance: float = 0.25
    confidence: float = 0.98
    direction: Direction = "either"
    measure: Literal["meanRatio", "cles"] = "meanRatio"
    allowed: tuple[float, float] | None = None
    critical: tuple[float, float] | None = None

    def classify(self, canary: ArrayLike, baseline: ArrayLike) -> tuple[Label, bool]:
        """The label, and whether it is critical."""
        x, y = np.asarray(canary, float), np.asarray(baseline, float)
        if not len(x) or not len(y):
            return "Nodata", False
        same = len(x) == len(y) and bool(np.all(np.sort(x) == np.sort(y)))
        if same or len(np.unique(np.concatenate((x, y)))) == 1:
            return "Pass", False
        low, high, shift = interval(x, y, self.confidence)
        bound = self.tolerance * abs(shift)
        effect = self._effect(x, y)
        none = 0.5 if self.measure == "cles" else 1.0
        down, up = self.allowed or (none, none)
        critical_down, critical_up = self.critical or (none, none)
        if self.direction != "decrease" and low > bound and effect >= up:
            return "High", self.critical is not None and effect >= critical_up
        if self.direction != "increase" and high < -bound and effect <= down:
            return "Low", self.critical is not None and effect <= critical_down
        return "Pass", False

    def _effect(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        if self.measure == "cles":
            above = rankdata(np.concatenate((x, y)))[: len(x)].sum() - len(x) * (len(x) + 1) / 2
            return float(above / len(x) / len(y))
        mean = float(y.mean())
        return float(x.mean()) / mean if mean else float("inf")


def interval(
    x: NDArray[np.float64], y: NDArray[np.float64], confidence: float
) -> tuple[float, float, float]:
    """The confidence interval of the shift of x against y, and its estimate.

    The shifts at which the standardised statistic passes the normal quantiles are differences of
    pairs: the root is the pair whose leaving brings it there.
    """
    pairs = np.sort(np.subtract.outer(x, y), axis=None)
    lowest, highest = float(pairs[0]), float(pairs[-1])
    z = norm.ppf(0.5 + 0.5 * confidence)
    return (
        _root(x, y, pairs, z, lowest, highest),
        _root(x, y, pairs, -z, lowest, highest),
        _root(x, y, pairs, 0.0, lowest, highest),
    )


def _root(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    pairs: NDArray[np.float64],
    quantile: float,
    lowest: float,
    highest: float,
) -> float:
    """Where the statistic, which falls with the shift, passes the quantile: by bisection."""
    if _statistic(x, y, lowest) <= quantile:
        return lowest
    if _statistic(x, y, highest) >= quantile:
        return highest
    low, high = lowest, highest
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _statistic(x, y, middle) > quantile:
            low = middle
        else:
            high = middle
    if quantile == 0.0:
        # Within a step's width the statistic is 0: its middle is the median of the pairs.
        return float(np.median(pairs))
    return 0.5 * (low + high)


def _statistic(x: NDArray[np.float64], y: NDArray[np.float64], shift: float) -> float:
    """The standardised Mann-Whitney statistic of x - shift against y."""
    m, n = len(x), len(y)
    both = np.concatenate((x - shift, y))
    ranks = rankdata(both)
    distance = ranks[:m].sum() - m * (m + 1) / 2 - m * n / 2
    _, ties = np.unique(ranks, return_counts=True)
    spread = m * n / 12 * (m + n + 1 - ((ties**3 - ties).sum()) / ((m + n) * (m + n - 1)))
    return float((distance - 0.5 * np.sign(distance)) / np.sqrt(spread))


@dataclass(frozen=True, slots=True)
class Judged:
    """One metric's label and what it counts for."""

    label: Label
    groups: tuple[str, ...]
    criticality: Literal["normal", "critical", "report-only"] = "normal"


def summary(results: Iterable[Judged], weights: Mapping[str, float]) -> float:
    """The score from 0 to 100. Groups without a weight share what is left of 100."""
    results = list(results)
    if any(one.criticality == "critical" and one.label != "Pass" for one in results):
        return 0.0
    groups: dict[str, list[Label]] = defaultdict(list)
    for one in results:
        for group in one.groups if one.criticality != "report-only" else ():
            groups[group].append(one.label)
    unweighted = [group for group in groups if group not in weights]
    left = (100 - sum(weights.values())) / len(unweighted) if unweighted else 0.0
    total = 0.0
    for group, labels in groups.items():
        counted = [label for label in labels if label != "Nodata"]
        if counted:
            total += weights.get(group, left) * counted.count("Pass") / len(counted)
    return total
