"""PREPARE, EXECUTE and DEALLOCATE: queries kept by name in a workgroup."""

from __future__ import annotations

from dataclasses import dataclass, replace

from local.athena.errors import QueryFailed
from local.athena.sql import grammar
from local.athena.statements.base import DDL, DML, Outcome, Session, csv_output, text_output
from local.athena.statements.select import Select
from local.athena.statements.words import Words, cut


@dataclass(slots=True)
class Prepare:
    """PREPARE name FROM query."""

    name: str
    query: str
    kind: str = DDL
    substatement: str = "PREPARE"

    @classmethod
    def parse(cls, sql: str, words: Words) -> Prepare:
        name = words.name()
        words.need("FROM")
        start, end = words.offset(), words.words[-1].end
        grammar.parse(cut(sql, start, end))
        return cls(name, sql[start:end])

    def run(self, session: Session) -> Outcome:
        session.prepared[self.name] = self.query
        return Outcome()

    def output(self, location: str, query_id: str) -> str:
        return text_output(location, query_id)


@dataclass(slots=True)
class Deallocate:
    """DEALLOCATE PREPARE name."""

    name: str
    kind: str = DDL
    substatement: str = "DEALLOCATE"

    @classmethod
    def parse(cls, _: str, words: Words) -> Deallocate:
        words.need("PREPARE")
        name = words.name()
        words.end()
        return cls(name)

    def run(self, session: Session) -> Outcome:
        if session.prepared.pop(self.name, None) is None:
            raise missing(self.name)
        return Outcome()

    def output(self, location: str, query_id: str) -> str:
        return text_output(location, query_id)


@dataclass(slots=True)
class Execute:
    """EXECUTE name [USING a, b]."""

    name: str
    values: list[str]
    kind: str = DML
    substatement: str = "EXECUTE"

    @classmethod
    def parse(cls, sql: str, words: Words) -> Execute:
        name = words.name()
        if not words.take("USING"):
            words.end()
            return cls(name, [])
        start = words.offset()
        grammar.parse(f"SELECT {sql[start:]}")
        return cls(name, list(_separated(sql, words)))

    def run(self, session: Session) -> Outcome:
        text = session.prepared.get(self.name)
        if text is None:
            raise missing(self.name)
        values = self.values or session.parameters
        return Select.parse(text).run(replace(session, parameters=values))

    def output(self, location: str, query_id: str) -> str:
        return csv_output(location, query_id)


def _separated(sql: str, words: Words) -> list[str]:
    """The texts between the commas outside of brackets."""
    found, depth, start = [], 0, words.offset()
    while words.next is not None:
        word = words.next
        if word.kind == "mark":
            depth += (word.text in "([") - (word.text in ")]")
            if word.text == "," and depth == 0:
                found.append(sql[start : word.start])
                start = word.end
        words.at += 1
    return [*found, sql[start : words.words[-1].end]]


def missing(name: str) -> QueryFailed:
    return QueryFailed("NOT_FOUND", f"PreparedStatement {name} was not found in workGroup")
