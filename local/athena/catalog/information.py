"""information_schema: the catalog as tables."""

from __future__ import annotations

from collections.abc import Iterable

from local.athena.catalog.tables import NAME, Glue
from local.athena.sql.relations import Column, Relation, output
from local.athena.sql.types import BIGINT, VARCHAR, text

SCHEMAS = ("catalog_name", "schema_name")
TABLES = ("table_catalog", "table_schema", "table_name", "table_type")
COLUMNS = (
    "table_catalog",
    "table_schema",
    "table_name",
    "column_name",
    "ordinal_position",
    "column_default",
    "is_nullable",
    "data_type",
    "comment",
    "extra_info",
)
VIEWS = ("table_catalog", "table_schema", "table_name", "view_definition")
Row = tuple[str | int | None, ...]


def relation(glue: Glue, name: str) -> Relation | None:
    """One of its tables, None for a name that is none."""
    makers = {"schemata": schemata, "tables": tables, "columns": columns, "views": views}
    if name not in makers:
        return None
    names = {"schemata": SCHEMAS, "tables": TABLES, "columns": COLUMNS, "views": VIEWS}[name]
    return _relation(names, makers[name](glue))


def _relation(names: Iterable[str], rows: Iterable[Row]) -> Relation:
    columns = [Column(n, BIGINT if n == "ordinal_position" else VARCHAR) for n in names]
    listed = ", ".join(output(at) for at in range(len(columns)))
    lines = [f"({', '.join(map(_literal, row))})" for row in rows]
    if lines:
        cast = ", ".join(
            f"CAST({output(at)} AS {c.type.duckdb}) AS {output(at)}" for at, c in enumerate(columns)
        )
        return Relation(f"SELECT {cast} FROM (VALUES {', '.join(lines)}) AS i_({listed})", columns)
    empty = ", ".join(
        f"CAST(NULL AS {column.type.duckdb}) AS {output(at)}" for at, column in enumerate(columns)
    )
    return Relation(f"SELECT {empty} WHERE FALSE", columns)


def _literal(value: str | int | None) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else text(value)


def schemata(glue: Glue) -> Iterable[Row]:
    return [(NAME, name) for name in [*glue.databases(), "information_schema"]]


def tables(glue: Glue) -> Iterable[Row]:
    for database in glue.databases():
        for table in glue.tables(database):
            yield NAME, database, table.name, "VIEW" if table.is_view else "BASE TABLE"


def views(glue: Glue) -> Iterable[Row]:
    for database in glue.databases():
        for table in glue.tables(database):
            if table.is_view:
                yield NAME, database, table.name, table.view().sql


def columns(glue: Glue) -> Iterable[Row]:
    for database in glue.databases():
        for table in glue.tables(database):
            comments = {
                c["Name"].lower(): c.get("Comment")
                for c in (
                    *table.raw.get("StorageDescriptor", {}).get("Columns", []),
                    *(table.raw.get("PartitionKeys") or []),
                )
            }
            for at, field in enumerate(table.fields, 1):
                extra = "partition key" if field.partition else None
                place = (NAME, database, table.name, field.name, at, None, "YES")
                yield *place, str(field.type), comments.get(field.name), extra
