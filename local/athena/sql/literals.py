"""Literals, and the constructors of arrays, rows and intervals."""

from __future__ import annotations

import re

from sqlglot import exp

from local.athena.sql.convert import unify
from local.athena.sql.translator import Translator, Typed, translates
from local.athena.sql.types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    MONTHS,
    UNKNOWN,
    VARBINARY,
    Type,
    array,
    decimal,
    quote,
    row,
    text,
)

UNITS = {"second": INTERVAL, "minute": INTERVAL, "hour": INTERVAL, "day": INTERVAL}
UNITS |= {"month": MONTHS, "year": MONTHS}
DECIMAL = re.compile(r"0*(\d*)\.?(\d*)$")


@translates(exp.Literal)
def literal(translator: Translator, node: exp.Literal) -> Typed:
    if node.is_string:
        return string(node.name)
    return number(translator, node)


def string(value: str) -> Typed:
    return Typed(text(value), Type("varchar", precision=len(value)))


def number(translator: Translator, node: exp.Literal) -> Typed:
    spelled = node.name
    if "e" in spelled.lower():
        return Typed(f"CAST({text(spelled)} AS DOUBLE)", DOUBLE)
    if spelled.isdigit():
        value = int(spelled)
        if value >= 2**63:
            translator.fail("NUMERIC_VALUE_OUT_OF_RANGE", f"Invalid numeric literal: {value}", node)
        kind = INTEGER if value < 2**31 else BIGINT
        return Typed(spelled.lstrip("0") or "0", kind)
    found = DECIMAL.match(spelled)
    if found is None:
        translator.unsupported(node, f"The number {spelled}")
    whole, fraction = found.groups()
    kind = decimal(max(len(whole) + len(fraction), 1), len(fraction))
    return Typed(f"CAST({text(spelled)} AS {kind.duckdb})", kind)


@translates(exp.Neg)
def negative(translator: Translator, node: exp.Neg) -> Typed:
    if isinstance(node.this, exp.Literal) and node.this.name == str(2**63):
        return Typed(f"CAST({text(f'-{2**63}')} AS BIGINT)", BIGINT)
    value = translator.expression(node.this)
    if not (value.type.is_numeric or value.type in (INTERVAL, MONTHS)):
        translator.fail("TYPE_MISMATCH", f"Cannot negate {value.type}", node)
    return Typed(f"(-{value.sql})", value.type)


@translates(exp.Boolean)
def boolean(_: Translator, node: exp.Boolean) -> Typed:
    return Typed("TRUE" if node.this else "FALSE", BOOLEAN)


@translates(exp.Null)
def null(_: Translator, __: exp.Null) -> Typed:
    return Typed("NULL", UNKNOWN)


@translates(exp.HexString)
def hexadecimal(_: Translator, node: exp.HexString) -> Typed:
    return Typed(f"from_hex({text(node.name)})", VARBINARY)


@translates(exp.UnicodeString)
def unicode_string(_: Translator, node: exp.UnicodeString) -> Typed:
    escaped = re.sub(r"\\\+([0-9a-fA-F]{6})", lambda m: chr(int(m[1], 16)), node.name)
    return string(re.sub(r"\\([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), escaped))


@translates(exp.ParseJSON)
def json(translator: Translator, node: exp.ParseJSON) -> Typed:
    return Typed(f"json({translator.expression(node.this).sql})", JSON)


@translates(exp.Array)
def array_of(translator: Translator, node: exp.Array) -> Typed:
    items = [translator.expression(item) for item in node.expressions]
    if not items:
        return Typed("[]", array(UNKNOWN))
    kind, values = unify(translator, items, node, "All ARRAY elements must be the same type")
    return Typed(f"[{', '.join(values)}]", array(kind))


@translates(exp.Tuple)
def tuple_of(translator: Translator, node: exp.Tuple) -> Typed:
    return row_of([translator.expression(item) for item in node.expressions])


def row_of(items: list[Typed]) -> Typed:
    """ROW(a, b): fields without names."""
    kind = row([item.type for item in items])
    fields = zip(kind.field_names, items, strict=True)
    packed = ", ".join(f"{quote(name)} := {item.sql}" for name, item in fields)
    return Typed(f"struct_pack({packed})", kind)


@translates(exp.Interval)
def interval(translator: Translator, node: exp.Interval) -> Typed:
    unit = node.args.get("unit")
    name = unit.name.lower() if isinstance(unit, exp.Var) else ""
    amount = node.this
    negated = isinstance(amount, exp.Neg)
    if negated:
        amount = amount.this
    if name not in UNITS or not isinstance(amount, exp.Literal) or not amount.is_string:
        translator.unsupported(node, f"INTERVAL {node.sql()}")
    if not re.fullmatch(r"[+-]?\d+(\.\d+)?", amount.name.strip()):
        translator.fail("INVALID_LITERAL", f"'{amount.name}' is not a valid interval", node)
    sign = "-" if negated else ""
    return Typed(f"({sign}INTERVAL {text(amount.name)} {name})", UNITS[name])
