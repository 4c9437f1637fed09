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
from local.athena.lake.cache import Cache, Cached
from local.athena.lake.formats import converter
from local.athena.lake.objects import Store
from local.athena.sql.relations import Field, Scan
from local.athena.sql.types import Type, quote, text

Schema = tuple[tuple[str, str], ...]

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
    files: list[Cached] = field(default_factory=list)
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
        groups: dict[Schema, list[str]] = {}
        for partition in kept:
            folder = dict(zip(table.keys, partition.values, strict=True))
            for item in partition.objects:
                cached = self.cache.file(item, folder, variant, convert)
                groups.setdefault(cached.footer.columns, []).append(cached.path)
                plan.files.append(cached)
                if convert is None:
                    plan.scanned += cached.footer.scanned(scan.used)
                elif scan.used or table.format != "orc":
                    plan.scanned += cached.size
        branches = [self._branch(plan, table, schema, files) for schema, files in groups.items()]
        return " UNION ALL ".join(branches) or _nothing(table.fields)

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

    def _branch(self, plan: Plan, table: GlueTable, schema: Schema, files: list[str]) -> str:
        """The scan of files that have the same columns."""
        plan.parameters.append(files)
        present = dict(schema)
        columns = ", ".join(_column(table, known, present) for known in table.fields)
        kinds = ", ".join(
            f"{text(known.name)}: {known.type.duckdb}" for known in table.fields if known.partition
        )
        hive = f", hive_partitioning = true, hive_types = {{{kinds}}}" if kinds else ""
        return f"SELECT {columns} FROM read_parquet(${len(plan.parameters)}{hive or NO_HIVE})"


NO_HIVE = ", hive_partitioning = false"


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
