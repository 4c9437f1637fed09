"""INSERT INTO table query."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlglot import exp

from local.athena.catalog.tables import GlueTable
from local.athena.errors import QueryFailed
from local.athena.lake.writer import Layout
from local.athena.sql import grammar
from local.athena.sql.convert import castable, convert
from local.athena.sql.relations import Column, Relation, output
from local.athena.sql.types import common
from local.athena.statements.base import DML, Outcome, Session
from local.athena.statements.stored import add_partition, partition_location, store
from local.athena.statements.words import Words, cut


@dataclass(slots=True)
class Insert:
    """INSERT INTO table [(columns)] query."""

    text: str
    names: list[str]
    columns: list[str]
    tree: exp.Expr
    kind: str = DML
    substatement: str = "INSERT"
    result: str = "{}"

    @classmethod
    def parse(cls, sql: str, words: Words) -> Insert:
        words.need("INTO")
        names = words.names()
        columns: list[str] = []
        if words.sees("(") and not words.sees("(", "SELECT") and not words.sees("(", "WITH"):
            words.need("(")
            columns.append(words.name())
            while words.take(","):
                columns.append(words.name())
            words.need(")")
        return cls(sql, names, columns, grammar.parse(cut(sql, words.offset(), len(sql))))

    def run(self, session: Session) -> Outcome:
        table = session.table(self.names)
        if table.is_view:
            raise QueryFailed("NOT_SUPPORTED", "Inserting into views is not supported")
        relation, plan = session.translate(self.text, self.tree)
        fitted = self._fitted(table, relation)
        names = [known.name for known in table.fields]
        layout = self._layout(table)
        outcome, places = store(
            session, fitted, plan, names, layout, lambda values: partition_location(table, values)
        )
        if table.properties.get("projection.enabled", "false").lower() != "true" and table.keys:
            for values, place in places.items():
                add_partition(session, table.database, table.name, values, place)
        return outcome

    def _layout(self, table: GlueTable) -> Layout:
        codec = table.properties.get("parquet.compression") or table.properties.get(
            "write.compression"
        )
        if table.format == "parquet":
            codec = codec or "SNAPPY"
        return Layout(table.format, codec, table.keys)

    def _fitted(self, table: GlueTable, relation: Relation) -> Relation:
        """The query's columns as the table's, missing ones null."""
        wanted = self.columns or [known.name for known in table.fields]
        given = relation.visible
        unknown = [name for name in wanted if name not in [known.name for known in table.fields]]
        if unknown:
            message = f"Insert column name does not exist in target table: {unknown[0]}"
            raise QueryFailed("COLUMN_NOT_FOUND", message, line=1, column=1)
        if len(wanted) != len(given):
            self._mismatch(table, given, wanted)
        places = {name: at for at, name in enumerate(wanted)}
        pieces = []
        for at, known in enumerate(table.fields):
            source = places.get(known.name)
            if source is None:
                pieces.append(f"CAST(NULL AS {known.type.duckdb}) AS {output(at)}")
                continue
            kind = given[source].type
            narrower = kind.is_text and known.type.is_text
            if (not narrower and common(kind, known.type) != known.type) or not castable(
                kind, known.type
            ):
                self._mismatch(table, given, wanted)
            pieces.append(f"{convert(output(source), kind, known.type)} AS {output(at)}")
        sql = f"SELECT {', '.join(pieces)} FROM ({relation.sql}) AS i_"
        columns = [Column(known.name, known.type) for known in table.fields]
        return replace(relation, sql=sql, columns=columns)

    def _mismatch(self, table: GlueTable, given: list[Column], wanted: list[str]) -> None:
        types = {known.name: str(known.type) for known in table.fields}
        theirs = ", ".join(types.get(name, name) for name in wanted)
        ours = ", ".join(str(column.type) for column in given)
        message = f"Insert query has mismatched column types: Table: [{theirs}], Query: [{ours}]"
        raise QueryFailed("TYPE_MISMATCH", message, line=1, column=1)
