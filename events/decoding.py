"""From bytes to an event or to a reason: the one place that decides whether a record is right.

    Rejected            the record is wrong: quarantine it now, no retry will make it right
      .reason           one word of Reason
      .detail           which field and what was expected; never a value of the payload

Everything else that is raised is a defect of ours, and must stop the batch, not the record.
The good case costs one pass in C; what is wrong with a wrong record is worked out afterwards.

Of a repeated key the last value counts, as in every JSON parser that a producer will compare with.
"""

from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from typing import Generic, TypeVar

import msgspec

from events.compression import FRAME, decompressed
from events.contract import Event
from events.instants import in_utc, is_instant, mentions_instants
from events.rejection import Reason, Rejected, rejected

__all__ = [
    "FUTURE",
    "Decoder",
    "Reason",
    "Rejected",
    "event_date",
    "event_id",
    "event_time",
    "partition_key",
]

E = TypeVar("E", bound=Event)

FUTURE = timedelta(days=1)
"""How far an event may lie after its arrival: the table shows partitions up to tomorrow's."""


class Decoder(Generic[E]):
    """Decodes records of one event type."""

    def __init__(self, kind: type[E]) -> None:
        contract = kind.contract
        fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
        plain = [name for name, type_ in fields.items() if is_instant(type_)]
        self._decode = msgspec.json.Decoder(kind).decode
        others = [name for name in plain if name != contract.event_time]
        self._instants = attrgetter(contract.event_time, *others or [contract.event_time])
        self._nested = any(
            mentions_instants(type_) for name, type_ in fields.items() if name not in plain
        )
        self._first = datetime.combine(contract.first_date, datetime.min.time(), UTC)

    def decode(self, data: bytes, arrival: datetime | None = None) -> E:
        """The event in `data`, every datetime in UTC, or raises Rejected.

        With the (approximate) time of its arrival, an event from the future is rejected too.
        Data compressed with zstd is read as well, whatever the contract says of producers.
        """
        try:
            event = self._decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if data.startswith(FRAME):
                return self.decode(_unframed(data), arrival)
            raise rejected(data, error) from None
        instants = self._instants(event)
        if self._nested:
            instants = self._in_utc(event)
        for instant in instants:
            if instant is not None and instant.tzinfo is not UTC:
                instants = self._in_utc(event)
                break
        time = instants[0]
        if time < self._first:
            raise Rejected(
                Reason.BEFORE_FIRST_DATE,
                f"Expected an event time from {self._first.date()} on, where the table begins",
            )
        # The sum is worth making only for the few that lie ahead at all.
        if arrival is not None and time > arrival and time > arrival + FUTURE:
            raise Rejected(
                Reason.IN_THE_FUTURE, "Expected an event time at most a day after the arrival"
            )
        return event

    def _in_utc(self, event: E) -> tuple[datetime, ...]:
        for name in event.__struct_fields__:
            try:
                msgspec.structs.force_setattr(event, name, in_utc(getattr(event, name)))
            except OverflowError:
                raise Rejected(
                    Reason.OUT_OF_RANGE, f"Expected years from 1 to 9999 in UTC - at `$.{name}`"
                ) from None
        instants: tuple[datetime, ...] = self._instants(event)
        return instants


def _unframed(frame: bytes) -> bytes:
    """The JSON in a compressed record, which is no frame again."""
    try:
        data = decompressed(frame)
    except ValueError as error:
        raise Rejected(Reason.NOT_ZSTD, f"Compressed with zstd, but {error}") from None
    if data.startswith(FRAME):
        raise Rejected(Reason.NOT_JSON, "Compressed with zstd twice")
    return data


def partition_key(event: Event) -> str:
    """The record's partition key: the first of the contract's fields that is not null."""
    for name in event.contract.partition_key:
        value = getattr(event, name)
        if value is not None:
            return str(value)
    raise ValueError(f"every partition key of the {type(event).__name__} is null")


def event_id(event: Event) -> str:
    """The id that a retry, redrive or replay of the event repeats."""
    return str(getattr(event, event.contract.event_id))


def event_time(event: Event) -> datetime:
    """When it happened, in UTC."""
    time: datetime = getattr(event, event.contract.event_time)
    return time if time.tzinfo is UTC else time.astimezone(UTC)


def event_date(event: Event) -> str:
    """The event's partition: the UTC date of its event time, as YYYY-MM-DD."""
    return date.isoformat(event_time(event))
