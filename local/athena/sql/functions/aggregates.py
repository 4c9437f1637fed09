"""Aggregate functions. https://trino.io/docs/current/functions/aggregate.html

A template is `wrapper|core(…)`: DISTINCT, ORDER BY, FILTER and OVER belong to the core, and
`{it}` in the wrapper is the finished core. Approximate functions are computed exactly, which
is within any of their error bounds.
"""

from __future__ import annotations

from local.athena.sql.functions import Call
from local.athena.sql.functions.signatures import Maker, Template
from local.athena.sql.operators import scaled, unscaled
from local.athena.sql.translator import Typed
from local.athena.sql.types import BIGINT, DOUBLE, FLOATS, array, decimal, map_of


def _sum_decimal(call: Call) -> Typed:
    kind = decimal(38, call.type(0).scale)
    return Typed(call.modifiers.around("sum({0})", [call.sql(0)]), kind)


def _avg_decimal(call: Call) -> Typed:
    """Rounded half up to the scale of what is averaged."""
    kind = call.type(0)
    total = call.modifiers.around("sum({0})", [call.sql(0)])
    count = call.modifiers.around("count({0})", [call.sql(0)])
    mean = f"trino_divide({unscaled(total, kind.scale)}, CAST({count} AS HUGEINT))"
    return Typed(f"CASE WHEN {count} > 0 THEN {scaled(mean, kind)} END", kind)


def _shape(least: int, shape: str) -> Maker:
    """skewness and kurtosis: NaN of values that are all the same, where DuckDB has NULL."""

    def make(call: Call) -> Typed:
        found = call.modifiers.around(f"{call.name}({{0}})", [call.sql(0)])
        n = call.modifiers.around("count({0})", [call.sql(0)])
        value = f"coalesce({shape.format(it=found, n=n)}, CAST('nan' AS DOUBLE))"
        return Typed(f"CASE WHEN {n} >= {least} THEN {value} END", DOUBLE)

    return make


POPULATION = "{it} * ({n} - 2) / sqrt({n} * ({n} - 1))"
"""The skewness of a population from DuckDB's, which is that of a sample."""


def _max(call: Call) -> Typed:
    """NaN is the greatest for DuckDB, here it is none unless there is nothing else."""
    greatest = call.modifiers.around("max({0})", [call.sql(0)])
    if call.type(0).name not in FLOATS:
        return Typed(greatest, call.type(0))
    number = f"CASE WHEN trino_number({call.sql(0)}) THEN {call.sql(0)} END"
    number = call.modifiers.around("max({0})", [number])
    return Typed(f"coalesce({number}, {greatest})", call.type(0))


def _percentile(call: Call) -> Typed:
    """A value that is there, at the rank; of several ranks, an array."""
    sql = call.modifiers.around("quantile_disc({0}, {1})", [call.sql(0), call.sql(1)])
    kind = call.type(0)
    return Typed(sql, array(kind) if call.type(1).name == "array" else kind)


def _listagg(call: Call) -> Typed:
    from local.athena.sql.types import VARCHAR

    separator = call.sql(1) if len(call.nodes) == 2 else "''"
    return Typed(call.modifiers.around("string_agg({0}, {1})", [call.sql(0), separator]), VARCHAR)


def _map_agg(call: Call) -> Typed:
    """The first value of each key."""
    made = call.modifiers
    keys = made.around("list({0})", [call.sql(0)])
    values = made.around("list({0})", [call.sql(1)])
    kind = call.result
    return Typed(f"trino_first_keys({keys}, {values})", kind)


def _histogram(call: Call) -> Typed:
    kind = map_of(call.type(0), BIGINT)
    return Typed(
        f"CAST({call.modifiers.around('histogram({0})', [call.sql(0)])} AS {kind.duckdb})", kind
    )


