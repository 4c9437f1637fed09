"""From scans to files: which partitions and objects a query reads, and what that is billed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

import duckdb

from local.athena.catalog.partitions import NULL, Partition, partitions
from local.athena.catalog.tables import Glue, GlueTable
from local.athena.errors import QueryFailed
from local.athena.lake.cache import Cache, Folder, folder_of, merged
from local.athena.lake.footers import Schema
from local.athena.lake.formats import converter
from local.athena.lake.objects import Store
from local.athena.sql.relations import PATH, Field, Scan
from local.athena.sql.types import VARCHAR, Type, quote, text

# How a file's Arrow type must begin to be read as a column of some type.
READABLE = {
    "varchar": ("string", "large_string", "dictionary", "binary"),
    "char": ("string", "large_string", "dictionary"),
    "boolean": ("bool",),
    "date": ("date",),
    "timestamp": ("timestamp",),
    "array": ("list", "large_list"),
    "map": ("map", "list"),
    "row": ("struct",),
    "varbinary": ("binary", "large_binary", "string", "fixed_size_binary"),
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint"), ("int", "uint")),
    **dict.fromkeys(("real", "double"), ("float", "double", "halffloat", "int", "decimal")),
    "decimal": ("decimal", "int"),
}
FINER_THAN_MILLISECONDS = ("timestamp[us", "timestamp[ns")


@dataclass(slots=True)
class Plan:
    """What DuckDB needs besides the query: a WITH clause of the scans, its parameters, and the
    files (held so that they stay)."""

    scans: str = ""
    parameters: list[list[str]] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    scanned: int = 0


@dataclass(slots=True)
class Planner:
    """Plans the scans of one query."""

    glue: Glue
    store: Store
    cache: Cache
    connection: duckdb.DuckDBPyConnection
    now: datetime

    def plan(self, scans: Sequence[Scan]) -> Plan:
        plan = Plan()
        clauses = [f"{scan.name} AS NOT MATERIALIZED ({self._scan(plan, scan)})" for scan in scans]
        plan.scans = f"WITH {', '.join(clauses)} " if clauses else ""
        return plan

    def _scan(self, plan: Plan, scan: Scan) -> str:
        table = cast(GlueTable, scan.table)
        found = partitions(self.glue, self.store, table, self.now, scan.pinned)
        kept = self._matching(table, scan, found)
        variant, convert = converter(table.format, table.fields, table.serde_properties)
        name = f"{table.database}.{table.name}"
        folders = [
            self.cache.folder(
                name,
                folder_of(zip(table.keys, partition.values, strict=True)),
                partition.bucket,
                partition.entries,
                variant,
                convert,
            )
            for partition in kept
        ]
        plan.folders += folders
        plan.scanned += sum(_billed(folder, scan.used, table.format) for folder in folders)
        places = {f.path: f.where for folder in folders for f in folder.files}
        branches = [
            self._branch(plan, table, schema, files, places if PATH in scan.used else {})
            for schema, files in merged(folders).items()
        ]
        return " UNION ALL ".join(branches) or _nothing([*table.fields, Field(PATH, VARCHAR)])

    def _matching(self, table: GlueTable, scan: Scan, found: list[Partition]) -> list[Partition]:
        """The partitions that fulfil every condition, judged by DuckDB itself; a condition
        that fails for a value is left to the query."""
        if not found or not (scan.conditions or scan.guarded):
            return found
        keys = [known for known in table.fields if known.partition]
        columns = ", ".join(
            f"CAST(unnest($p{at}) AS {key.type.duckdb}) AS {quote(key.name)}"
            for at, key in enumerate(keys)
        )
        parameters = {
            f"p{at}": [None if p.values[at] == NULL else p.values[at] for p in found]
            for at in range(len(keys))
        }
        try:
            conditions = [*scan.conditions, *self._safe(keys, scan.guarded)]
            where = " AND ".join(f"({condition})" for condition in conditions) or "TRUE"
            numbers = f"unnest(range({len(found)})) AS n_"
            rows = self.connection.execute(
                f"SELECT n_ FROM (SELECT {columns}, {numbers}) WHERE {where} ORDER BY n_",
                parameters,
            ).fetchall()
        except duckdb.Error:
            return found
        return [found[number] for (number,) in rows]

    def _safe(self, keys: Sequence[Field], guarded: Sequence[str]) -> list[str]:
        """Those conditions that a row without values does not fulfil."""
        if not guarded:
            return []
        nulls = ", ".join(_null(key.name, key.type) for key in keys)
        [passed] = self.connection.execute(
            f"SELECT {', '.join(guarded)} FROM (SELECT {nulls})"
        ).fetchall()
        return [condition for condition, ok in zip(guarded, passed, strict=True) if not ok]

    def _branch(
        self,
        plan: Plan,
        table: GlueTable,
        schema: Schema,
        files: list[str],
        places: dict[str, str],
    ) -> str:
        """The scan of files that have the same columns; with `places` it says of each row
        where it is from."""
        plan.parameters.append(files)
        files_are, options = f"${len(plan.parameters)}", ["hive_partitioning = false"]
        present = dict(schema)
        columns = [_column(table, known, present) for known in table.fields]
        if table.keys:
            kinds = ", ".join(
                f"{text(key.name)}: {key.type.duckdb}" for key in table.fields if key.partition
            )
            options = ["hive_partitioning = true", f"hive_types = {{{kinds}}}"]
        if places:
            plan.parameters.append([places[file] for file in files])
            options.append("filename = 'file_'")
            columns.append(f"map({files_are}, ${len(plan.parameters)})[file_] AS {quote(PATH)}")
        listed, settings = ", ".join(columns), ", ".join(options)
        return f"SELECT {listed} FROM read_parquet({files_are}, {settings})"


def _billed(folder: Folder, used: set[str], form: str) -> int:
    """Parquet is billed by the columns that are used, everything else as a whole."""
    if form == "parquet":
        return sum(folder.columns.get(name, 0) for name in used)
    return folder.size if used or form != "orc" else 0


def _column(table: GlueTable, known: Field, present: dict[str, str]) -> str:
    """A column of the table out of a file: null where the file is older than the column."""
    name, kind = quote(known.name), known.type
    if known.partition:
        return name
    stored = present.get(known.name)
    if stored is None:
        return f"CAST(NULL AS {kind.duckdb}) AS {name}"
    check(table, known, stored)
    if kind.name == "timestamp" and stored.startswith(FINER_THAN_MILLISECONDS):
        # Athena's timestamps are timestamp(3); finer ones are rounded as they are read.
        return f"trino_precision_3(CAST({name} AS TIMESTAMP)) AS {name}"
    return f"CAST({name} AS {kind.duckdb}) AS {name}"


def check(table: GlueTable, known: Field, stored: str) -> None:
    """HIVE_BAD_DATA when a file holds something else than the table says."""
    if not stored.startswith(READABLE.get(known.type.name, ())) and stored != "null":
        message = (
            f"Field {known.name}'s type {stored} in parquet file is incompatible with type "
            f"{known.type} defined in table schema ({table.database}.{table.name})"
        )
        raise QueryFailed("HIVE_BAD_DATA", message)


def _nothing(fields: Sequence[Field]) -> str:
    columns = ", ".join(_null(known.name, known.type) for known in fields)
    return f"SELECT {columns} WHERE FALSE"


def _null(name: str, kind: Type) -> str:
    return f"CAST(NULL AS {kind.duckdb}) AS {quote(name)}"
