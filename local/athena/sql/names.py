"""Names to columns: which column a name means, in the order in which Trino looks."""

from __future__ import annotations

from sqlglot import exp

from local.athena.errors import QueryFailed
from local.athena.sql.relations import Column, Scope
from local.athena.sql.translator import Translator, Typed, translates
from local.athena.sql.types import Type, quote

CONSTANTS = {
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "current_user",
    "current_catalog",
    "current_schema",
}


def parts(node: exp.Expr) -> list[str] | None:
    """`a.b.c` as its names in lower case, None for anything else."""
    if isinstance(node, exp.Identifier):
        return [node.name.lower()]
    if isinstance(node, exp.Column):
        if isinstance(node.this, exp.Star):
            return None
        return [part.name.lower() for part in node.parts]
    if isinstance(node, exp.Dot):
        left, right = parts(node.this), node.expression
        if left is None or not isinstance(right, exp.Identifier):
            return None
        return [*left, right.name.lower()]
    return None


@translates(exp.Column, exp.Identifier)
def column(translator: Translator, node: exp.Expr) -> Typed:
    names = parts(node)
    if names is None:
        translator.unsupported(node, "'*' outside of a select list")
    if len(names) == 1 and names[0] in CONSTANTS and not _is_quoted(node):
        from local.athena.sql.functions import call

        return call(translator, node, names[0], [])
    found, path = resolve(translator, names, node)
    _check_grouped(translator, node, found)
    typed = translator.column(found)
    for name in path:
        typed = member(translator, typed, name, node)
    return typed


def _is_quoted(node: exp.Expr) -> bool:
    return any(part.quoted for part in node.find_all(exp.Identifier))


@translates(exp.Dot)
def dot(translator: Translator, node: exp.Dot) -> Typed:
    if parts(node) is not None:
        return column(translator, node)
    value = translator.expression(node.this)
    return member(translator, value, node.expression.name.lower(), node)


@translates(exp.Paren)
def paren(translator: Translator, node: exp.Paren) -> Typed:
    inner = translator.expression(node.this)
    return Typed(f"({inner.sql})", inner.type)


def member(translator: Translator, value: Typed, name: str, node: exp.Expr) -> Typed:
    """A field of a row."""
    if value.type.name == "row":
        for known, kept, kind in zip(
            value.type.names, value.type.field_names, value.type.arguments, strict=True
        ):
            if known and known.lower() == name:
                return Typed(f"({value.sql}).{quote(kept)}", kind)
    message = f"Column '{node.sql(dialect='trino')}' cannot be resolved"
    return translator.fail("COLUMN_NOT_FOUND", message, node)


def resolve(translator: Translator, names: list[str], node: exp.Expr) -> tuple[Column, list[str]]:
    """The column that a dotted name starts with, and the row fields that follow it."""
    variable = translator.scope.variables.get(names[0])
    if variable is not None:
        return variable, names[1:]
    scope: Scope | None = translator.scope
    while scope is not None:
        for length in range(min(len(names) - 1, 3), -1, -1):
            found = scope.find(tuple(names[:length]), names[length])
            if len(found) > 1:
                shown = ".".join(names[: length + 1])
                translator.fail("AMBIGUOUS_NAME", f"Column '{shown}' is ambiguous", node)
            if found and found[0].hidden:
                break
            if found:
                return found[0], names[length + 1 :]
        scope = scope.outer
    shown = node.sql(dialect="trino").replace('"', "").lower()
    return translator.fail("COLUMN_NOT_FOUND", f"Column '{shown}' cannot be resolved", node)


def referenced(translator: Translator, node: exp.Expr) -> list[Column]:
    """The columns of this query that an expression without subqueries refers to; none if it
    refers to others too."""
    result = []
    own = list(translator.scope.columns())
    for found in node.find_all(exp.Column):
        names = parts(found)
        if names is None or (len(names) == 1 and names[0] in CONSTANTS):
            continue
        try:
            known, _ = resolve(translator, names, found)
        except QueryFailed:
            return []
        if not any(known is column for column in own):
            return []
        result.append(known)
    return result


def _check_grouped(translator: Translator, node: exp.Expr, found: Column) -> None:
    """A column of this query outside of an aggregate must be one it is grouped by."""
    if translator.groups is None or translator.inside_aggregate:
        return
    if found in translator.scope.variables.values():
        return
    if not any(found is own for own in translator.scope.columns()):
        return
    if any(_same(translator, group, found) for group in translator.groups):
        return
    shown = node.sql(dialect="trino")
    translator.fail(
        "EXPRESSION_NOT_AGGREGATE",
        f"'{shown}' must be an aggregate expression or appear in GROUP BY clause",
        node,
    )


def _same(translator: Translator, group: exp.Expr, found: Column) -> bool:
    names = parts(group)
    if names is None:
        return False
    try:
        known, path = resolve(translator, names, group)
    except QueryFailed:
        return False
    return known is found and not path


def named(name: str, kind: Type, sql: str) -> Column:
    """A column that no scan stands behind, such as a lambda's parameter."""
    return Column(name, kind, sql)
