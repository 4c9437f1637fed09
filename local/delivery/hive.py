"""Which of the catalog's types the OpenX SerDe reads, and the Arrow types that hold them."""

from __future__ import annotations

import re

import pyarrow as pa

from local.athena.sql import types
from local.athena.sql.types import Type

INTEGERS = {"tinyint": 8, "smallint": 16, "integer": 32, "bigint": 64}

TIMESTAMP = pa.timestamp("us")
"""Microseconds of a 64-bit integer without a zone: UTC by convention of the pipeline.

Hive's own INT96 has no statistics, so that no reader can skip by time; Athena, Trino, DuckDB
and Arrow read both as a plain timestamp. Digits beyond the sixth are cut off. [open]
"""

BARE = re.compile(r"\bdecimal\b(?!\s*\()", re.IGNORECASE)
"""A decimal without digits, which Hive takes for one of ten."""
NESTED = ("array", "map", "row")
PRIMITIVES: dict[str, pa.DataType] = {
    "varchar": pa.string(),
    "char": pa.string(),
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": TIMESTAMP,
}


class UnsupportedType(ValueError):
    """A column type that the OpenX SerDe cannot read, or no type at all."""


def parse(text: str) -> Type:
    """The type that `text` names; raises `UnsupportedType`."""
    try:
        found = types.parse(BARE.sub("decimal(10,0)", text))
        arrow(found)
    except ValueError as error:
        raise UnsupportedType(text) from error
    return found


def arrow(kind: Type) -> pa.DataType:
    """The Arrow type that holds values of a type; raises `UnsupportedType`."""
    if kind.name == "array":
        return pa.list_(arrow(kind.element))
    if kind.name == "map":
        key, value = kind.arguments
        if key.name in NESTED:
            raise UnsupportedType("map key")
        return pa.map_(arrow(key), arrow(value))
    if kind.name == "row":
        fields = zip(kind.field_names, kind.arguments, strict=True)
        return pa.struct([(name, arrow(field)) for name, field in fields])
    if kind.name == "decimal":
        return pa.decimal128(kind.precision, kind.scale)
    if kind.name not in PRIMITIVES:
        raise UnsupportedType(str(kind))
    return PRIMITIVES[kind.name]
