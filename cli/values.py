"""Athena's values: from the text that GetQueryResults answers to a typed value.

Arrays, maps and rows come in a notation of Athena's own (`[1, 2]`, `{a=1}`) that is not JSON and
cannot be read back without doubt, so they stay text, as do dates and timestamps. In SQL,
`CAST(x AS JSON)` makes them JSON, which is read as such.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

Value = Any
"""None, bool, int, float, Decimal, str, or what JSON holds."""
INTEGERS = frozenset({"tinyint", "smallint", "integer", "int", "bigint"})
FLOATS = frozenset({"float", "real", "double"})
NUMBERS = INTEGERS | FLOATS | {"decimal"}


def reader(kind: str) -> Callable[[str], Value]:
    """How the text of a column of this type is read."""
    if kind in INTEGERS:
        return int
    if kind in FLOATS:
        return _float
    if kind == "decimal":
        return _decimal
    if kind == "boolean":
        return _boolean
    if kind == "json":
        return _json
    return str


def _float(text: str) -> Value:
    """JSON has no NaN and no infinity: they stay text."""
    number = float(text)
    return number if number - number == 0 else text


def _decimal(text: str) -> Value:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _boolean(text: str) -> Value:
    return {"true": True, "false": False}.get(text, text)


def _json(text: str) -> Value:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
