"""Trino's types: what an expression has, how Athena names it, and what DuckDB keeps it in.

Everything here is a value; `parse` reads Trino's and Hive's spelling alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

UNBOUNDED = 2147483647
"""The length of a varchar without one, as Trino has it."""

INTEGERS = ("tinyint", "smallint", "integer", "bigint")
FLOATS = ("real", "double")
DIGITS = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}
"""Decimal digits that hold every value of an integer type."""

SYNONYMS = {
    "string": "varchar",
    "int": "integer",
    "binary": "varbinary",
    "float": "real",
    "struct": "row",
    "double precision": "double",
    "dec": "decimal",
    "numeric": "decimal",
}
DUCKDB = {
    "unknown": "INTEGER",
    "real": "FLOAT",
    "char": "VARCHAR",
    "varbinary": "BLOB",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
    "interval day to second": "INTERVAL",
    "interval year to month": "INTERVAL",
}
HIVE = {"integer": "int", "varbinary": "binary", "real": "float", "row": "struct"}
ATHENA = {"real": "float"}


@dataclass(frozen=True, slots=True)
class Type:
    """One type. `arguments` are element types, `names` the fields of a row.

    `precision` is the digits of a decimal, the length of a varchar or char, the fractional
    digits of a time; `zone` is the time zone a timestamp is shown in, when it is known not to
    be UTC, and takes no part in comparisons.
    """

    name: str
    arguments: tuple[Type, ...] = ()
    names: tuple[str | None, ...] = ()
    precision: int | None = None
    scale: int = 0
    zone: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """As Trino shows it in an error message, in DESCRIBE and by typeof()."""
        if self.name == "row":
            fields = zip(self.names, self.arguments, strict=True)
            return f"row({', '.join(f'{n} {t}' if n else str(t) for n, t in fields)})"
        if self.arguments:
            return f"{self.name}({', '.join(map(str, self.arguments))})"
        if self.name == "decimal":
            return f"decimal({self.precision},{self.scale})"
        if self.name == "timestamp with time zone":
            return f"timestamp({self.precision}) with time zone"
        if self.precision is None or self.precision == UNBOUNDED:
            return self.name
        return f"{self.name}({self.precision})"

    @property
    def athena(self) -> str:
        """Its name in ResultSetMetadata: no arguments, and `float` for real."""
        return ATHENA.get(self.name, self.name)

    @property
    def duckdb(self) -> str:
        """The type its values have inside DuckDB."""
        if self.name == "array":
            return f"{self.arguments[0].duckdb}[]"
        if self.name == "map":
            return f"MAP({self.arguments[0].duckdb}, {self.arguments[1].duckdb})"
        if self.name == "row":
            fields = zip(self.field_names, self.arguments, strict=True)
            return f"STRUCT({', '.join(f'{quote(n)} {t.duckdb}' for n, t in fields)})"
        if self.name == "decimal":
            return f"DECIMAL({self.precision}, {self.scale})"
        return DUCKDB.get(self.name, self.name.upper())

    @property
    def hive(self) -> str:
        """As the Glue catalog has it."""
        if self.name == "row":
            fields = zip(self.field_names, self.arguments, strict=True)
            return f"struct<{','.join(f'{n}:{t.hive}' for n, t in fields)}>"
        if self.arguments:
            return f"{self.name}<{','.join(t.hive for t in self.arguments)}>"
        if self.name == "decimal":
            return f"decimal({self.precision},{self.scale})"
        if self.name == "varchar":
            return "string" if self.precision in (None, UNBOUNDED) else f"varchar({self.precision})"
        if self.name == "char":
            return f"char({self.precision})"
        return HIVE.get(self.name, self.name)

    @property
    def field_names(self) -> tuple[str, ...]:
        """The fields of a row, those without a name as DuckDB knows them here."""
        return tuple(name or f"field{at}" for at, name in enumerate(self.names))

    @property
    def element(self) -> Type:
        return self.arguments[0]

    @property
    def is_numeric(self) -> bool:
        return self.name in INTEGERS or self.name in FLOATS or self.name == "decimal"

    @property
    def is_integer(self) -> bool:
        return self.name in INTEGERS

    @property
    def is_text(self) -> bool:
        return self.name in ("varchar", "char")

    @property
    def is_time(self) -> bool:
        """Whether it has a calendar date in it."""
        return self.name in ("date", "timestamp", "timestamp with time zone")


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A value as an SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


UNKNOWN = Type("unknown")
BOOLEAN = Type("boolean")
INTEGER = Type("integer")
BIGINT = Type("bigint")
DOUBLE = Type("double")
VARCHAR = Type("varchar", precision=UNBOUNDED)
VARBINARY = Type("varbinary")
DATE = Type("date")
JSON = Type("json")
UUID = Type("uuid")
INTERVAL = Type("interval day to second")
MONTHS = Type("interval year to month")


def decimal(precision: int, scale: int) -> Type:
    return Type("decimal", precision=min(precision, 38), scale=min(scale, 38))


def timestamp(precision: int = 3) -> Type:
    return Type("timestamp", precision=precision)


def zoned(precision: int = 3, zone: str | None = None) -> Type:
    return Type("timestamp with time zone", precision=precision, zone=zone)


def array(element: Type) -> Type:
    return Type("array", (element,))


def map_of(key: Type, value: Type) -> Type:
    return Type("map", (key, value))


def row(types: Sequence[Type], names: Sequence[str | None] | None = None) -> Type:
    return Type("row", tuple(types), tuple(names or [None] * len(types)))


TOKEN = re.compile(r'\s*("(?:[^"]|"")*"|`[^`]*`|[\w.\-$]+|[<>(),:])')
PARAMETRIC = {"decimal", "varchar", "char", "timestamp", "time"}


def parse(spelled: str) -> Type:
    """The type that Hive or Trino spells this way; ValueError for what is none.

    >>> str(parse("struct<a:int,b:array<string>>"))
    'row(a integer, b array(varchar))'
    """
    tokens = TOKEN.findall(spelled)
    if "".join(tokens) != re.sub(r"\s+", "", spelled) and '"' not in spelled:
        raise ValueError(f"Unknown type: {spelled}")
    reader = _Reader(tokens, spelled)
    result = reader.type()
    if reader.tokens:
        raise ValueError(f"Unknown type: {spelled}")
    return result


class _Reader:
    def __init__(self, tokens: list[str], spelled: str) -> None:
        self.tokens = tokens
        self.spelled = spelled

    def take(self, *wanted: str) -> str:
        if not self.tokens or (wanted and self.tokens[0] not in wanted):
            raise ValueError(f"Unknown type: {self.spelled}")
        return self.tokens.pop(0)

    def type(self) -> Type:
        name = self.take().lower()
        if name == "double" and self.tokens[:1] == ["precision"]:
            self.take()
        name = SYNONYMS.get(name, name)
        if name in ("array", "map", "row"):
            return self._nested(name)
        arguments = self._numbers() if name in PARAMETRIC else []
        return scalar(self._zoned(name), arguments)

    def _zoned(self, name: str) -> str:
        words = [word.lower() for word in self.tokens[:4]]
        if name == "timestamp" and words == ["with", "time", "zone"]:
            del self.tokens[:3]
            return "timestamp with time zone"
        if name == "interval":
            del self.tokens[:3]
            return f"interval {' '.join(words[:3])}"
        return name

    def _numbers(self) -> list[int]:
        if self.tokens[:1] != ["("]:
            return []
        self.take("(")
        numbers = [int(self.take())]
        while self.take(",", ")") == ",":
            numbers.append(int(self.take()))
        return numbers

    def _nested(self, name: str) -> Type:
        closing = {"<": ">", "(": ")"}[self.take("<", "(")]
        names: list[str | None] = []
        types: list[Type] = []
        while True:
            names.append(self._field() if name == "row" else None)
            types.append(self.type())
            if self.take(",", closing) == closing:
                break
        return Type(name, tuple(types), tuple(names) if name == "row" else ())

    def _field(self) -> str | None:
        if len(self.tokens) < 2 or self.tokens[1] in (",", ")", ">", "(", "<"):
            return None
        field_name = self.take().strip('"`').lower()
        if self.tokens[:1] == [":"]:
            self.take()
        return field_name


def scalar(name: str, arguments: Sequence[int] = ()) -> Type:
    """A type without element types, with Trino's defaults for what is not said."""
    if name == "decimal":
        precision, scale = (*arguments, 38, 0)[:2] if len(arguments) != 1 else (arguments[0], 0)
        if not 0 <= scale <= precision <= 38 or not precision:
            raise ValueError(f"Unknown type: decimal({precision},{scale})")
        return decimal(precision, scale)
    if name == "varchar":
        return Type(name, precision=arguments[0] if arguments else UNBOUNDED)
    if name == "char":
        return Type(name, precision=arguments[0] if arguments else 1)
    if name in ("timestamp", "timestamp with time zone", "time"):
        return Type(name, precision=arguments[0] if arguments else 3)
    if name not in KNOWN:
        raise ValueError(f"Unknown type: {name}")
    return Type(name)


