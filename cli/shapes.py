"""What a contract declares, and what of it is deployed, in the same words."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from events.columns import PARTITION_COLUMN, glue_columns
from events.contract import Event, Provisioned
from events.presence import required

if TYPE_CHECKING:
    from cli.aws import Account
    from cli.stacks import Flow, Lake


class Column(msgspec.Struct, frozen=True):
    """`type` is Hive's; of a struct, array or map the word alone, what is inside has its own."""

    type: str
    comment: str = ""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """An event type as its table and its stream show it.

    Columns are by path: `position`, `position.latitude`, `readings[]`, `rates{}`. What a table that
    was deployed long ago does not tell is None.
    """

    columns: dict[str, Column]
    required: frozenset[str] | None
    partitions: tuple[str, ...]
    first_date: date | None
    partition_key: tuple[str, ...] | None
    event_id: str | None
    event_time: str | None
    shards: int | None
    """None is on demand."""
    retention: timedelta


def declared(kind: type[Event]) -> Shape:
    """By the contract."""
    contract = kind.contract
    capacity = contract.capacity
    return Shape(
        columns=flat((column.name, column.type, column.comment) for column in glue_columns(kind)),
        required=frozenset(required(kind)),
        partitions=(f"{PARTITION_COLUMN}:string",),
        first_date=contract.first_date,
        partition_key=contract.partition_key,
        event_id=contract.event_id,
        event_time=contract.event_time,
        shards=capacity.shards if isinstance(capacity, Provisioned) else None,
        retention=contract.retention,
    )


def deployed(account: "Account", lake: "Lake", flow: "Flow") -> Shape:
    """By the table that delivery writes, and the stream."""
    name = flow.delivered_name or flow.table_name
    table = account.glue.get_table(DatabaseName=lake.database_name, Name=name)["Table"]
    stream = account.kinesis.describe_stream_summary(StreamName=flow.stream_name)[
        "StreamDescriptionSummary"
    ]
    told = table.get("Parameters", {})
    key, needed = told.get("headrace.partition_key"), told.get("headrace.required")
    start = told.get(f"projection.{PARTITION_COLUMN}.range", "").partition(",")[0]
    on_demand = stream.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND"
    return Shape(
        columns=flat(
            (column["Name"], column["Type"], column.get("Comment", ""))
            for column in table["StorageDescriptor"]["Columns"]
        ),
        required=None if needed is None else frozenset(filter(None, needed.split(","))),
        partitions=tuple(f"{one['Name']}:{one['Type']}" for one in table["PartitionKeys"]),
        first_date=_date(start),
        partition_key=None if key is None else tuple(key.split(",")),
        event_id=told.get("headrace.event_id"),
        event_time=told.get("headrace.event_time"),
        shards=None if on_demand else stream["OpenShardCount"],
        retention=timedelta(hours=stream["RetentionPeriodHours"]),
    )


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def flat(columns: Iterable[tuple[str, str, str]]) -> dict[str, Column]:
    """Columns by path, those inside others too."""
    found = {}
    for name, type_, comment in columns:
        for path, inner in _paths(name.lower(), type_.lower().replace(" ", "")):
            found[path] = Column(inner, comment if path == name.lower() else "")
    return found


def _paths(path: str, type_: str) -> Iterator[tuple[str, str]]:
    outer, opened, inside = type_.partition("<")
    if not opened:
        yield path, type_
        return
    yield path, outer
    inside = inside.removesuffix(">")
    if outer == "array":
        yield from _paths(f"{path}[]", inside)
    elif outer == "map":
        yield from _paths(f"{path}{{}}", _split(inside)[1])
    else:
        for member in _split(inside):
            name, _, inner = member.partition(":")
            yield from _paths(f"{path}.{name}", inner)


def _split(text: str) -> list[str]:
    """The parts between the commas that are in no bracket."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]
