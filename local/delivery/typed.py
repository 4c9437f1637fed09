"""A table's columns as one typed decoder: JSON bytes to a row in one C pass.

A record that needs care (a number as text, another spelling of a key, several documents, …)
does not decode here and goes through `openx` alone. Rows become Arrow column by column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import GenericAlias
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Meta, Struct
from msgspec.structs import astuple

from local.athena.sql import types
from local.athena.sql.types import Type
from local.delivery import hive, openx
from local.delivery.openx import Coerce

ZULU_LENGTH, PLAIN_LENGTH, DATE_LENGTH = 20, 19, 10


class Options(Struct, frozen=True):
    """The OpenX SerDe's options."""

    case_insensitive: bool = True
    dots_to_underscores: bool = False
    keys: dict[str, str] = {}
    """Column -> JSON key, where they differ."""


class Unfit(Exception):
    """Some value of a chunk does not fit its column as it stands."""


class Layout:
    """The columns of one version of a table."""

    def __init__(self, columns: Sequence[tuple[str, Type]], options: Options) -> None:
        self._options = options
        self.schema = pa.schema([(name, hive.arrow(kind)) for name, kind in columns])
        self._kinds = [kind for _, kind in columns]
        keys = [self._key(options.keys.get(name, name)) for name, _ in columns]
        self._row = types.row(self._kinds, keys)
        self._classes: dict[Type, type[Struct]] = {}
        self.decode = msgspec.json.Decoder(self._class(self._row)).decode
        self._coerce = self._struct(self._row)

    def rows(self, record: bytes) -> list[Any]:
        """The rows of a record, value by value; raises `openx.Unfit`."""
        return [self._coerce(document) for document in openx.documents(record)]

    def batch(self, rows: list[Any]) -> Any:
        """The rows as an Arrow record batch; raises `Unfit` when some row is not canonical."""
        columns = zip(*map(astuple, rows), strict=True) if rows else ((),) * len(self._kinds)
        arrays = [build(kind, column) for kind, column in zip(self._kinds, columns, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _key(self, key: str) -> str:
        return key.lower() if self._options.case_insensitive else key

    def _class(self, kind: Type) -> type[Struct]:
        """The type that decodes a struct; an unknown key is a reason to look closer."""
        if kind not in self._classes:
            names = _names(kind)
            self._classes[kind] = msgspec.defstruct(
                "Row",
                [
                    (name, self._type(field) | None, None)
                    for name, field in zip(names, kind.arguments, strict=True)
                ],
                rename=dict(zip(names, kind.field_names, strict=True)),
                forbid_unknown_fields=True,
                gc=False,
            )
        return self._classes[kind]

    def _type(self, kind: Type) -> Any:
        if kind.name == "array":
            return GenericAlias(list, (self._type(kind.element) | None,))
        if kind.name == "map":
            key, value = map(self._type, kind.arguments)
            return GenericAlias(dict, (key, value | None))
        if kind.name == "row":
            return self._class(kind)
        if kind.name in hive.INTEGERS:
            limit = 1 << (hive.INTEGERS[kind.name] - 1)
            return Annotated[int, Meta(ge=-limit, le=limit - 1)]
        return FAST[kind.name]

    def _struct(self, kind: Type) -> Coerce:
        made = self._class(kind)
        parts = [
            (key, openx.nullable(openx.coercion(field, self._struct)))
            for key, field in zip(kind.field_names, kind.arguments, strict=True)
        ]
        options = self._options

        def coerce(value: Any) -> Any:
            members = openx.fields(
                value,
                case_insensitive=options.case_insensitive,
                dots=options.dots_to_underscores,
            )
            return made(*(part(members.get(key)) for key, part in parts))

        return coerce


FAST: dict[str, Any] = {
    "boolean": bool,
    "real": float,
    "double": float,
    "varchar": str,
    "char": str,
    "date": str,
    "timestamp": str,
    "decimal": str | int,
}
"""What a value may be in JSON to need no care; Arrow reads the texts, or finds them unfit."""


def _names(kind: Type) -> list[str]:
    """Attribute names: a column's own need not be an identifier."""
    return [f"c{number}" for number in range(len(kind.arguments))]


def build(kind: Type, values: Sequence[Any]) -> Any:
    """Values of one column as an Arrow array; raises `Unfit`."""
    if kind.name not in hive.NESTED:
        return _primitive(kind, values)
    if kind.name == "array":
        items = [item for value in values if value is not None for item in value]
        return pa.ListArray.from_arrays(_offsets(values), build(kind.element, items))
    if kind.name == "map":
        key_kind, value_kind = kind.arguments
        pairs = [pair for value in values if value is not None for pair in value.items()]
        return pa.MapArray.from_arrays(
            _offsets(values),
            build(key_kind, [key for key, _ in pairs]),
            build(value_kind, [item for _, item in pairs]),
        )
    children = [
        build(field, [None if value is None else getattr(value, name) for value in values])
        for name, field in zip(_names(kind), kind.arguments, strict=True)
    ]
    missing = pa.array([value is None for value in values], pa.bool_())
    fields = [
        pa.field(name, child.type) for name, child in zip(kind.field_names, children, strict=True)
    ]
    return pa.StructArray.from_arrays(children, fields=fields, mask=missing)


def _offsets(values: Iterable[Any]) -> Any:
    """Where each list starts, null where there is none, and the end."""
    offsets: list[int | None] = []
    at = 0
    for value in values:
        offsets.append(None if value is None else at)
        at += len(value) if value is not None else 0
    return pa.array([*offsets, at], pa.int32())


def _primitive(kind: Type, values: Sequence[Any]) -> Any:
    try:
        if kind.name == "timestamp":
            return _timestamps(pa.array(values, pa.string()))
        if kind.name == "date":
            return _dates(pa.array(values, pa.string()))
        if kind.name == "decimal":
            texts = [None if value is None else str(value) for value in values]
            return pa.array(texts, pa.string()).cast(hive.arrow(kind))
        return pa.array(values, hive.arrow(kind))
    except pa.ArrowInvalid as error:
        raise Unfit from error


def _timestamps(texts: Any) -> Any:
    """yyyy-MM-dd'T'HH:mm:ss[.S]'Z' or yyyy-MM-dd HH:mm:ss[.S], all of one form.

    Arrow reads more than that, so what it must not read is looked for first.
    """
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), hive.TIMESTAMP)
    shortest = pc.min(pc.binary_length(texts)).as_py()
    if _year_zero(texts):
        raise Unfit
    if pc.all(pc.ends_with(texts, "Z")).as_py():
        if shortest < ZULU_LENGTH or _holds(texts, b" "):
            raise Unfit
        return texts.cast(pa.timestamp("us", "UTC")).cast(hive.TIMESTAMP)
    if shortest < PLAIN_LENGTH or _holds(texts, b"T"):
        raise Unfit
    return texts.cast(hive.TIMESTAMP)


def _holds(texts: Any, character: bytes) -> bool:
    """Whether any text of a new array has it: in the bytes of all at once, a third of the time that
    a timestamp took went into looking at one after the other."""
    return character in texts.buffers()[2].to_pybytes()


def _dates(texts: Any) -> Any:
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), pa.date32())
    lengths = pc.min_max(pc.binary_length(texts)).as_py()
    if lengths != {"min": DATE_LENGTH, "max": DATE_LENGTH} or _year_zero(texts):
        raise Unfit
    return texts.cast(pa.date32())


def _year_zero(texts: Any) -> bool:
    """Arrow knows a year 0, the clients that will read it do not."""
    return bool(pc.any(pc.starts_with(texts, "0000")).as_py())
