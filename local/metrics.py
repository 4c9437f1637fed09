"""CloudWatch metrics in place of moto's: summed per minute, so memory and queries stay small.

moto keeps every value in one list and scans all of it for every question; it also takes a
dimension filter for a subset, and starts periods at the first value. Here a series is a
namespace, a name and a whole set of dimensions, as on AWS; it has one point per minute and
unit; periods start at multiples of their length; points older than 15 days are forgotten.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from local import settings

MINUTE = 60
DAYS_KEPT = 15
KEPT_SECONDS = DAYS_KEPT * 24 * 3600
SWEEP_SECONDS = 3600

Dimensions = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Point:
    """What a metric was in one period."""

    count: float = 0.0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, other: Point) -> None:
        self.count += other.count
        self.total += other.total
        self.least = min(self.least, other.least)
        self.most = max(self.most, other.most)


@dataclass(frozen=True, slots=True)
class Series:
    """A metric: what AWS tells one from another by."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions


@dataclass(slots=True)
class Store:
    """All metrics; pure but for its lock. Times are seconds since the epoch."""

    points: dict[Series, dict[tuple[int, str], Point]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    swept: float = 0.0

    def put_all(self, moment: float, points: Iterable[tuple[Series, str, Point]]) -> None:
        """Add points (series, unit, point) of one moment."""
        minute = int(moment) // MINUTE * MINUTE
        with self.lock:
            for series, unit, point in points:
                known = self.points.setdefault(series, {})
                if (found := known.get((minute, unit))) is None:
                    found = known[minute, unit] = Point()
                found.add(point)
            if moment - self.swept > SWEEP_SECONDS:
                self.swept = moment
                self._sweep(moment - KEPT_SECONDS)

    def periods(
        self, series: Series, start: float, end: float, period: int, unit: str | None
    ) -> list[tuple[int, str, Point]]:
        """(begin of the period, unit, point) in order; `start` is rounded down to a minute."""
        first = int(start) // MINUTE * MINUTE
        found: dict[tuple[int, str], Point] = {}
        with self.lock:
            for (minute, kind), point in self.points.get(series, {}).items():
                if first <= minute < end and unit in (None, kind):
                    begin = minute // period * period
                    found.setdefault((begin, kind), Point()).add(point)
        return [(begin, kind, point) for (begin, kind), point in sorted(found.items(), key=_first)]

    def series(self, account: str, region: str) -> list[Series]:
        with self.lock:
            return [one for one in self.points if (one.account, one.region) == (account, region)]

    def clear(self) -> None:
        with self.lock:
            self.points.clear()

    def _sweep(self, oldest: float) -> None:
        for series, points in list(self.points.items()):
            for key in [key for key in points if key[0] < oldest]:
                del points[key]
            if not points:
                del self.points[series]


def _first(item: tuple[tuple[int, str], Point]) -> tuple[int, str]:
    return item[0]


store = Store()


def put(
    namespace: str,
    name: str,
    value: float,
    unit: str = "None",
    dimensions: Mapping[str, str] | None = None,
    timestamp: float | None = None,
    *,
    region: str | None = None,
    account: str | None = None,
) -> None:
    """Add one value; `timestamp` in seconds since the epoch, None for now."""
    put_all(namespace, name, (value,), unit, dimensions, timestamp, region=region, account=account)


def put_all(
    namespace: str,
    name: str,
    values: Iterable[float],
    unit: str = "None",
    dimensions: Mapping[str, str] | None = None,
    timestamp: float | None = None,
    *,
    region: str | None = None,
    account: str | None = None,
) -> None:
    """Add values of one moment, each a sample of its own."""
    point = Point()
    for value in values:
        point.add(Point(1.0, value, value, value))
    current = settings.current()
    series = Series(
        account or current.account,
        region or current.region,
        namespace,
        name,
        tuple(sorted((dimensions or {}).items())),
    )
    store.put_all(time.time() if timestamp is None else timestamp, [(series, unit, point)])
