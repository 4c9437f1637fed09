"""One JSON record by a table's columns, by the rules of the OpenX SerDe as Firehose runs it.

This is the careful way, value by value; `typed` is the fast one for records that need no care.
Both give the same values: str, int, float, bool, list, dict, a struct's instance, and canonical
texts for decimals, dates (2013-01-31) and timestamps (2013-01-31T10:15:00.000000Z).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any, NoReturn

from local.athena.sql.types import Type
from local.delivery import hive

MILLISECONDS_FROM = 10**12
"""An epoch number of at least this size is milliseconds, below it seconds."""
BOOLEANS = {"true": True, "false": False}
"""Texts that a boolean column takes, in any case; others fail. [open]"""

INTEGER = re.compile(r"[+-]?\d+")
HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]+")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
FLOAT = re.compile(rf"\s*({NUMBER.pattern}|[+-]?(NaN|Infinity))\s*")
DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
ZULU = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z")
PLAIN = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2}) (\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?")
WIDE = Context(prec=76)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unfit(Exception):
    """Why a record cannot become a row: AWS's code and sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = f"DataFormatConversion.{code}"
        self.message = message


def malformed(detail: str) -> NoReturn:
    raise Unfit("MalformedData", f"Data does not match the schema. {detail}")


class Lexeme(float):
    """A number with a fraction or an exponent that still knows how it was written."""

    text: str

    def __new__(cls, text: str) -> Lexeme:
        made = super().__new__(cls, text)
        made.text = text
        return made


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


DECODER = json.JSONDecoder(parse_float=Lexeme, parse_constant=_no_constant)


def documents(record: bytes) -> Iterator[dict[str, Any]]:
    """The JSON objects of a record: one, or several one after the other."""
    try:
        text = record.decode()
    except UnicodeDecodeError as error:
        raise Unfit("ParseError", f"Encountered malformed JSON. {error.reason}") from error
    if not text.strip():
        raise Unfit("MalformedData", "The record was empty or contained only whitespace.")
    at = _skip(text, 0)
    while at < len(text):
        try:
            document, at = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            detail = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise Unfit("ParseError", f"Encountered malformed JSON. {detail}") from error
        if isinstance(document, list):
            malformed("The top level of a record must not be an array.")
        if not isinstance(document, dict):
            raise Unfit(
                "MalformedData",
                "The input JSON contained a primitive at the top level. The top level must be "
                "an object or array.",
            )
        yield document
        at = _skip(text, at)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


Coerce = Callable[[Any], Any]


def coercion(kind: Type, struct: Callable[[Type], Coerce]) -> Coerce:
    """How a JSON value that is not null becomes a value of `kind`; `struct` makes structs."""
    if kind.name == "array":
        item = nullable(coercion(kind.element, struct))
        return lambda value: (
            [item(one) for one in value] if isinstance(value, list) else [item(value)]
        )
    if kind.name == "map":
        key, inner = (coercion(one, struct) for one in kind.arguments)
        inner = nullable(inner)
        return lambda value: {key(name): inner(one) for name, one in _object(value).items()}
    return struct(kind) if kind.name == "row" else _primitive(kind)


def nullable(coerce: Coerce) -> Coerce:
    return lambda value: None if value is None else coerce(value)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        malformed(f"Data is not JSONObject  but {java_class(value)} with value {text(value)}")
    return value


def fields(value: Any, *, case_insensitive: bool, dots: bool) -> dict[str, Any]:
    """An object's members under the names that columns have."""
    members = _object(value)
    if dots:
        members = {name.replace(".", "_"): one for name, one in members.items()}
    return {name.lower(): one for name, one in members.items()} if case_insensitive else members


def java_class(value: Any) -> str:
    names = {bool: "Boolean", int: "Long", Lexeme: "Double", str: "String"}
    return f"java.lang.{names[type(value)]}" if type(value) in names else "JSONArray"


