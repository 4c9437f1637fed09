"""SHOW and DESCRIBE: the catalog as lines of text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote as escaped

from local.athena.catalog.tables import GlueTable
from local.athena.errors import QueryFailed
from local.athena.results import utility
from local.athena.statements.base import UTILITY, Outcome, Session, text_outcome
from local.athena.statements.words import Words

WIDTH = 20
"""Hive pads the cells of DESCRIBE to this many characters."""


@dataclass(slots=True)
class Show:
    """A statement that shows something of the catalog."""

    substatement: str
    columns: tuple[str, ...]
    lines: Callable[[Session], list[str]]
    kind: str = UTILITY
    result: str = "{}.txt"

    def run(self, session: Session) -> Outcome:
        return text_outcome(utility(*self.columns), self.lines(session))


def show(words: Words) -> Show:
    if words.take("DATABASES") or words.take("SCHEMAS"):
        pattern = _pattern(words)
        return Show(
            "SHOW_DATABASES",
            ("database_name",),
            lambda session: _like(session.glue.databases(), pattern),
        )
    for word, substatement, column, views in (
        ("TABLES", "SHOW_TABLES", "tab_name", None),
        ("VIEWS", "SHOW_VIEWS", "views", True),
    ):
        if words.take(word):
            return _tables(words, substatement, column, views=views)
    if words.take("COLUMNS"):
        return Show("SHOW_COLUMNS", ("field",), _columns(_of(words)))
    if words.take("PARTITIONS"):
        names = words.names()
        words.end()
        return Show("SHOW_PARTITIONS", ("partition",), lambda session: _partitions(session, names))
    if words.take("TBLPROPERTIES"):
        return _properties(words)
    words.need("CREATE")
    if words.take("VIEW"):
        names = words.names()
        return Show("SHOW_CREATE_VIEW", ("Create View",), lambda session: _view(session, names))
    words.need("TABLE")
    names = words.names()
    words.end()
    return Show("SHOW_CREATE_TABLE", ("createtab_stmt",), lambda session: _table(session, names))


def _pattern(words: Words) -> str | None:
    """`LIKE 'a*|b'`, or the pattern alone."""
    words.take("LIKE")
    found = words.string() if words.next is not None else None
    words.end()
    return found


def _like(names: list[str], pattern: str | None) -> list[str]:
    """Hive's patterns: `*` is anything, `|` is or."""
    if pattern is None:
        return names
    expression = "|".join(f"(?:{part.replace('*', '.*')})" for part in pattern.split("|"))
    return [name for name in names if re.fullmatch(expression, name)]


def _tables(words: Words, substatement: str, column: str, *, views: bool | None) -> Show:
    database = words.name() if words.take("IN") or words.take("FROM") else None
    pattern = _pattern(words)

    def lines(session: Session) -> list[str]:
        where = database or session.database
        if where is None:
            raise QueryFailed("SYNTAX_ERROR", "No database was given")
        try:
            found = session.glue.tables(where)
        except LookupError as error:
            raise QueryFailed("SCHEMA_NOT_FOUND", f"Database does not exist: {where}") from error
        return _like([t.name for t in found if views is None or t.is_view == views], pattern)

    return Show(substatement, (column,), lines)


def _of(words: Words) -> list[str]:
    """`IN table [IN database]`, `FROM db.table`."""
    if not words.take("IN"):
        words.need("FROM")
    names = words.names()
    if words.take("IN") or words.take("FROM"):
        names = [words.name(), *names]
    words.end()
    return names


def _columns(names: list[str]) -> Callable[[Session], list[str]]:
    return lambda session: [f"{known.name:<{WIDTH}}" for known in session.table(names).fields]


def _partitions(session: Session, names: list[str]) -> list[str]:
    table = session.table(names)
    if not table.keys:
        raise QueryFailed(
            "FAILED", f"Table {table.database}.{table.name} is not a partitioned table"
        )
    return [
        "/".join(f"{k}={escaped(v, safe=' :')}" for k, v in zip(table.keys, values, strict=True))
        for values, _ in session.glue.partitions(table.database, table.name)
    ]


