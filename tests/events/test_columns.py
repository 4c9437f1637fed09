"""The table follows from the class, and what no column holds is refused by name."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

import pyarrow as pa
import pytest
from msgspec import Meta, Struct, defstruct
from msgspec.structs import replace

from events import registry
from events.arrow import arrow_schema, arrow_type
from events.columns import DELIVERY_COLUMNS, PARTITION_COLUMN, Column, glue_columns
from events.contract import Contract, Event, Provisioned
from events.device_telemetry.event import DeviceTelemetry
from events.rules import UnfitContract
from tests.events.kinds import CONTRACT, Everything, Instant, Key


def test_the_columns_are_the_fields_in_order_and_then_the_delivery_s() -> None:
    assert glue_columns(DeviceTelemetry) == [
        Column("event_id", "string", "device, boot id and counter"),
        Column("event_time", "timestamp", "when the device made the report"),
        Column("device", "string", "serial of the device"),
        Column("boot_id", "bigint", "starts of the device so far"),
        Column("counter", "bigint", "reports since this boot, from 0, without gaps"),
        Column("release", "string", "firmware"),
        Column("model", "string", "hardware model"),
        Column("region", "string", "where it is installed"),
        Column("heap_bytes", "bigint", "bytes of heap in use"),
        Column("cpu", "double", "share of the processor in use, 0 to 1"),
        Column(
            "channel_change_ms",
            "double",
            "milliseconds of the last channel change; null when there was none",
        ),
        Column("uptime_seconds", "bigint", "seconds since this boot"),
        Column("crashed", "boolean", "true in the first report after a crash"),
        Column("ingested_at", "timestamp", "when the delivery transform validated the record"),
        Column("shard_id", "string", "shard that the record was read from"),
        Column("sequence_number", "string", "sequence number of the record in its shard"),
        Column("subsequence_number", "bigint", "position in an aggregated record, otherwise 0"),
        Column(
            "resubmission", "string", "run that put the record again after it had been rejected"
        ),
        Column("arrived_at", "timestamp", "when the stream got the record; null in older rows"),
    ]


def test_every_kind_of_field_has_its_column() -> None:
    assert {column.name: column.type for column in glue_columns(Everything)} == {
        "id": "string",
        "time": "timestamp",
        "number": "bigint",
        "share": "double",
        "flag": "boolean",
        "day": "date",
        "uuid": "string",
        "colour": "string",
        "level": "bigint",
        "camelcase": "string",
        "tags": "array<string>",
        "matrix": "array<array<double>>",
        "limits": "map<string,bigint>",
        "readings": "map<string,array<struct<sensor:string,celsius:double,taken:timestamp>>>",
        **{column.name: column.type for column in DELIVERY_COLUMNS},
    }


def test_the_parquet_types_are_those_of_the_columns() -> None:
    reading = pa.struct(
        [("sensor", pa.string()), ("celsius", pa.float64()), ("taken", pa.timestamp("us"))]
    )
    assert arrow_schema(Everything) == pa.schema(
        [
            ("id", pa.string()),
            ("time", pa.timestamp("us")),
            ("number", pa.int64()),
            ("share", pa.float64()),
            ("flag", pa.bool_()),
            ("day", pa.date32()),
            ("uuid", pa.string()),
            ("colour", pa.string()),
            ("level", pa.int64()),
            ("camelcase", pa.string()),
            ("tags", pa.list_(pa.string())),
            ("matrix", pa.list_(pa.list_(pa.float64()))),
            ("limits", pa.map_(pa.string(), pa.int64())),
            ("readings", pa.map_(pa.string(), pa.list_(reading))),
            ("ingested_at", pa.timestamp("us")),
            ("shard_id", pa.string()),
            ("sequence_number", pa.string()),
            ("subsequence_number", pa.int64()),
            ("resubmission", pa.string()),
            ("arrived_at", pa.timestamp("us")),
        ]
    )
    assert arrow_schema(DeviceTelemetry).field("cpu").metadata == {
        b"comment": b"share of the processor in use, 0 to 1"
    }


def test_a_type_that_no_column_has_is_no_parquet_type() -> None:
    with pytest.raises(KeyError, match="tinyint"):
        arrow_type("array<tinyint>")


@pytest.mark.parametrize("name", registry.names())
def test_every_event_type_has_documented_columns(name: str) -> None:
    columns = glue_columns(registry.get(name))
    assert [column.name for column in columns if not column.comment] == []
    assert PARTITION_COLUMN not in [column.name for column in columns]
    assert len(arrow_schema(registry.get(name))) == len(columns)


class Tagged(Struct, tag=True):
    """A struct that carries its type's name."""


