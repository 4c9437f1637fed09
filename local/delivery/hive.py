"""Hive's column types, as a Glue table names them, and the Arrow types that hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa

from local.athena.sql import types

INTEGERS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}

TIMESTAMP = pa.timestamp("us")
"""Microseconds of a 64-bit integer without a zone: UTC by convention of the pipeline.

Hive's own INT96 has no statistics, so that no reader can skip by time; Athena, Trino, DuckDB
and Arrow read both as a plain timestamp. Digits beyond the sixth are cut off. [open]
"""

BARE = re.compile(r"\bdecimal\b(?!\s*\()", re.IGNORECASE)
"""A decimal without digits, which Hive takes for one of ten."""
HIVE = {"integer": "int", "real": "float", "varchar": "string", "char": "string"}
"""Trino's names of types that have others in Hive."""


class UnsupportedType(ValueError):
    """A column type that the OpenX SerDe cannot read, or no type at all."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """string, integers, float, double, boolean, date, timestamp; `precision` for decimal."""

    name: str
    precision: int = 0
    scale: int = 0


@dataclass(frozen=True, slots=True)
class Array:
    item: Type


@dataclass(frozen=True, slots=True)
class Map:
    key: Type
    value: Type


@dataclass(frozen=True, slots=True)
class Struct:
    fields: tuple[tuple[str, Type], ...]


Type = Primitive | Array | Map | Struct


def parse(text: str) -> Type:
    """The type that `text` names; raises `UnsupportedType`."""
    try:
        return _type(types.parse(BARE.sub("decimal(10,0)", text)))
    except ValueError as error:
        raise UnsupportedType(text) from error


def _type(found: types.Type) -> Type:
    """A type as the catalog's reader has it (in Trino's words) as one that OpenX reads."""
    if found.name == "array":
        return Array(_type(found.element))
    if found.name == "map":
        key, value = map(_type, found.arguments)
        if not isinstance(key, Primitive):
            raise UnsupportedType("map key")
        return Map(key, value)
    if found.name == "row":
        fields = zip(found.field_names, found.arguments, strict=True)
        return Struct(tuple((name, _type(kind)) for name, kind in fields))
    if found.name == "decimal":
        return Primitive("decimal", found.precision or 0, found.scale)
    name = HIVE.get(found.name, found.name)
    if name not in PRIMITIVES:
        raise UnsupportedType(name)
    return Primitive(name)


def arrow(kind: Type) -> pa.DataType:
    """The Arrow type that holds values of a Hive type."""
    if isinstance(kind, Array):
        return pa.list_(arrow(kind.item))
    if isinstance(kind, Map):
        return pa.map_(arrow(kind.key), arrow(kind.value))
    if isinstance(kind, Struct):
        return pa.struct([(name, arrow(field)) for name, field in kind.fields])
    if kind.name == "decimal":
        return pa.decimal128(kind.precision, kind.scale)
    return PRIMITIVES[kind.name]


PRIMITIVES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": TIMESTAMP,
}
