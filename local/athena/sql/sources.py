"""FROM: tables, views, subqueries, UNNEST and joins, and the names they give."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from local.athena.sql import grammar, guard, pruning
from local.athena.sql.operators import compared, condition
from local.athena.sql.relations import (
    Column,
    Relation,
    Scan,
    Scope,
    Source,
    Table,
    aliased,
    scanned,
)
from local.athena.sql.translator import Translator, Typed, View, translates
from local.athena.sql.types import BIGINT, Type, common, quote

CATALOG = "awsdatacatalog"


def sources(translator: Translator, node: exp.Select) -> str:
    """The FROM clause; its columns are in the translator's scope afterwards."""
    first = node.args.get("from_")
    if first is None:
        return ""
    with translator.unchecked():
        sql = source(translator, first.this)
        for join in node.args.get("joins") or []:
            sql += _join(translator, join)
        return f" FROM {sql}"


def source(translator: Translator, node: exp.Expr) -> str:
    """One relation in FROM; it joins the scope under its names."""
    sample = node.args.get("sample")
    inner = node.this
    if isinstance(node, exp.Subquery) and _is_join(inner):
        sql = _parenthesis(translator, node)
    elif isinstance(node, exp.Subquery | exp.Values):
        sql = _derived(translator, node)
    elif isinstance(node, exp.Table) and isinstance(inner, exp.Values):
        sql = _derived(translator, exp.Subquery(this=inner, alias=node.args.get("alias")))
    elif isinstance(node, exp.Table) and isinstance(inner, exp.Identifier):
        sql = _table(translator, node)
    elif isinstance(node, exp.Unnest):
        sql = _unnest(translator, node)
    elif isinstance(node, exp.Lateral):
        sql = _lateral(translator, node)
    else:
        translator.unsupported(node, f"{node.sql(dialect='trino')} in FROM")
    if sample is not None:
        sql += _sample(translator, sample)
    return sql


def _is_join(node: exp.Expr) -> bool:
    """Whether what stands in a parenthesis is a relation, maybe joined, and not a query."""
    return isinstance(node, exp.Table) or bool(node.args.get("joins") and _is_relation(node))


def _is_relation(node: exp.Expr) -> bool:
    return isinstance(node, exp.Subquery | exp.Values | exp.Unnest)


def _parenthesis(translator: Translator, node: exp.Subquery) -> str:
    """`(a JOIN b ON …)`."""
    if node.alias:
        translator.unsupported(node, "A name for a join in parentheses")
    sql = source(translator, node.this)
    sql += "".join(_join(translator, join) for join in node.this.args.get("joins") or [])
    return f"({sql})"


def _sample(translator: Translator, node: exp.TableSample) -> str:
    method = ((node.args.get("method") and node.args["method"].name) or "").upper()
    percent = node.args.get("percent") or node.args.get("size")
    if method not in ("BERNOULLI", "SYSTEM") or not isinstance(percent, exp.Literal):
        translator.unsupported(node, "This form of TABLESAMPLE")
    return f" TABLESAMPLE {method}({percent.name} PERCENT)"


def _table(translator: Translator, node: exp.Table) -> str:
    names = [part.name.lower() for part in node.parts]
    alias = node.args.get("alias")
    called = (alias.name.lower(),) if alias is not None and alias.name else None
    if len(names) == 1 and names[0] in translator.ctes:
        return _put(translator, translator.ctes[names[0]](), called or (names[0],), node)
    context = translator.context
    if len(names) == 1 and context.database is None:
        message = "Schema must be specified when session schema is not set"
        translator.fail("MISSING_SCHEMA_NAME", message, node)
    full = [CATALOG, context.database or "", *names][-3:] if len(names) < 3 else names
    if len(names) == 2:
        full = [CATALOG, *names]
    found = _looked_up(translator, full, node)
    qualified = called or tuple(full)
    if isinstance(found, View):
        return _put(translator, _view(translator, found, full, node), qualified, node)
    if isinstance(found, Relation):
        return _put(translator, found, qualified, node)
    scan = Scan(context.fresh("scan"), found)
    context.scans.append(scan)
    name = context.fresh("r")
    columns = scanned(scan, name)
    _add(translator, qualified, columns, node)
    return f"{scan.name} AS {name}"


def _looked_up(translator: Translator, full: list[str], node: exp.Table) -> Table | View | Relation:
    try:
        found = translator.context.catalog.relation(*full)
    except LookupError as error:
        what = str(error.args[0])
        shown = full[0] if what == "catalog" else full[1]
        translator.fail(
            f"{what.upper()}_NOT_FOUND", f"{what.title()} '{shown}' does not exist", node
        )
    if found is None:
        translator.fail("TABLE_NOT_FOUND", f"Table '{'.'.join(full)}' does not exist", node)
    return found


