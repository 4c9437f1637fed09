"""The stream in cuts: so many records between two sequence numbers, and a digest of which.

The digest of a set of records is their number and the sum of their weights, and SQL gives the same
of the rows between the same two numbers (functions/audit/queries.py):

    weight = (last 15 digits of the sequence number, modulo PRIME) * (subsequence number + 1)

What it can miss: a row too many that makes up for a record too few, with the very weight of it. A
row comes from a record, so there is none too many but by a defect or a hand, and that one would
have to match in two billion. Rows that are delivered twice are counted once. What it cannot miss: a
record without a row, as long as no row stands in for it. Where number or weight differ the cut is
read again and compared record by record, so that what is said to be missing is, each by its name;
`exact` has every cut compared so.

A cut ends where the digits of the sequence numbers get more, so that within one their texts compare
as the numbers do; and where records begin that may still be on their way (`young`). The farther the
reading has got, the more records a cut holds: their number grows with the logarithm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec import Struct

from events.aggregation import MAGIC, deaggregate
from events.mark import START, split

PRIME = 2_147_483_647
DIGITS = 15
LEAST = 1024
"""Records in a cut, and no fewer: what one small GetRecords brings back."""
SHARE = 64
"""A cut holds this part of what was read before it, once that is more."""


class Cut(Struct, frozen=True, kw_only=True, gc=False):
    """Consecutive records of a shard; `low` and `high` are the first and the last's numbers.

    `records` are those that must be in the lake or among the rejected, `weight` is theirs; those
    that are `dropped` by rule must not. `before` counts what was read of the shard before the cut,
    so that neighbours know each other. Instants are arrivals in epoch milliseconds.
    """

    shard_id: str
    before: int
    low: str
    high: str
    records: int
    weight: int
    dropped: int
    first: int
    last: int
    young: bool = False

    @property
    def all(self) -> int:
        return self.records + self.dropped


class Record(NamedTuple):
    """A Kinesis record; `arrived` in epoch milliseconds."""

    sequence_number: str
    arrived: int
    data: bytes


class User(NamedTuple):
    """One user record: a Kinesis record, or one of those aggregated in it; `data` with its mark."""

    sequence_number: str
    subsequence_number: int
    arrived: int
    data: bytes
    dropped: bool


def users(record: Record, lake: str) -> Iterator[User]:
    """The user records in a Kinesis record. Those that are marked as replayed from this lake are
    dropped by rule: their rows are there."""
    data = record.data
    aggregated = deaggregate(data) if data[:4] == MAGIC else None
    parts: Iterable[bytes] = (data,) if aggregated is None else (one.data for one in aggregated)
    for number, part in enumerate(parts):
        dropped = False
        if part.startswith(START):
            mark, _ = split(part)
            dropped = mark is not None and mark.kind == "replayed" and mark.lake == lake
        yield User(record.sequence_number, number, record.arrived, part, dropped)


def weight(sequence_number: str, subsequence_number: int) -> int:
    return int(sequence_number[-DIGITS:]) % PRIME * (subsequence_number + 1)


@dataclass
class Cutter:
    """Takes the records of a shard in order and gives cuts, from those of `due` on young ones.

    `seen` is how many were read before, of the whole shard.
    """

    shard_id: str
    lake: str
    due: int
    seen: int = 0
    _low: str = ""
    _high: str = ""
    _records: int = 0
    _weight: int = 0
    _dropped: int = 0
    _first: int = 0
    _last: int = 0
    _cuts: list[Cut] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Take the next record."""
        number, arrived = record.sequence_number, record.arrived
        if self._low and self._ends_before(number, arrived):
            self._cut()
        if not self._low:
            self._low, self._first, self._last = number, arrived, arrived
        self._high = number
        self._first, self._last = min(self._first, arrived), max(self._last, arrived)
        data = record.data
        if data[:4] != MAGIC and not data.startswith(START):  # nearly all of them
            self._records += 1
            self._weight += int(number[-DIGITS:]) % PRIME
            self.seen += 1
            return
        for user in users(record, self.lake):
            self.seen += 1
            if user.dropped:
                self._dropped += 1
            else:
                self._records += 1
                self._weight += weight(number, user.subsequence_number)

    def take(self) -> list[Cut]:
        """The cuts of all that was taken."""
        if self._low:
            self._cut()
        cuts, self._cuts = self._cuts, []
        return cuts

    def _ends_before(self, number: str, arrived: int) -> bool:
        full = self._records + self._dropped >= max(LEAST, self.seen // SHARE)
        ripe = (arrived > self.due) != (self._last > self.due)
        return full or ripe or len(number) != len(self._low)

    def _cut(self) -> None:
        self._cuts.append(
            Cut(
                shard_id=self.shard_id,
                before=self.seen - self._records - self._dropped,
                low=self._low,
                high=self._high,
                records=self._records,
                weight=self._weight,
                dropped=self._dropped,
                first=self._first,
                last=self._last,
                young=self._last > self.due,
            )
        )
        self._low = self._high = ""
        self._records = self._weight = self._dropped = 0


def neighbours(cuts: Sequence[Cut], most: int) -> Iterator[list[Cut]]:
    """Cuts of one shard, in order, by stretches to read at once: those that follow one another, of
    so many records together at most if that is more than one cut."""
    stretch: list[Cut] = []
    held = 0
    for cut in cuts:
        last = stretch[-1] if stretch else None
        if last and (last.before + last.all != cut.before or held + cut.all > most):
            yield stretch
            stretch, held = [], 0
        stretch.append(cut)
        held += cut.all
    if stretch:
        yield stretch
