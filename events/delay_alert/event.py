"""An alert: a flight that left late, or not at all."""

from datetime import date, timedelta
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from events.contract import Contract, Event, Provisioned
from events.words import Airport, Instant


class DelayAlert(Event, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """What the delay alerts conclude from a flight, with what somebody needs who acts on it.

    Its event time is the flight's, so that both lie in the partition of the same day. From the put
    of the flight to the alert it took the arrival of the alert's own record less `flight_arrived`.
    """

    contract: ClassVar[Contract] = Contract(
        partition_key=("flight_id",),
        event_id="event_id",
        event_time="scheduled_departure",
        first_date=date(2013, 1, 1),
        # A tenth of all flights is late or cancelled: one shard takes the alerts of 10,000 flights
        # a second at a third of the price of an on-demand stream, and in one order. When it is full
        # the processor waits and tries again, with one batch per shard it reads: it paces itself.
        capacity=Provisioned(shards=1),
        retention=timedelta(days=7),
    )

    event_id: Annotated[
        str,
        Meta(min_length=1, max_length=70, description="delay- and the id of the flight"),
    ]
    flight_id: Annotated[
        str, Meta(min_length=1, max_length=64, description="event_id of the flight")
    ]
    kind: Annotated[Literal["late", "cancelled"], Meta(description="what happened to the flight")]
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
    scheduled_departure: Annotated[Instant, Meta(description="event time, that of the flight")]
    departure_delay: (
        Annotated[int, Meta(ge=1, le=14400, description="minutes; null when cancelled")] | None
    ) = None
    flight_arrived: Annotated[
        Instant, Meta(description="when the record of the flight arrived on its stream")
    ]
