"""Hive's DDL: databases, external tables and their partitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.athena.errors import InvalidRequest, QueryFailed
from local.athena.sql.types import parse
from local.athena.statements.base import DDL, Outcome, Session, text_outcome
from local.athena.statements.storage import FORMATS, LAYOUTS, descriptor
from local.athena.statements.words import Word, Words

Column = dict[str, str]


@dataclass(slots=True)
class Definition:
    """A statement of DDL: what it does is a function of the session; it gives lines of text."""

    substatement: str
    act: Callable[[Session], list[str]]
    kind: str = DDL
    result: str = "{}.txt"

    def run(self, session: Session) -> Outcome:
        return text_outcome([], self.act(session))


def failed(message: str) -> QueryFailed:
    """Hive's way of failing."""
    return QueryFailed("FAILED", f"Execution Error, return code 1. {message}")


def create_database(words: Words) -> Definition:
    if_not_exists = words.take("IF", "NOT", "EXISTS")
    name = words.name()
    described: dict[str, Any] = {"Name": name}
    if words.take("COMMENT"):
        described["Description"] = words.string()
    if words.take("LOCATION"):
        described["LocationUri"] = words.string()
    if words.take("WITH", "DBPROPERTIES"):
        described["Parameters"] = words.properties()
    words.end()

    def act(session: Session) -> list[str]:
        if not session.glue.has_database(name):
            session.glue.create_database(name, described)
        elif not if_not_exists:
            raise failed(f"Database {name} already exists")
        return []

    return Definition("CREATE_DATABASE", act)


def drop_database(words: Words) -> Definition:
    if_exists = words.take("IF", "EXISTS")
    name = words.name()
    cascade = words.take("CASCADE")
    _ = cascade or words.take("RESTRICT")
    words.end()

    def act(session: Session) -> list[str]:
        found = session.glue.database(name)
        if found is None:
            if if_exists:
                return []
            raise QueryFailed("SCHEMA_NOT_FOUND", f"Database does not exist: {name}")
        if found.tables and not cascade:
            raise failed(f"Database {name} is not empty. One or more tables exist.")
        session.glue.drop_database(name)
        return []

    return Definition("DROP_DATABASE", act)


@dataclass(slots=True)
class TableClauses:
    """What CREATE EXTERNAL TABLE says, as Glue keeps it."""

    columns: list[Column] = field(default_factory=list)
    keys: list[Column] = field(default_factory=list)
    comment: str | None = None
    location: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    form: str | None = None
    library: str | None = None
    serde: dict[str, str] = field(default_factory=dict)
    formats: tuple[str, str] | None = None

    def described(self, name: str) -> dict[str, Any]:
        storage = descriptor(self.form or "json", self.serde)
        if self.library is not None:
            storage["SerdeInfo"]["SerializationLibrary"] = self.library
        if self.formats is not None:
            storage["InputFormat"], storage["OutputFormat"] = self.formats
        properties = {"EXTERNAL": "TRUE", **self.properties}
        if self.comment is not None:
            properties["comment"] = self.comment
        return {
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": properties,
            "PartitionKeys": self.keys,
            "StorageDescriptor": {
                **storage,
                "Columns": self.columns,
                "Location": self.location,
                "Compressed": False,
            },
        }


def create_table(words: Words) -> Definition:
    """CREATE EXTERNAL TABLE, after those words."""
    if_not_exists = words.take("IF", "NOT", "EXISTS")
    names = words.names()
    clauses = TableClauses(columns=columns(words))
    while words.next is not None:
        _clause(words, clauses)
    if not clauses.location.startswith("s3://"):
        raise words.unexpected("LOCATION 's3://…'")
    if not (clauses.form or clauses.library or clauses.formats):
        raise InvalidRequest("Tables of text files are not supported by the local Athena")

    def act(session: Session) -> list[str]:
        database, name = session.place(names)
        if not session.glue.has_database(database):
            raise QueryFailed("SCHEMA_NOT_FOUND", f"Database does not exist: {database}")
        if session.glue.table(database, name) is not None:
            if if_not_exists:
                return []
            raise failed(f"AlreadyExistsException(message:Table {name} already exists.)")
        session.glue.create_table(database, name, clauses.described(name))
        return []

    return Definition("CREATE_TABLE", act)


def columns(words: Words) -> list[Column]:
    """`(a int COMMENT 'x', b array<string>)`."""
    words.need("(")
    found = []
    while True:
        column = {"Name": words.name(), "Type": hive_type(words)}
        if words.take("COMMENT"):
            column["Comment"] = words.string()
        found.append(column)
        if not words.take(","):
            break
    words.need(")")
    return found


def hive_type(words: Words) -> str:
    """A type as it is written, checked to be one."""
    start, depth = words.at, 0
    while words.next is not None:
        word: Word = words.next
        if depth == 0 and (word.text in (",", ")") or word.text.upper() == "COMMENT"):
            break
        depth += (word.text in "<(") - (word.text in ">)") if word.kind == "mark" else 0
        words.at += 1
    spelled = "".join(word.text for word in words.words[start : words.at]).lower()
    try:
        parse(spelled)
    except ValueError:
        words.at = start
        raise words.unexpected("<type>") from None
    return spelled


def _clause(words: Words, clauses: TableClauses) -> None:
    if words.take("COMMENT"):
        clauses.comment = words.string()
    elif words.take("PARTITIONED", "BY"):
        clauses.keys = columns(words)
    elif words.take("ROW", "FORMAT", "DELIMITED"):
        raise InvalidRequest("ROW FORMAT DELIMITED is not supported by the local Athena")
    elif words.take("ROW", "FORMAT", "SERDE"):
        clauses.library = words.string()
        if words.take("WITH", "SERDEPROPERTIES"):
            clauses.serde = words.properties()
    elif words.take("STORED", "AS"):
        _stored(words, clauses)
    elif words.take("LOCATION"):
        clauses.location = words.string()
    elif words.take("TBLPROPERTIES"):
        clauses.properties = words.properties()
    else:
        raise words.unexpected()


def _stored(words: Words, clauses: TableClauses) -> None:
    if words.take("INPUTFORMAT"):
        reader = words.string()
        words.need("OUTPUTFORMAT")
        clauses.formats = (reader, words.string())
        return
    name = words.name().upper()
    form = FORMATS.get(name)
    if form not in LAYOUTS:
        raise InvalidRequest(f"STORED AS {name} is not supported by the local Athena")
    clauses.form = form


def drop_table(words: Words) -> Definition:
    if_exists = words.take("IF", "EXISTS")
    names = words.names()
    words.end()

    def act(session: Session) -> list[str]:
        try:
            table = session.table(names)
        except QueryFailed:
            if if_exists:
                return []
            raise
        session.glue.drop_table(table)
        return []

    return Definition("DROP_TABLE", act)
