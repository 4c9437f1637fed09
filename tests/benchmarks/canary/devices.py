"""Simulated devices that report once a minute, for trials by the thousand.

The model is that of `cli.fleet`, whose constants are used: each device has a level of its own and
noise that remembers. It is drawn here for all devices at once, without a single event object.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from cli.fleet import LEVEL, MEMORY, NOISE, STALL
from functions.release_health.evidence import BUCKETS
from tests.benchmarks.canary.others import Seen
from tests.benchmarks.canary.sums import Floats, Sums

LOOKS = 200
PREPARATION = 10
"""Looks before the trial, of which a device's own past is made."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """How the devices of both arms behave; shares and standard deviations of log values."""

    canary: int = 1_000
    baseline: int = 1_000
    level: float = LEVEL
    noise: float = NOISE
    memory: float = MEMORY
    reports: float = 0.9
    """The chance that a device reports in a minute."""
    known: float = 1.0
    """The share of the devices that were there before the trial."""
    growing: bool = False
    """Whether the canary's devices come one by one in the first hour, or are there at the start."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What one arm's devices report: look, device and y, in millionths, of every event."""

    look: NDArray[np.int64]
    device: NDArray[np.int64]
    y: Floats
    bucket: NDArray[np.int64]
    """By device."""
    p: Floats
    """By device, thousandths."""
    known: Floats
    """By device, 0 or 1."""

    def sums(self) -> Sums:
        """What the function's state would hold of it, look by look."""
        place = self.look * BUCKETS + self.bucket[self.device]
        known = self.known[self.device]
        p = self.p[self.device] * known

        def table(weight: Floats | None) -> Floats:
            found = np.bincount(place, weight, LOOKS * BUCKETS)
            return found.astype(float).reshape(LOOKS, BUCKETS)

        def row(weight: Floats) -> Floats:
            return np.bincount(self.look, weight, LOOKS).astype(float)

        return Sums(
            events=table(None),
            y=table(self.y),
            known=table(known),
            p=table(p),
            known_y=row(self.y * known),
            pp=row(p * p),
            py=row(self.y * p),
        )

    def seen(self) -> Seen:
        return Seen(self.look, self.y / 1e6)


def trial(chance: np.random.Generator, fleet: Fleet) -> tuple[Arm, Arm]:
    """Canary and baseline, with no difference between them but chance."""
    canary = _arm(chance, fleet, fleet.canary, growing=fleet.growing)
    return canary, _arm(chance, fleet, fleet.baseline, growing=False)


def independent(chance: np.random.Generator, each: int = 100) -> tuple[Sums, Seen]:
    """One arm of devices that report only once, so that all events are independent."""
    look = np.repeat(np.arange(LOOKS), each)
    y = np.rint(1e6 * LEVEL * chance.standard_normal(len(look)))
    place = look * BUCKETS + chance.integers(0, BUCKETS, len(look))
    size = LOOKS * BUCKETS
    events = np.bincount(place, minlength=size).astype(float).reshape(LOOKS, BUCKETS)
    total = np.bincount(place, y, size).astype(float).reshape(LOOKS, BUCKETS)
    none, nought = np.zeros_like(events), np.zeros(LOOKS)
    return Sums(events, total, none, none, nought, nought, nought), Seen(look, y / 1e6)


def _arm(chance: np.random.Generator, fleet: Fleet, devices: int, *, growing: bool) -> Arm:
    columns = PREPARATION + LOOKS
    drawn = chance.standard_normal((devices, columns), dtype=np.float32)
    drawn[:, 1:] *= np.float32(np.sqrt(1 - fleet.memory**2))
    poles = np.array([1.0, -fleet.memory], np.float32)
    value = lfilter(np.array([fleet.noise], np.float32), poles, drawn)
    value += fleet.level * chance.standard_normal((devices, 1), dtype=np.float32)
    reported = chance.random((devices, columns), dtype=np.float32) < fleet.reports
    before = reported[:, :PREPARATION]
    count = before.sum(axis=1)
    past = (value[:, :PREPARATION] * before).sum(axis=1) / np.maximum(count, 1)
    known = (count > 0) & (chance.random(devices) < fleet.known)
    during = reported[:, PREPARATION:]
    if growing:
        during &= np.arange(LOOKS) >= chance.integers(0, 60, (devices, 1))
    device, look = np.nonzero(during)
    return Arm(
        look=look,
        device=device,
        y=np.rint(1e6 * value[device, PREPARATION + look].astype(float)),
        bucket=chance.integers(0, BUCKETS, devices),
        p=np.rint(1e3 * past),
        known=known.astype(float),
    )


def latency(chance: np.random.Generator, heap: Arm) -> Arm:
    """Channel changes of the same devices: one report in three, stalls among them, with a past
    that is worth less, and slower where the heap is larger."""
    changed = chance.random(len(heap.look)) < 1 / 3
    device = heap.device[changed]
    events = len(device)
    stalled = chance.random(events) < STALL
    median = 0.2 * chance.standard_normal(len(heap.p)) + 0.5 * heap.p / 1e3
    y = 0.35 * chance.standard_normal(events) + median[device] + 0.5 * heap.y[changed] / 1e6
    y += stalled * (np.log(3.0) + chance.standard_exponential(events) / 1.5)
    past = median + 0.2 * chance.standard_normal(len(heap.p))
    return Arm(
        look=heap.look[changed],
        device=device,
        y=np.rint(1e6 * y),
        bucket=heap.bucket,
        p=np.rint(1e3 * past),
        known=heap.known,
    )
