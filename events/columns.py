"""The table of an event type: Glue columns in the order of the class, then what delivery adds.

A type that could hold a value its column cannot is refused here, at synthesis, rather than found
as a record that delivery loses: an int must be bounded to 64 bits, a datetime must be an instant.
"""

from collections.abc import Callable
from typing import NamedTuple

from msgspec import inspect

from events.contract import Event
from events.rules import UnfitContract, check, description_of, strip

PARTITION_COLUMN = "event_date"
"""The partition column: the UTC date of the event time as a string YYYY-MM-DD."""


COMPACTION_COLUMN = "compaction_pass"
"""The column that only compacted rows have: the number of the pass that wrote them."""


class Column(NamedTuple):
    """A Glue column; `type` is Hive's, such as bigint, array<string> or struct<a:double>."""

    name: str
    type: str
    comment: str


DELIVERY_COLUMNS = (
    Column("ingested_at", "timestamp", "when the delivery transform validated the record"),
    Column("shard_id", "string", "shard that the record was read from"),
    Column("sequence_number", "string", "sequence number of the record in its shard"),
    Column("subsequence_number", "bigint", "position in an aggregated record, otherwise 0"),
    Column("resubmission", "string", "run that put the record again after it had been rejected"),
    Column("arrived_at", "timestamp", "when the stream got the record; null in older rows"),
)


def glue_columns(kind: type[Event]) -> list[Column]:
    """The columns of the type's table but the partition column; raises UnfitContract."""
    info = check(kind)
    columns = [
        Column(
            field.encode_name.lower(),
            _hive(field.type, f"{kind.__name__}.{field.name}"),
            description_of(field.type),
        )
        for field in info.fields
    ]
    columns.extend(DELIVERY_COLUMNS)
    names = [column.name for column in columns] + [PARTITION_COLUMN, COMPACTION_COLUMN]
    for name in names:
        if names.count(name) > 1:
            raise UnfitContract(f"{kind.__name__}: the column {name} would exist twice")
    return columns


def sort_columns(kind: type[Event]) -> tuple[str, str, str]:
    """The columns of the event id, of the order of compacted files, and of the event time."""
    names = {field.name: field.encode_name.lower() for field in check(kind).fields}
    contract = kind.contract
    return names[contract.event_id], names[contract.order], names[contract.event_time]


_SCALARS: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.UUIDType: "string",
    inspect.FloatType: "double",
    inspect.BoolType: "boolean",
    inspect.DateType: "date",
}


def _hive(type_: inspect.Type, where: str) -> str:
    """The Hive type that holds every value of a field's type."""
    type_ = strip(type_, where)
    scalar = _SCALARS.get(type(type_))
    if scalar:
        return scalar
    composed = _COMPOSED.get(type(type_))
    if composed:
        return composed(type_, where)
    raise UnfitContract(
        f"{where}: no column type holds {type(type_).__name__.removesuffix('Type')}"
    )


def _int(type_: inspect.IntType, where: str) -> str:
    low = type_.ge if type_.ge is not None else type_.gt
    high = type_.le if type_.le is not None else type_.lt
    if low is None or high is None or low < -(2**63) or high >= 2**63:
        raise UnfitContract(f"{where}: bound it with Meta(ge=…, le=…), a bigint has 64 bits")
    return "bigint"


def _instant(type_: inspect.DateTimeType, where: str) -> str:
    if type_.tz is not True:
        raise UnfitContract(f"{where}: an instant needs an offset, declare it with Meta(tz=True)")
    return "timestamp"


def _values(values: list[object], where: str) -> str:
    kinds = {type(value) for value in values}
    if kinds == {str}:
        return "string"
    if kinds == {int}:
        return "bigint"
    raise UnfitContract(f"{where}: its values must be all str or all int")


def _struct(type_: inspect.StructType, where: str) -> str:
    if type_.array_like or type_.tag_field is not None:
        raise UnfitContract(f"{where}: array_like and tag do not fit a struct column")
    inner = (
        f"{field.encode_name.lower()}:{_hive(field.type, f'{where}.{field.name}')}"
        for field in type_.fields
    )
    return f"struct<{','.join(inner)}>"


def _map(type_: inspect.DictType, where: str) -> str:
    if not isinstance(strip(type_.key_type, where), inspect.StrType):
        raise UnfitContract(f"{where}: the keys of a map must be str")
    return f"map<string,{_hive(type_.value_type, where)}>"


_COMPOSED: dict[type[inspect.Type], Callable[..., str]] = {
    inspect.IntType: _int,
    inspect.DateTimeType: _instant,
    inspect.EnumType: lambda type_, where: _values([one.value for one in type_.cls], where),
    inspect.LiteralType: lambda type_, where: _values(list(type_.values), where),
    inspect.StructType: _struct,
    inspect.ListType: lambda type_, where: f"array<{_hive(type_.item_type, where)}>",
    inspect.DictType: _map,
}
