"""The sums of a whole simulated trial, look by look, and the score of all its looks at once.

What `functions.release_health.scoring` does with one look in plain Python, in numpy for a trial of
hundreds: the benchmark compares the two on a sample of looks of the same run.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, ndtr

from functions.release_health.eprocess import MIXTURE
from functions.release_health.scoring import share_of
from functions.release_health.sizes import LEAST_VARIANCE

Floats = NDArray[np.float64]
HOUR = 60
"""Looks in an hour: one a minute."""


@dataclass(frozen=True, slots=True)
class Sums:
    """One metric of one arm: what each look adds. Whole numbers in units of `evidence.Window`;
    rows are looks, columns are buckets."""

    events: Floats
    y: Floats
    known: Floats
    p: Floats
    known_y: Floats
    pp: Floats
    py: Floats

    def shifted(self, effect: Floats) -> Sums:
        """The same events with y higher by so many millionths at each look."""
        return replace(
            self,
            y=self.y + self.events * effect[:, None],
            known_y=self.known_y + self.known.sum(axis=1) * effect,
            py=self.py + self.p.sum(axis=1) * effect,
        )

    def without_past(self) -> Sums:
        """The same events of devices that nobody knew before."""
        none, nought = np.zeros_like(self.events), np.zeros_like(self.pp)
        return replace(self, known=none, p=none, known_y=nought, pp=nought, py=nought)

    def merged(self, buckets: int) -> Sums:
        """The same events in fewer buckets."""
        rows = len(self.events)
        grouped = {
            name: getattr(self, name).reshape(rows, -1, buckets).sum(axis=1)
            for name in ("events", "y", "known", "p")
        }
        return replace(self, **grouped)


@dataclass(frozen=True, slots=True)
class Rule:
    """Of one metric: which way is worse, 1 or -1, and how much is too much."""

    worse: float
    tolerance: float
    margin: float


@dataclass(frozen=True, slots=True)
class Course:
    """The comparison at every look, from the start and from every hour on: rows are restarts,
    columns looks, NaN where nothing can be told."""

    mean: Floats
    """Of the canary minus of the baseline, in log."""
    variance: Floats
    theta: Floats


@dataclass(frozen=True, slots=True)
class Looked:
    """Logarithms of the e-values at every look; 0 where nothing can be told."""

    fail: Floats
    passes: Floats
    fail_at_start: Floats
    """Of the start alone, which then may use all of alpha: the reference's form."""
    passes_at_start: Floats


def course(canary: Sums, baseline: Sums) -> Course:
    looks = len(canary.events)
    starts = range(0, looks, HOUR)
    found = [np.full((len(starts), looks), np.nan) for _ in range(3)]
    arms = [_cumulated(one) for one in (canary, baseline)]
    for row, start in enumerate(starts):
        values = _differences([_since(one, start) for one in arms])
        for out, value in zip(found, values, strict=True):
            out[row, start:] = value
    return Course(*found)


def look(of: Course, rule: Rule, effect: float = 0.0) -> Looked:
    """All looks at a trial in which every value of the canary is higher by `effect` in log: that
    moves the means and neither theta nor the variance."""
    rows, looks = of.mean.shape
    spent = np.log([share_of(hour) for hour in range(rows)])
    worse = rule.worse * (of.mean + effect)
    against = above(worse - np.log1p(rule.tolerance), of.variance)
    clears = np.nan_to_num(above(np.log1p(rule.margin) - worse, of.variance))
    told = ~np.isnan(of.variance[0])
    most = np.where(np.isnan(against), -np.inf, against + spent[:, None]).max(axis=0)
    recent = np.maximum(np.arange(looks) // HOUR - 1, 0)
    return Looked(
        fail=np.where(told, most, 0.0),
        passes=np.where(told, np.minimum(clears[0], clears[recent, np.arange(looks)]), 0.0),
        fail_at_start=np.where(told, against[0], 0.0),
        passes_at_start=clears[0],
    )


def above(difference: Floats, variance: Floats) -> Floats:
    """`eprocess.above`, by scipy's scaled complementary error function."""
    total = variance + MIXTURE
    z = difference * np.sqrt(MIXTURE / variance / total)
    with np.errstate(over="ignore", divide="ignore"):
        tail = np.where(
            z > -1.0,
            np.log(ndtr(z)) + 0.5 * z * z,
            np.log(0.5 * erfcx(-np.minimum(z, 0.0) / np.sqrt(2.0))),
        )
    out: Floats = np.log(2.0) + 0.5 * np.log(variance / total) + tail
    return out


def placebo(canary: Sums, baseline: Sums) -> float:
    """log E of the comparison of the past, at the last look; 0 where nobody has one."""
    if not canary.known.any():
        return 0.0
    arms = [
        _arm(one.known.sum(axis=0)[None], one.p.sum(axis=0)[None] / 1e3)
        for one in (canary, baseline)
    ]
    (mean_c, variance_c), (mean_b, variance_b) = arms
    variance = variance_c + variance_b
    total = variance + MIXTURE
    d = mean_c - mean_b
    return float((0.5 * np.log(variance / total) + 0.5 * d * d * MIXTURE / variance / total)[0])


def _differences(arms: list[Sums]) -> tuple[Floats, Floats, Floats]:
    """Difference of the means, its variance and theta at each look, of sums from a restart on."""
    known = sum(one.known.sum(axis=1) for one in arms)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.nan_to_num(
            np.floor_divide(2 * sum(one.p.sum(axis=1) for one in arms) + known, 2 * known)
        )
        covariance = spread = 0
        for one in arms:
            n, k, p, y = (each.sum(axis=1) for each in (one.events, one.known, one.p, one.y))
            x = p - centre * k
            spread = spread + ((one.pp - 2 * centre * p + centre * centre * k) - x * x / n)
            covariance = covariance + ((one.py - centre * one.known_y) - x * y / n)
        theta = np.where(spread > 0, covariance / spread / 1e3, 0.0)
        told = []
        for one in arms:
            corrected = one.y / 1e6 - theta[:, None] * (one.p - centre[:, None] * one.known) / 1e3
            told.append(_arm(one.events, corrected))
    both = ((arms[0].events > 0) & (arms[1].events > 0)).sum(axis=1)
    variance = told[0][1] + told[1][1]
    unfit = (both < arms[0].events.shape[1] // 2) | ~(variance > LEAST_VARIANCE)
    return (
        np.where(unfit, np.nan, told[0][0] - told[1][0]),
        np.where(unfit, np.nan, variance),
        theta,
    )


def _cumulated(one: Sums) -> Sums:
    return Sums(*(np.cumsum(getattr(one, field.name), axis=0) for field in fields(Sums)))


def _since(cumulated: Sums, start: int) -> Sums:
    if not start:
        return cumulated
    tables = (getattr(cumulated, field.name) for field in fields(Sums))
    return Sums(*(table[start:] - table[start - 1] for table in tables))


def _arm(counts: Floats, sums: Floats) -> tuple[Floats, Floats]:
    total = counts.sum(axis=1)
    mean = sums.sum(axis=1) / total
    filled = (counts > 0).sum(axis=1)
    squares = ((sums - mean[:, None] * counts) ** 2).sum(axis=1)
    return mean, filled / (filled - 1) * squares / total / total
