"""Queries: SELECT, set operations, VALUES and WITH, each to a relation with known columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlglot import exp

from local.athena.sql import aggregation, pruning
from local.athena.sql.convert import coerce, unify
from local.athena.sql.ctes import define
from local.athena.sql.operators import condition
from local.athena.sql.relations import Column, Origin, Relation, Scope, Source, output
from local.athena.sql.sources import sources
from local.athena.sql.translator import Translator, Typed
from local.athena.sql.types import Type, common


@dataclass(frozen=True, slots=True)
class Item:
    """One output column of a SELECT: an expression, or (then `node` is NULL) a column that `*`
    stands for."""

    node: exp.Expr
    name: str | None
    column: Column | None = None


def query(parent: Translator, node: exp.Expr, *, correlated: bool = False) -> Relation:
    """Translate a query; one that is correlated sees the names around it."""
    inside = Translator(parent.context, Scope(outer=parent.scope if correlated else None))
    inside.ctes = dict(parent.ctes)
    with_clause = node.args.get("with_")
    if with_clause is not None:
        define(inside, with_clause)
    if isinstance(node, exp.Subquery):
        if node.args.get("joins"):
            parent.unsupported(node, "A join outside of FROM")
        relation = query(inside, node.this, correlated=correlated)
        return _modified(inside, node, relation)
    if isinstance(node, exp.Select):
        return select(inside, node)
    if isinstance(node, exp.SetOperation):
        return _modified(inside, node, _set_operation(inside, node, correlated=correlated))
    if isinstance(node, exp.Values):
        return _modified(inside, node, _values(inside, node))
    if isinstance(node, exp.Table):
        return query(inside, exp.select("*").from_(node.copy()), correlated=correlated)
    return parent.unsupported(node, type(node).__name__)


def select(translator: Translator, node: exp.Select) -> Relation:
    from_sql = sources(translator, node)
    where = node.args.get("where")
    where_sql = ""
    if where is not None:
        with translator.unchecked():
            where_sql = f" WHERE {condition(translator, where.this, 'WHERE')}"
        pruning.prune(translator, where.this)
    items = _items(translator, node)
    group_sql = aggregation.group(translator, node, items)
    columns, projected = _projected(translator, node, items)
    having = node.args.get("having")
    having_sql = f" HAVING {condition(translator, having.this, 'HAVING')}" if having else ""
    distinct = node.args.get("distinct")
    ordering = _ordering(translator, node, items, columns, projected)
    sql = (
        f"SELECT {'DISTINCT ' if distinct else ''}"
        + ", ".join(f"{typed.sql} AS {output(at)}" for at, typed in enumerate(projected))
        + from_sql
        + where_sql
        + group_sql
        + having_sql
        + ordering
        + _limits(translator, node)
    )
    relation = Relation(sql, columns, translator.touched)
    if distinct:
        relation.required = relation.uses
    if node.args.get("limit") or node.args.get("offset"):
        relation.columns = [replace(column, origins=()) for column in columns]
    return relation


def _items(translator: Translator, node: exp.Select) -> list[Item]:
    items: list[Item] = []
    for expression in node.expressions:
        inner = expression.unalias()
        if isinstance(inner, exp.Star) or (
            isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)
        ):
            items.extend(_star(translator, inner))
            continue
        if expression.alias:
            name = expression.alias
        elif isinstance(inner, exp.Column | exp.Identifier):
            name = inner.name
        else:
            name = inner.expression.name if isinstance(inner, exp.Dot) else None
        items.append(Item(inner, name))
    return items


def _star(translator: Translator, node: exp.Expr) -> list[Item]:
    qualifier: tuple[str, ...] = ()
    if isinstance(node, exp.Column):
        qualifier = tuple(part.name.lower() for part in node.parts[:-1])
    chosen = [s for s in translator.scope.sources if not qualifier or s.called(qualifier)]
    if not chosen:
        shown = ".".join(qualifier)
        message = f"Unable to resolve reference {shown}" if shown else ""
        translator.fail(
            "TABLE_NOT_FOUND" if shown else "COLUMN_NOT_FOUND",
            message or "SELECT * not allowed in queries without FROM clause",
            node,
        )
    return [
        Item(exp.Null(), column.name, column)
        for source in chosen
        for column in source.columns
        if not column.hidden and not column.unlisted
    ]


def _projected(
    translator: Translator, node: exp.Select, items: list[Item]
) -> tuple[list[Column], list[Typed]]:
    columns, projected = [], []
    windows = [window for item in items for window in item.node.find_all(exp.Window)]
    for item in items:
        with translator.collecting() as uses:
            if item.column is not None:
                if translator.groups is not None:
                    aggregation.check_star(translator, node, item.column)
                typed, origins = translator.column(item.column), item.column.origins
            else:
                typed, origins = translator.expression(item.node), translator.origins(item.node)
        if not pruning.passes(translator, item.node, item.column, windows):
            origins = ()
        columns.append(Column(item.name, typed.type, "", frozenset(uses), origins))
        projected.append(typed)
    return columns, projected


def _ordering(
    translator: Translator,
    node: exp.Expr,
    items: list[Item],
    columns: list[Column],
    projected: list[Typed],
) -> str:
    """ORDER BY: output columns by place or name first, then anything in scope."""
    order = node.args.get("order")
    if order is None:
        return ""
    keys = []
    variables = {
        item.name.lower(): Column(item.name, typed.type, typed.sql, column.uses)
        for item, column, typed in zip(items, columns, projected, strict=True)
        if item.name and item.column is None
    }
    for key in order.expressions:
        place = _place(translator, key.this, items)
        if place is None and node.args.get("distinct"):
            message = "For SELECT DISTINCT, ORDER BY expressions must appear in select list"
            translator.fail("EXPRESSION_NOT_IN_DISTINCT", message, key)
        if place is not None:
            translator.touched |= columns[place].uses
            keys.append(f"{place + 1}{direction(key)}")
            continue
        with translator.with_variables(variables):
            keys.append(f"{translator.expression(key.this).sql}{direction(key)}")
    return f" ORDER BY {', '.join(keys)}"


def direction(key: exp.Ordered) -> str:
    """Nulls come last whatever the direction, unless the query says otherwise."""
    nulls = "FIRST" if key.args.get("nulls_first") else "LAST"
    return f"{' DESC' if key.args.get('desc') else ''} NULLS {nulls}"


def _place(translator: Translator, node: exp.Expr, items: list[Item]) -> int | None:
    """Which output column an ORDER BY key means, counting from 0."""
    if isinstance(node, exp.Literal) and not node.is_string:
        place = int(node.name) if node.name.isdigit() else 0
        if not 1 <= place <= len(items):
            message = f"ORDER BY position {node.name} is not in select list"
            translator.fail("INVALID_COLUMN_REFERENCE", message, node)
        return place - 1
    if isinstance(node, exp.Column) and len(node.parts) == 1:
        name = node.name.lower()
        places = [at for at, item in enumerate(items) if (item.name or "").lower() == name]
        if len(places) > 1 and len({items[at].node for at in places}) > 1:
            translator.fail("AMBIGUOUS_NAME", f"Column '{name}' is ambiguous", node)
        if places:
            return places[0]
    return next((at for at, item in enumerate(items) if item.node == node), None)


def _limits(translator: Translator, node: exp.Expr) -> str:
    sql = ""
    for clause, word in (("limit", "LIMIT"), ("offset", "OFFSET")):
        found = node.args.get(clause)
        if found is None:
            continue
        if isinstance(found, exp.Fetch):
            options = found.args.get("limit_options")
            if options is not None and options.args.get("with_ties"):
                translator.unsupported(found, "FETCH FIRST WITH TIES")
            amount = found.args.get("count") or exp.Literal.number(1)
        else:
            amount = found.expression
        if isinstance(amount, exp.Var | exp.Column) and amount.name.upper() == "ALL":
            continue
        sql += f" {word} {translator.expression(amount).sql}"
    return sql


def _modified(translator: Translator, node: exp.Expr, relation: Relation) -> Relation:
    """ORDER BY, LIMIT and OFFSET after a set operation, VALUES or a parenthesis."""
    if not any(node.args.get(clause) for clause in ("order", "limit", "offset")):
        return relation
    columns = [replace(column, sql=output(at)) for at, column in enumerate(relation.columns)]
    inside = Translator(translator.context, Scope([Source((), columns)], translator.scope.outer))
    inside.ctes = translator.ctes
    items = [Item(exp.Null(), column.name, column) for column in columns]
    projected = [Typed(column.sql, column.type) for column in columns]
    ordering = _ordering(inside, node, items, columns, projected)
    listed = ", ".join(column.sql for column in columns)
    sql = f"SELECT {listed} FROM ({relation.sql}) AS s_{ordering}{_limits(inside, node)}"
    kept = [replace(column, sql="", origins=()) for column in columns]
    return Relation(sql, kept, relation.required | inside.touched)


def _set_operation(translator: Translator, node: exp.SetOperation, *, correlated: bool) -> Relation:
    left = query(translator, node.this, correlated=correlated)
    right = query(translator, node.expression, correlated=correlated)
    word = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}[type(node)]
    if len(left.visible) != len(right.visible):
        message = f"{word} query has different number of fields: "
        message += f"{len(left.visible)}, {len(right.visible)}"
        translator.fail("TYPE_MISMATCH", message, node)
    types = []
    for at, (one, other) in enumerate(zip(left.visible, right.visible, strict=True)):
        wide = common(one.type, other.type)
        if wide is None:
            message = f"column {at + 1} in {word} query has incompatible types: "
            translator.fail("TYPE_MISMATCH", f"{message}{one.type}, {other.type}", node)
        types.append(wide)
    if not node.args.get("distinct"):
        word += " ALL"
    sql = f"({converted(left, types)}) {word} ({converted(right, types)})"
    columns = [
        Column(one.name, kind, "", one.uses | other.uses, _both(one, other, kind, word))
        for one, other, kind in zip(left.visible, right.visible, types, strict=True)
    ]
    relation = Relation(sql, columns, left.required | right.required)
    if word != "UNION ALL":
        relation.required = relation.uses
    return relation


def _both(one: Column, other: Column, kind: Type, word: str) -> tuple[Origin, ...]:
    """A filter on a union is one on each side; EXCEPT and INTERSECT are left alone."""
    if not word.startswith("UNION") or one.type != kind or other.type != kind:
        return ()
    return (*one.origins, *other.origins)


def converted(relation: Relation, types: list[Type]) -> str:
    """The relation's SQL, its columns in the types wanted."""
    columns = relation.visible
    if [column.type for column in columns] == types:
        return relation.sql
    cast = ", ".join(
        f"{coerce(Typed(output(at), column.type), wanted)} AS {output(at)}"
        for at, (column, wanted) in enumerate(zip(columns, types, strict=True))
    )
    return f"SELECT {cast} FROM ({relation.sql}) AS s_"


def _values(translator: Translator, node: exp.Values) -> Relation:
    rows = [
        list(item.expressions) if isinstance(item, exp.Tuple) else [item.unnest()]
        for item in node.expressions
    ]
    if len({len(row) for row in rows}) != 1:
        message = "Values rows have mismatched sizes"
        translator.fail("TYPE_MISMATCH", message, node)
    typed = [[translator.expression(item) for item in row] for row in rows]
    what = "Values rows have mismatched types"
    unified = [unify(translator, list(column), node, what) for column in zip(*typed, strict=True)]
    lines = zip(*(values for _, values in unified), strict=True)
    listed = ", ".join(f"({', '.join(line)})" for line in lines)
    names = ", ".join(output(at) for at in range(len(unified)))
    columns = [Column(None, kind) for kind, _ in unified]
    return Relation(f"SELECT {names} FROM (VALUES {listed}) AS v_({names})", columns)
