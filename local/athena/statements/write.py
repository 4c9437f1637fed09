"""CREATE TABLE AS, INSERT INTO and UNLOAD: queries whose rows become objects."""

from __future__ import annotations

import secrets
import string
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from local.athena.catalog.partitions import default_location, folder, projected
from local.athena.catalog.tables import GlueTable
from local.athena.errors import InvalidRequest, QueryFailed
from local.athena.lake import writer
from local.athena.lake.objects import address
from local.athena.lake.planner import Plan
from local.athena.lake.writer import File, Layout
from local.athena.results import ROWS
from local.athena.sql import grammar
from local.athena.sql.convert import castable, convert
from local.athena.sql.relations import Column, Relation, output
from local.athena.sql.types import common
from local.athena.statements.base import DDL, DML, Outcome, Session
from local.athena.statements.storage import FORMATS, descriptor
from local.athena.statements.words import Words, cut

UNSTORABLE = ("timestamp with time zone", "time", "json", "uuid")
Options = dict[str, str | list[str]]


def object_name(session: Session) -> str:
    """A name as Athena gives its files: when, which query, and a random part."""
    tail = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(5))
    return f"{session.now:%Y%m%d_%H%M%S}_00000_{tail}_{uuid.uuid4()}"


def stored(session: Session, files: Sequence[File], locations: Sequence[str]) -> list[str]:
    """Put files at locations (folders); answers the addresses of the objects."""
    made = []
    for file, location in zip(files, locations, strict=True):
        bucket, prefix = address(location)
        key = f"{folder(prefix)}{object_name(session)}{file.suffix}"
        session.store.put(bucket, key, file.body)
        made.append(f"s3://{bucket}/{key}")
    return made


def storable(columns: Sequence[Column]) -> list[str]:
    """The names of the columns of a new table; a query must give each one, once, and a type."""
    names = []
    for at, column in enumerate(columns, 1):
        if not column.name:
            message = f"Column name not specified at position {at}"
            raise QueryFailed("MISSING_COLUMN_NAME", message, line=1, column=1)
        name = column.name.lower()
        if name in names:
            message = f"Column name '{name}' specified more than once"
            raise QueryFailed("DUPLICATE_COLUMN_NAME", message, line=1, column=1)
        if column.type.name == "unknown":
            message = f"Column type is unknown: {name}"
            raise QueryFailed("COLUMN_TYPE_UNKNOWN", message, line=1, column=1)
        if column.type.name in UNSTORABLE or column.type.name.startswith("interval"):
            raise QueryFailed("NOT_SUPPORTED", f"Unsupported Hive type: {column.type}")
        names.append(name)
    return names


def text_option(options: Options, *names: str) -> str | None:
    for name in names:
        value = options.get(name)
        if isinstance(value, str):
            return value
    return None


def list_option(options: Options, name: str) -> list[str]:
    value = options.get(name, [])
    return [item.lower() for item in ([value] if isinstance(value, str) else value)]


def layout_of(options: Options, default: str = "PARQUET") -> Layout:
    name = (text_option(options, "format") or default).upper()
    form = FORMATS.get(name, name.lower())
    codec = text_option(options, "write_compression", "compression", f"{form}_compression")
    partitioned = list_option(options, "partitioned_by")
    return Layout(form, codec, partitioned, text_option(options, "field_delimiter") or "\x01")


def ordered(names: Sequence[str], partitioned: Sequence[str]) -> None:
    """Partition columns must be the last ones of the query, in order."""
    if partitioned and list(names[-len(partitioned) :]) != list(partitioned):
        message = (
            "Partition keys must be the last columns in the table and in the same order as the "
            f"table properties: [{', '.join(partitioned)}]"
        )
        raise QueryFailed("HIVE_COLUMN_ORDER_MISMATCH", message)
    if partitioned and len(partitioned) == len(names):
        message = "Table contains only partition columns"
        raise QueryFailed("INVALID_TABLE_PROPERTY", message)


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
                return Outcome(ROWS, extension="", manifest=[], update_count=0)
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
        rows, manifest, values = 0, [], []
        if self.with_data:
            rows, files = writer.write(
                session.cursor, session.cache, relation, plan, columns, layout
            )
            places = [
                location
                + "".join(f"{k}={v}/" for k, v in zip(layout.partitioned, f.values, strict=True))
                for f in files
            ]
            manifest = stored(session, files, places)
            values = list(dict.fromkeys(zip((f.values for f in files), places, strict=True)))
        self._register(session, database, name, relation, columns, layout, location)
        for partition, place in values:
            if partition:
                add_partition(session, database, name, partition, place)
        return Outcome(
            ROWS,
            extension="",
            manifest=manifest,
            update_count=rows,
            scanned=plan.scanned,
            rows=rows,
        )

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
        serde = {"field.delim": layout.delimiter} if layout.format == "text" else {}
        session.glue.create_table(
            database,
            name,
            {
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": {"EXTERNAL": "TRUE", "has_encrypted_data": "false"},
                "PartitionKeys": described[count:],
                "StorageDescriptor": {
                    **descriptor(layout.format, serde),
                    "Columns": described[:count],
                    "Location": location,
                },
            },
        )

    def output(self, location: str, query_id: str) -> str:
        return f"{location}tables/{query_id}"


