"""Rows of the lake as the events that they were: the query that chooses them, and their JSON.

An answer of Athena is text in a notation that cannot be read back without doubt, so each row is
asked for as one JSON array, a value per field of the contract, in its order. Nothing of an event is
lost on the way but what its table does not hold: unknown fields, and what is finer than the
milliseconds in which Athena reads an instant. A field that may be null or absent comes back null.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect

from events.columns import sort_columns
from events.contract import Event
from events.rules import check, strip, takes_null

EVENT = "event"
"""The one column of an answer."""
ARRAY_ITEMS = 200
"""Trino's array constructor takes 254 arguments; longer arrays are joined from shorter ones."""

Make = Callable[[Any], Any]


def chosen_by(event_type: str) -> str:
    """How the text of every query begins whose rows are to be put again."""
    return f"/* headrace replay {event_type} */ "


def query(event_type: str, kind: type[Event], view: str, where: str, limit: int | None) -> str:
    """The query that chooses the events of a view that has each event once.

    In the order of their event times, except that no event overtakes one of its partition key that
    arrived before it: those of a key stand in the order of their sequence numbers, which "generally
    increase over time" for a key, also from a shard to those that it was split into; only where a
    stream was put in another's place is nothing promised. Sorting by shard or by sequence number
    would keep that order too, but then one shard would be written at a time. A row that names no
    sequence number stands where its event time says.
    https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html#sequence-number
    """
    columns = [f'"{field.encode_name.lower()}"' for field in check(kind).fields]
    _, _, time = sort_columns(kind)
    arrival = "length(sequence_number), sequence_number, subsequence_number"
    return (
        f"{chosen_by(event_type)}SELECT json_format(CAST({_array(columns)} AS JSON)) AS {EVENT}\n"
        "FROM (\n"
        "SELECT *, CASE WHEN sequence_number IS NULL THEN"
        f' "{time}" ELSE max(CASE WHEN sequence_number IS NOT NULL THEN "{time}" END) OVER ('
        f"PARTITION BY {_key(kind)} ORDER BY {arrival}"
        " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) END AS headrace_turn\n"
        f'FROM "{view}"\n'
        f"WHERE (\n{where}\n)\n"
        ")\n"
        f"ORDER BY headrace_turn, {arrival}" + ("" if limit is None else f"\nLIMIT {limit}")
    )


def _array(columns: list[str]) -> str:
    values = [f"CAST({column} AS JSON)" for column in columns]
    chunks = [values[at : at + ARRAY_ITEMS] for at in range(0, len(values), ARRAY_ITEMS)]
    return " || ".join(f"ARRAY[{', '.join(chunk)}]" for chunk in chunks)


def _key(kind: type[Event]) -> str:
    """The partition key: the first field of it that is not null."""
    names = {field.name: f'"{field.encode_name.lower()}"' for field in check(kind).fields}
    parts = [names[name] for name in kind.contract.partition_key]
    return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"


class Rows:
    """Makes the JSON of events from the rows of an answer."""

    def __init__(self, kind: type[Event]) -> None:
        self._event = _struct(check(kind))
        self._decode = msgspec.json.Decoder().decode
        self._encode = msgspec.json.Encoder().encode

    def event(self, row: bytes) -> bytes:
        """The event of one row, as its contract writes it."""
        return self._encode(self._event(self._decode(row)))


def _same(value: Any) -> Any:
    return value


def _make(type_: inspect.Type) -> Make:
    """What makes a field's value, as JSON holds it, from what Athena's JSON holds; never null."""
    type_ = strip(type_, "")
    if isinstance(type_, inspect.DateTimeType):
        return _instant
    if isinstance(type_, inspect.StructType):
        return _struct(type_)
    if isinstance(type_, inspect.ListType):
        return _list(_make(type_.item_type))
    if isinstance(type_, inspect.DictType):
        return _map(_make(type_.value_type))
    return _same


def _instant(text: str) -> str:
    """Trino writes 2013-01-01 10:15:00.000, and means UTC."""
    return f"{text[:10]}T{text[11:].removesuffix('.000')}Z"


def _list(make: Make) -> Make:
    if make is _same:
        return _same
    return lambda items: [None if item is None else make(item) for item in items]


def _map(make: Make) -> Make:
    if make is _same:
        return _same
    return lambda items: {key: None if item is None else make(item) for key, item in items.items()}


def _struct(type_: inspect.StructType) -> Make:
    """Trino writes a row as an object, and wrote it as an array before: both are read."""
    fields = [
        (field.encode_name, field.encode_name.lower(), _make(field.type), _says_null(field))
        for field in type_.fields
    ]

    def make(values: Any) -> dict[str, Any]:
        if isinstance(values, dict):
            values = [values[column] for _, column, _, _ in fields]
        made = {}
        for value, (name, _, make_value, says_null) in zip(values, fields, strict=True):
            if value is not None:
                made[name] = value if make_value is _same else make_value(value)
            elif says_null:
                made[name] = None
        return made

    return make


def _says_null(field: inspect.Field) -> bool:
    """Whether null is written, or the field left out: where null is no value of it, or what an
    absent field means."""
    return takes_null(field.type) and (field.required or field.default is not None)