def _view(translator: Translator, view: View, full: list[str], node: exp.Table) -> Relation:
    """A view's query, run in its own database, with the columns it was declared with."""
    from local.athena.sql.queries import converted, query

    context = translator.context
    before = context.text, context.database
    context.text, context.database = view.sql, view.database
    try:
        tree = grammar.parse(view.sql)
        guard.check(view.sql, tree)
        relation = query(Translator(context), tree)
    finally:
        context.text, context.database = before
    columns = relation.visible
    declared = [kind for _, kind in view.columns]
    if len(columns) != len(declared) or any(
        common(column.type, kind) != kind for column, kind in zip(columns, declared, strict=True)
    ):
        message = f"View '{'.'.join(full)}' is stale or in invalid state: "
        message += "column types do not match the view's definition; it must be re-created"
        translator.fail("VIEW_IS_STALE", message, node)
    sql = converted(relation, declared)
    named = [
        replace(column, name=name, type=kind)
        for column, (name, kind) in zip(columns, view.columns, strict=True)
    ]
    return replace(relation, sql=sql, columns=named)


def _derived(translator: Translator, node: exp.Expr) -> str:
    from local.athena.sql.queries import query

    outer = translator.scope.outer
    inside = Translator(translator.context, Scope(outer=outer))
    inside.ctes = translator.ctes
    body = node.this if isinstance(node, exp.Subquery) else node
    relation = query(inside, body, correlated=True)
    alias = node.args.get("alias")
    return _put(translator, relation, (alias.name.lower(),) if alias else (), node)


def _lateral(translator: Translator, node: exp.Lateral) -> str:
    from local.athena.sql.subqueries import nested

    body = node.this
    if not isinstance(body, exp.Subquery):
        translator.unsupported(node, "LATERAL of this kind")
    alias = node.args.get("alias")
    relation = nested(translator, body.this)
    return "LATERAL " + _put(translator, relation, (alias.name.lower(),) if alias else (), node)


def _put(translator: Translator, relation: Relation, names: tuple[str, ...], node: exp.Expr) -> str:
    alias = translator.context.fresh("r")
    translator.touched |= relation.required
    _add(translator, names, aliased(relation, alias), node)
    return f"({relation.sql}) AS {alias}"


def _add(
    translator: Translator, names: tuple[str, ...], columns: list[Column], node: exp.Expr
) -> None:
    alias = node.args.get("alias")
    listed = [column.name for column in alias.columns] if alias is not None else []
    if listed:
        visible = [column for column in columns if not column.hidden and not column.unlisted]
        if len(listed) != len(visible):
            message = f"Column alias list has {len(listed)} entries but '{names[-1]}' has "
            message += f"{len(visible)} columns available"
            translator.fail("MISMATCHED_COLUMN_ALIASES", message, node)
        columns = [replace(c, name=n) for c, n in zip(visible, listed, strict=True)]
    translator.scope.sources.append(Source(names, columns))


def _unnest(translator: Translator, node: exp.Unnest) -> str:
    """UNNEST: one row per element, arrays side by side, maps and rows as several columns."""
    values = [translator.expression(item) for item in node.expressions]
    inner: list[str] = []
    columns: list[tuple[str, Type]] = []
    for value in values:
        if value.type.name == "map":
            for function, kind in zip(
                ("map_keys", "map_values"), value.type.arguments, strict=True
            ):
                columns.append((f"u{len(inner)}", kind))
                inner.append(f"unnest({function}({value.sql}))")
        elif value.type.name == "array":
            columns.extend(_elements(f"u{len(inner)}", value.type.element))
            inner.append(f"unnest({value.sql})")
        else:
            translator.fail("TYPE_MISMATCH", f"Cannot unnest type: {value.type}", node)
    alias = node.args.get("alias")
    offset = node.args.get("offset")
    if offset:
        lengths = ", ".join(f"coalesce(len({_list(v)}), 0)" for v in values)
        columns.append((f"u{len(inner)}", BIGINT))
        inner.append(f"unnest(generate_series(1, greatest({lengths})))")
    name = translator.context.fresh("r")
    inside = ", ".join(f"{sql} AS u{at}" for at, sql in enumerate(inner))
    outside = ", ".join(f"{sql} AS c{at}" for at, (sql, _) in enumerate(columns))
    body = f"LATERAL (SELECT {outside} FROM (SELECT {inside}) AS u_) AS {name}"
    labels = [c.name for c in alias.columns] if alias is not None else []
    if offset:
        labels.append(offset.name if isinstance(offset, exp.Identifier) else "ordinality")
    if labels and len(labels) != len(columns):
        message = f"Column alias list has {len(labels)} entries but '{node.alias}' has "
        translator.fail(
            "MISMATCHED_COLUMN_ALIASES", f"{message}{len(columns)} columns available", node
        )
    offered = [
        Column(labels[at] if labels else None, kind, f"{name}.c{at}")
        for at, (_, kind) in enumerate(columns)
    ]
    translator.scope.sources.append(
        Source((alias.name.lower(),) if alias is not None and alias.name else (), offered)
    )
    return body


