"""A departure: one scheduled flight of one day, flown or cancelled."""

from datetime import date, timedelta
from typing import Annotated, ClassVar

from msgspec import Meta

from events.contract import Contract, Event, OnDemand
from events.words import Airport, Instant

Minutes = Annotated[int, Meta(ge=-1440, le=14400)]


class Flight(Event, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """A scheduled departure and what became of it; times are UTC, delays and durations minutes.

    Its event time is the scheduled departure: the one instant that every flight has, cancelled ones
    too, and the one that no late report changes.
    """

    contract: ClassVar[Contract] = Contract(
        partition_key=("tail_number", "event_id"),
        event_id="event_id",
        event_time="scheduled_departure",
        first_date=date(2013, 1, 1),
        capacity=OnDemand(),
        retention=timedelta(days=7),
        sort_by="tail_number",
    )

    event_id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description="scheduled local date, carrier, number and origin: 2013-01-01-UA-1545-EWR",
        ),
    ]
    carrier: Annotated[
        str, Meta(pattern="^[A-Z0-9]{2}$", max_length=2, description="IATA code of the airline")
    ]
    flight_number: Annotated[int, Meta(ge=1, le=9999, description="number of the flight")]
    tail_number: (
        Annotated[
            str,
            Meta(min_length=1, max_length=10, description="the aircraft; null when not assigned"),
        ]
        | None
    ) = None
    origin: Annotated[Airport, Meta(description="IATA code of the airport of departure")]
    destination: Annotated[Airport, Meta(description="IATA code of the airport of arrival")]
    scheduled_departure: Annotated[Instant, Meta(description="event time; every flight has one")]
    departure: Annotated[Instant, Meta(description="null when cancelled")] | None = None
    departure_delay: (
        Annotated[Minutes, Meta(description="minutes; negative is early; null when cancelled")]
        | None
    ) = None
    scheduled_arrival: Annotated[Instant, Meta(description="scheduled arrival")]
    arrival: Annotated[Instant, Meta(description="null when cancelled or diverted")] | None = None
    arrival_delay: (
        Annotated[Minutes, Meta(description="minutes; null when cancelled or diverted")] | None
    ) = None
    air_time: (
        Annotated[
            int,
            Meta(ge=1, le=1440, description="minutes in the air; null when cancelled or diverted"),
        ]
        | None
    ) = None
    distance: Annotated[int, Meta(ge=1, le=12500, description="miles between the airports")]
