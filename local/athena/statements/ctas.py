"""CREATE TABLE … AS query."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from local.athena.catalog.partitions import folder
from local.athena.errors import QueryFailed
from local.athena.lake.objects import address
from local.athena.lake.writer import Layout
from local.athena.sql import grammar
from local.athena.sql.relations import Relation
from local.athena.statements.base import DDL, Outcome, Session
from local.athena.statements.storage import descriptor
from local.athena.statements.stored import (
    Options,
    add_partition,
    hives,
    layout_of,
    ordered,
    storable,
    store,
    stored,
    text_option,
)
from local.athena.statements.words import Words, cut


@dataclass(slots=True)
class CreateTableAs:
    """CREATE TABLE … WITH (…) AS query."""

    text: str
    names: list[str]
    tree: exp.Expr
    options: Options = field(default_factory=dict)
    with_data: bool = True
    if_not_exists: bool = False
    kind: str = DDL
    substatement: str = "CREATE_TABLE_AS_SELECT"
    result: str = "tables/{}"

    @classmethod
    def parse(cls, sql: str, words: Words) -> CreateTableAs:
        exists = words.take("IF", "NOT", "EXISTS")
        names = words.names()
        options = words.options() if words.take("WITH") else {}
        words.need("AS")
        start, end, with_data = words.offset(), len(sql), True
        if [word.text.upper() for word in words.words[-3:]] == ["WITH", "NO", "DATA"]:
            end, with_data = words.words[-3].start, False
        elif [word.text.upper() for word in words.words[-2:]] == ["WITH", "DATA"]:
            end = words.words[-2].start
        inner = cut(sql, start, end)
        return cls(sql, names, grammar.parse(inner), options, with_data, exists)

    def run(self, session: Session) -> Outcome:
        database, name = session.place(self.names)
        if not session.glue.has_database(database):
            raise QueryFailed("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist")
        if session.glue.table(database, name) is not None:
            if self.if_not_exists:
                return stored([])
            message = f"Table 'awsdatacatalog.{database}.{name}' already exists"
            raise QueryFailed("TABLE_ALREADY_EXISTS", message, line=1, column=1)
        for option in ("bucketed_by", "bucket_count"):
            if option in self.options:
                raise QueryFailed("NOT_SUPPORTED", f"{option} is not supported by the local Athena")
        layout = layout_of(self.options)
        location = self._location(session)
        relation, plan = session.translate(self.text, self.tree)
        columns = storable(relation.visible)
        ordered(columns, layout.partitioned)
        outcome = stored([])
        places: dict[tuple[str, ...], str] = {}
        if self.with_data:
            where = hives(location, layout.partitioned)
            outcome, places = store(session, relation, plan, columns, layout, where)
        self._register(session, database, name, relation, columns, layout, location)
        for partition, place in places.items():
            if partition:
                add_partition(session, database, name, partition, place)
        return outcome

    def _location(self, session: Session) -> str:
        given = text_option(self.options, "external_location")
        if given is None:
            return f"{session.output}tables/{session.query_id}/"
        if session.enforced:
            message = (
                "The Create Table As Select query failed because it was submitted with an "
                "'external_location' property to an Athena Workgroup that enforces a centralized "
                "output location for all queries. Please remove the 'external_location' property "
                "and resubmit the query."
            )
            raise QueryFailed("INVALID_TABLE_PROPERTY", message)
        location = folder(given)
        if session.store.listing(*address(location)):
            message = f"Target directory for table '{'.'.join(self.names)}' already exists: {given}"
            raise QueryFailed("HIVE_PATH_ALREADY_EXISTS", message)
        return location

    def _register(
        self,
        session: Session,
        database: str,
        name: str,
        relation: Relation,
        columns: list[str],
        layout: Layout,
        location: str,
    ) -> None:
        described = [
            {"Name": n, "Type": c.type.hive} for n, c in zip(columns, relation.visible, strict=True)
        ]
        count = len(described) - len(layout.partitioned)
        session.glue.create_table(
            database,
            name,
            {
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": {"EXTERNAL": "TRUE", "has_encrypted_data": "false"},
                "PartitionKeys": described[count:],
                "StorageDescriptor": {
                    **descriptor(layout.format),
                    "Columns": described[:count],
                    "Location": location,
                },
            },
        )
