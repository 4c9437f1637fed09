"""The partitions of a table and the objects in each, from one listing of its location.

Athena makes up the values of a projection and lists each of those places. Listing moto is
cheap, so it is done the other way round, with the same answer: the keys that are there say the
values, and the projection says which of those Athena would have looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from local.athena.catalog.projection import (
    Invalid,
    Projected,
    Template,
    projection,
    template,
)
from local.athena.catalog.tables import Glue, GlueTable
from local.athena.errors import QueryFailed
from local.athena.lake.objects import Entry, Object, Store, address, objects

NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: the text of each partition column, and what lies in it."""

    values: tuple[str, ...]
    bucket: str
    entries: list[Entry]

    @property
    def objects(self) -> list[Object]:
        return objects(self.bucket, self.entries)


def partitions(
    glue: Glue, store: Store, table: GlueTable, now: datetime, pinned: set[str]
) -> list[Partition]:
    """The partitions of a table that have objects; one without values if it is unpartitioned.

    `pinned` are the columns that the query says the value of: an injected one has to be.
    """
    if not table.location and not table.keys:
        raise QueryFailed("HIVE_INVALID_METADATA", f"Table {table.name} has no location")
    if not table.keys:
        return [_everything(store, (), table.location)]
    if table.properties.get("projection.enabled", "false").lower() == "true":
        return _projected(store, table, now, pinned)
    return _registered(glue, store, table)


def folder(prefix: str) -> str:
    """A prefix as the folder it names, so that `a/b` does not take `a/bc` in."""
    return prefix if not prefix or prefix.endswith("/") else prefix + "/"


def _everything(store: Store, values: tuple[str, ...], location: str) -> Partition:
    """All that lies in one place."""
    bucket, prefix = address(location)
    folders = store.folders(bucket, folder(prefix)).values()
    return Partition(values, bucket, [entry for entries in folders for entry in entries])


def _registered(glue: Glue, store: Store, table: GlueTable) -> list[Partition]:
    found = [
        _everything(store, tuple(values), location or default_location(table, values))
        for values, location in glue.partitions(table.database, table.name)
    ]
    return [partition for partition in found if partition.entries]


def default_location(table: GlueTable, values: Iterable[str]) -> str:
    """Where Hive puts a partition: `column=value/` for each of its columns."""
    pairs = zip(table.keys, values, strict=True)
    path = "/".join(f"{name}={quote(value, safe=' ')}" for name, value in pairs)
    return f"{folder(table.location)}{path}/"


def _projected(store: Store, table: GlueTable, now: datetime, pinned: set[str]) -> list[Partition]:
    columns, where = projected(table)
    for name, column in columns.items():
        if column.injected and name not in pinned:
            message = (
                f"For the injected projected partition column {name}, the WHERE clause must "
                "contain only static equality conditions, and at least one such condition "
                "must be present."
            )
            raise QueryFailed("CONSTRAINT_VIOLATION", message)
    found: dict[tuple[str, ...], list[Entry]] = {}
    for place, entries in store.folders(where.bucket, where.prefix).items():
        values = _values(columns, where, place, now)
        if values is not None:
            found.setdefault(values, []).extend(entries)
    return [Partition(values, where.bucket, entries) for values, entries in found.items()]


def projected(table: GlueTable) -> tuple[dict[str, Projected], Template]:
    """What a table's properties say about its partitions."""
    unknown = [k for k in table.keys if f"projection.{k}.type" not in table.properties]
    if unknown:
        message = (
            f"Table {table.database}.{table.name} is configured for partition projection, but "
            f"the following partition columns are missing projection configuration: {unknown}"
        )
        raise QueryFailed("HIVE_METASTORE_ERROR", message)
    try:
        columns = {name: projection(name, table.properties) for name in table.keys}
        location = table.properties.get("storage.location.template")
        if location is None:
            path = "/".join(f"{name}=${{{name}}}" for name in table.keys)
            location = f"{folder(table.location)}{path}/"
        shapes = {name: column.shape for name, column in columns.items()}
        return columns, template(location, shapes)
    except ValueError as error:
        message = f"Table {table.database}.{table.name} has invalid projection configuration: "
        raise QueryFailed("HIVE_METASTORE_ERROR", f"{message}{error}") from error


def _values(
    columns: Mapping[str, Projected], where: Template, place: str, now: datetime
) -> tuple[str, ...] | None:
    """The partition that a folder is, None when no query would look there."""
    found = where.match(place)
    if found is None:
        return None
    try:
        if all(column.contains(found[name], now) for name, column in columns.items()):
            return tuple(found[name] for name in columns)
    except Invalid as error:
        raise QueryFailed("HIVE_METASTORE_ERROR", str(error)) from error
    return None
