"""Simulated crashes, and all looks at them at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from functions.release_health.eprocess import RATIOS, log_share
from functions.release_health.scoring import share_of
from tests.benchmarks.canary.sums import Floats

HOURS = 24
PER_HOUR = 6
"""Looks in an hour."""


@dataclass(frozen=True, slots=True)
class Crashing:
    """`rate` is crashes per device-hour; a device that crashed in an hour does so in the next with
    chance `again` besides; a share `frail` of the devices crashes `often` times as often."""

    canary: int = 1_000
    baseline: int = 1_000
    rate: float = 0.002
    again: float = 0.0
    frail: float = 0.0
    often: float = 1.0


def trial(chance: np.random.Generator, of: Crashing, ratio: float = 1.0) -> tuple[Floats, Floats]:
    """New episodes at each look, of both arms, when the canary's devices crash `ratio` times as
    often."""
    return _arm(chance, of, of.canary, ratio), _arm(chance, of, of.baseline, 1.0)


def _arm(chance: np.random.Generator, of: Crashing, devices: int, ratio: float) -> Floats:
    rate = of.rate * ratio * np.where(chance.random(devices) < of.frail, of.often, 1.0)
    before = np.zeros(devices, bool)
    found = np.zeros(HOURS * PER_HOUR)
    for hour in range(HOURS):
        risk = 1.0 - np.exp(-rate) * np.where(before, 1.0 - of.again, 1.0)
        before = chance.random(devices) < risk
        looks = hour * PER_HOUR + chance.integers(0, PER_HOUR, int(before.sum()))
        found += np.bincount(looks, minlength=len(found))
    return found


def look(
    canary: Floats, baseline: Floats, share: float, per_hour: int, *, null: float = 1.0
) -> Floats:
    """log of the e-value for FAIL at every look, with its restarts every `per_hour` looks, where
    the canary has `share` of the device-hours."""
    rho = null * share / (null * share + 1.0 - share)
    logs = np.array([log_share(ratio, rho) for ratio in RATIOS])
    gains = canary[:, None] * logs[:, 0] + baseline[:, None] * logs[:, 1]
    most = np.full(len(canary), -np.inf)
    for hour, first in enumerate(range(0, len(canary), per_hour)):
        total = np.cumsum(gains[first:], axis=0)
        top = total.max(axis=1)
        log_e = top + np.log(np.exp(total - top[:, None]).mean(axis=1)) + np.log(share_of(hour))
        most[first:] = np.maximum(most[first:], log_e)
    return most
