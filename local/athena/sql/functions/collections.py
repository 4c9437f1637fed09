"""Array, map and lambda functions.

https://trino.io/docs/current/functions/array.html, map.html, lambda.html
"""

from __future__ import annotations

from sqlglot import exp

from local.athena.sql.convert import convert
from local.athena.sql.functions import Call
from local.athena.sql.functions.signatures import Maker, Template
from local.athena.sql.names import named
from local.athena.sql.rendering import as_varchar
from local.athena.sql.translator import Typed
from local.athena.sql.types import DATE, VARCHAR, Type, array, map_of, quote

STATE = Type("S")


def _reduce(call: Call) -> Typed:
    """reduce(a, start, step, finish): the state may be wider than what it starts with."""
    start = call.argument(1)
    step, inputs, _ = call.function(2)
    names = [parameter.name.lower() for parameter in step.expressions]
    fresh = [call.translator.context.fresh("v") for _ in names]
    body = applied(call, step.this, names, inputs, fresh)
    if call.binding.bind(STATE, body.type) and call.binding.type(STATE) != inputs[0]:
        _, inputs, _ = call.function(2)
        body = applied(call, step.this, names, inputs, fresh)
    state = inputs[0]
    initial = convert(start.sql, start.type, state)
    folded = convert(body.sql, body.type, state)
    sql = f"list_reduce({call.sql(0)}, LAMBDA {', '.join(fresh)}: {folded}, {initial})"
    finish, _, _ = call.function(3)
    return applied(call, finish.this, [finish.expressions[0].name.lower()], [state], [f"({sql})"])


def applied(
    call: Call, node: exp.Expr, names: list[str], kinds: list[Type], values: list[str]
) -> Typed:
    """The body of a lambda with SQL values for its parameters."""
    given = zip(names, kinds, values, strict=True)
    with call.translator.with_variables({n: named(n, kind, sql) for n, kind, sql in given}):
        return call.translator.expression(node)


def _lambda_over_entries(shape: str) -> Maker:
    """map_filter, transform_keys, transform_values: a lambda of key and value."""

    def make(call: Call) -> Typed:
        node, kinds, result = call.function(1)
        names = [parameter.name.lower() for parameter in node.expressions]
        body = applied(call, node.this, names, kinds, ["e_.key", "e_.value"])
        call.binding.bind(result or body.type, body.type)
        made = f"list_transform(map_entries({call.sql(0)}), LAMBDA e_: {body.sql})"
        sql = shape.format(map=call.sql(0), made=made, body=body.sql)
        whole = f"CASE WHEN {call.sql(0)} IS NULL THEN NULL ELSE {sql} END"
        return Typed(whole, call.binding.type(call.signature.result))

    return make


def _zip_with(call: Call) -> Typed:
    node, kinds, _ = call.function(2)
    one, other = call.sql(0), call.sql(1)
    names = [parameter.name.lower() for parameter in node.expressions]
    body = applied(call, node.this, names, kinds, [f"({one})[i_]", f"({other})[i_]"])
    steps = f"generate_series(1, greatest(len({one}), len({other})))"
    return Typed(f"list_transform({steps}, LAMBDA i_: {body.sql})", array(body.type))


def _zip(call: Call) -> Typed:
    from local.athena.sql.literals import row_of

    lists = [call.sql(at) for at in range(len(call.nodes))]
    packed = row_of([Typed(f"({sql})[i_]", call.type(at).element) for at, sql in enumerate(lists)])
    lengths = ", ".join(f"len({sql})" for sql in lists)
    steps = f"generate_series(1, greatest({lengths}))"
    return Typed(f"list_transform({steps}, LAMBDA i_: {packed.sql})", array(packed.type))


def _join(call: Call) -> Typed:
    kind = call.type(0)
    shown = as_varchar("e_", kind.element) if not kind.element.is_text else "e_"
    if len(call.nodes) == 3:
        shown = f"coalesce({shown}, {call.sql(2)})"
    items = f"list_transform({call.sql(0)}, LAMBDA e_: {shown})"
    return Typed(f"array_to_string({items}, {call.sql(1)})", VARCHAR)


