"""Operators: arithmetic, comparison, logic and the conditional forms."""

from __future__ import annotations

from typing import NoReturn

from sqlglot import exp

from local.athena.sql.convert import coerce, unify
from local.athena.sql.macros import COMPARED
from local.athena.sql.translator import Translator, Typed, translates
from local.athena.sql.types import (
    BOOLEAN,
    DATE,
    DIGITS,
    FLOATS,
    INTERVAL,
    MONTHS,
    VARCHAR,
    Type,
    array,
    common,
    decimal,
)

SYMBOLS: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
}
INTERVALS = (INTERVAL, MONTHS)


@translates(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)
def arithmetic(translator: Translator, node: exp.Binary) -> Typed:
    left, right = translator.expression(node.this), translator.expression(node.expression)
    symbol = SYMBOLS[type(node)]
    if left.type.is_time or right.type.is_time or {left.type, right.type} & set(INTERVALS):
        return _calendar(translator, node, symbol, left, right)
    wide = common(left.type, right.type)
    if wide is None or not (wide.is_numeric or wide.name == "unknown"):
        _mismatch(translator, node, symbol, left, right)
    if wide.name == "decimal":
        return _decimal(symbol, _as_decimal(left), _as_decimal(right))
    one, other = coerce(left, wide), coerce(right, wide)
    if symbol == "/" and wide.is_integer:
        return Typed(f"({one} // {other})", wide)
    if symbol == "%" and not wide.is_integer:
        return Typed(f"trino_modulus({one}, {other})", wide)
    return Typed(f"({one} {symbol} {other})", wide)


def _mismatch(
    translator: Translator, node: exp.Expr, symbol: str, left: Typed, right: Typed
) -> NoReturn:
    message = f"Cannot apply operator: {left.type} {symbol} {right.type}"
    translator.fail("TYPE_MISMATCH", message, node)


def _as_decimal(value: Typed) -> Typed:
    if value.type.name == "decimal":
        return value
    kind = decimal(DIGITS.get(value.type.name, 1), 0)
    return Typed(coerce(value, kind), kind)


def _decimal(symbol: str, left: Typed, right: Typed) -> Typed:
    """Decimal arithmetic with Trino's result types; division rounds half up, exactly.

    https://trino.io/docs/current/functions/decimal.html
    """
    p1, s1 = left.type.precision or 0, left.type.scale
    p2, s2 = right.type.precision or 0, right.type.scale
    scale = max(s1, s2)
    if symbol in "+-":
        kind = decimal(max(p1 - s1, p2 - s2) + scale + 1, scale)
    elif symbol == "*":
        kind = decimal(p1 + p2, s1 + s2)
    elif symbol == "%":
        kind = decimal(min(p2 - s2, p1 - s1) + scale, scale)
    else:
        kind = decimal(p1 + s2 + max(0, s2 - s1), scale)
        return Typed(_quotient(left, right, kind), kind)
    return Typed(f"CAST({left.sql} {symbol} {right.sql} AS {kind.duckdb})", kind)


def _quotient(left: Typed, right: Typed, kind: Type) -> str:
    """left / right in whole numbers: both times a power of ten, divided, scaled back."""
    dividend = unscaled(left.sql, kind.scale + right.type.scale)
    divisor = unscaled(right.sql, right.type.scale)
    return scaled(f"trino_divide({dividend}, {divisor})", kind)


def unscaled(sql: str, digits: int) -> str:
    """A decimal times a power of ten, as a whole number."""
    return f"CAST({sql} * CAST('1{'0' * digits}' AS DECIMAL({digits + 1}, 0)) AS HUGEINT)"


def scaled(sql: str, kind: Type) -> str:
    """A whole number divided by ten to the scale of a decimal type."""
    if kind.scale == 0:
        return f"CAST({sql} AS {kind.duckdb})"
    unit = f"CAST('0.{'1'.rjust(kind.scale, '0')}' AS DECIMAL({kind.scale}, {kind.scale}))"
    return f"CAST(CAST({sql} AS DECIMAL({38 - kind.scale}, 0)) * {unit} AS {kind.duckdb})"


