"""Mathematical functions. https://trino.io/docs/current/functions/math.html"""

from __future__ import annotations

from sqlglot import exp

from local.athena.sql.functions import Call
from local.athena.sql.functions.signatures import Maker, Template
from local.athena.sql.operators import arithmetic
from local.athena.sql.translator import Typed
from local.athena.sql.types import decimal


def _mod(call: Call) -> Typed:
    return arithmetic(call.translator, exp.Mod(this=call.nodes[0], expression=call.nodes[1]))


def _round_decimal(call: Call) -> Typed:
    """round(decimal) drops the fraction, round(decimal, d) keeps the scale."""
    kind = call.type(0)
    if len(call.nodes) == 1:
        whole = decimal(max((kind.precision or 0) - kind.scale + bool(kind.scale), 1), 0)
        return Typed(f"CAST(round({call.sql(0)}) AS {whole.duckdb})", whole)
    digits = int(call.constant(1, "a number of digits"))
    result = decimal((kind.precision or 0) + 1, kind.scale)
    return Typed(f"CAST(round({call.sql(0)}, {digits}) AS {result.duckdb})", result)


def _whole(function: str) -> Maker:
    """ceil and floor of a decimal have no fraction."""

    def make(call: Call) -> Typed:
        kind = call.type(0)
        whole = decimal(max((kind.precision or 0) - kind.scale + bool(kind.scale), 1), 0)
        return Typed(f"CAST({function}({call.sql(0)}) AS {whole.duckdb})", whole)

    return make


def _same(template: str, *names: str) -> dict[str, str]:
    """One entry per type that stays what it is."""
    head, _, body = template.partition(": ")
    return {f"{head.replace('N', name)}": body.replace("N", name) for name in names}


INTEGERS = ("tinyint", "smallint", "integer", "bigint")

TABLE: dict[str, Template] = {
    **_same("abs(N) -> N: abs({0})", *INTEGERS, "real", "double", "decimal"),
    **_same("sign(N) -> N: CAST(sign({0}) AS N)", *INTEGERS, "double"),
    "sign(decimal) -> integer": "CAST(sign({0}) AS INTEGER)",
    **_same("round(N) -> N: {0}", *INTEGERS),
    **_same("round(N, integer) -> N: CAST(round({0}, {1}) AS N)", *INTEGERS),
    "round(double) -> double": "round({0})",
    "round(real) -> real": "round({0})",
    "round(double, integer) -> double": "round({0}, {1})",
    "round(real, integer) -> real": "CAST(round({0}, {1}) AS FLOAT)",
    "round(decimal) -> decimal": _round_decimal,
    "round(decimal, integer) -> decimal": _round_decimal,
    **_same("ceil(N) -> N: {0}", *INTEGERS),
    **_same("ceiling(N) -> N: {0}", *INTEGERS),
    **_same("floor(N) -> N: {0}", *INTEGERS),
    "ceil(double) -> double": "ceil({0})",
    "ceiling(double) -> double": "ceil({0})",
    "floor(double) -> double": "floor({0})",
    "ceil(decimal) -> decimal": _whole("ceil"),
    "ceiling(decimal) -> decimal": _whole("ceil"),
    "floor(decimal) -> decimal": _whole("floor"),
    "truncate(double) -> double": "trunc({0})",
    "mod(A, B) -> A": _mod,
    "power(double, double) -> double": "power({0}, {1})",
    "pow(double, double) -> double": "power({0}, {1})",
    "sqrt(double) -> double": "sqrt({0})",
    "cbrt(double) -> double": "cbrt({0})",
    "exp(double) -> double": "exp({0})",
    "ln(double) -> double": "ln({0})",
    "log2(double) -> double": "log2({0})",
    "log10(double) -> double": "log10({0})",
    "log(double, double) -> double": "(ln({1}) / ln({0}))",
    "e() -> double": "exp(CAST(1 AS DOUBLE))",
    "pi() -> double": "pi()",
    "degrees(double) -> double": "degrees({0})",
    "radians(double) -> double": "radians({0})",
    **{
        f"{name}(double) -> double": f"{name}({{0}})"
        for name in ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh")
    },
    "atan2(double, double) -> double": "atan2({0}, {1})",
    "rand() -> double": "random()",
    "random() -> double": "random()",
    "rand(bigint) -> bigint": "CAST(floor(random() * {0}) AS BIGINT)",
    "random(bigint) -> bigint": "CAST(floor(random() * {0}) AS BIGINT)",
    "infinity() -> double": "CAST('infinity' AS DOUBLE)",
    "nan() -> double": "CAST('nan' AS DOUBLE)",
    "is_nan(double) -> boolean": "(NOT trino_number({0}))",
    "is_finite(double) -> boolean": "isfinite({0})",
    "is_infinite(double) -> boolean": "isinf({0})",
    "to_base(bigint, bigint) -> varchar": "lower(to_base({0}, CAST({1} AS INTEGER)))",
    "bitwise_and(bigint, bigint) -> bigint": "({0} & {1})",
    "bitwise_or(bigint, bigint) -> bigint": "({0} | {1})",
    "bitwise_xor(bigint, bigint) -> bigint": "xor({0}, {1})",
    "bitwise_not(bigint) -> bigint": "(~{0})",
    "bit_count(bigint, bigint) -> bigint": "CAST(bit_count({0} & ((1 << {1}) - 1)) AS BIGINT)",
    "width_bucket(double, double, double, bigint) -> bigint": (
        "CASE WHEN {0} < {1} THEN 0 WHEN {0} >= {2} THEN {3} + 1"
        " ELSE CAST(floor({3} * ({0} - {1}) / ({2} - {1})) AS BIGINT) + 1 END"
    ),
}
