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
    """What one arm's devices report: rows are looks. y in millionths, where one is reported."""

    y: Floats
    reported: NDArray[np.bool_]
    bucket: NDArray[np.int64]
    p: Floats
    """Thousandths, by device."""
    known: Floats
    """By device, 0 or 1."""

    def sums(self) -> Sums:
        """What the function's state would hold of it, look by look."""
        look, device = np.nonzero(self.reported)
        place = look * BUCKETS + self.bucket[device]
        y, known = self.y[look, device], self.known[device]
        p = self.p[device] * known

        def table(weight: Floats | None) -> Floats:
            found = np.bincount(place, weight, LOOKS * BUCKETS)
            return found.astype(float).reshape(LOOKS, BUCKETS)

        def row(weight: Floats) -> Floats:
            return np.bincount(look, weight, LOOKS).astype(float)

        return Sums(
            events=table(None),
            y=table(y),
            known=table(known),
            p=table(p),
            known_y=row(y * known),
            pp=row(p * p),
            py=row(y * p),
        )


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
    rows = PREPARATION + LOOKS
    drawn = chance.standard_normal((rows, devices), dtype=np.float32)
    drawn[1:] *= np.sqrt(1 - fleet.memory**2)
    poles = np.array([1.0, -fleet.memory], np.float32)
    noise = lfilter(np.array([fleet.noise], np.float32), poles, drawn, axis=0)
    level = fleet.level * chance.standard_normal(devices, dtype=np.float32)
    y = np.rint(1e6 * (level + noise)).astype(float)
    reported = chance.random((rows, devices), dtype=np.float32) < fleet.reports
    before = reported[:PREPARATION].sum(axis=0)
    past = (y[:PREPARATION] * reported[:PREPARATION]).sum(axis=0) / np.maximum(before, 1)
    known = ((before > 0) & (chance.random(devices) < fleet.known)).astype(float)
    during = reported[PREPARATION:]
    if growing:
        comes = chance.integers(0, 60, devices)
        during = during & (np.arange(LOOKS)[:, None] >= comes)
    bucket = chance.integers(0, BUCKETS, devices)
    return Arm(y[PREPARATION:], during, bucket, np.rint(past / 1e3), known)


def latency(chance: np.random.Generator, heap: Arm) -> Arm:
    """Channel changes of the same devices: one report in three, stalls among them, without a past
    that is worth much, and slower where the heap is larger."""
    looks, devices = heap.y.shape
    changed = heap.reported & (chance.random((looks, devices), dtype=np.float32) < 1 / 3)
    y = 0.35 * chance.standard_normal((looks, devices), dtype=np.float32)
    stalled = chance.random((looks, devices), dtype=np.float32) < STALL
    y = y + stalled * (np.log(3.0) + chance.standard_exponential((looks, devices)) / 1.5)
    median = 0.2 * chance.standard_normal(devices) + 0.5 * heap.p / 1e3
    past = median + 0.2 * chance.standard_normal(devices)
    return Arm(
        np.rint(1e6 * (y + median + 0.5 * heap.y / 1e6)),
        changed,
        heap.bucket,
        np.rint(1e3 * past),
        heap.known,
    )
