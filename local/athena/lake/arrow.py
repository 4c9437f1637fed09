"""Trino's types as Arrow's: for files that are written, and for text that becomes columns."""

from __future__ import annotations

import pyarrow as pa

from local.athena.sql.types import Type

SCALARS = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double": pa.float64(),
    "varchar": pa.string(),
    "char": pa.string(),
    "json": pa.string(),
    "uuid": pa.string(),
    "varbinary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("ms"),
    "timestamp with time zone": pa.timestamp("ms"),
    "unknown": pa.null(),
}


def arrow(kind: Type) -> pa.DataType:
    """The Arrow type that holds every value of a type."""
    if kind.name == "array":
        return pa.list_(arrow(kind.element))
    if kind.name == "map":
        return pa.map_(*map(arrow, kind.arguments))
    if kind.name == "row":
        fields = zip(kind.field_names, kind.arguments, strict=True)
        return pa.struct([(name, arrow(part)) for name, part in fields])
    if kind.name == "decimal":
        return pa.decimal128(kind.precision, kind.scale)
    return SCALARS[kind.name]