def _primitive(kind: Type) -> Coerce:
    if kind.name in hive.INTEGERS:
        bits = hive.INTEGERS[kind.name]
        return lambda value: _integer(value, 1 << (bits - 1))
    if kind.name == "decimal":
        return lambda value: _decimal(value, kind.precision or 0, kind.scale)
    return PRIMITIVES[kind.name]


def text(value: Any) -> str:
    """A value in a string column: a nested one becomes its JSON, a number as it was written."""
    if isinstance(value, str):
        result = value
    elif isinstance(value, Lexeme):
        result = value.text
    else:
        result = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        result.encode()
    except UnicodeEncodeError as error:
        raise Unfit("ParseError", "Encountered malformed JSON. Unpaired surrogate") from error
    return result


def _integer(value: Any, limit: int) -> int:
    if isinstance(value, str) and INTEGER.fullmatch(value):
        value = int(value)
    elif isinstance(value, str) and HEXADECIMAL.fullmatch(value):
        value = int(value, 16)
    if type(value) is not int or not -limit <= value < limit:
        malformed(f'For input string: "{text(value)}"')
    return value


def _float(value: Any) -> float:
    if isinstance(value, str) and FLOAT.fullmatch(value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        malformed(f'For input string: "{text(value)}"')
    try:
        return float(value)
    except OverflowError:
        malformed(f'For input string: "{value}"')


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in BOOLEANS:
        return BOOLEANS[value.lower()]
    malformed(f"{java_class(value)} with value {text(value)} is not a boolean")


def _decimal(value: Any, precision: int, scale: int) -> str:
    """Rounded half up to the column's scale, as Hive does; too many digits fail."""
    written = text(value)
    if isinstance(value, bool | list | dict) or not NUMBER.fullmatch(written):
        malformed(f'For input string: "{written}"')
    try:
        rounded = Decimal(written).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, WIDE)
    except InvalidOperation:
        malformed(f"{written} does not fit into decimal({precision},{scale})")
    if len(rounded.as_tuple().digits) > precision:
        malformed(f"{written} does not fit into decimal({precision},{scale})")
    return f"{rounded:f}"


def _date(value: Any) -> str:
    found = DATE.fullmatch(value) if isinstance(value, str) else None
    if not found:
        malformed(f'For input string: "{text(value)}"')
    try:
        return date(*(int(part) for part in found.groups())).isoformat()
    except ValueError as error:
        malformed(str(error))


def _timestamp(value: Any) -> str:
    if isinstance(value, bool):
        malformed("java.lang.Boolean is not a timestamp")
    if isinstance(value, str):
        found = ZULU.fullmatch(value) or PLAIN.fullmatch(value)
        if found:
            return _moment(*found.groups())
        if not NUMBER.fullmatch(value):
            malformed(
                "Timestamp format must be yyyy-MM-dd HH:mm:ss[.fffffffff] or "
                f"yyyy-MM-dd'T'HH:mm:ss[.fffffffff]'Z', not {value}"
            )
        value = int(value) if INTEGER.fullmatch(value) else Lexeme(value)
    if not isinstance(value, int | float):
        malformed(f"{java_class(value)} is not a timestamp")
    return _epoch(value)


def _epoch(value: int | float) -> str:
    milliseconds = isinstance(value, int) and abs(value) >= MILLISECONDS_FROM
    try:
        moment = EPOCH + (
            timedelta(milliseconds=value) if milliseconds else timedelta(seconds=value)
        )
    except (OverflowError, ValueError) as error:
        malformed(str(error))
    return _canonical(moment)


def _moment(*parts: str | None) -> str:
    numbers = [int(part) for part in parts[:6] if part]
    micro = int(((parts[6] or "") + "000000")[:6])
    try:
        return _canonical(datetime(*numbers, micro, tzinfo=UTC))  # type: ignore[misc,arg-type]
    except ValueError as error:
        malformed(str(error))


def _canonical(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


PRIMITIVES: dict[str, Coerce] = {
    "varchar": text,
    "char": text,
    "boolean": _boolean,
    "real": _float,
    "double": _float,
    "date": _date,
    "timestamp": _timestamp,
}