def _properties(words: Words) -> Show:
    names = words.names()
    wanted = words.strings()[0] if words.sees("(") else None
    words.end()

    def lines(session: Session) -> list[str]:
        found = session.table(names).properties
        if wanted is not None:
            return [found.get(wanted, f"Table does not have property: {wanted}")]
        return [f"{key}\t{value}" for key, value in sorted(found.items())]

    return Show("SHOW_TBLPROPERTIES", ("prpt_name", "prpt_value"), lines)


def _view(session: Session, names: list[str]) -> list[str]:
    table = session.table(names)
    if not table.is_view:
        raise QueryFailed("NOT_SUPPORTED", f"{table.name} is a table, not a view")
    head = f"CREATE VIEW awsdatacatalog.{table.database}.{table.name} AS"
    return [head, *table.view().sql.splitlines()]


def _table(session: Session, names: list[str]) -> list[str]:
    """SHOW CREATE TABLE, in Hive's layout."""
    table = session.table(names)
    if table.is_view:
        raise QueryFailed("NOT_SUPPORTED", f"{table.name} is a view, not a table")
    storage = table.raw["StorageDescriptor"]
    serde = storage.get("SerdeInfo") or {}
    lines = [f"CREATE EXTERNAL TABLE `{table.name}`("]
    lines += _listed(storage.get("Columns", []))
    if table.keys:
        lines += ["PARTITIONED BY ( ", *_listed(table.raw["PartitionKeys"])]
    lines += ["ROW FORMAT SERDE ", f"  '{serde.get('SerializationLibrary')}' "]
    if serde.get("Parameters"):
        lines += ["WITH SERDEPROPERTIES ( ", *_pairs(serde["Parameters"], end=") ")]
    lines += ["STORED AS INPUTFORMAT ", f"  '{storage.get('InputFormat')}' "]
    lines += ["OUTPUTFORMAT ", f"  '{storage.get('OutputFormat')}'"]
    lines += ["LOCATION", f"  '{table.location}'"]
    properties = {key: v for key, v in table.properties.items() if key != "EXTERNAL"}
    if properties:
        lines += ["TBLPROPERTIES (", *_pairs(properties, end=")")]
    return lines


def _listed(columns: list[dict[str, str]]) -> list[str]:
    described = [
        f"  `{column['Name']}` {column.get('Type')}"
        + (f" COMMENT '{column['Comment']}'" if column.get("Comment") else "")
        for column in columns
    ]
    return [*(f"{line}, " for line in described[:-1]), *(f"{line})" for line in described[-1:])]


def _pairs(found: dict[str, str], end: str) -> list[str]:
    lines = [f"  '{key}'='{value}'" for key, value in sorted(found.items())]
    return [*(f"{line}, " for line in lines[:-1]), f"{lines[-1]}{end}"]


def describe(words: Words) -> Show:
    """DESCRIBE: the columns, and once more those that partition the table."""
    for word in ("EXTENDED", "FORMATTED"):
        if words.take(word):
            raise QueryFailed(
                "NOT_SUPPORTED", f"DESCRIBE {word} is not supported by the local Athena"
            )
    names = words.names()
    words.end()
    return Show(
        "DESCRIBE_TABLE",
        ("col_name", "data_type", "comment"),
        lambda session: described(session.table(names)),
    )


def described(table: GlueTable) -> list[str]:
    keys = table.raw.get("PartitionKeys") or []
    lines = [_row(column) for column in [*table.raw["StorageDescriptor"]["Columns"], *keys]]
    if keys:
        blank = "\t".join([" " * WIDTH] * 3)
        heading = "\t".join(f"{name:<{WIDTH}}" for name in ("# col_name", "data_type", "comment"))
        lines += [blank, f"{'# Partition Information':<{WIDTH}}\t{' ' * WIDTH}\t{' ' * WIDTH}"]
        lines += [heading, blank, *(_row(column) for column in keys)]
    return lines


def _row(column: dict[str, str]) -> str:
    cells = (column["Name"], column.get("Type", ""), column.get("Comment", ""))
    return "\t".join(f"{cell:<{WIDTH}}" for cell in cells)
