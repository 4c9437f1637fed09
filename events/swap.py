"""Which rows of an event type count while its small files are replaced by large ones.

Rows lie in two tables: `<type>_delivered`, which the delivery stream fills, and `<type>_compacted`,
where every row carries the number of the pass that wrote it. People query the view `<type>`, both
at once, through one row of a third, `<type>_swap`, which says what of them counts. Compaction
changes that row by one update in the catalog, and nothing else ever makes rows appear or vanish:

1. `begun` takes the next number: rows of the pass do not count yet. Its files are written.
2. `committed` lets them count instead of the delivered rows up to an instant, and of the passes
   that it replaces. Only when no running query can need them any more are those files deleted.
3. `ended` forgets the pass: without it, everything that is there counts.

A query reads its views before it lists a file, so it sees one state and every file of that state;
what it read may be old, never too new. Between passes the row excludes nothing, so the text that a
deployment writes first, that of `State()`, is right whenever no pass is open. Athena's timestamps
end at milliseconds, hence those of `until`.
"""

import base64
import json
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

COLUMNS = (
    ("newest", "bigint", "newest pass whose rows may count"),
    ("hidden", "array(bigint)", "passes that do not count: not committed yet, or replaced"),
    ("compacted_until", "map(varchar, timestamp(3))", "delivered rows of the date that do not"),
)
"""The columns of `<type>_swap` with Trino's types."""


ARRAY_ITEMS = 200
"""Trino's array constructor takes 254 arguments; longer arrays are joined from shorter ones."""

MOST_OPEN = 1000
"""Passes open at once. The catalog keeps 409,600 characters of a view's text, and each takes 80."""


class Pass(Struct, frozen=True, kw_only=True):
    """One rewriting of one event date; instants are seconds since 1970."""

    number: int
    event_date: str
    run: str
    """Whose it is: only the run that began a pass commits it; nobody's when it is empty."""
    begun: float
    committed: float | None = None
    until: str = ""
    """The last millisecond, `YYYY-MM-DD hh:mm:ss.mmm`, whose delivered rows it holds."""
    replaces: tuple[int, ...] = ()


class State(Struct, frozen=True, kw_only=True):
    """The passes that are open, and the newest number given so far."""

    newest: int = 0
    passes: tuple[Pass, ...] = ()

    def find(self, event_date: str) -> Pass | None:
        """The open pass of a date: there is one at most."""
        return next((one for one in self.passes if one.event_date == event_date), None)

    @property
    def hidden(self) -> set[int]:
        found = {one.number for one in self.passes if one.committed is None}
        done = (one.replaces for one in self.passes if one.committed is not None)
        return found.union(*done)

    def begin(self, event_date: str, run: str, now: float) -> "State":
        """The state in which a run has the date; unchanged when any run already has it."""
        if self.find(event_date):
            return self
        number = self.newest + 1
        begun = Pass(number=number, event_date=event_date, run=run, begun=now)
        return State(newest=number, passes=(*self.passes, begun))

    def commit(self, done: Pass, until: datetime, replaces: tuple[int, ...], now: float) -> "State":
        """The state in which the pass counts; unchanged when it is not that run's any more."""
        text = until.isoformat(" ", timespec="milliseconds")
        passes = tuple(
            replace(one, committed=now, until=text, replaces=replaces) if one == done else one
            for one in self.passes
        )
        return replace(self, passes=passes)

    def abandon(self, given_up: Pass) -> "State":
        """The state in which no run can commit the pass, so that its files can be deleted."""
        passes = tuple(replace(one, run="") if one == given_up else one for one in self.passes)
        return replace(self, passes=passes)

    def end(self, ended: Pass) -> "State":
        """The state without the pass, whose leftovers are deleted."""
        return replace(self, passes=tuple(one for one in self.passes if one != ended))

    def sql(self) -> str:
        """The query behind `<type>_swap`: one row, in Trino's dialect."""
        done = [one for one in self.passes if one.committed is not None]
        dates = _array([f"'{one.event_date}'" for one in done])
        instants = _array([f"TIMESTAMP '{one.until}'" for one in done])
        values = (
            str(self.newest),
            _array([str(number) for number in sorted(self.hidden)]),
            f"MAP({dates}, {instants})",
        )
        typed = (
            f"CAST({value} AS {kind}) AS {name}"
            for value, (name, kind, _) in zip(values, COLUMNS, strict=True)
        )
        return f"SELECT {', '.join(typed)}"


def _array(items: list[str]) -> str:
    chunks = [items[at : at + ARRAY_ITEMS] for at in range(0, len(items), ARRAY_ITEMS)] or [[]]
    return " || ".join(f"ARRAY[{', '.join(chunk)}]" for chunk in chunks)


def view_text(state: State, database: str) -> str:
    """The query as Athena keeps it in the catalog, with the types that it gives."""
    described = {
        "originalSql": state.sql(),
        "catalog": "awsdatacatalog",
        "schema": database,
        "columns": [{"name": name, "type": kind} for name, kind, _ in COLUMNS],
    }
    return f"/* Presto View: {base64.b64encode(json.dumps(described).encode()).decode()} */"
