"""Which partitions a query cannot need: conditions on partition columns alone, per scan.

A condition is kept only as SQL over a scan's partition columns; the planner asks DuckDB, with
the semantics of the query itself, which partitions fulfil it. What mixes other columns in is
weakened: a conjunct is dropped, a disjunction kept only if every branch says something.
"""

from __future__ import annotations

from sqlglot import exp

from local.athena.sql.relations import Column, Scan
from local.athena.sql.translator import Translator
from local.athena.sql.types import quote


def prune(
    translator: Translator, node: exp.Expr, *, side: str = "", right: set[int] | None = None
) -> None:
    """Note what a WHERE or ON condition says about partitions.

    The ON of an outer join says nothing about the side that keeps all of its rows: with LEFT,
    only scans in `right` may be pruned, with RIGHT only the others, with FULL none.
    """
    found = conjuncts(node)
    if side == "":
        found += _inferred(translator, found)
    for conjunct in found:
        weaker = weakened(translator, conjunct)
        if weaker is None:
            continue
        for origin in translator.origins(weaker):
            joined = right is not None and id(origin.scan) in right
            if side == "" or (side == "LEFT" and joined) or (side == "RIGHT" and not joined):
                kept = origin.scan.guarded if origin.nullable else origin.scan.conditions
                kept.append(origin.sql)
                origin.scan.pinned |= pinned(translator, weaker, origin.scan)


def pinned(translator: Translator, node: exp.Expr, scan: Scan) -> set[str]:
    """The partition column that `column = constant` or `column IN (constants)` is about."""
    if isinstance(node, exp.In) and node.expressions:
        sides = [node.this, *node.expressions]
    elif isinstance(node, exp.EQ):
        sides = [node.this, node.expression]
    else:
        return set()
    columns = [side.unnest() for side in sides if side.find(exp.Column)]
    if len(columns) != 1 or not isinstance(columns[0], exp.Column):
        return set()
    found = [origin.sql for origin in translator.origins(columns[0]) if origin.scan is scan]
    return {name for name in scan.keys if found == [quote(name)]}


def _inferred(translator: Translator, found: list[exp.Expr]) -> list[exp.Expr]:
    """What `a.day = b.day AND a.day > x` says about b: all conditions of inner joins and WHERE,
    with one side of each equality put for the other."""
    known, translator.conjuncts = translator.conjuncts, [*translator.conjuncts, *found]
    result = []
    for equality in filter(_is_equality, translator.conjuncts):
        for one, other in (
            (equality.this, equality.expression),
            (equality.expression, equality.this),
        ):
            result += [
                _substituted(condition, one, other)
                for condition in [*known, *found]
                if condition is not equality and one in list(condition.find_all(exp.Column))
            ]
    return result


def _is_equality(node: exp.Expr) -> bool:
    return isinstance(node, exp.EQ) and all(
        isinstance(side, exp.Column) for side in (node.this, node.expression)
    )


def _substituted(node: exp.Expr, one: exp.Expr, other: exp.Expr) -> exp.Expr:
    return node.transform(lambda part: other.copy() if part == one else part)


def conjuncts(node: exp.Expr) -> list[exp.Expr]:
    """The parts of a condition that must all hold."""
    node = node.unnest()
    if isinstance(node, exp.And):
        return [part for side in node.flatten() for part in conjuncts(side)]
    return [node]


def weakened(translator: Translator, node: exp.Expr) -> exp.Expr | None:
    """A condition that holds whenever `node` does and is about partitions alone, or None."""
    if translator.origins(node):
        return node
    node = node.unnest()
    if isinstance(node, exp.And):
        parts = [weakened(translator, part) for part in conjuncts(node)]
        kept = [part for part in parts if part is not None]
        return exp.and_(*kept) if kept else None
    if isinstance(node, exp.Or):
        branches = [weakened(translator, branch) for branch in node.flatten()]
        if None in branches:
            return None
        return exp.or_(*[branch for branch in branches if branch is not None])
    return None


def passes(
    translator: Translator,
    node: exp.Expr,
    column: Column | None,
    windows: list[exp.Window],
) -> bool:
    """Whether a filter on an output column may be applied before the SELECT that gives it."""
    groups = translator.groups
    if translator.subtotals:
        return False
    if groups is not None and (column is not None or node not in groups):
        return False
    for window in windows:
        if column is not None or node not in (window.args.get("partition_by") or []):
            return False
    return True