KNOWN = {
    *INTEGERS,
    *FLOATS,
    "boolean",
    "date",
    "json",
    "uuid",
    "varbinary",
    "unknown",
    "interval day to second",
    "interval year to month",
}


def common(left: Type, right: Type) -> Type | None:
    """The type both can be read as without losing anything, None when there is none."""
    if left == right:
        return left
    if left.name == "unknown":
        return right
    if right.name == "unknown":
        return left
    if left.name == right.name:
        return _widest(left, right)
    for one, other in ((left, right), (right, left)):
        found = _promoted(one, other)
        if found is not None:
            return found
    return None


def _widest(left: Type, right: Type) -> Type | None:
    if left.name == "decimal":
        scale = max(left.scale, right.scale)
        whole = max((left.precision or 0) - left.scale, (right.precision or 0) - right.scale)
        return decimal(whole + scale, scale)
    if left.arguments:
        if len(left.arguments) != len(right.arguments):
            return None
        pairs = zip(left.arguments, right.arguments, strict=True)
        merged = [common(one, other) for one, other in pairs]
        if None in merged:
            return None
        names = tuple(
            one if one == other else None
            for one, other in zip(left.names, right.names, strict=True)
        )
        return Type(left.name, tuple(t for t in merged if t), names)
    precision = max(left.precision or 0, right.precision or 0)
    return Type(left.name, precision=precision, zone=left.zone or right.zone)


def _promoted(one: Type, other: Type) -> Type | None:
    if one.is_integer:
        if other.is_integer:
            return max(one, other, key=lambda t: INTEGERS.index(t.name))
        if other.name in FLOATS:
            return other
        if other.name == "decimal":
            return _widest(decimal(DIGITS[one.name], 0), other)
    if one.name == "decimal" and other.name in FLOATS:
        return other
    if one.name == "real" and other.name == "double":
        return other
    if one.name == "date" and other.name in ("timestamp", "timestamp with time zone"):
        return other
    if one.name == "timestamp" and other.name == "timestamp with time zone":
        return zoned(max(one.precision or 0, other.precision or 0), other.zone)
    if one.name == "char" and other.name == "varchar":
        return other
    return None