def _calendar(
    translator: Translator, node: exp.Binary, symbol: str, left: Typed, right: Typed
) -> Typed:
    """Dates, timestamps and intervals."""
    kinds = (left.type, right.type)
    if symbol == "+" and left.type in INTERVALS and right.type.is_time:
        left, right = right, left
        kinds = (left.type, right.type)
    if symbol in "+-" and left.type.is_time and right.type in INTERVALS:
        sum_sql = f"({left.sql} {symbol} {right.sql})"
        if left.type == DATE:
            return Typed(f"trino_date_sum({sum_sql})", DATE)
        return Typed(sum_sql, left.type)
    if symbol == "-" and left.type.is_time and right.type.is_time:
        wide = common(left.type, right.type)
        if wide == DATE:
            return Typed(f"to_days(CAST({left.sql} - {right.sql} AS INTEGER))", INTERVAL)
        if wide is not None:
            return Typed(f"({coerce(left, wide)} - {coerce(right, wide)})", INTERVAL)
    if symbol in "+-" and kinds[0] == kinds[1] and kinds[0] in INTERVALS:
        return Typed(f"({left.sql} {symbol} {right.sql})", left.type)
    if symbol in "*/" and left.type in INTERVALS and right.type.is_numeric:
        return Typed(f"({left.sql} {symbol} {right.sql})", left.type)
    if symbol == "*" and right.type in INTERVALS and left.type.is_numeric:
        return Typed(f"({right.sql} * {left.sql})", right.type)
    _mismatch(translator, node, symbol, left, right)


@translates(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)
def comparison(translator: Translator, node: exp.Binary) -> Typed:
    from local.athena.sql.subqueries import quantified

    if isinstance(node.expression, exp.Any | exp.All):
        return quantified(translator, node, SYMBOLS[type(node)])
    left, right = translator.expression(node.this), translator.expression(node.expression)
    return Typed(_compared(translator, node, SYMBOLS[type(node)], left, right), BOOLEAN)


def _compared(
    translator: Translator, node: exp.Expr, symbol: str, left: Typed, right: Typed
) -> str:
    wide = common(left.type, right.type)
    if wide is None:
        _mismatch(translator, node, symbol, left, right)
    return compared(symbol, wide, coerce(left, wide), coerce(right, wide))


def compared(symbol: str, kind: Type, one: str, other: str) -> str:
    """A comparison of two values of a type. NaN equals nothing and is neither less nor greater;
    for DuckDB it equals itself and is the greatest."""
    if kind.name in FLOATS and symbol == "<>":
        return f"(NOT trino_eq({one}, {other}))"
    if kind.name in FLOATS and symbol in COMPARED:
        return f"trino_{COMPARED[symbol]}({one}, {other})"
    return f"({one} {symbol} {other})"


@translates(exp.And, exp.Or)
def connective(translator: Translator, node: exp.Connector) -> Typed:
    word = "AND" if isinstance(node, exp.And) else "OR"
    sides = [condition(translator, side) for side in node.flatten()]
    return Typed(f"({f' {word} '.join(sides)})", BOOLEAN)


@translates(exp.Not)
def negation(translator: Translator, node: exp.Not) -> Typed:
    return Typed(f"(NOT {condition(translator, node.this)})", BOOLEAN)


def condition(translator: Translator, node: exp.Expr, clause: str = "") -> str:
    """An expression that has to be true or false."""
    value = translator.expression(node)
    if value.type.name not in ("boolean", "unknown"):
        what = f"{clause} clause" if clause else "Logical expression term"
        message = f"{what} must evaluate to a boolean: actual type {value.type}"
        translator.fail("TYPE_MISMATCH", message, node)
    return value.sql


@translates(exp.Is)
def is_null(translator: Translator, node: exp.Is) -> Typed:
    if not isinstance(node.expression, exp.Null):
        translator.unsupported(node, f"IS {node.expression.sql().upper()}")
    word = "IS NOT NULL" if node.args.get("negate") else "IS NULL"
    return Typed(f"({translator.expression(node.this).sql} {word})", BOOLEAN)


@translates(exp.Between)
def between(translator: Translator, node: exp.Between) -> Typed:
    sides = [translator.expression(node.args[key]) for key in ("this", "low", "high")]
    kind, (value, low, high) = unify(translator, sides, node, "Cannot check if between")
    if kind.name in FLOATS:
        above, below = compared(">=", kind, value, low), compared("<=", kind, value, high)
        return Typed(f"({above} AND {below})", BOOLEAN)
    return Typed(f"({value} BETWEEN {low} AND {high})", BOOLEAN)


@translates(exp.In)
def contained(translator: Translator, node: exp.In) -> Typed:
    from local.athena.sql.subqueries import in_query

    if node.args.get("query") is not None:
        return in_query(translator, node)
    values = [translator.expression(item) for item in (node.this, *node.expressions)]
    what = "IN value and list items must be the same type"
    kind, (value, *items) = unify(translator, values, node, what)
    listed = f"{value} IN ({', '.join(items)})"
    if kind.name not in FLOATS:
        return Typed(f"({listed})", BOOLEAN)
    if all(_is_number(item) for item in node.expressions):
        return Typed(f"({listed} AND trino_number({value}))", BOOLEAN)
    return Typed(f"({' OR '.join(compared('=', kind, value, item) for item in items)})", BOOLEAN)


