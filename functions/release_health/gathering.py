"""What each report of a batch means to each trial: pure.

A report ends, for every trial that it could concern, in one count of `Tally`; what a trial may
count goes to the state, which alone knows whether it has been counted before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from math import log
from typing import Protocol

from events.device_telemetry.event import DeviceTelemetry
from events.release import BANDS, Trial
from functions.release_health import layout
from functions.release_health.evidence import MICRO
from functions.release_health.layout import BASELINE, CANARY, CRASHED, PREPARATION, Report, place
from functions.shared.processor import Cause

HOUR = 3600


class Told(Protocol):
    """What is read of a report, beside its time; DeviceTelemetry and events.release.Fact have it.

    The metrics are read by their names.
    """

    @property
    def device(self) -> str: ...
    @property
    def boot_id(self) -> int: ...
    @property
    def counter(self) -> int: ...
    @property
    def release(self) -> str: ...
    @property
    def crashed(self) -> bool: ...


@dataclass
class Tally:
    """Reports of one attempt, so what is delivered again counts again. Of a report in two trials
    each counts. received = unknown + skewed + outside + what went to the state, and there
    counted + prepared + duplicates + late."""

    unknown: int = 0
    """Of a release that is on no trial."""
    skewed: int = 0
    """By a clock further off than the trial believes."""
    outside: int = 0
    """Before, between or after the times that the trial compares."""
    counted: int = 0
    prepared: int = 0
    """Counted as the device's own past."""
    duplicates: int = 0
    late: int = 0
    """Further behind than the state can tell from a duplicate."""
    clipped: int = 0
    """Values outside of their band, of what went to the state."""

    def add(self, other: Tally) -> None:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass
class Course:
    """One trial, and what this batch has for it. Times are in seconds since the epoch."""

    trial: Trial
    tally: Tally = field(default_factory=Tally)
    reports: list[Report] = field(default_factory=list)

    def __post_init__(self) -> None:
        trial = self.trial
        self._started = trial.started_at.timestamp()
        self._prepares = trial.prepares_at.timestamp()
        self._prepared = self._started - trial.grace_seconds
        self._stopped = trial.stopped_at.timestamp() if trial.stopped_at else float("inf")
        self._skew = 60 * trial.skew_minutes
        self._shelves = layout.shelves(trial)
        self._pack = layout.packer(trial)
        self._sizes = [
            (name, *BANDS[name], _centre(*BANDS[name]), 2 << index, 16 << index)
            for index, name in enumerate(trial.sizes)
        ]

    def take(self, arm: int, arrived: float, time: float, told: Told) -> None:
        """A report of one of the two releases."""
        if abs(arrived - time) > self._skew:
            self.tally.skewed += 1
            return
        if self._started <= time < self._stopped:
            kind = arm
        elif self._prepares <= time < self._prepared and arm == BASELINE:
            kind = PREPARATION
        else:
            self.tally.outside += 1
            return
        bits = CRASHED if told.crashed else 0
        values = []
        for name, low, high, centre, has, was_clipped in self._sizes:
            value = getattr(told, name)
            if value is None:
                values.append(0)
                continue
            bits |= has
            if not low <= value <= high:
                bits |= was_clipped
                self.tally.clipped += 1
                value = low if value < low else high
            values.append(round(MICRO * (log(value) - centre)))
        bucket, shelf, name_hash = place(told.device)
        seconds = int(time - self._started)
        self.reports.append(
            self._pack(
                bucket,
                shelf % self._shelves,
                name_hash,
                told.boot_id,
                told.counter,
                kind,
                bits,
                seconds,
                seconds // HOUR if kind else 0,
                *values,
            )
        )


class Gathering:
    """A batch, sorted by trials. `take` is a transform of functions/shared/processor.py."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        self.courses = [Course(trial) for trial in trials]
        self.unknown = 0
        self._concerned: dict[str, list[tuple[Course, int]]] = {}
        for course in self.courses:
            self._concerned.setdefault(course.trial.canary, []).append((course, CANARY))
            self._concerned.setdefault(course.trial.baseline, []).append((course, BASELINE))

    def take(self, event: DeviceTelemetry, cause: Cause) -> None:
        """Nothing is emitted for a report by itself."""
        concerned = self._concerned.get(event.release)
        if concerned is None:
            self.unknown += 1
            return
        time = event.event_time.timestamp()
        for course, arm in concerned:
            course.take(arm, cause.arrived, time, event)

    def tally(self) -> Tally:
        total = Tally(unknown=self.unknown)
        for course in self.courses:
            total.add(course.tally)
        return total


def _centre(low: float, high: float) -> float:
    return 0.5 * (log(low) + log(high))
