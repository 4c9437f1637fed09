"""Trino's SQL to DuckDB's: one walk over the tree that resolves every name and every type.

The translator never guesses: a construct without a handler, a function without an entry, or
types that do not fit end the query with the error Athena would give (or NOT_SUPPORTED, named).
Each query becomes a SELECT over columns c0, c1, …; tables become scans, which the planner turns
into file lists after it knows which columns and partitions are needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import NoReturn, Protocol, TypeVar

from sqlglot import exp

from local.athena.errors import QueryFailed
from local.athena.sql import grammar
from local.athena.sql.relations import Column, Origin, Relation, Scan, Scope, Table, Use
from local.athena.sql.types import Type


@dataclass(frozen=True, slots=True)
class View:
    """A stored query with the columns it was declared with."""

    sql: str
    database: str
    columns: list[tuple[str, Type]]


class Catalog(Protocol):
    """Where tables come from."""

    def relation(self, catalog: str, database: str, name: str) -> Table | View | Relation | None:
        """The table, view or information_schema table of that name; None when there is none.

        Raises `LookupError("catalog")` or `LookupError("schema")` for what holds it.
        """


@dataclass(frozen=True, slots=True)
class Typed:
    """A translated expression: DuckDB's SQL, and Trino's type of it."""

    sql: str
    type: Type


@dataclass
class Context:
    """What is the same for a whole query."""

    catalog: Catalog
    database: str | None = None
    text: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    scans: list[Scan] = field(default_factory=list)
    counter: int = 0

    def fresh(self, stem: str) -> str:
        """A name that nothing else in this query has."""
        self.counter += 1
        return f"{stem}{self.counter}"


N = TypeVar("N", bound=exp.Expr)
Handler = Callable[["Translator", N], Typed]
HANDLERS: dict[type[exp.Expr], Handler[exp.Expr]] = {}


def translates(*kinds: type[exp.Expr]) -> Callable[[Handler[N]], Handler[N]]:
    """Register how a kind of expression is translated."""

    def register(handler: Handler[N]) -> Handler[N]:
        for kind in kinds:
            HANDLERS[kind] = handler  # type: ignore[assignment]
        return handler

    return register


class Translator:
    """Translates expressions in one scope; queries inside them get a scope of their own."""

    def __init__(self, context: Context, scope: Scope | None = None) -> None:
        self.context = context
        self.scope = scope or Scope()
        self.touched: set[Use] = set()
        self.ctes: dict[str, Callable[[], Relation]] = {}
        self.groups: list[exp.Expr] | None = None
        self.subtotals = False
        self.conjuncts: list[exp.Expr] = []
        self.inside_aggregate = False
        self._origin_of: Scan | None = None

    def expression(self, node: exp.Expr) -> Typed:
        """The translation of an expression in this scope."""
        if self.groups is not None and node in self.groups and not self.inside_aggregate:
            with self.unchecked():
                return self._handle(node)
        return self._handle(node)

    def _handle(self, node: exp.Expr) -> Typed:
        handler = HANDLERS.get(type(node))
        if handler is None:
            self.unsupported(node, type(node).__name__)
        return handler(self, node)

    def column(self, found: Column) -> Typed:
        """A use of a column: as it is, or as what it is of the scan that is being pruned."""
        if self._origin_of is not None:
            for origin in found.origins:
                if origin.scan is self._origin_of:
                    return Typed(origin.sql, found.type)
        self.touched |= found.uses
        return Typed(found.sql, found.type)

    @contextmanager
    def collecting(self) -> Iterator[set[Use]]:
        """The columns of scans that are used inside the block (and not outside of it)."""
        before, self.touched = self.touched, set()
        collected = self.touched
        try:
            yield collected
        finally:
            self.touched = before

    @contextmanager
    def unchecked(self) -> Iterator[None]:
        """Columns need not be grouped here: inside an aggregate, or a grouped expression."""
        before, self.inside_aggregate = self.inside_aggregate, True
        try:
            yield
        finally:
            self.inside_aggregate = before

    @contextmanager
    def with_variables(self, variables: dict[str, Column]) -> Iterator[None]:
        """A lambda's parameters are visible here."""
        before = self.scope.variables
        self.scope.variables = {**before, **variables}
        try:
            yield
        finally:
            self.scope.variables = before

    def origins(self, node: exp.Expr) -> tuple[Origin, ...]:
        """What an expression is in terms of the partition columns of each scan that alone
        determines it; nothing when it is not determined by partition columns."""
        from local.athena.sql.aggregation import aggregates
        from local.athena.sql.names import referenced

        if any(node.find(kind) for kind in OPAQUE) or _is_random(node) or aggregates(node):
            return ()
        found = referenced(self, node)
        if not found or any(not column.origins for column in found):
            return ()
        scans = [origin.scan for origin in found[0].origins]
        shared = [s for s in scans if all(s in [o.scan for o in c.origins] for c in found[1:])]
        return tuple(
            Origin(
                scan,
                self._as_of(scan, node),
                any(o.nullable for column in found for o in column.origins if o.scan is scan),
            )
            for scan in shared
        )

    def _as_of(self, scan: Scan, node: exp.Expr) -> str:
        before, self._origin_of = self._origin_of, scan
        try:
            with self.unchecked():
                return self._handle(node).sql
        finally:
            self._origin_of = before

    def fail(self, code: str, message: str, node: exp.Expr) -> NoReturn:
        line, column = grammar.where(self.context.text, node)
        raise QueryFailed(code, message, line=line, column=column)

    def unsupported(self, node: exp.Expr, what: str) -> NoReturn:
        self.fail("NOT_SUPPORTED", f"{what} is not supported by the local Athena", node)


OPAQUE: tuple[type[exp.Expr], ...] = (exp.Query, exp.Window, exp.Lambda, exp.Filter)
RANDOM = re.compile(r"^(rand|random|uuid|shuffle)$", re.IGNORECASE)


def _is_random(node: exp.Expr) -> bool:
    return any(RANDOM.match(call.name) for call in node.find_all(exp.Anonymous))


def load() -> None:
    """Make every handler known; they register themselves when their modules are imported."""
    for name in ("convert", "functions", "literals", "names", "operators", "sources", "subqueries"):
        import_module(f"local.athena.sql.{name}")
