"""The Glue catalog as queries see it: databases, tables, views and what they are made of."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from moto.glue.models import glue_backends

from local.athena.errors import QueryFailed
from local.athena.lake.formats import SERDES
from local.athena.sql.relations import Field
from local.athena.sql.translator import View
from local.athena.sql.types import Type, parse

NAME = "awsdatacatalog"
VIEW_START, VIEW_END = "/* Presto View: ", " */"


@dataclass(frozen=True)
class GlueTable:
    """A table as Glue describes it; `raw` is the answer of GetTable."""

    database: str
    name: str
    raw: dict[str, Any]

    @cached_property
    def fields(self) -> list[Field]:
        """The columns in order, those of the partition key last."""
        described = self.raw.get("StorageDescriptor", {}).get("Columns", [])
        keys = self.raw.get("PartitionKeys") or []
        return [
            *(Field(c["Name"].lower(), self._type(c)) for c in described),
            *(Field(c["Name"].lower(), self._type(c), partition=True) for c in keys),
        ]

    def _type(self, column: dict[str, str]) -> Type:
        try:
            return parse(column.get("Type") or "string")
        except ValueError as error:
            message = f"Column {column['Name']} of {self.database}.{self.name}: {error}"
            raise QueryFailed("HIVE_INVALID_METADATA", message) from error

    @property
    def keys(self) -> list[str]:
        return [field.name for field in self.fields if field.partition]

    @property
    def location(self) -> str:
        return str(self.raw.get("StorageDescriptor", {}).get("Location") or "")

    @property
    def properties(self) -> dict[str, str]:
        return self.raw.get("Parameters") or {}

    @property
    def format(self) -> str:
        """What its files are: parquet, orc, json, csv, text, or another name."""
        library = self._serde.get("SerializationLibrary") or ""
        return SERDES.get(library, library or "unknown")

    @property
    def serde_properties(self) -> dict[str, str]:
        return {**self.properties, **(self._serde.get("Parameters") or {})}

    @property
    def _serde(self) -> dict[str, Any]:
        return self.raw.get("StorageDescriptor", {}).get("SerdeInfo") or {}

    @property
    def is_view(self) -> bool:
        return bool(self.raw.get("TableType") == "VIRTUAL_VIEW")

    def view(self) -> View:
        """The query that a view stands for."""
        text = (self.raw.get("ViewOriginalText") or "").strip()
        if not text.startswith(VIEW_START):
            message = f"Hive views are not supported: {self.database}.{self.name}"
            raise QueryFailed("NOT_SUPPORTED", message)
        found = json.loads(base64.b64decode(text.removeprefix(VIEW_START).removesuffix(VIEW_END)))
        columns = [(column["name"], parse(column["type"])) for column in found["columns"]]
        return View(found["originalSql"], found.get("schema") or self.database, columns)


def view_text(sql: str, database: str, columns: list[tuple[str, Type]]) -> str:
    """A view's query as Athena keeps it in Glue."""
    described = {
        "originalSql": sql,
        "catalog": NAME,
        "schema": database,
        "columns": [{"name": name, "type": str(kind)} for name, kind in columns],
    }
    return VIEW_START + base64.b64encode(json.dumps(described).encode()).decode() + VIEW_END


class Glue:
    """The catalog of one account and region."""

    def __init__(self, account: str, region: str) -> None:
        self.backend = glue_backends[account][region]

    def databases(self) -> list[str]:
        return sorted({name.lower() for name in self.backend.databases} | {"default"})

    def database(self, name: str) -> Any | None:
        """moto's own database; `default` exists without being made, None for what does not."""
        found = self.backend.databases.get(name)
        if found is None:
            for known, database in list(self.backend.databases.items()):
                if known.lower() == name.lower():
                    return database
        return found

    def has_database(self, name: str) -> bool:
        return name.lower() == "default" or self.database(name) is not None

    def tables(self, database: str) -> list[GlueTable]:
        """The tables and views of a database by name; LookupError when it does not exist."""
        return sorted(self._tables(database), key=lambda table: table.name)

    def _tables(self, database: str) -> Iterator[GlueTable]:
        found = self.database(database)
        if found is None:
            if database.lower() == "default":
                return
            raise LookupError("schema")
        for table in list(found.tables.values()):
            yield GlueTable(found.name, table.name, table.as_dict())

    def table(self, database: str, name: str) -> GlueTable | None:
        """A table or view, None when there is none; LookupError without its database."""
        found = self.database(database)
        if found is None:
            if database.lower() == "default":
                return None
            raise LookupError("schema")
        table = found.tables.get(name)
        if table is None:
            matching = [
                t for known, t in list(found.tables.items()) if known.lower() == name.lower()
            ]
            table = matching[0] if matching else None
        return None if table is None else GlueTable(found.name, table.name, table.as_dict())

    def partitions(self, database: str, name: str) -> list[tuple[list[str], str]]:
        """The registered partitions: their values and where they lie."""
        table = self.backend.get_table(database, name)
        described = [partition.as_dict() for partition in list(table.partitions.values())]
        return [
            (list(p["Values"]), (p.get("StorageDescriptor") or {}).get("Location") or "")
            for p in described
        ]

    def create_database(self, name: str, described: dict[str, Any]) -> None:
        self.backend.create_database(name, described)

    def drop_database(self, name: str) -> None:
        found = self.database(name)
        self.backend.delete_database(found.name if found is not None else name)

    def create_table(self, database: str, name: str, described: dict[str, Any]) -> None:
        if self.database(database) is None and database.lower() == "default":
            self.create_database("default", {"Name": "default"})
        found = self.database(database)
        self.backend.create_table(found.name if found is not None else database, name, described)

    def update_table(self, table: GlueTable, described: dict[str, Any]) -> None:
        """Replace what Glue knows of a table; `described` is a TableInput."""
        self.backend.update_table(table.database, table.name, described)

    def drop_table(self, table: GlueTable) -> None:
        self.backend.delete_table(table.database, table.name)

    def create_partition(self, database: str, name: str, values: list[str], location: str) -> None:
        table = self.table(database, name)
        if table is None:
            raise LookupError("table")
        storage = {**table.raw.get("StorageDescriptor", {}), "Location": location}
        described = {"Values": values, "StorageDescriptor": storage}
        self.backend.create_partition(table.database, table.name, described)
