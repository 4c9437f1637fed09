"""From bytes to an event or to a reason: the one place that decides whether a record is right.

    Rejected            the record is wrong: quarantine it now, no retry will make it right
      .reason           one word of Reason, for metrics and folder names
      .detail           which field and what was expected; never a value of the payload

Everything else that is raised is a defect of ours, and must stop the batch, not the record.
The good case costs one pass in C; what is wrong with a wrong record is worked out afterwards.
"""

import re
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Any, Generic, TypeVar

import msgspec

from events.contract import Event

E = TypeVar("E", bound=Event)

FUTURE = timedelta(days=1)
"""How far an event may lie after its arrival: the table shows partitions up to tomorrow's."""


class Reason(StrEnum):
    """Why a record is wrong."""

    EMPTY = "empty"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    NOT_OBJECT = "not_object"
    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    BEFORE_FIRST_DATE = "before_first_date"
    IN_THE_FUTURE = "in_the_future"


class Rejected(Exception):  # noqa: N818  it is a verdict, not an error
    """A record that is wrong, and will be wrong however often it is tried."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Decoder(Generic[E]):
    """Decodes records of one event type."""

    def __init__(self, kind: type[E]) -> None:
        contract = kind.contract
        self._decode = msgspec.json.Decoder(kind).decode
        self._time = attrgetter(contract.event_time)
        self._first = datetime.combine(contract.first_date, datetime.min.time(), UTC)
        self._instants = tuple(_fields_with_instants(kind))

    def decode(self, data: bytes, arrival: datetime | None = None) -> E:
        """The event in `data`, every datetime in UTC, or raises Rejected.

        With the (approximate) time of its arrival, an event from the future is rejected too.
        """
        try:
            event = self._decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _rejected(data, error) from None
        for name in self._instants:
            value = getattr(event, name)
            if value is not None and getattr(value, "tzinfo", None) is not UTC:
                _put_in_utc(event, name, value)
        self._check_date(self._time(event), arrival)
        return event

    def _check_date(self, time: datetime, arrival: datetime | None) -> None:
        if time < self._first:
            raise Rejected(
                Reason.BEFORE_FIRST_DATE,
                f"expected an event time from {self._first.date()} on, where the table begins",
            )
        if arrival is not None and time > arrival + FUTURE:
            raise Rejected(
                Reason.IN_THE_FUTURE, "expected an event time at most a day after the arrival"
            )


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
    return date_of(event_time(event))


def date_of(time: datetime) -> str:
    """The UTC date of a UTC instant, as YYYY-MM-DD."""
    return date.isoformat(time)


def _fields_with_instants(kind: type[Event]) -> list[str]:
    """The fields that hold a datetime, however deep: the only ones whose value may need UTC."""
    return [
        field.name
        for field in msgspec.structs.fields(kind)
        if _mentions(field.type, datetime, set())
    ]


def _mentions(annotation: Any, wanted: type, seen: set[Any]) -> bool:
    if annotation is wanted:
        return True
    inner: list[Any] = list(getattr(annotation, "__args__", ()))
    inner.append(getattr(annotation, "__origin__", None))
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        if annotation in seen:
            return False
        seen.add(annotation)
        inner.extend(field.type for field in msgspec.structs.fields(annotation))
    return any(_mentions(one, wanted, seen) for one in inner if one is not None)


def _put_in_utc(struct: msgspec.Struct, name: str, value: Any) -> None:
    try:
        msgspec.structs.force_setattr(struct, name, _in_utc(value))
    except OverflowError:
        raise Rejected(
            Reason.OUT_OF_RANGE, f"Expected a year from 1 to 9999 in UTC - at `$.{name}`"
        ) from None


def _in_utc(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, list | tuple):
        return type(value)(_in_utc(one) for one in value)
    if isinstance(value, dict):
        return {key: _in_utc(one) for key, one in value.items()}
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            msgspec.structs.force_setattr(value, name, _in_utc(getattr(value, name)))
    return value


# What msgspec 0.22 says and what it means. A message that fits none of these is not repeated:
# it may quote the payload, as "Invalid enum value '…'" does.
_PATH = r"(?P<path> - at `[^`]*`)?$"
_MESSAGES = [
    (re.compile(pattern + _PATH, re.DOTALL), reason, safe)
    for pattern, reason, safe in [
        (r"Expected `(object|array)`, got `\w+`(?! - at)", Reason.NOT_OBJECT, None),
        (r"Object missing required field `\w+`", Reason.MISSING_FIELD, None),
        (
            r"Object contains unknown field `.*`",
            Reason.UNKNOWN_FIELD,
            "Object has an unknown field",
        ),
        (r"Expected `[^`]+` (<|<=|>|>=) \S+", Reason.OUT_OF_RANGE, None),
        (
            r"Expected `\w+` (of length|with at (least|most)|matching regex) .*",
            Reason.OUT_OF_RANGE,
            None,
        ),
        (r"Expected `\w+` that's a multiple of \S+", Reason.OUT_OF_RANGE, None),
        (r"(Integer value|Number) out of range", Reason.OUT_OF_RANGE, None),
        (r"Invalid (enum )?value .*", Reason.OUT_OF_RANGE, "Expected one of the contract's values"),
        (r"Expected `[^`]+`, got `\w+`", Reason.WRONG_TYPE, None),
        (r"Expected `\w+` with(out)? a timezone component", Reason.WRONG_TYPE, None),
        (r"Invalid RFC3339 encoded \w+", Reason.WRONG_TYPE, None),
    ]
]


def _rejected(data: bytes, error: Exception) -> Rejected:
    """What is wrong with a record that msgspec could not decode."""
    if not data.strip():
        return Rejected(Reason.EMPTY, "expected one JSON object, got an empty record")
    try:
        data.decode()
    except UnicodeDecodeError as fault:
        return Rejected(Reason.NOT_UTF8, f"{fault.reason} (byte {fault.start})")
    if isinstance(error, RecursionError):
        return Rejected(Reason.TOO_DEEP, "arrays or objects are nested too deep")
    if isinstance(error, msgspec.ValidationError):
        return _mismatch(str(error))
    if str(error).startswith("JSON is malformed: "):
        return Rejected(Reason.NOT_JSON, str(error))
    # msgspec calls a lone surrogate truncation as well.
    return Rejected(Reason.NOT_JSON, "JSON ends early, or a string has half of a surrogate pair")


def _mismatch(message: str) -> Rejected:
    for pattern, reason, safe in _MESSAGES:
        found = pattern.match(message)
        if found:
            return Rejected(reason, message if safe is None else safe + (found["path"] or ""))
    return Rejected(Reason.WRONG_TYPE, "the value does not fit the contract")