def _is_number(node: exp.Expr) -> bool:
    """Whether it is a constant, so neither NULL nor NaN."""
    node = node.unnest()
    return isinstance(node.this if isinstance(node, exp.Neg) else node, exp.Literal)


@translates(exp.Like, exp.Escape)
def like(translator: Translator, node: exp.Like | exp.Escape) -> Typed:
    inner = node.this if isinstance(node, exp.Escape) else node
    value, pattern = translator.expression(inner.this), translator.expression(inner.expression)
    for side in (value, pattern):
        if not side.type.is_text and side.type.name != "unknown":
            message = (
                f"Left side of LIKE expression must evaluate to a varchar (actual: {side.type})"
            )
            translator.fail("TYPE_MISMATCH", message, node)
    escape = ""
    if isinstance(node, exp.Escape):
        escape = f" ESCAPE {translator.expression(node.expression).sql}"
    word = "NOT LIKE" if inner.args.get("negate") else "LIKE"
    return Typed(f"({value.sql} {word} {pattern.sql}{escape})", BOOLEAN)


@translates(exp.DPipe)
def concatenation(translator: Translator, node: exp.DPipe) -> Typed:
    left, right = translator.expression(node.this), translator.expression(node.expression)
    if left.type.name == "array" or right.type.name == "array":
        one, other = (_as_array(side, left, right) for side in (left, right))
        kind, (a, b) = unify(translator, [one, other], node, "Cannot concatenate")
        return Typed(f"trino_join({a}, {b})", kind)
    if left.type.name == right.type.name == "varbinary":
        return Typed(f"({left.sql} || {right.sql})", left.type)
    for side in (left, right):
        if not side.type.is_text and side.type.name != "unknown":
            _mismatch(translator, node, "||", left, right)
    return Typed(f"({left.sql} || {right.sql})", VARCHAR)


def _as_array(side: Typed, *both: Typed) -> Typed:
    if side.type.name == "array" and not all(
        b.type.name == "array" and b.type.element == side.type for b in both if b is not side
    ):
        return side
    return Typed(f"[{side.sql}]", array(side.type))


@translates(exp.Case)
def case(translator: Translator, node: exp.Case) -> Typed:
    tested = translator.expression(node.this) if node.this is not None else None
    conditions = []
    for branch in node.args["ifs"]:
        if tested is None:
            conditions.append(condition(translator, branch.this, "CASE WHEN"))
            continue
        value = translator.expression(branch.this)
        conditions.append(_compared(translator, branch, "=", tested, value))
    results = [branch.args["true"] for branch in node.args["ifs"]]
    return _choice(translator, node, conditions, [*results, node.args.get("default")])


@translates(exp.If)
def if_then(translator: Translator, node: exp.If) -> Typed:
    branches = [node.args["true"], node.args.get("false")]
    return _choice(translator, node, [condition(translator, node.this, "IF")], branches)


def _choice(
    translator: Translator,
    node: exp.Expr,
    conditions: list[str],
    branches: list[exp.Expr | None],
) -> Typed:
    values = [translator.expression(branch or exp.Null()) for branch in branches]
    what = "All CASE results must be the same type or coercible to a common type"
    kind, (*results, default) = unify(translator, values, node, what)
    whens = " ".join(
        f"WHEN {test} THEN {result}" for test, result in zip(conditions, results, strict=True)
    )
    return Typed(f"CASE {whens} ELSE {default} END", kind)


@translates(exp.Bracket)
def subscript(translator: Translator, node: exp.Bracket) -> Typed:
    """`a[1]` and `m['k']`: what is not there is an error, other than with element_at."""
    value = translator.expression(node.this)
    key = translator.expression(node.expressions[0])
    if value.type.name == "array" and key.type.is_integer:
        return Typed(f"trino_subscript({value.sql}, {key.sql})", value.type.element)
    if value.type.name == "map":
        wide = common(value.type.arguments[0], key.type)
        if wide is not None:
            return Typed(f"trino_lookup({value.sql}, {coerce(key, wide)})", value.type.arguments[1])
    message = f"Cannot use {key.type} for subscript of {value.type}"
    return translator.fail("TYPE_MISMATCH", message, node)


@translates(exp.AtTimeZone)
def at_time_zone(translator: Translator, node: exp.AtTimeZone) -> Typed:
    from local.athena.sql.functions.times import in_zone

    return in_zone(translator, node, translator.expression(node.this), node.args["zone"])
