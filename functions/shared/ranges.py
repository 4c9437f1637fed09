"""Reading a range of a shard back: what to ask of the stream next, and what its answers mean.

A `Reader` is a state machine without a client, a clock or a thread:

    reader = Reader("shardId-000000000000", start=first, end=last)
    while (request := reader.request) is not None:
        records = reader.take(answer)       # of GetShardIterator or GetRecords, as `request` says

What makes it more than one call: a page may be empty although records follow; an iterator expires
after five minutes; a shard may end, or be gone with its records; and where records were trimmed,
reading starts at the oldest one that is left without a word. Sequence numbers have up to 57 digits
and are in order only as integers.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

MOST_RECORDS = 10_000
"""That one page holds."""

SURE_PAGES = 3
"""Empty pages in a row, each "not behind", before a record that must be there is called gone: one
may be empty for reasons of the service's own."""

EMPTY_SECONDS = 0.25
"""Before the next call after a page without records: a shard takes five calls a second."""

FIRST_PATIENCE, LAST_PATIENCE = 0.25, 5.0
"""Seconds before the next call after the stream refused one for its rate; doubled each time."""

Record = Mapping[str, Any]
"""As GetRecords gives it; only its `SequenceNumber` is read here."""


class Position(NamedTuple):
    """Ask GetShardIterator, after so many seconds; `number` is none for TRIM_HORIZON."""

    shard_id: str
    kind: str
    number: int | None
    wait: float = 0.0


class Fetch(NamedTuple):
    """Ask GetRecords, after so many seconds."""

    iterator: str
    limit: int
    wait: float = 0.0


class Page(NamedTuple):
    """What GetRecords answered; without an iterator the shard is closed and read to its end."""

    records: Sequence[Record]
    iterator: str | None
    millis_behind: int


class Refused(Enum):
    """What the stream answered instead."""

    EXPIRED = "the iterator is too old"
    THROTTLED = "too many calls or bytes for this second"
    MISSING = "no such shard or sequence number: the shard expired, or the stream is another one"


Request = Position | Fetch
Answer = str | Page | Refused


class End(Enum):
    """Why there is nothing more to ask."""

    REACHED = "the range was read to its end"
    CLOSED = "the shard ends here"
    NEWEST = "nothing newer is on the shard"
    MISSING = "the stream does not have the shard, or knows no such number"


class Gap(NamedTuple):
    """Numbers, both included, whose records the stream does not have (any more).

    `sure` when a record of the range is known to have been there; otherwise there may have been
    none between the two.
    """

    start: int
    end: int
    sure: bool


@dataclass
class Reader:
    """Reads a shard from the record `start` (None: the oldest there is) to the record `end` (None:
    the newest), both included; with `after`, from the one that follows `start`.

    Both are numbers of records that the shard once took: only so can it be told that they are gone.
    `gaps` says what is, in order, and is complete when `request` is None. `pause` is waited between
    pages, for the sake of others who read the shard.
    """

    shard_id: str
    start: int | None
    end: int | None
    after: bool = False
    limit: int = MOST_RECORDS
    pause: float = 0.0
    gaps: list[Gap] = field(default_factory=list)
    ended: End | None = None
    last: int | None = None
    """The newest number that was seen in the range, or `start` before it."""

    def __post_init__(self) -> None:
        if self.after and self.start is None:
            raise ValueError("after what?")
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValueError(f"a range from {self.start} to {self.end} has no records")
        self._empty = self._refusals = 0
        self._expected = self.start
        """The record with which the next page must begin; none when any may."""
        self._request: Request | None = self._locate()

    @property
    def request(self) -> Request | None:
        """What to ask next; None when the range is read."""
        return self._request

    def take(self, answer: Answer) -> list[Record]:
        """The answer to `request`; of it the records of the range, in order, each once."""
        asked = self._request
        if asked is None:
            raise ValueError("nothing was asked")
        if isinstance(answer, Refused):
            self._refused(asked, answer)
            return []
        if isinstance(answer, str):
            self._request = Fetch(answer, self.limit)
            return []
        self._refusals = 0
        found = self._within(answer.records)
        self._continue(answer)
        return found

    def _refused(self, asked: Request, refused: Refused) -> None:
        if refused is Refused.MISSING:
            self._finish(End.MISSING)
            return
        throttled = refused is Refused.THROTTLED
        patience = min(FIRST_PATIENCE * 2**self._refusals, LAST_PATIENCE)
        wait = patience if throttled or self._refusals else 0.0
        self._refusals += 1
        if not throttled:
            self._expected = self.start if self.last is None else self.last
            asked = self._locate()
        self._request = asked._replace(wait=wait)

    def _locate(self) -> Position:
        """At the record that was seen last, or must be first. Not after it: only when that record
        comes again is it certain that none behind it was trimmed."""
        number = self._expected
        kind = "TRIM_HORIZON" if number is None else "AT_SEQUENCE_NUMBER"
        return Position(self.shard_id, kind, number)

    def _within(self, records: Sequence[Record]) -> list[Record]:
        found = []
        for record in records:
            number = int(record["SequenceNumber"])
            if self._expected is not None:
                self._compare(number, self._expected)
                self._expected = None
            if self.end is not None and number > self.end:
                break
            if self.last is not None and number <= self.last:
                continue
            self.last = number
            if not (self.after and number == self.start):
                found.append(record)
        return found

    def _compare(self, number: int, expected: int) -> None:
        """Note what was trimmed when another record comes than the one that was asked for."""
        if number > expected:
            seen = self.last is not None or self.after
            first = expected + 1 if seen else expected
            last = number - 1 if self.end is None else min(number - 1, self.end)
            self._gap(first, last, sure=not seen)

    def _continue(self, page: Page) -> None:
        self._empty = 0 if page.records else self._empty + 1
        newest = page.millis_behind == 0
        if self._past_end(page.records):
            self._finish(End.REACHED)
        elif page.iterator is None:
            self._finish(End.CLOSED)
        elif newest and (self.end is None or self._empty >= SURE_PAGES):
            self._finish(End.NEWEST)
        else:
            wait = self.pause if page.records else max(self.pause, EMPTY_SECONDS)
            self._request = Fetch(page.iterator, self.limit, wait)

    def _past_end(self, records: Sequence[Record]) -> bool:
        newest = int(records[-1]["SequenceNumber"]) if records else self.last
        return self.end is not None and newest is not None and newest >= self.end

    def _finish(self, ended: End) -> None:
        self.ended, self._request = ended, None
        if self.last is not None:
            missed = self.last + 1
        elif self.start is not None:
            missed = self.start + self.after
        elif self.end is not None:
            missed = self.end
        else:
            return
        if self.end is not None:
            self._gap(missed, self.end, sure=True)
        elif self.last is None:
            self._gap(missed, missed, sure=not self.after)

    def _gap(self, start: int, end: int, *, sure: bool) -> None:
        """Add numbers to the gaps, to the last of them where it touches."""
        if start > end:
            return
        if self.gaps and start <= self.gaps[-1].end + 1:
            before = self.gaps.pop()
            start, end, sure = before.start, max(end, before.end), before.sure or sure
        self.gaps.append(Gap(start, end, sure))
