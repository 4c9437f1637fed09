"""What comes, by the minute of a year: real flights, scaled, and what goes wrong on some days.

A shape is events per second in the mean of each minute, from midnight UTC of 1 January 2013.

- `airborne`: every flight of 2013 that was in the air in the minute, as if each aircraft reported
  at a steady rate; its peak is twice its mean.
- `departures`: every flight in the 30 minutes from its departure on: sharper, three times.
- `minutes`: every flight in the minute of its departure alone; most minutes have none, the fullest
  26 times the mean.

Keys are the real tail numbers where Kinesis puts them, by the MD5 of the key, with the share of the
flights that each has.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import md5

import numpy as np
from numpy.typing import NDArray

from events.flight import source

MINUTES = 365 * 24 * 60
TOP = 2**128
Floats = NDArray[np.float64]
SHAPES = ("airborne", "departures", "minutes")
DEPARTURE_MINUTES = 30


@dataclass(frozen=True)
class Keys:
    """Where keys are, as shares of the range of hash keys, in order; and the share of the load that
    all up to each of them have."""

    places: Floats
    cumulated: Floats

    def below(self, places: Floats) -> Floats:
        """The share of the load below each of these places."""
        found = np.searchsorted(self.places, places, side="left")
        return np.concatenate(([0.0], self.cumulated))[found]


@dataclass(frozen=True)
class Year:
    """`rate` events per second, `hot` the share of them that one key has, by the minute; it hashes
    to `hot_place`. In the minutes of `stopped` nothing is read."""

    name: str
    rate: Floats
    keys: Keys
    hot: Floats
    hot_place: float
    stopped: NDArray[np.bool_]

    @property
    def events(self) -> float:
        return float(self.rate.sum()) * 60


@cache
def flights() -> tuple[dict[str, Floats], Keys]:
    """The shapes as numbers of flights, and the keys of all flights."""
    begin = datetime(2013, 1, 1, tzinfo=UTC).timestamp()
    left, changed = np.zeros(MINUTES + 1), np.zeros(MINUTES + 1)
    tails: Counter[str] = Counter()
    for flight in source.events():
        tails[flight.tail_number or flight.event_id] += 1
        at = flight.departure or flight.scheduled_departure
        minute = int((at.timestamp() - begin) // 60)
        if minute >= MINUTES:
            continue
        left[minute] += 1
        if flight.air_time:
            changed[minute] += 1
            changed[min(MINUTES, minute + flight.air_time)] -= 1
    lasting = np.convolve(left, np.ones(DEPARTURE_MINUTES))[:MINUTES]
    shapes = {
        "airborne": np.cumsum(changed)[:MINUTES],
        "departures": lasting,
        "minutes": left[:MINUTES],
    }
    places = sorted((int.from_bytes(md5(tail.encode()).digest()) / TOP, tail) for tail in tails)  # noqa: S324  Kinesis hashes keys so
    shares = np.array([tails[tail] for _, tail in places], dtype=np.float64)
    return shapes, Keys(np.array([place for place, _ in places]), np.cumsum(shares) / shares.sum())


CALM, EVENTFUL, HARSH = 0.0, 3.0, 6.0
"""How high the highest spikes are."""


def year(
    shape: str, *, mean: float, seed: int, spikes: float = EVENTFUL, minutes: int = MINUTES
) -> Year:
    """A year of a shape at a mean rate. The load of a minute is noisy, as if each event were 100
    that come at random. Above 0, `spikes` adds, at random times:

    - 6 spikes of 10 minutes, to so many times what comes, and 24 to half as many;
    - 12 ramps, in half an hour to half as many times, for two hours, and back;
    - 20 hours in which one key has a tenth of everything, and 2 in which it has two thirds, more
      than a shard takes;
    - 6 hours in which nothing is read.
    """
    shapes, keys = flights()
    dice = np.random.default_rng(seed)
    base = shapes[shape][:minutes]
    rate = base / base.mean() * mean
    hot, stopped = np.zeros(minutes), np.zeros(minutes, dtype=np.bool_)

    def times(number: int, length: int) -> list[slice]:
        begins = dice.integers(0, minutes - length, number)
        return [slice(begin, begin + length) for begin in begins]

    if spikes:
        weight = np.ones(minutes)
        part = minutes / MINUTES
        for number, height in ((24, spikes / 2), (6, spikes)):
            for when in times(round(number * part), 10):
                weight[when] = height
        rise = np.linspace(1, spikes / 2, 30)
        ramp = np.concatenate((rise, np.full(120, rise[-1]), rise[::-1]))
        for when in times(round(12 * part), len(ramp)):
            weight[when] = np.maximum(weight[when], ramp)
        rate = rate * weight
        for number, share in ((20, 0.1), (2, 2 / 3)):
            for when in times(round(number * part), 60):
                hot[when] = share
        for when in times(round(6 * part), 60):
            stopped[when] = True
    noisy = dice.poisson(rate * 60 / 100) * 100 / 60
    return Year(shape, noisy, keys, hot, float(dice.random()), stopped)
