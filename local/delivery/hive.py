"""Hive's column types, as a Glue table names them, and the Arrow types that hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa

INTEGERS = {"tinyint": 8, "smallint": 16, "int": 32, "integer": 32, "bigint": 64}
FLOATS = {"float": 32, "double": 64}
TEXTS = {"string", "varchar", "char"}
OTHERS = {"boolean", "date", "timestamp"}

TIMESTAMP = pa.timestamp("us")
"""Microseconds of a 64-bit integer without a zone: UTC by convention of the pipeline.

Hive's own INT96 has no statistics, so that no reader can skip by time; Athena, Trino, DuckDB
and Arrow read both as a plain timestamp. Digits beyond the sixth are cut off. [open]
"""

TOKEN = re.compile(r"\s*([^<>(),:\s]+|[<>(),:])")


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
    tokens = TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text):
        raise UnsupportedType(text)
    try:
        found = _type(tokens)
    except (IndexError, ValueError) as error:
        raise UnsupportedType(text) from error
    if tokens:
        raise UnsupportedType(text)
    return found


def _type(tokens: list[str]) -> Type:
    name = tokens.pop(0).lower()
    if name == "array":
        _expect(tokens, "<")
        item = _type(tokens)
        _expect(tokens, ">")
        return Array(item)
    if name == "map":
        _expect(tokens, "<")
        key = _type(tokens)
        _expect(tokens, ",")
        value = _type(tokens)
        _expect(tokens, ">")
        if not isinstance(key, Primitive):
            raise UnsupportedType("map key")
        return Map(key, value)
    if name == "struct":
        return _struct(tokens)
    return _primitive(name, tokens)


def _struct(tokens: list[str]) -> Struct:
    _expect(tokens, "<")
    fields: list[tuple[str, Type]] = []
    while True:
        name = tokens.pop(0).lower()
        _expect(tokens, ":")
        fields.append((name, _type(tokens)))
        if tokens[0] != ",":
            break
        tokens.pop(0)
    _expect(tokens, ">")
    return Struct(tuple(fields))


def _primitive(name: str, tokens: list[str]) -> Primitive:
    numbers: list[int] = []
    if tokens and tokens[0] == "(":
        tokens.pop(0)
        numbers.append(int(tokens.pop(0)))
        while tokens[0] == ",":
            tokens.pop(0)
            numbers.append(int(tokens.pop(0)))
        _expect(tokens, ")")
    if name == "decimal":
        precision, scale = (*numbers, *(10, 0)[len(numbers) :])
        if not 0 <= scale <= precision <= 38 or not precision:
            raise UnsupportedType(name)
        return Primitive(name, precision, scale)
    if name in TEXTS:
        return Primitive("string")
    if name not in INTEGERS | FLOATS and name not in OTHERS:
        raise UnsupportedType(name)
    return Primitive("int" if name == "integer" else name)


def _expect(tokens: list[str], token: str) -> None:
    if tokens.pop(0) != token:
        raise ValueError(token)


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
