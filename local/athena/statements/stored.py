"""What CREATE TABLE AS, INSERT INTO and UNLOAD share: layouts, names and places of objects."""

from __future__ import annotations

import secrets
import string
import uuid
from collections.abc import Callable, Sequence

from local.athena.catalog.partitions import default_location, folder, projected
from local.athena.catalog.tables import GlueTable
from local.athena.errors import QueryFailed
from local.athena.lake import writer
from local.athena.lake.objects import address
from local.athena.lake.planner import Plan
from local.athena.lake.writer import Layout
from local.athena.results import ROWS
from local.athena.sql.relations import Column, Relation
from local.athena.statements.base import Outcome, Session
from local.athena.statements.storage import FORMATS

UNSTORABLE = ("timestamp with time zone", "time", "json", "uuid")
Options = dict[str, str | list[str]]


def store(
    session: Session,
    relation: Relation,
    plan: Plan,
    names: Sequence[str],
    layout: Layout,
    place: Callable[[Sequence[str]], str],
) -> tuple[Outcome, dict[tuple[str, ...], str]]:
    """Put a query's rows as objects, each partition's where `place` says: in a folder.

    Answers the outcome of the statement, and the partitions with their places.
    """
    rows, files = writer.write(session.cursor, session.cache, relation, plan, names, layout)
    places = {file.values: folder(place(file.values)) for file in files}
    manifest = []
    for file in files:
        bucket, prefix = address(places[file.values])
        key = f"{prefix}{object_name(session)}"
        session.store.put(bucket, key, file.body)
        manifest.append(f"s3://{bucket}/{key}")
    return stored(manifest, rows, plan.scanned), places


def stored(manifest: list[str], rows: int = 0, scanned: int = 0) -> Outcome:
    """The outcome of a statement that stored rows: only their count."""
    return Outcome(
        ROWS, extension="", manifest=manifest, update_count=rows, scanned=scanned, rows=rows
    )


def object_name(session: Session) -> str:
    """A name as Athena gives its files: when, which query, and a random part."""
    tail = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(5))
    return f"{session.now:%Y%m%d_%H%M%S}_00000_{tail}_{uuid.uuid4()}"


def hives(location: str, names: Sequence[str]) -> Callable[[Sequence[str]], str]:
    """Where Hive puts partitions under a location: `column=value/` for each of the columns."""
    return lambda values: (
        location + "".join(f"{name}={value}/" for name, value in zip(names, values, strict=True))
    )


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
    return Layout(form, codec, partitioned)


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


def add_partition(
    session: Session, database: str, name: str, values: Sequence[str], location: str
) -> None:
    """Register a partition unless it is known."""
    known = [found for found, _ in session.glue.partitions(database, name)]
    if list(values) not in known:
        session.glue.create_partition(database, name, list(values), location)


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
