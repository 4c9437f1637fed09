"""The real flights: every row's instants are right, ids are unique, and the order is time's."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial

import msgspec
import pytest

from events.decoding import Decoder
from events.flight import source
from events.flight.event import Flight
from events.flight.source import Row, instant

NEW_YORK = "America/New_York"


def test_all_336776_rows_become_flights_whose_times_agree_with_everything_the_row_tells() -> None:
    zones = source.airport_zones()
    rows = 0
    ids = set()
    for day, of_the_day in source.days():
        clock = cache(partial(instant, day))
        for row in of_the_day:
            flight = source.flight(row, clock, zones[row.dest])
            faults = _faults(row, flight, clock, zones[row.dest])
            assert not faults, (faults, row, flight)
            rows += 1
            ids.add(flight.event_id)
    assert (rows, len(ids)) == (336_776, 336_776)


def _faults(row: Row, flight: Flight, clock: source.Clock, zone: str) -> list[str]:
    """What of a flight contradicts its row; the row tells most times twice."""
    facts = {
        # time_hour is UTC, to the hour.
        "time_hour": f"{flight.scheduled_departure:%Y-%m-%dT%H}:00:00Z" == row.time_hour,
        # dep_time and arr_time are local clocks on an unnamed day, at most two days on.
        "dep_time": (flight.departure is None) == (row.dep_time == "NA")
        and _shows(clock, row.dep_time, NEW_YORK, flight.departure),
        "arr_time": _shows(clock, row.arr_time, zone, flight.arrival),
        "cancelled": flight.departure is not None or flight.arrival is None,
        "air_time": (flight.arrival is None) == (flight.air_time is None) == (row.air_time == "NA"),
        "block": timedelta(minutes=30)
        < flight.scheduled_arrival - flight.scheduled_departure
        < timedelta(hours=12),
        "tail": (flight.tail_number or "NA") == row.tailnum,
    }
    if flight.departure and flight.arrival and flight.air_time:
        on_the_way = flight.arrival - flight.departure
        facts["on the ground"] = on_the_way > timedelta(minutes=flight.air_time)
    return [name for name, holds in facts.items() if not holds]


def _shows(clock: source.Clock, hhmm: str, zone: str, expected: datetime | None) -> bool:
    """Whether a clock in the zone shows `hhmm` at the expected instant, this day or later."""
    if expected is None:
        return True
    return any(clock(str(int(hhmm) + 2400 * days), zone) == expected for days in range(3))


def test_the_flights_come_by_scheduled_departure_and_encode_to_what_is_right() -> None:
    decoder = Decoder(Flight)
    last = (datetime(2013, 1, 1, tzinfo=UTC), "")
    counts: Counter[str] = Counter()
    for flight in source.events():
        now = (flight.scheduled_departure, flight.event_id)
        assert now > last
        last = now
        assert decoder.decode(msgspec.json.encode(flight)) == flight
        counts["flights"] += 1
        counts["cancelled"] += flight.departure is None
        counts["without a tail number"] += flight.tail_number is None
        counts["not arrived"] += flight.arrival is None
    assert counts == {
        "flights": 336_776,
        "cancelled": 8_255,
        "without a tail number": 2_512,
        "not arrived": 9_430,
    }


def test_the_first_flight_is_the_row_s() -> None:
    assert next(source.events()) == Flight(
        event_id="2013-01-01-UA-1545-EWR",
        carrier="UA",
        flight_number=1545,
        tail_number="N14228",
        origin="EWR",
        destination="IAH",
        scheduled_departure=datetime(2013, 1, 1, 10, 15, tzinfo=UTC),
        departure=datetime(2013, 1, 1, 10, 17, tzinfo=UTC),
        departure_delay=2,
        scheduled_arrival=datetime(2013, 1, 1, 14, 19, tzinfo=UTC),
        arrival=datetime(2013, 1, 1, 14, 30, tzinfo=UTC),
        arrival_delay=11,
        air_time=227,
        distance=1400,
    )


@pytest.mark.parametrize(
    ("day", "hhmm", "zone", "expected"),
    [
        # Winter and summer.
        (date(2013, 1, 1), "515", NEW_YORK, "2013-01-01T10:15:00Z"),
        (date(2013, 7, 1), "515", NEW_YORK, "2013-07-01T09:15:00Z"),
        # 10 March: 01:59 is followed by 03:00; 02:30 is read on the clock before the change.
        (date(2013, 3, 10), "159", NEW_YORK, "2013-03-10T06:59:00Z"),
        (date(2013, 3, 10), "230", NEW_YORK, "2013-03-10T07:30:00Z"),
        (date(2013, 3, 10), "300", NEW_YORK, "2013-03-10T07:00:00Z"),
        (date(2013, 3, 9), "2700", NEW_YORK, "2013-03-10T07:00:00Z"),
        # 3 November: 01:00 to 01:59 happens twice; the first is meant.
        (date(2013, 11, 3), "59", NEW_YORK, "2013-11-03T04:59:00Z"),
        (date(2013, 11, 3), "130", NEW_YORK, "2013-11-03T05:30:00Z"),
        (date(2013, 11, 3), "200", NEW_YORK, "2013-11-03T07:00:00Z"),
        (date(2013, 11, 3), "2400", NEW_YORK, "2013-11-04T05:00:00Z"),
        # Midnight, at the end of a day, a month and the year.
        (date(2013, 1, 1), "2400", NEW_YORK, "2013-01-02T05:00:00Z"),
        (date(2013, 12, 31), "2400", NEW_YORK, "2014-01-01T05:00:00Z"),
        # Other clocks: no daylight saving time in Phoenix, Honolulu and Puerto Rico.
        (date(2013, 7, 1), "1200", "America/Phoenix", "2013-07-01T19:00:00Z"),
        (date(2013, 7, 1), "1200", "Pacific/Honolulu", "2013-07-01T22:00:00Z"),
        (date(2013, 7, 1), "1200", "America/Puerto_Rico", "2013-07-01T16:00:00Z"),
    ],
)
def test_a_local_clock_is_read_as_an_instant(
    day: date, hhmm: str, zone: str, expected: str
) -> None:
    assert instant(day, hhmm, zone) == datetime.fromisoformat(expected)
    assert instant(day, hhmm, zone).tzinfo is UTC


@pytest.mark.parametrize(
    ("changes", "departure", "arrival"),
    [
        # Late past midnight: the day after.
        (
            {"sched_dep_time": "2130", "dep_time": "30", "dep_delay": "180", "arr_delay": "170"},
            "2013-03-10T05:30:00Z",
            "2013-03-10T07:20:00Z",
        ),
        # Late over the hour that the clock skips: 3 h 30 min after 23:00 is 03:30 on the new clock.
        (
            {"sched_dep_time": "2300", "dep_time": "330", "dep_delay": "210", "arr_delay": "210"},
            "2013-03-10T07:30:00Z",
            "2013-03-10T08:00:00Z",
        ),
        # Early before midnight: the day before.
        (
            {"sched_dep_time": "5", "dep_time": "2355", "dep_delay": "-10", "arr_delay": "-5"},
            "2013-03-09T04:55:00Z",
            "2013-03-10T04:25:00Z",
        ),
        # Cancelled.
        ({"dep_time": "NA", "dep_delay": "NA", "arr_delay": "NA", "air_time": "NA"}, None, None),
    ],
)
def test_the_actual_times_are_the_scheduled_ones_and_the_delay(
    changes: dict[str, str], departure: str | None, arrival: str | None
) -> None:
    row = Row(
        year="2013",
        month="3",
        day="9",
        dep_time="2000",
        sched_dep_time="2000",
        dep_delay="0",
        arr_time="2330",
        sched_arr_time="2330",
        arr_delay="0",
        carrier="B6",
        flight="35",
        tailnum="NA",
        origin="JFK",
        dest="PBI",
        air_time="141",
        distance="1028",
        hour="20",
        minute="0",
        time_hour="2013-03-10T01:00:00Z",
    )._replace(**changes)
    flight = source.flight(row, partial(instant, date(2013, 3, 9)), NEW_YORK)
    assert (flight.departure, flight.arrival, flight.tail_number) == (
        departure and datetime.fromisoformat(departure),
        arrival and datetime.fromisoformat(arrival),
        None,
    )
