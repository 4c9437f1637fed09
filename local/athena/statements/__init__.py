"""Statements: from text to something that can be run, by the words it starts with."""

from __future__ import annotations

from collections.abc import Callable

from local.athena.errors import InvalidRequest, QueryFailed
from local.athena.statements import alter, show, tables, views
from local.athena.statements.base import UTILITY, Outcome, Session, Statement
from local.athena.statements.ctas import CreateTableAs
from local.athena.statements.insert import Insert
from local.athena.statements.select import Select
from local.athena.statements.unload import Unload
from local.athena.statements.words import Words

STATEMENTS = [
    "ALTER",
    "ANALYZE",
    "CREATE",
    "DEALLOCATE",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DROP",
    "EXECUTE",
    "EXPLAIN",
    "INSERT",
    "MERGE",
    "MSCK",
    "PREPARE",
    "SELECT",
    "SHOW",
    "TABLE",
    "UNLOAD",
    "UPDATE",
    "VACUUM",
    "VALUES",
    "WITH",
]
UNSUPPORTED = {
    *("ANALYZE", "DEALLOCATE", "DELETE", "EXECUTE", "EXPLAIN", "MERGE", "OPTIMIZE", "PREPARE"),
    *("UPDATE", "VACUUM"),
}


class Unsupported:
    """A statement that Athena has and this one has not: it fails, by its name."""

    kind = UTILITY
    result = "{}.txt"

    def __init__(self, word: str) -> None:
        self.substatement = word

    def run(self, session: Session) -> Outcome:  # noqa: ARG002  one protocol
        message = f"{self.substatement} is not supported by the local Athena"
        raise QueryFailed("NOT_SUPPORTED", message)


def parse(sql: str) -> Statement:
    """The statement that a text is; Malformed when it is none."""
    if not sql.strip():
        raise InvalidRequest("queryString must not be empty")
    words = Words(sql)
    first = words.next.text.upper() if words.next else ";"
    if first in ("SELECT", "WITH", "VALUES", "TABLE", "("):
        return Select.parse(sql)
    for start, read in READERS.items():
        if words.take(*start):
            return read(sql, words)
    if first in UNSUPPORTED:
        return Unsupported(first)
    if first in STATEMENTS:
        words.at = 1
        raise words.unexpected()
    raise words.unexpected(", ".join(f"'{word}'" for word in STATEMENTS))


def _create_or_replace(sql: str, words: Words) -> Statement:
    words.need("VIEW")
    return views.create_view(sql, words, replace=True)


READERS: dict[tuple[str, ...], Callable[[str, Words], Statement]] = {
    ("CREATE", "OR", "REPLACE"): _create_or_replace,
    ("CREATE", "VIEW"): lambda sql, words: views.create_view(sql, words, replace=False),
    ("CREATE", "EXTERNAL", "TABLE"): lambda _, words: tables.create_table(words),
    ("CREATE", "TABLE"): CreateTableAs.parse,
    ("CREATE", "DATABASE"): lambda _, words: tables.create_database(words),
    ("CREATE", "SCHEMA"): lambda _, words: tables.create_database(words),
    ("DROP", "DATABASE"): lambda _, words: tables.drop_database(words),
    ("DROP", "SCHEMA"): lambda _, words: tables.drop_database(words),
    ("DROP", "TABLE"): lambda _, words: tables.drop_table(words),
    ("DROP", "VIEW"): lambda _, words: views.drop_view(words),
    ("ALTER", "TABLE"): lambda _, words: alter.alter_table(words),
    ("MSCK",): lambda _, words: alter.repair(words),
    ("SHOW",): lambda _, words: show.show(words),
    ("DESCRIBE",): lambda _, words: show.describe(words),
    ("DESC",): lambda _, words: show.describe(words),
    ("INSERT",): Insert.parse,
    ("UNLOAD",): Unload.parse,
}
