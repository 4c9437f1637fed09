"""GROUP BY: what a query is grouped by, and whether it aggregates at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from local.athena.sql.relations import Column
from local.athena.sql.translator import Translator

if TYPE_CHECKING:
    from local.athena.sql.queries import Item


SUBTOTALS = (exp.GroupingSets, exp.Rollup, exp.Cube)


def group(translator: Translator, node: exp.Select, items: list[Item]) -> str:
    """The GROUP BY clause; afterwards the translator knows what may stand ungrouped."""
    clause = node.args.get("group")
    if clause is None:
        if any(aggregates(part) for part in _parts(node)):
            translator.groups = []
        return ""
    if clause.args.get("all"):
        translator.unsupported(clause, "GROUP BY ALL")
    keys: list[exp.Expr] = []
    listed = [*clause.expressions]
    for name in ("rollup", "cube", "grouping_sets"):
        listed += clause.args.get(name) or []
    pieces = [_element(translator, element, items, keys) for element in listed]
    translator.subtotals = any(isinstance(element, SUBTOTALS) for element in listed)
    translator.groups = keys
    return f" GROUP BY {', '.join(pieces)}"


def _element(
    translator: Translator,
    node: exp.Expr,
    items: list[Item],
    keys: list[exp.Expr],
) -> str:
    """An element of GROUP BY: a key, ROLLUP, CUBE or GROUPING SETS."""
    if isinstance(node, exp.GroupingSets):
        return _sets(translator, node, items, keys)
    if isinstance(node, exp.Rollup | exp.Cube):
        listed = ", ".join(_key(translator, key, items, keys) for key in node.expressions)
        return f"{'ROLLUP' if isinstance(node, exp.Rollup) else 'CUBE'} ({listed})"
    return _key(translator, node, items, keys)


def _sets(
    translator: Translator,
    part: exp.Expr,
    items: list[Item],
    keys: list[exp.Expr],
) -> str:
    sets = []
    for entry in part.expressions:
        members = entry.expressions if isinstance(entry, exp.Tuple) else [entry.unnest()]
        sets.append(f"({', '.join(_key(translator, m, items, keys) for m in members)})")
    return f"GROUPING SETS ({', '.join(sets)})"


def _key(
    translator: Translator,
    node: exp.Expr,
    items: list[Item],
    keys: list[exp.Expr],
) -> str:
    if isinstance(node, exp.Tuple):
        return (
            f"({', '.join(_key(translator, member, items, keys) for member in node.expressions)})"
        )
    node = node.unnest()
    if isinstance(node, exp.Literal) and not node.is_string:
        place = int(node.name) if node.name.isdigit() else 0
        if not 1 <= place <= len(items):
            message = f"GROUP BY position {node.name} is not in select list"
            translator.fail("INVALID_COLUMN_REFERENCE", message, node)
        item = items[place - 1]
        if item.column is not None:
            return translator.column(item.column).sql
        node = item.node.unnest()
    if aggregates(node):
        message = "GROUP BY clause cannot contain aggregations, window functions or grouping"
        translator.fail("EXPRESSION_NOT_SCALAR", f"{message} operations: []", node)
    if not any(node == key for key in keys):
        keys.append(node)
    with translator.unchecked():
        sql = translator.expression(node).sql
    # A bare constant would be a position for DuckDB.
    return f"({sql})" if sql.lstrip("-").isdigit() else sql


def _parts(node: exp.Select) -> list[exp.Expr]:
    clauses = [node.args.get("having"), node.args.get("order")]
    return [*node.expressions, *(clause for clause in clauses if clause is not None)]


def aggregates(node: exp.Expr) -> bool:
    """Whether an aggregate function is called here, other than over a window or in a subquery."""
    from local.athena.sql.functions import is_aggregate

    if isinstance(node, exp.Query):
        return False
    if isinstance(node, exp.Window):
        inner = node.this
        return any(aggregates(child) for child in inner.iter_expressions()) or any(
            aggregates(part) for part in node.args.get("partition_by") or []
        )
    if isinstance(node, exp.Anonymous) and is_aggregate(node.name):
        return True
    return any(aggregates(child) for child in node.iter_expressions())


def check_star(translator: Translator, node: exp.Expr, column: Column) -> None:
    """`SELECT *` in a grouped query needs every column in GROUP BY."""
    from local.athena.sql.names import _same

    if not any(_same(translator, key, column) for key in translator.groups or []):
        message = f"'{column.name}' must be an aggregate expression or appear in GROUP BY clause"
        translator.fail("EXPRESSION_NOT_AGGREGATE", message, node)
