"""SELECT, and everything else that is a query."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlglot import exp

from local.athena import engine
from local.athena.results import column
from local.athena.sql import grammar
from local.athena.statements.base import DML, Outcome, Session


@dataclass(slots=True)
class Select:
    """A query; its result is a CSV file."""

    text: str
    tree: exp.Expr
    kind: str = DML
    substatement: str = "SELECT"
    result: str = "{}.csv"

    @classmethod
    def parse(cls, sql: str) -> Select:
        return cls(sql, grammar.parse(sql))

    def run(self, session: Session) -> Outcome:
        started = time.monotonic()
        relation, plan = session.translate(self.text, self.tree)
        session.planning_seconds = time.monotonic() - started
        path = session.cache.temporary() / "result.csv"
        rows = engine.write_csv(session.cursor, relation, plan, path)
        names = engine.labels(relation.visible)
        columns = [column(n, c.type) for n, c in zip(names, relation.visible, strict=True)]
        return Outcome(columns, path, ".csv", scanned=plan.scanned, rows=rows)