def _extreme(function: str) -> str:
    """Null when any element is."""
    return f"CASE WHEN len({{0}}) = list_count({{0}}) THEN {function}({{0}}) END"


def _concat(call: Call) -> Typed:
    sql = call.sql(0)
    for at in range(1, len(call.nodes)):
        sql = f"trino_join({sql}, {call.sql(at)})"
    return Typed(sql, call.type(0))


def _from_entries(call: Call) -> Typed:
    entry = call.type(0).element
    keys, values = (
        f"list_transform({call.sql(0)}, LAMBDA e_: e_.{quote(name)})" for name in entry.field_names
    )
    return Typed(f"map({keys}, {values})", map_of(*entry.arguments))


def _dates(call: Call) -> Typed:
    """By days or parts of them; dates without a step count down to an earlier one."""
    first, last = call.sql(0), call.sql(1)
    if call.type(0) != DATE:
        step = f"to_milliseconds(trino_step({first}, {last}, epoch_ms({call.sql(2)})))"
        series = f"generate_series({first}, {last}, {step})"
        return Typed(f"trino_sequence({series})", array(call.type(0)))
    if len(call.nodes) == 3:
        step = f"trino_step({first}, {last}, trino_days({call.sql(2)}))"
    else:
        step = f"CASE WHEN {first} <= {last} THEN 1 ELSE -1 END"
    days = f"trino_sequence(generate_series(0, {last} - {first}, {step}))"
    return Typed(f"list_transform({days}, LAMBDA i_: {first} + CAST(i_ AS INTEGER))", array(DATE))


def _months(call: Call) -> Typed:
    """Each so many months after the first: after 31 January and 29 February comes 31 March."""
    first, last, step = (call.sql(at) for at in range(3))
    months = f"(extract(year FROM {step}) * 12 + extract(month FROM {step}))"
    steps = f"datesub('month', {first}, {last}), trino_step({first}, {last}, {months})"
    numbers = f"trino_sequence(generate_series(0, {steps}))"
    kind = call.type(0)
    moment = f"CAST({first} + to_months(CAST(i_ AS INTEGER)) AS {kind.duckdb})"
    return Typed(f"list_transform({numbers}, LAMBDA i_: {moment})", array(kind))


def _unsupported(what: str) -> Maker:
    return lambda call: call.translator.unsupported(call.node, what)


LAMBDA_KEYS = "map({made}, map_values({map}))"
LAMBDA_VALUES = "map(map_keys({map}), {made})"
LAMBDA_FILTER = "map_from_entries(list_filter(map_entries({map}), LAMBDA e_: {body}))"