def _kind(contract: Contract = CONTRACT, **fields: Any) -> type[Event]:
    declared = {"id": Key, "time": Instant} | fields
    return defstruct(  # type: ignore[return-value]
        "Kind",
        list(declared.items()),
        bases=(Event,),
        namespace={"contract": contract, "__annotations__": {"contract": ClassVar[Contract]}},
        kw_only=True,
        frozen=True,
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n": int}, "Kind.n: bound it with Meta(ge=…, le=…), a bigint has 64 bits"),
        (
            {"n": Annotated[int, Meta(ge=0)]},
            "Kind.n: bound it with Meta(ge=…, le=…), a bigint has 64 bits",
        ),
        ({"at": datetime}, "Kind.at: an instant needs an offset, declare it with Meta(tz=True)"),
        ({"d": Decimal}, "Kind.d: no column type holds Decimal"),
        ({"x": Any}, "Kind.x: no column type holds Any"),
        ({"x": object}, "Kind.x: no column type holds Custom"),
        ({"x": list[bytes]}, "Kind.x: no column type holds Bytes"),
        ({"x": time}, "Kind.x: no column type holds Time"),
        ({"x": str | float}, "Kind.x: a column holds one type, or null, not several"),
        ({"x": Literal["a", 1]}, "Kind.x: its values must be all str or all int"),
        ({"x": dict[Literal["a"], str]}, "Kind.x: the keys of a map must be str"),
        (
            {"x": list[Tagged]},
            "Kind.x: array_like and tag do not fit a struct column",
        ),
        ({"shard_id": str}, "Kind: the column shard_id would exist twice"),
        ({"event_date": str}, "Kind: the column event_date would exist twice"),
        ({"Time": str}, "Kind: the column time would exist twice"),
        (
            {"x": Annotated[str, Meta(description="x" * 256)]},
            "Kind.x: a column comment has at most 255 characters",
        ),
        ({"time": datetime}, "Kind.time: an event time is a datetime with Meta(tz=True)"),
        ({"time": str}, "Kind.time: an event time is a datetime with Meta(tz=True)"),
        ({"time": Instant | None}, "Kind.time: every event has its event time"),
        ({"id": Annotated[int, Meta(ge=0, le=9)]}, "Kind.id: a key or id is a str"),
        ({"id": str}, "Kind.id: declare Meta(min_length=1, max_length=256 at most)"),
        (
            {"id": Annotated[str, Meta(min_length=1, max_length=257)]},
            "Kind.id: declare Meta(min_length=1, max_length=256 at most)",
        ),
        ({"id": Key | None}, "Kind.id: every event has one, so it is neither null nor optional"),
    ],
)
def test_a_field_that_could_lose_a_record_is_refused_by_name(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnfitContract) as error:
        glue_columns(_kind(**fields))
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"partition_key": ()}, "Kind: its contract names no partition key"),
        ({"partition_key": ("key",)}, "Kind: its contract names key, which is no field"),
        ({"event_time": "at"}, "Kind: its contract names at, which is no field"),
        ({"retention": timedelta(hours=23)}, "Kind: retention is between 24 hours and 365 days"),
        ({"retention": timedelta(days=366)}, "Kind: retention is between 24 hours and 365 days"),
        ({"capacity": Provisioned(0)}, "Kind: a provisioned stream has at least one shard"),
    ],
)
def test_a_contract_that_no_stream_can_keep_is_refused(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnfitContract) as error:
        glue_columns(_kind(replace(CONTRACT, **change)))
    assert str(error.value) == message


@pytest.mark.parametrize("option", ["array_like", "tag"])
def test_an_event_that_is_no_plain_object_is_refused(option: str) -> None:
    options: dict[str, Any] = {option: True}
    kind: Callable[[], type[Event]] = lambda: defstruct(  # type: ignore[assignment,return-value]  # noqa: E731
        "Kind", [("id", Key)], bases=(Event,), namespace={"contract": CONTRACT}, **options
    )
    with pytest.raises(UnfitContract, match="an event is a JSON object"):
        glue_columns(kind())


def test_an_event_without_a_contract_is_refused() -> None:
    with pytest.raises(UnfitContract, match="a subclass of Event with a contract"):
        glue_columns(Event)
