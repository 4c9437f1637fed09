"""Rows become the events that they were: by the JSON that Trino is documented to write."""

import json
from datetime import UTC, date, datetime
from itertools import islice
from typing import Annotated, Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, UnsetType

from cli.rows import Rows, query
from events import registry
from events.contract import Contract, Event
from events.decoding import Decoder
from events.device_telemetry import source as telemetry
from events.flight import source as flights
from tests.events.kinds import CONTRACT, Colour, Everything, Instant, Key, Reading
from tests.events.samples import samples


def as_trino_writes(value: Any, *, rows_as_arrays: bool = False) -> Any:
    """A value of Python as CAST(… AS JSON) writes it, instants to the millisecond."""

    def again(one: Any) -> Any:
        return as_trino_writes(one, rows_as_arrays=rows_as_arrays)

    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", timespec="milliseconds")
    if isinstance(value, msgspec.Struct):
        columns = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        named = {column.lower(): again(getattr(value, name)) for name, column in columns}
        return list(named.values()) if rows_as_arrays else named
    if isinstance(value, list):
        return [again(one) for one in value]
    if isinstance(value, dict):
        return {key: again(one) for key, one in value.items()}
    return None if value is msgspec.UNSET else msgspec.to_builtins(value)


def row(event: Event, *, rows_as_arrays: bool = False) -> bytes:
    """The row of an event as the query answers it."""
    values = [getattr(event, name) for name in event.__struct_fields__]
    return msgspec.json.encode(as_trino_writes(values, rows_as_arrays=rows_as_arrays))


text = st.text(max_size=6)
keys = st.text(min_size=1, max_size=6)
numbers = st.floats(allow_nan=False, allow_infinity=False)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)).map(  # noqa: DTZ001
    lambda when: when.replace(microsecond=when.microsecond // 1000 * 1000, tzinfo=UTC)
)
readings = st.builds(
    Reading,
    sensor=text,
    celsius=st.floats(-90, 60),
    taken=st.none() | instants,
)
everything = st.builds(
    Everything,
    id=keys,
    time=instants,
    number=st.none() | st.integers(0, 255),
    share=numbers,
    flag=st.booleans(),
    day=st.none() | st.dates(date(1, 1, 1), date(9999, 12, 31)),
    uuid=st.none() | st.uuids(),
    colour=st.sampled_from(Colour),
    level=st.sampled_from([1, 2, 3]),
    camel=text,
    tags=st.lists(text, max_size=3),
    matrix=st.lists(st.lists(numbers, max_size=2), max_size=2),
    limits=st.dictionaries(text, st.integers(0, 255), max_size=3),
    readings=st.dictionaries(text, st.lists(readings, max_size=2), max_size=2),
)


@given(event=everything, rows_as_arrays=st.booleans())
def test_every_kind_of_field_comes_back_equal(event: Everything, rows_as_arrays: bool) -> None:
    again = Rows(Everything).event(row(event, rows_as_arrays=rows_as_arrays))
    assert Decoder(Everything).decode(again) == event


@pytest.mark.parametrize("sample", samples("valid"), ids=str)
def test_every_sample_comes_back_to_the_millisecond(sample: Any) -> None:
    event = Decoder(sample.kind).decode(sample.data)
    again = Decoder(sample.kind).decode(Rows(sample.kind).event(row(event)))
    assert as_trino_writes(again) == as_trino_writes(event)


@pytest.mark.parametrize(("name", "events"), [("flight", flights), ("device_telemetry", telemetry)])
def test_built_in_events_come_back_equal(name: str, events: Any) -> None:
    kind = registry.get(name)
    for event in islice(events.events(), 500):
        again = Rows(kind).event(row(event))
        assert Decoder(kind).decode(again) == event


class Gaps(Event, frozen=True, kw_only=True):
    """Every way in which a value may be missing."""

    contract: ClassVar[Contract] = CONTRACT

    id: Key
    time: Instant
    required: str | None
    absent: str | None = None
    other: str | None = "other"
    bounded: Annotated[int, Meta(ge=0, le=9)] = 5
    unset: str | UnsetType = msgspec.UNSET


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({}, {"required": None, "other": None}),
        ({"other": "other"}, {"required": None, "other": "other"}),
        ({"absent": "there"}, {"required": None, "absent": "there", "other": None}),
        ({"bounded": 0}, {"required": None, "other": None, "bounded": 0}),
        ({"unset": ""}, {"required": None, "other": None, "unset": ""}),
    ],
)
def test_null_is_said_where_it_is_a_value_and_means_something(
    missing: dict[str, Any], said: dict[str, Any]
) -> None:
    """A column is null for a field that was null, that was left out, and that did not exist yet."""
    columns = ("required", "absent", "other", "bounded", "unset")
    values = ["i", "2024-01-01 00:00:00.000", *(missing.get(name) for name in columns)]
    event = Rows(Gaps).event(msgspec.json.encode(values))
    assert json.loads(event) == {"id": "i", "time": "2024-01-01T00:00:00Z", **said}
    Decoder(Gaps).decode(event)


def test_many_fields_are_several_arrays() -> None:
    kind: Any = msgspec.defstruct(
        "Wide",
        [("id", Key), ("time", Instant), *((f"f{number}", bool) for number in range(300))],
        bases=(Event,),
        namespace={"contract": CONTRACT},
        kw_only=True,
        frozen=True,
    )
    assert query("wide", kind, "wide_unique", "true", None).count("ARRAY[") == 2
