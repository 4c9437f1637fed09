"""The contract: what an event type declares about itself, once.

An event type is one class in `events/<type>/event.py`; its validator, JSON Schema, Glue columns,
Parquet types, partition key and samples all follow from it. A field is documented and bounded where
it is declared: `Annotated[int, Meta(ge=0, le=100, description="…")]`; the description becomes the
comment of its column. Whether unknown fields are allowed is msgspec's own class keyword
`forbid_unknown_fields`; allowed ones are accepted and not delivered, as no column can hold them.
"""

from datetime import date, timedelta
from typing import ClassVar, Literal

from msgspec import Struct


class OnDemand(Struct, frozen=True):
    """The stream's shards are AWS's business; billed by the volume."""


class Provisioned(Struct, frozen=True):
    """The stream has this many shards, each 1 MB/s and 1,000 records/s in. Where an environment
    scales it (`scalings` in infra/environments.py) it is made with them: then leave them alone, or
    the next deployment sets the stream back to what they say."""

    shards: int


class Contract(Struct, frozen=True, kw_only=True):
    """What the rest of the pipeline must know of an event type beyond its fields.

    `partition_key` names fields of type str: the first that is not null is the record's key.
    `event_id` and `event_time` name required fields: the id that a retry, redrive or replay
    repeats, and the instant whose UTC date is the event's partition.
    `first_date` is the earliest event date that the table shows; an earlier event is rejected.
    `sort_by` names the field by which queries mostly choose events, where that is not the first of
    the partition key: compacted files are sorted by it.
    `retention` of the stream is between 24 hours and 365 days.
    `compression` is what producers do to each record's data (events/compression.py); readers take
    it with and without.
    """

    partition_key: tuple[str, ...]
    event_id: str
    event_time: str
    first_date: date
    capacity: OnDemand | Provisioned
    retention: timedelta
    sort_by: str = ""
    compression: Literal["zstd"] | None = None

    @property
    def order(self) -> str:
        """The field by which compacted files are sorted."""
        return self.sort_by or self.partition_key[0]


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """The base of every event type. Values of JSON hold no cycles, so none is tracked by the gc."""

    contract: ClassVar[Contract]