MOMENTS = {
    "stddev": "stddev_samp",
    "stddev_samp": "stddev_samp",
    "stddev_pop": "stddev_pop",
    "variance": "var_samp",
    "var_samp": "var_samp",
    "var_pop": "var_pop",
}
PAIRS = {
    "covar_pop": "covar_pop({0}, {1})",
    "covar_samp": "covar_samp({0}, {1})",
    **{
        name: f"CASE WHEN isfinite({{it}}) THEN {{it}} END|{name}({{0}}, {{1}})"
        for name in ("corr", "regr_slope", "regr_intercept")
    },
}

TABLE: dict[str, Template] = {
    "count() -> bigint": "count(*)",
    "count(E) -> bigint": "count({0})",
    "count_if(boolean) -> bigint": "count(CASE WHEN {0} THEN 1 END)",
    "sum(bigint) -> bigint": "CAST({it} AS BIGINT)|sum({0})",
    "sum(double) -> double": "sum({0})",
    "sum(real) -> real": "CAST({it} AS FLOAT)|sum({0})",
    "sum(decimal) -> decimal": _sum_decimal,
    "sum(interval day to second) -> interval day to second": (
        "to_milliseconds(CAST({it} AS BIGINT))|sum(epoch_ms({0}))"
    ),
    "avg(bigint) -> double": "avg({0})",
    "avg(double) -> double": "avg({0})",
    "avg(real) -> real": "CAST({it} AS FLOAT)|avg({0})",
    "avg(decimal) -> decimal": _avg_decimal,
    "avg(interval day to second) -> interval day to second": (
        "to_milliseconds(CAST(round({it}) AS BIGINT))|avg(epoch_ms({0}))"
    ),
    "min(E) -> E": "min({0})",
    "max(E) -> E": _max,
    "min(E, bigint) -> array(E)": "min({0}, {1})",
    "max(E, bigint) -> array(E)": "max({0}, {1})",
    "min_by(V, K) -> V": "arg_min_null({0}, {1})",
    "max_by(V, K) -> V": "arg_max_null({0}, {1})",
    "min_by(V, K, bigint) -> array(V)": "arg_min({0}, {1}, {2})",
    "max_by(V, K, bigint) -> array(V)": "arg_max({0}, {1}, {2})",
    "arbitrary(E) -> E": "any_value({0})",
    "any_value(E) -> E": "any_value({0})",
    "array_agg(E) -> array(E)": "list({0})",
    "approx_distinct(E) -> bigint": "count(DISTINCT {0})",
    "approx_distinct(E, double) -> bigint": "count(DISTINCT {0})",
    "approx_percentile(bigint, double) -> bigint": _percentile,
    "approx_percentile(double, double) -> double": _percentile,
    "approx_percentile(real, double) -> real": _percentile,
    "approx_percentile(bigint, array(double)) -> array(bigint)": _percentile,
    "approx_percentile(double, array(double)) -> array(double)": _percentile,
    "bool_and(boolean) -> boolean": "bool_and({0})",
    "every(boolean) -> boolean": "bool_and({0})",
    "bool_or(boolean) -> boolean": "bool_or({0})",
    "geometric_mean(double) -> double": "geomean({0})",
    "histogram(E) -> map(E, bigint)": _histogram,
    "listagg(varchar) -> varchar": _listagg,
    "listagg(varchar, varchar) -> varchar": _listagg,
    "map_agg(K, V) -> map(K, V)": _map_agg,
    "bitwise_and_agg(bigint) -> bigint": "bit_and({0})",
    "bitwise_or_agg(bigint) -> bigint": "bit_or({0})",
    "bitwise_xor_agg(bigint) -> bigint": "bit_xor({0})",
    **{f"{name}(double) -> double": f"{core}({{0}})" for name, core in MOMENTS.items()},
    "skewness(double) -> double": _shape(3, POPULATION),
    "kurtosis(double) -> double": _shape(4, "{it}"),
    **{f"{name}(double, double) -> double": template for name, template in PAIRS.items()},
}
