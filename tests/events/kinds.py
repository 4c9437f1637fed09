"""Event types that exist for the tests: a CloudEvents envelope, and one of every kind of column."""

from datetime import date, datetime, timedelta
from enum import Enum
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from events.contract import Contract, Event, OnDemand

Key = Annotated[str, Meta(min_length=1, max_length=256)]
Instant = Annotated[datetime, Meta(tz=True)]
Small = Annotated[int, Meta(ge=0, le=255)]

CONTRACT = Contract(
    partition_key=("id",),
    event_id="id",
    event_time="time",
    first_date=date(2020, 1, 1),
    capacity=OnDemand(),
    retention=timedelta(days=1),
)


class Reading(Struct, frozen=True):
    """The data of the envelope."""

    sensor: str
    celsius: Annotated[float, Meta(ge=-90, le=60, description="degrees")]
    taken: Instant | None = None


class CloudEvent(Event, frozen=True, kw_only=True):
    """A CloudEvents 1.0 envelope (https://github.com/cloudevents/spec) around a reading."""

    contract: ClassVar[Contract] = Contract(
        partition_key=("subject", "source"),
        event_id="id",
        event_time="time",
        first_date=date(2020, 1, 1),
        capacity=OnDemand(),
        retention=timedelta(days=1),
    )

    specversion: Annotated[Literal["1.0"], Meta(description="version of CloudEvents")]
    id: Annotated[Key, Meta(description="unique for the source")]
    source: Annotated[Key, Meta(description="URI of the producer's context")]
    type: Annotated[Literal["com.example.reading"], Meta(description="what happened")]
    time: Annotated[Instant, Meta(description="when it happened")]
    subject: Annotated[Key, Meta(description="what it happened to")] | None = None
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str | None = None
    data: Annotated[Reading, Meta(description="the reading")]


class Colour(Enum):
    """An enumeration of text."""

    RED = "red"
    BLUE = "blue"


class Everything(Event, frozen=True, kw_only=True):
    """A field of every kind that has a column."""

    contract: ClassVar[Contract] = CONTRACT

    id: Key
    time: Instant
    number: Small | None = None
    share: float = 0.5
    flag: bool = False
    day: date | None = None
    uuid: UUID | None = None
    colour: Colour = Colour.RED
    level: Literal[1, 2, 3] = 1
    camel: str = field(name="camelCase", default="")
    tags: list[str] = field(default_factory=list)
    matrix: list[list[float]] = field(default_factory=list)
    limits: dict[str, Small] = field(default_factory=dict)
    readings: dict[str, list[Reading]] = field(default_factory=dict)
