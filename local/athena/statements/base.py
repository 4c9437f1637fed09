"""What every kind of statement is: parsed when a query is started, run when its turn comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import duckdb
from sqlglot import exp

from local.athena.catalog import information
from local.athena.catalog.tables import NAME, Glue, GlueTable
from local.athena.errors import QueryFailed
from local.athena.lake.cache import Cache
from local.athena.lake.objects import Store
from local.athena.lake.planner import Plan, Planner
from local.athena.results import ResultColumn
from local.athena.sql import grammar, guard
from local.athena.sql.queries import query
from local.athena.sql.relations import Relation
from local.athena.sql.translator import Context, Translator, View

DML, DDL, UTILITY = "DML", "DDL", "UTILITY"


class BytesExceeded(Exception):
    """The query would scan more than its workgroup allows."""

    def __init__(self, limit: int) -> None:
        super().__init__("Bytes scanned limit was exceeded")
        self.limit = limit


@dataclass(slots=True)
class Outcome:
    """What a statement gave. `body` is the result file, `extension` how its name ends; a
    statement that stored data names the objects in `manifest` instead."""

    columns: list[ResultColumn] = field(default_factory=list)
    body: Path | bytes = b""
    extension: str = ".txt"
    manifest: list[str] | None = None
    update_count: int | None = None
    scanned: int = 0
    rows: int = 0


@dataclass(slots=True)
class Session:
    """Where a statement runs: for which account, against which database, with what."""

    glue: Glue
    store: Store
    cache: Cache
    cursor: duckdb.DuckDBPyConnection
    query_id: str
    output: str
    now: datetime
    database: str | None = None
    parameters: Sequence[str] = ()
    cutoff: int | None = None
    enforced: bool = False
    planning_seconds: float = 0.0

    def relation(
        self, catalog: str, database: str, name: str
    ) -> GlueTable | View | Relation | None:
        """What a name in FROM means; see `translator.Catalog`."""
        if catalog != NAME:
            raise LookupError("catalog")
        if database == "information_schema":
            return information.relation(self.glue, name)
        table = self.glue.table(database, name)
        if table is None:
            return None
        if table.properties.get("table_type", "").upper() == "ICEBERG":
            raise QueryFailed(
                "NOT_SUPPORTED", "Iceberg tables are not supported by the local Athena"
            )
        return table.view() if table.is_view else table

    def translate(self, text: str, tree: exp.Expr) -> tuple[Relation, Plan]:
        """A query as DuckDB's SQL with the files it reads; BytesExceeded if that is too much."""
        context = Context(self, self.database, text, self.now)
        guard.check(text, tree)
        relation = query(Translator(context), grammar.substituted(tree.copy(), self.parameters))
        scans = {scan.name: scan for scan in context.scans}
        for name, column in relation.uses:
            scans[name].used.add(column)
        planner = Planner(self.glue, self.store, self.cache, self.cursor, self.now)
        plan = planner.plan(context.scans)
        if self.cutoff is not None and plan.scanned > self.cutoff:
            raise BytesExceeded(self.cutoff)
        return relation, plan

    def place(self, names: Sequence[str]) -> tuple[str, str]:
        """Database and table of a name, with the session's database when it has none."""
        if len(names) == 1:
            if self.database is None:
                raise QueryFailed("SYNTAX_ERROR", "Schema must be specified", line=1, column=1)
            return self.database, names[0]
        return names[-2], names[-1]

    def table(self, names: Sequence[str]) -> GlueTable:
        """A table or view that has to exist."""
        database, name = self.place(names)
        try:
            found = self.glue.table(database, name)
        except LookupError as error:
            raise QueryFailed("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist") from error
        if found is None:
            message = f"Table '{NAME}.{database}.{name}' does not exist"
            raise QueryFailed("TABLE_NOT_FOUND", message)
        return found


class Statement(Protocol):
    """A parsed statement."""

    kind: str
    substatement: str
    result: str
    """Where its result lies under the location that was configured; {} is the query's id."""

    def run(self, session: Session) -> Outcome: ...


def text_outcome(columns: list[ResultColumn], lines: Sequence[str]) -> Outcome:
    """The result of SHOW or DESCRIBE: lines of text."""
    body = "".join(f"{line}\n" for line in lines).encode()
    return Outcome(columns, body, ".txt", rows=len(lines))
