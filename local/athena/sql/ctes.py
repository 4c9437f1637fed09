"""WITH: queries under a name, written out wherever they are used, and recursion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from local.athena.sql.relations import Relation, output
from local.athena.sql.translator import Translator


def define(translator: Translator, with_clause: exp.With) -> None:
    """Each name in WITH stands for its query wherever it is used, as in Trino, which runs (and
    bills) it once per use."""
    for cte in with_clause.expressions:
        visible = dict(translator.ctes)
        names = [column.name for column in cte.args["alias"].columns]
        if with_clause.recursive and _refers_to(cte.this, cte.alias):
            translator.ctes[cte.alias.lower()] = _Recursive(translator, visible, cte, names)
        else:
            translator.ctes[cte.alias.lower()] = _Named(translator, visible, cte, names)


def _refers_to(node: exp.Expr, name: str) -> bool:
    return any(table.name.lower() == name.lower() for table in node.find_all(exp.Table))


class _Named:
    """A query in WITH."""

    def __init__(
        self,
        translator: Translator,
        visible: dict[str, Callable[[], Relation]],
        cte: exp.CTE,
        names: list[str],
    ) -> None:
        self.parent = Translator(translator.context)
        self.parent.ctes = visible
        self.cte = cte
        self.names = names

    def __call__(self) -> Relation:
        from local.athena.sql.queries import query

        return renamed(self.parent, self.cte, query(self.parent, self.cte.this), self.names)


class _Recursive(_Named):
    """WITH RECURSIVE: the anchor, then the step over what the previous step gave."""

    def __call__(self) -> Relation:
        from local.athena.sql.queries import converted, query

        union = self.cte.this
        if not isinstance(union, exp.Union):
            self.parent.unsupported(self.cte, "This form of WITH RECURSIVE")
        anchor = renamed(self.parent, self.cte, query(self.parent, union.this), self.names)
        name = self.parent.context.fresh("recursive")
        columns = [replace(c, uses=frozenset(), origins=()) for c in anchor.columns]
        listed = ", ".join(output(at) for at in range(len(columns)))
        own = Relation(f"SELECT {listed} FROM {name}", columns)
        inner = Translator(self.parent.context)
        inner.ctes = {**self.parent.ctes, self.cte.alias.lower(): lambda: own}
        step = query(inner, union.expression)
        word = "UNION" if union.args.get("distinct") else "UNION ALL"
        body = f"{anchor.sql} {word} ({converted(step, [c.type for c in anchor.columns])})"
        sql = f"WITH RECURSIVE {name}({listed}) AS ({body}) SELECT {listed} FROM {name}"
        return Relation(sql, columns, anchor.uses | step.uses)


def renamed(
    translator: Translator, node: exp.Expr, relation: Relation, names: list[str]
) -> Relation:
    """The relation with the column names of `AS t (a, b)`."""
    if not names:
        return relation
    visible = relation.visible
    if len(names) != len(visible):
        message = f"Column alias list has {len(names)} entries but relation has {len(visible)}"
        translator.fail("MISMATCHED_COLUMN_ALIASES", f"{message} columns", node)
    columns = [replace(c, name=name) for c, name in zip(visible, names, strict=True)]
    return replace(relation, columns=columns)