def add_partition(
    session: Session, database: str, name: str, values: Sequence[str], location: str
) -> None:
    """Register a partition unless it is known."""
    known = [found for found, _ in session.glue.partitions(database, name)]
    if list(values) not in known:
        session.glue.create_partition(database, name, list(values), location)


@dataclass(slots=True)
class Insert:
    """INSERT INTO table [(columns)] query."""

    text: str
    names: list[str]
    columns: list[str]
    tree: exp.Expr
    kind: str = DML
    substatement: str = "INSERT"

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
        rows, files = writer.write(session.cursor, session.cache, fitted, plan, names, layout)
        manifest = stored(session, files, [partition_location(table, f.values) for f in files])
        if table.properties.get("projection.enabled", "false").lower() != "true" and table.keys:
            for values in dict.fromkeys(file.values for file in files):
                place = partition_location(table, values)
                add_partition(session, table.database, table.name, values, place)
        return Outcome(
            ROWS,
            extension="",
            manifest=manifest,
            update_count=rows,
            scanned=plan.scanned,
            rows=rows,
        )

    def _layout(self, table: GlueTable) -> Layout:
        codec = table.properties.get("parquet.compression") or table.properties.get(
            "write.compression"
        )
        if table.format == "parquet":
            codec = codec or "SNAPPY"
        form = "text" if table.format == "csv" else table.format
        delimiter = table.serde_properties.get("field.delim", "\x01")
        return Layout(form, codec, table.keys, delimiter)

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

    def output(self, location: str, query_id: str) -> str:
        return f"{location}{query_id}"


def partition_location(table: GlueTable, values: Sequence[str]) -> str:
    """The folder that new rows of a partition go to."""
    if not values:
        return folder(table.location)
    place = table.properties.get("storage.location.template")
    if place and table.properties.get("projection.enabled", "false").lower() == "true":
        projected(table)
        for name, value in zip(table.keys, values, strict=True):
            place = place.replace(f"${{{name}}}", value)
        return folder(place)
    return default_location(table, values)


@dataclass(slots=True)
class Unload:
    """UNLOAD (query) TO 's3://…' WITH (…)."""

    text: str
    target: str
    tree: exp.Expr
    options: Options
    kind: str = DML
    substatement: str = "UNLOAD"

    @classmethod
    def parse(cls, sql: str, words: Words) -> Unload:
        start, end = words.nested()
        words.need("TO")
        target = words.string()
        words.need("WITH")
        options = words.options()
        words.end()
        if not target.startswith("s3://"):
            raise InvalidRequest(f"Invalid S3 location: {target}")
        if "format" not in options:
            raise InvalidRequest("UNLOAD requires the property 'format'")
        return cls(sql, folder(target), grammar.parse(cut(sql, start, end)), options)

    def run(self, session: Session) -> Outcome:
        layout = layout_of(self.options)
        if session.store.listing(*address(self.target)):
            message = f"Target directory already exists and is not empty: {self.target}"
            raise QueryFailed("HIVE_PATH_ALREADY_EXISTS", message)
        relation, plan = session.translate(self.text, self.tree)
        columns = storable(relation.visible)
        ordered(columns, layout.partitioned)
        rows, files = writer.write(session.cursor, session.cache, relation, plan, columns, layout)
        places = [
            self.target
            + "".join(f"{k}={v}/" for k, v in zip(layout.partitioned, f.values, strict=True))
            for f in files
        ]
        manifest = stored(session, files, places)
        return Outcome(
            ROWS,
            extension="",
            manifest=manifest,
            update_count=rows,
            scanned=plan.scanned,
            rows=rows,
        )

    def output(self, location: str, query_id: str) -> str:
        return f"{location}{query_id}"


__all__ = ["CreateTableAs", "Insert", "Plan", "Unload"]
