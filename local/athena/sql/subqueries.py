"""Queries inside expressions: scalar, EXISTS, IN and quantified comparisons."""

from __future__ import annotations

from sqlglot import exp

from local.athena.sql.convert import coerce
from local.athena.sql.relations import Relation, output
from local.athena.sql.translator import Translator, Typed, translates
from local.athena.sql.types import BOOLEAN, common, row


def nested(translator: Translator, node: exp.Expr) -> Relation:
    """A query that may refer to the columns around it."""
    from local.athena.sql.queries import query

    relation = query(translator, node, correlated=True)
    translator.touched |= relation.uses
    return relation


@translates(exp.Subquery, exp.Select)
def scalar(translator: Translator, node: exp.Subquery | exp.Select) -> Typed:
    relation = nested(translator, node)
    columns = relation.visible
    if len(columns) != 1:
        message = f"Scalar sub-query must return one column but found {len(columns)}"
        translator.fail("TOO_MANY_ARGUMENTS", message, node)
    return Typed(f"({relation.sql})", columns[0].type)


@translates(exp.Exists)
def exists(translator: Translator, node: exp.Exists) -> Typed:
    from local.athena.sql.queries import query

    relation = query(translator, node.this, correlated=True)
    translator.touched |= relation.required
    return Typed(f"EXISTS ({relation.sql})", BOOLEAN)


def in_query(translator: Translator, node: exp.In) -> Typed:
    value = translator.expression(node.this)
    relation = nested(translator, node.args["query"])
    return Typed(f"({_matched(translator, node, value, relation, 'IN')})", BOOLEAN)


def quantified(translator: Translator, node: exp.Binary, symbol: str) -> Typed:
    """`x > ALL (…)`, `x = ANY (…)`."""
    value = translator.expression(node.this)
    relation = nested(translator, node.expression.this)
    word = "ALL" if isinstance(node.expression, exp.All) else "ANY"
    return Typed(f"({_matched(translator, node, value, relation, f'{symbol} {word}')})", BOOLEAN)


def _matched(
    translator: Translator, node: exp.Expr, value: Typed, relation: Relation, word: str
) -> str:
    columns = relation.visible
    if value.type.name == "row" and len(columns) == len(value.type.arguments):
        names = value.type.field_names
        fields = ", ".join(f'"{n}" := {output(at)}' for at, n in enumerate(names))
        kind = row([column.type for column in columns])
        wide = common(value.type, kind)
        packed = Typed(f"struct_pack({fields})", kind)
        if wide is not None:
            inner = f"SELECT {coerce(packed, wide)} FROM ({relation.sql}) AS q_"
            return f"{coerce(value, wide)} {word} ({inner})"
    if len(columns) != 1:
        message = (
            f"Multiple columns returned by subquery are not yet supported. Found {len(columns)}"
        )
        translator.fail("NOT_SUPPORTED", message, node)
    wide = common(value.type, columns[0].type)
    if wide is None:
        message = "value and result of subquery must be of the same type for IN expression: "
        translator.fail("TYPE_MISMATCH", f"{message}{value.type} vs {columns[0].type}", node)
    item = Typed(output(0), columns[0].type)
    if wide == columns[0].type:
        return f"{coerce(value, wide)} {word} ({relation.sql})"
    return f"{coerce(value, wide)} {word} (SELECT {coerce(item, wide)} FROM ({relation.sql}) AS q_)"
