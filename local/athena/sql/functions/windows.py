"""Window functions, and OVER. https://trino.io/docs/current/functions/window.html"""

from __future__ import annotations

from typing import cast

from sqlglot import exp

from local.athena.sql.functions.signatures import Template
from local.athena.sql.translator import Translator

TABLE: dict[str, Template] = {
    "row_number() -> bigint": "row_number()",
    "rank() -> bigint": "rank()",
    "dense_rank() -> bigint": "dense_rank()",
    "percent_rank() -> double": "percent_rank()",
    "cume_dist() -> double": "cume_dist()",
    "ntile(bigint) -> bigint": "ntile({0})",
    "lag(E) -> E": "lag({0})",
    "lag(E, bigint) -> E": "lag({0}, {1})",
    "lag(E, bigint, E) -> E": "lag({0}, {1}, {2})",
    "lead(E) -> E": "lead({0})",
    "lead(E, bigint) -> E": "lead({0}, {1})",
    "lead(E, bigint, E) -> E": "lead({0}, {1}, {2})",
    "first_value(E) -> E": "first_value({0})",
    "last_value(E) -> E": "last_value({0})",
    "nth_value(E, bigint) -> E": "nth_value({0}, {1})",
}


def over(translator: Translator, node: exp.Window) -> str:
    """The OVER clause; a named window is written out where it is used."""
    node = _named(translator, node)
    from local.athena.sql.queries import direction

    parts = []
    partition = node.args.get("partition_by") or []
    if partition:
        keys = ", ".join(translator.expression(key).sql for key in partition)
        parts.append(f"PARTITION BY {keys}")
    order = node.args.get("order")
    if order is not None:
        keys = ", ".join(
            f"{translator.expression(key.this).sql}{direction(key)}" for key in order.expressions
        )
        parts.append(f"ORDER BY {keys}")
    spec = node.args.get("spec")
    if spec is not None:
        parts.append(_frame(translator, spec))
    return f" OVER ({' '.join(parts)})"


def _named(translator: Translator, node: exp.Window) -> exp.Window:
    name = node.args.get("alias")
    if name is None:
        return node
    if any(node.args.get(part) for part in ("partition_by", "order", "spec")):
        translator.unsupported(node, "A window that extends a named one")
    select = node.find_ancestor(exp.Select)
    for known in (select.args.get("windows") or []) if select is not None else []:
        if known.name.lower() == name.name.lower():
            return cast(exp.Window, known)
    return translator.fail(
        "INVALID_WINDOW_REFERENCE", f"Cannot resolve WINDOW name {name.name}", node
    )


def _frame(translator: Translator, spec: exp.WindowSpec) -> str:
    if spec.args.get("exclude"):
        translator.unsupported(spec, "EXCLUDE in a window frame")
    start = _bound(translator, spec, "start")
    end = _bound(translator, spec, "end") if spec.args.get("end") else "CURRENT ROW"
    return f"{str(spec.args['kind']).upper()} BETWEEN {start} AND {end}"


def _bound(translator: Translator, spec: exp.WindowSpec, which: str) -> str:
    bound = spec.args.get(which)
    side = spec.args.get(f"{which}_side") or ""
    if isinstance(bound, str):
        return f"{bound.upper()} {str(side).upper()}".strip()
    offset = translator.expression(cast(exp.Expr, bound))
    return f"{offset.sql} {str(side).upper()}"