def _elements(name: str, kind: Type) -> list[tuple[str, Type]]:
    if kind.name != "row":
        return [(name, kind)]
    fields = zip(kind.field_names, kind.arguments, strict=True)
    return [(f"{name}.{quote(known)}", sort) for known, sort in fields]


def _list(value: Typed) -> str:
    return f"map_keys({value.sql})" if value.type.name == "map" else value.sql


def _join(translator: Translator, node: exp.Join) -> str:
    known = set(map(id, translator.context.scans))
    before = len(translator.scope.sources)
    sql = source(translator, node.this)
    side = (node.args.get("side") or "").upper()
    kind = (node.args.get("kind") or "").upper()
    method = (node.args.get("method") or "").upper()
    if kind not in ("", "INNER", "OUTER", "CROSS") or method not in ("", "NATURAL"):
        translator.unsupported(node, f"{method} {kind} JOIN".replace("  ", " ").strip())
    using = [identifier.name.lower() for identifier in node.args.get("using") or []]
    if method == "NATURAL":
        using = _shared(translator, before)
    if using:
        on_sql = _using(translator, node, using, before, side)
        _extend(translator.scope.sources, before + 1, side)
        return f" {side} JOIN {sql} ON {on_sql}"
    on = node.args.get("on")
    if on is None:
        if kind not in ("CROSS", ""):
            raise grammar.unexpected(translator.context.text, None, "'ON', 'USING'")
        return f" CROSS JOIN {sql}"
    text = condition(translator, on, "JOIN ON")
    new = {id(scan) for scan in translator.context.scans} - known
    pruning.prune(translator, on, side=side, right=new)
    _extend(translator.scope.sources, before, side)
    return f" {side} JOIN {sql} ON {text}"


def _extend(found: list[Source], before: int, side: str) -> None:
    """Note whose columns are null in the rows that an outer join adds."""
    added = {"LEFT": found[before:], "RIGHT": found[:before], "FULL": found}.get(side, [])
    for item in added:
        item.columns = [
            replace(c, origins=tuple(replace(o, nullable=True) for o in c.origins))
            for c in item.columns
        ]


def _shared(translator: Translator, before: int) -> list[str]:
    left = [c.label.lower() for s in translator.scope.sources[:before] for c in s.columns]
    right = [c.label.lower() for s in translator.scope.sources[before:] for c in s.columns]
    return [name for name in dict.fromkeys(left) if name in right]


def _using(translator: Translator, node: exp.Join, names: list[str], before: int, side: str) -> str:
    """JOIN … USING (k): the sides' own k disappear behind one k that comes first."""
    merged: list[Column] = []
    conditions = []
    for name in names:
        pair = []
        for some in (translator.scope.sources[:before], translator.scope.sources[before:]):
            found = [c for s in some for c in s.columns if c.label.lower() == name and not c.hidden]
            if len(found) != 1:
                message = f"Column '{name}' is missing from or ambiguous on one side of the join"
                translator.fail("COLUMN_NOT_FOUND", message, node)
            pair.append(found[0])
        left, right = (translator.column(column) for column in pair)
        kind = common(left.type, right.type) or left.type
        conditions.append(compared("=", kind, left.sql, right.sql))
        merged.append(_merged(name, pair[0], pair[1], side))
        for column in pair:
            _hide(translator.scope.sources, column)
    translator.scope.sources.insert(0, Source((), merged))
    return " AND ".join(conditions)


def _merged(name: str, left: Column, right: Column, side: str) -> Column:
    chosen = right if side == "RIGHT" else left
    sql = f"coalesce({left.sql}, {right.sql})" if side == "FULL" else chosen.sql
    both = (*left.origins, *right.origins) if side == "" else ()
    return Column(name, chosen.type, sql, left.uses | right.uses, both)


def _hide(found: list[Source], column: Column) -> None:
    for item in found:
        item.columns = [replace(c, hidden=True) if c is column else c for c in item.columns]


@translates(exp.Unnest)
def misplaced(translator: Translator, node: exp.Unnest) -> Typed:
    translator.unsupported(node, "UNNEST outside of FROM")
