"""What a run puts on the stream, by its seed: right flights, some aggregated, and wrong records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
from aws_kinesis_agg.aggregator import RecordAggregator

from cli.producer import Entry
from events.delay_alert.event import DelayAlert
from events.flight.event import Flight
from functions.delay_alerts.alerts import alert
from functions.delay_alerts.settings import Settings
from functions.shared.processor import Cause

FIRST = datetime(2014, 1, 1, tzinfo=UTC)
"""The day of the first seed: after every flight of the built-in data, which others count."""
DAYS = 3_650
KEYS = 24


@dataclass
class Given:
    """The input of a run. `right` are the flights that must be in the lake, by their id; `wrong`
    the payloads that must be among the rejected; `waves` what is put, a wave at a time."""

    seed: int
    right: dict[str, Flight] = field(default_factory=dict)
    wrong: set[bytes] = field(default_factory=set)
    waves: list[list[Entry]] = field(default_factory=list)

    @property
    def days(self) -> list[str]:
        """The event dates of its flights."""
        return sorted({one.scheduled_departure.date().isoformat() for one in self.right.values()})

    @property
    def alerts(self) -> dict[str, DelayAlert]:
        """The alerts that must be made, by the flight's id, as if they had arrived at the epoch."""
        made = {name: alerted(flight) for name, flight in self.right.items()}
        return {name: one for name, one in made.items() if one}


def alerted(flight: Flight) -> DelayAlert | None:
    return alert(flight, Cause("", 0, 0.0), late_minutes=Settings.late_minutes)


def make(seed: int, *, waves: int, size: int, poison: float) -> Given:
    """`waves` waves of about `size` records; `poison` is the share of wrong ones."""
    random, given = Random(seed), Given(seed)  # noqa: S311  no secret
    number = 0
    for _ in range(waves):
        entries: list[Entry] = []
        while len(entries) < size:
            number += 1
            if random.random() < poison:
                data = wrong(random, f"{seed}-{number}")
                given.wrong.add(data)
                entries.append(Entry(number, f"wrong-{number}", data))
                continue
            several = 3 if random.random() < 0.05 else 1
            flights = [flight(random, seed, f"{number}-{part}") for part in range(several)]
            given.right |= {one.event_id: one for one in flights}
            entries.append(Entry(number, flights[0].tail_number or "", packed(flights)))
        given.waves.append(entries)
    return given


def flight(random: Random, seed: int, name: str) -> Flight:
    """A flight of the seed's day, or of the next."""
    day = FIRST + timedelta(days=2 * (seed % (DAYS // 2)) + random.randrange(2))
    departure = day + timedelta(minutes=random.randrange(24 * 60))
    delay = random.choice([None, -5, 0, 20, 61, 90, 300])
    return Flight(
        event_id=f"fault-{seed}-{name}",
        carrier="B6",
        flight_number=random.randrange(1, 9999),
        tail_number=f"N{random.randrange(KEYS):03}",
        origin="JFK",
        destination="BOS",
        scheduled_departure=departure,
        departure=None if delay is None else departure + timedelta(minutes=delay),
        departure_delay=delay,
        scheduled_arrival=departure + timedelta(minutes=67),
        distance=187,
    )


def packed(flights: list[Flight]) -> bytes:
    """One record of one flight or, as the Kinesis Producer Library makes it, of several."""
    if len(flights) == 1:
        return msgspec.json.encode(flights[0])
    aggregator = RecordAggregator()
    for one in flights:
        aggregator.add_user_record(flights[0].tail_number, msgspec.json.encode(one))
    contents: bytes = aggregator.clear_and_get().get_contents()[2]
    return contents


def wrong(random: Random, name: str) -> bytes:
    """A record that no retry makes right; no two are the same."""
    whole = msgspec.json.encode(flight(random, 0, name)).replace(b"fault-0-", b"wrong-")
    return random.choice(
        [
            whole[: len(whole) // 2] + name.encode(),
            b"\xff\xfe" + name.encode(),
            b'{"event_id": "%s"}' % name.encode(),
            b'["%s"]' % name.encode(),
            whole.replace(b'"distance":187', b'"distance":"%s"' % name.encode()),
        ]
    )
