"""An audit in steps, each of which fits into an invocation: plan, read, compare, explain.

    plan      which shards there are, and between which instants they are to answer
    read      a shard, from where it was left, in cuts with digests
    compare   the digests of cuts with those of the lake, in few queries for all shards; most agree
    explain   the cuts that do not, record by record; what is missing has a name now

Nothing is kept between steps but what they answer, so whoever asks may stop and go on anywhere: a
person's command, which has many shards read side by side, or the schedule (functions/audit/run.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from msgspec import Struct

from events.columns import sort_columns
from events.contract import Event
from events.decoding import Decoder
from functions.audit import queries
from functions.audit.athena import Lake
from functions.audit.cutting import Cut, Cutter, Record, neighbours, users
from functions.audit.reading import Stream
from functions.audit.report import Missing, Tally
from functions.audit.settings import Settings
from functions.audit.verdict import Compared, agrees, judged
from functions.shared.ranges import End, Reader
from functions.shared.shards import OutOfTime

T = TypeVar("T")

HELD = 100_000
"""Identities compared at once, which are held in memory."""
HOUR = 3_600_000
"""In milliseconds, as every instant here."""


class Plan(Struct, frozen=True, kw_only=True):
    """Instants in epoch milliseconds: the stream has kept everything since `answers_from`, and
    what arrived after `due` may still be on its way."""

    event_type: str
    stream: str
    created: int
    """When the stream was: a stream of the same name may have been deleted before."""
    shards: list[str]
    now: int
    answers_from: int
    due: int


class Gap(Struct, frozen=True, kw_only=True):
    """Sequence numbers, both included, that the stream trimmed before they were audited; `sure`
    when there was a record among them."""

    shard_id: str
    low: str
    high: str
    sure: bool


class Reading(Struct, frozen=True, kw_only=True):
    """What one reading of a shard gave; go on after `last`, having `seen` so many, until `done`."""

    cuts: list[Cut]
    last: str | None
    seen: int
    through: int
    """What arrived until then was read; 0 when nothing was."""
    done: bool
    closed: bool = False
    """The shard has ended, and this was the end."""
    unknown: bool = False
    """The stream does not have the shard (any more), or not the record to go on after."""
    gaps: list[Gap] = []


class Comparison(Struct, frozen=True, kw_only=True):
    """The tally of each cut that agrees or is young, by shard; and the cuts that are to explain."""

    tallies: dict[str, Tally]
    differing: list[Cut]


class Explanation(Struct, frozen=True, kw_only=True):
    tally: Tally
    missing: list[Missing]


@dataclass
class Auditor:
    """The steps, for one event type. `clock` is in epoch milliseconds."""

    settings: Settings
    kind: type[Event]
    stream: Stream
    lake: Lake
    clock: Callable[[], int]

    def __post_init__(self) -> None:
        self._decoder: Decoder[Any] = Decoder(self.kind)
        self._id_column, *_ = sort_columns(self.kind)

    def plan(self) -> Plan:
        now, described = self.clock(), self.stream.described()
        return Plan(
            event_type=self.settings.event_type,
            stream=self.settings.stream,
            created=described.created,
            shards=self.stream.shards(),
            now=now,
            answers_from=now - described.retention_hours * HOUR,
            due=now - self.settings.settle_seconds * 1000,
        )

    def read(
        self,
        shard_id: str,
        *,
        until: int,
        due: int,
        since: int | None = None,
        last: str | None = None,
        seen: int = 0,
        pace: float = 0,
        seconds_left: Callable[[], float],
        most_seconds_left: Callable[[], float] | None = None,
    ) -> Reading:
        """Read on after `last`, or from `since` on, or from the oldest record on; up to the first
        record that arrived after `until`, the newest, or the end of time: of the longer time while
        there was no record yet, since what was read without one must be read again."""
        cutter = Cutter(shard_id, self.settings.bucket, due, seen)
        start = None if last is None else int(last)
        if start is None and since is not None:
            start = self.stream.first_since(shard_id, since)
            if start is None:
                return Reading(cuts=[], last=None, seen=seen, through=until, done=True)
        reader = Reader(shard_id, start, None, after=last is not None)
        longer = most_seconds_left or seconds_left

        def left() -> float:
            return seconds_left() if cutter.seen > seen else longer()

        through, done = 0, False
        try:
            for page in self.stream.pages(reader, pace=pace, seconds_left=left):
                for record in page:
                    if record.arrived > until:
                        done = True
                        break
                    cutter.add(record)
                    last, through = record.sequence_number, record.arrived
                if done or seconds_left() <= 0:
                    break
        except OutOfTime:
            pass
        gaps = [
            Gap(shard_id=shard_id, low=str(one.start), high=str(one.end), sure=one.sure)
            for one in reader.gaps
        ]
        done = done or reader.request is None
        unknown = reader.ended is End.MISSING
        return Reading(
            cuts=cutter.take(),
            last=last,
            seen=cutter.seen,
            through=max(through, until) if done and not unknown else through,
            done=done,
            closed=reader.ended is End.CLOSED,
            unknown=unknown,
            gaps=gaps,
        )

    def compare(self, cuts: Sequence[Cut], *, exact: bool = False) -> Comparison:
        """Ask the lake for the digests of the cuts; `exact` has all of them explained."""
        tallies: dict[str, Tally] = {}
        differing: list[Cut] = []
        for some in portions(cuts, queries.MOST_CUTS):
            found = {int(row[0]): row for row in self._ask(queries.digests, some)}
            for number, cut in enumerate(some):
                _, *figures = found.get(number, [""] + ["0"] * 6)
                count, rows, delivered, rejected, both, weight = (
                    int(text or 0) for text in figures
                )
                if cut.young or (not exact and agrees(cut, count, weight)):
                    strange = max(0, count - cut.records)
                    tally = Tally(
                        stream=cut.all,
                        lake=delivered - strange,
                        rejected=rejected - both,
                        dropped=cut.dropped,
                        on_its_way=cut.records - count + strange,
                        resubmitted=both,
                        twice=rows - delivered,
                        strange=strange,
                    )
                    tallies[cut.shard_id] = tallies.get(cut.shard_id, Tally()) + tally
                else:
                    differing.append(cut)
        return Comparison(tallies=tallies, differing=differing)

    def explain(self, shard_id: str, cuts: Sequence[Cut]) -> Explanation:
        """Compare cuts of one shard, in order, record by record."""
        tally, missing = Tally(), list[Missing]()
        for some in held_together(cuts):
            compared = Compared(shard_id, self._found(some), self._decoder)
            for stretch in neighbours(some, HELD):
                for record in self._between(stretch):
                    for user in users(record, self.settings.bucket):
                        compared.add(user)
            tally += compared.end(some)
            more, left = self.judge(compared.candidates)
            tally += more
            missing += left
        return Explanation(tally=tally, missing=missing)

    def judge(self, candidates: Iterable[Missing]) -> tuple[Tally, list[Missing]]:
        """Which of the records without row and line are missing."""
        tally, missing = Tally(), list[Missing]()
        for some in portions(candidates, queries.MOST_VALUES):
            name = self.settings.event_type
            events, payloads = set[str](), set[str]()
            if ids := sorted({one.event_id for one in some if one.event_id}):
                dates = [one.event_date for one in some if one.event_date]
                sql = queries.events(name, self._id_column, ids, dates)
                events = {row[0] for row in self.lake.rows(sql)}
            if left := [one for one in some if one.event_id not in events]:
                instants = [one.arrived_at for one in left]
                digests = sorted({one.payload for one in left})
                sql = queries.payloads(name, digests, min(instants), max(instants))
                payloads = {row[0] for row in self.lake.rows(sql)}
            judgement, open_ = judged(some, events, payloads)
            tally += judgement
            missing += open_
        return tally, missing

    def still_missing(self, known: Sequence[Missing]) -> list[Missing]:
        """Of records that were missing, those that still are."""
        left: list[Missing] = []
        for some in portions(known, queries.MOST_CUTS):
            points = [_point(one) for one in some]
            found = {
                (points[int(row[0])].shard_id, row[1], int(row[2]))
                for row in self._ask(queries.identities, points)
            }
            left += [
                one
                for one in some
                if (one.shard_id, one.sequence_number, one.subsequence_number) not in found
            ]
        return self.judge(left)[1]

    def _found(self, cuts: Sequence[Cut]) -> dict[tuple[str, int], tuple[int, int]]:
        found: dict[tuple[str, int], tuple[int, int]] = {}
        for some in portions(cuts, queries.MOST_CUTS):
            for _, sequence, subsequence, rows, rejected in self._ask(queries.identities, some):
                found[sequence, int(subsequence)] = int(rows), int(rejected)
        return found

    def _between(self, stretch: Sequence[Cut]) -> Iterator[Record]:
        first, last = stretch[0], stretch[-1]
        most = min(10_000, max(1, sum(cut.all for cut in stretch)))
        reader = Reader(first.shard_id, int(first.low), int(last.high), limit=most)
        for page in self.stream.pages(reader):
            yield from page

    def _ask(
        self, query: Callable[[str, Sequence[Cut]], str], cuts: Sequence[Cut]
    ) -> Iterator[list[str]]:
        return self.lake.rows(query(self.settings.event_type, cuts))


def held_together(cuts: Iterable[Cut]) -> Iterator[list[Cut]]:
    """Cuts in portions of HELD records, or a single larger one."""
    portion: list[Cut] = []
    held = 0
    for cut in cuts:
        if portion and held + cut.all > HELD:
            yield portion
            portion, held = [], 0
        portion.append(cut)
        held += cut.all
    if portion:
        yield portion


def portions(items: Iterable[T], most: int) -> Iterator[list[T]]:
    """The items, so many at a time."""
    portion: list[T] = []
    for item in items:
        portion.append(item)
        if len(portion) == most:
            yield portion
            portion = []
    if portion:
        yield portion


def _point(one: Missing) -> Cut:
    """The cut that holds a single Kinesis record."""
    return Cut(
        shard_id=one.shard_id,
        before=0,
        low=one.sequence_number,
        high=one.sequence_number,
        records=1,
        weight=0,
        dropped=0,
        first=one.arrived_at,
        last=one.arrived_at,
    )
