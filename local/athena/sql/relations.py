"""What a query is made of while it is being translated: scans, columns and scopes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from local.athena.sql.types import VARCHAR, Type, quote


@dataclass(frozen=True, slots=True)
class Field:
    """A column that the catalog knows: its name, its type, whether it partitions the table."""

    name: str
    type: Type
    partition: bool = False


class Table(Protocol):
    """What a scan reads; `catalog.tables` has the real ones."""

    @property
    def database(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def fields(self) -> list[Field]: ...


@dataclass(slots=True)
class Scan:
    """One reading of one table.

    `conditions` are SQL over its partition columns that every row the query needs fulfils; so
    are `guarded` ones, unless a row without any value fulfils them too (an outer join makes
    such rows). `pinned` are the partition columns that a condition equates with constants,
    `used` the columns that the query cannot do without.
    """

    name: str
    table: Table
    conditions: list[str] = field(default_factory=list)
    guarded: list[str] = field(default_factory=list)
    pinned: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)

    @property
    def keys(self) -> list[str]:
        return [known.name for known in self.table.fields if known.partition]


Use = tuple[str, str]
"""A scan's name and a column of it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a column is in terms of one scan's partition columns, as SQL; `nullable` if an
    outer join adds rows in which it is null."""

    scan: Scan
    sql: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a relation, or one that a scope offers (then `sql` says how to read it)."""

    name: str | None
    type: Type
    sql: str = ""
    uses: frozenset[Use] = frozenset()
    origins: tuple[Origin, ...] = ()
    hidden: bool = False
    """Behind the one column of a JOIN … USING."""
    unlisted: bool = False
    """Not part of `*`."""

    @property
    def label(self) -> str:
        return self.name or ""


@dataclass(slots=True)
class Relation:
    """A translated query: SQL that yields columns c0, c1, …; `required` is what it reads
    whatever is done with its columns."""

    sql: str
    columns: list[Column]
    required: set[Use] = field(default_factory=set)

    @property
    def visible(self) -> list[Column]:
        return [column for column in self.columns if not column.hidden]

    @property
    def uses(self) -> set[Use]:
        """What reading every column reads."""
        return self.required.union(*(column.uses for column in self.columns))


def output(at: int) -> str:
    """The name that the column at this place has inside DuckDB."""
    return f"c{at}"


@dataclass(slots=True)
class Source:
    """A relation in FROM, under the names by which its columns may be called."""

    names: tuple[str, ...]
    columns: list[Column]

    def called(self, qualifier: tuple[str, ...]) -> bool:
        """Whether `a`, `db.a` or `catalog.db.a` means this source."""
        return self.names[-len(qualifier) :] == qualifier if self.names else False


@dataclass(slots=True)
class Scope:
    """The names that an expression can see, and those of the queries around it."""

    sources: list[Source] = field(default_factory=list)
    outer: Scope | None = None
    variables: dict[str, Column] = field(default_factory=dict)
    aggregating: bool = False

    def columns(self) -> Iterator[Column]:
        for source in self.sources:
            yield from source.columns

    def find(self, qualifier: tuple[str, ...], name: str) -> list[Column]:
        """The columns of that name here, not in the scopes around."""
        return [
            column
            for source in self.sources
            if not qualifier or source.called(qualifier)
            for column in source.columns
            if column.label.lower() == name and not (column.hidden and not qualifier)
        ]


def aliased(relation: Relation, alias: str) -> list[Column]:
    """The columns of a relation that stands in FROM under `alias`."""
    return [
        Column(column.name, column.type, f"{alias}.{output(at)}", column.uses, column.origins)
        for at, column in enumerate(relation.columns)
        if not column.hidden
    ]


PATH = "$path"
"""The column that every table has besides its own: the object that a row comes from."""


def scanned(scan: Scan, alias: str) -> list[Column]:
    """The columns of a table that stands in FROM under `alias`."""
    path = f"{alias}.{quote(PATH)}"
    return [
        Column(PATH, VARCHAR, path, frozenset({(scan.name, PATH)}), unlisted=True),
        *_own(scan, alias),
    ]


def _own(scan: Scan, alias: str) -> list[Column]:
    return [
        Column(
            known.name,
            known.type,
            f"{alias}.{quote(known.name)}",
            frozenset({(scan.name, known.name)}),
            (Origin(scan, quote(known.name)),) if known.partition else (),
        )
        for known in scan.table.fields
    ]