TABLE: dict[str, Template] = {
    "cardinality(array(E)) -> bigint": "CAST(len({0}) AS BIGINT)",
    "cardinality(map(K, V)) -> bigint": "CAST(cardinality({0}) AS BIGINT)",
    "element_at(array(E), bigint) -> E": "trino_element({0}, {1})",
    "element_at(map(K, V), K) -> V": "{0}[{1}]",
    "contains(array(E), E) -> boolean": (
        "CASE WHEN list_contains({0}, {1}) THEN TRUE WHEN len({0}) > list_count({0}) THEN NULL"
        " WHEN {0} IS NULL OR {1} IS NULL THEN NULL ELSE FALSE END"
    ),
    "concat(array(E), array(E)...) -> array(E)": _concat,
    "reverse(array(E)) -> array(E)": "list_reverse({0})",
    "array_distinct(array(E)) -> array(E)": "trino_distinct({0})",
    "array_except(array(E), array(E)) -> array(E)": (
        "list_filter(trino_distinct({0}), LAMBDA e_: NOT list_contains({1}, e_)"
        " AND (e_ IS NOT NULL OR len({1}) = list_count({1})))"
    ),
    "array_intersect(array(E), array(E)) -> array(E)": (
        "list_filter(trino_distinct({0}), LAMBDA e_: list_contains({1}, e_)"
        " OR (e_ IS NULL AND len({1}) > list_count({1})))"
    ),
    "array_union(array(E), array(E)) -> array(E)": "trino_distinct(trino_join({0}, {1}))",
    "array_join(array(E), varchar) -> varchar": _join,
    "array_join(array(E), varchar, varchar) -> varchar": _join,
    "array_max(array(E)) -> E": _extreme("list_max"),
    "array_min(array(E)) -> E": _extreme("list_min"),
    "array_position(array(E), E) -> bigint": (
        "CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL"
        " ELSE coalesce(CAST(list_position({0}, {1}) AS BIGINT), 0) END"
    ),
    "array_remove(array(E), E) -> array(E)": (
        "list_filter({0}, LAMBDA e_: e_ IS NULL OR e_ <> {1})"
    ),
    "array_sort(array(E)) -> array(E)": "list_sort({0}, 'ASC', 'NULLS LAST')",
    "array_sort(array(E), fn(E,E;integer)) -> array(E)": _unsupported("array_sort with a lambda"),
    "arrays_overlap(array(E), array(E)) -> boolean": "trino_overlap({0}, {1})",
    "filter(array(E), fn(E;boolean)) -> array(E)": "list_filter({0}, {1})",
    "transform(array(E), fn(E;R)) -> array(R)": "list_transform({0}, {1})",
    "reduce(array(E), S, fn(S,E;S), fn(S;R)) -> R": _reduce,
    "any_match(array(E), fn(E;boolean)) -> boolean": "trino_any(list_transform({0}, {1}))",
    "all_match(array(E), fn(E;boolean)) -> boolean": "trino_all(list_transform({0}, {1}))",
    "none_match(array(E), fn(E;boolean)) -> boolean": "(NOT trino_any(list_transform({0}, {1})))",
    "flatten(array(array(E))) -> array(E)": "flatten({0})",
    "repeat(E, bigint) -> array(E)": ("list_transform(generate_series(1, {1}), LAMBDA i_: {0})"),
    "sequence(bigint, bigint) -> array(bigint)": (
        "trino_sequence(generate_series({0}, {1}, CASE WHEN {0} <= {1} THEN 1 ELSE -1 END))"
    ),
    "sequence(bigint, bigint, bigint) -> array(bigint)": (
        "trino_sequence(generate_series({0}, {1}, trino_step({0}, {1}, {2})))"
    ),
    "sequence(date, date) -> array(date)": _dates,
    "sequence(date, date, interval day to second) -> array(date)": _dates,
    "sequence(date, date, interval year to month) -> array(date)": _months,
    "sequence(timestamp, timestamp, interval day to second) -> array(timestamp)": _dates,
    "sequence(timestamp, timestamp, interval year to month) -> array(timestamp)": _months,
    "slice(array(E), bigint, bigint) -> array(E)": "trino_slice({0}, {1}, {2})",
    "trim_array(array(E), bigint) -> array(E)": "list_slice({0}, 1, len({0}) - {1})",
    "zip(ANY...) -> unknown": _zip,
    "zip_with(array(A), array(B), fn(A,B;R)) -> array(R)": _zip_with,
    "map() -> map(unknown, unknown)": "MAP {{}}",
    "map(array(K), array(V)) -> map(K, V)": "map({0}, {1})",
    "map_from_entries(array(row(K, V))) -> map(K, V)": lambda call: _from_entries(call),
    "map_keys(map(K, V)) -> array(K)": "map_keys({0})",
    "map_values(map(K, V)) -> array(V)": "map_values({0})",
    "map_entries(map(K, V)) -> array(row(K, V))": (
        "list_transform(map_entries({0}), LAMBDA e_: struct_pack(field0 := e_.key,"
        " field1 := e_.value))"
    ),
    "map_concat(map(K, V), map(K, V)...) -> map(K, V)": "map_concat({all})",
    "map_filter(map(K, V), fn(K,V;boolean)) -> map(K, V)": _lambda_over_entries(LAMBDA_FILTER),
    "transform_keys(map(K, V), fn(K,V;R)) -> map(R, V)": _lambda_over_entries(LAMBDA_KEYS),
    "transform_values(map(K, V), fn(K,V;R)) -> map(K, R)": _lambda_over_entries(LAMBDA_VALUES),
}
