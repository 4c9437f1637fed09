"""COALESCE and its kin, TRY, TYPEOF, rows and the session's constants."""

from __future__ import annotations

from local.athena.sql.aggregation import aggregates
from local.athena.sql.convert import unify
from local.athena.sql.functions import Call
from local.athena.sql.functions.signatures import Maker, Template
from local.athena.sql.literals import row_of, string
from local.athena.sql.operators import compared
from local.athena.sql.translator import Typed
from local.athena.sql.types import BIGINT, FLOATS, VARCHAR


def _typeof(call: Call) -> Typed:
    """A constant; but what it is asked of makes an aggregation of the query, if it is one."""
    name = string(str(call.type(0)))
    if not aggregates(call.nodes[0]):
        return name
    return Typed(f"CASE WHEN {call.sql(0)} IS NULL THEN {name.sql} ELSE {name.sql} END", name.type)


def _nullif(call: Call) -> Typed:
    first, second = call.argument(0), call.argument(1)
    what = "Types are not comparable"
    wide, (one, other) = unify(call.translator, [first, second], call.node, what)
    same = compared("=", wide, one, other)
    return Typed(f"CASE WHEN {same} THEN NULL ELSE {first.sql} END", first.type)


def _row(call: Call) -> Typed:
    return row_of([call.argument(at) for at in range(len(call.nodes))])


def _extreme(function: str) -> Maker:
    """greatest and least are null when anything is; DuckDB's skip nulls. NaN is neither."""

    def make(call: Call) -> Typed:
        values = [call.sql(at) for at in range(len(call.nodes))]
        nulls = " OR ".join(f"{value} IS NULL" for value in values)
        found = f"{function}({', '.join(values)})"
        if call.result.name in FLOATS:
            numbers = ", ".join(f"CASE WHEN trino_number({v}) THEN {v} END" for v in values)
            found = f"coalesce({function}({numbers}), {found})"
        return Typed(f"CASE WHEN {nulls} THEN NULL ELSE {found} END", call.result)

    return make


def _grouping(call: Call) -> Typed:
    listed = ", ".join(call.sql(at) for at in range(len(call.nodes)))
    return Typed(f"CAST(grouping({listed}) AS BIGINT)", BIGINT)


TABLE: dict[str, Template] = {
    "coalesce(T...) -> T": "coalesce({all})",
    "nullif(A, B) -> A": _nullif,
    "try(T) -> T": "TRY({0})",
    "typeof(ANY) -> varchar": _typeof,
    "greatest(T...) -> T": _extreme("greatest"),
    "least(T...) -> T": _extreme("least"),
    "row(ANY...) -> unknown": _row,
    "current_user() -> varchar": "'headrace'",
    "current_catalog() -> varchar": "'awsdatacatalog'",
    "current_schema() -> varchar": lambda call: Typed(
        string(call.translator.context.database or "").sql, VARCHAR
    ),
    "fail(varchar) -> unknown": "error({0})",
    "grouping(ANY...) -> bigint": _grouping,
}
