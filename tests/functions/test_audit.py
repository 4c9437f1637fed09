"""The audit says of every record what is true of it, whatever happened to the others."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from events import registry
from events.mark import Mark, marked
from functions.audit import cutting, queries
from functions.audit.athena import Lake, NotAnswered
from functions.audit.auditor import Auditor, Gap
from functions.audit.cutting import Cut, Cutter, Record, neighbours
from functions.audit.reading import Stream
from functions.audit.report import Missing, Tally
from functions.audit.run import Position, Report, State, run
from functions.audit.settings import Settings
from functions.audit.store import Store
from tests.conftest import ROOT
from tests.events.test_aggregation import aggregate

KIND = registry.get("flight")
NOW = 1_790_000_000_000
SAMPLE = json.loads((ROOT / "events/flight/samples/valid/on_time.json").read_bytes())
DATE = SAMPLE["scheduled_departure"][:10]
SETTINGS = Settings(
    event_type="flight",
    stream="arn:aws:kinesis:us-east-1:123456789012:stream/flights",
    bucket="lake",
    database="headrace_test",
    workgroup="headrace-test",
    audit_prefix="audits/flight/",
    settle_seconds=300,
)
FATES = ("lake", "lake", "lake", "twice", "rejected", "both", "nameless", "dropped", "repeated")
LOST = ("lost", "lost_rubbish")


def flight(number: int) -> bytes:
    return json.dumps({**SAMPLE, "event_id": f"e{number}"}).encode()


@dataclass
class Kinesis:
    """A stream: records by shard, as the calls of a client answer. Every other page is empty, and
    every third call is one too many. It refuses numbers that are `strange` to it."""

    shards: dict[str, list[Record]]
    closed: set[str] = field(default_factory=set)
    strange: set[str] = field(default_factory=set)
    created: float = NOW / 1000 - 86_400
    calls: int = 0
    page: int = 3

    def list_shards(self, **_: Any) -> dict[str, Any]:
        return {"Shards": [{"ShardId": name} for name in self.shards]}

    def describe_stream(self, **_: Any) -> dict[str, Any]:
        described = {"RetentionPeriodHours": 24, "StreamCreationTimestamp": self.created}
        return {"StreamDescription": described}

    def get_shard_iterator(self, **asked: Any) -> dict[str, Any]:
        records = self.shards[asked["ShardId"]]
        match asked["ShardIteratorType"]:
            case "TRIM_HORIZON":
                at = 0
            case "AT_TIMESTAMP":
                moment = asked["Timestamp"].timestamp() * 1000
                at = sum(one.arrived < moment for one in records)
            case "AT_SEQUENCE_NUMBER" if asked["StartingSequenceNumber"] in self.strange:
                code = {"Error": {"Code": "InvalidArgumentException", "Message": ""}}
                raise ClientError(code, "GetShardIterator")  # type: ignore[arg-type]
            case "AT_SEQUENCE_NUMBER":
                number = int(asked["StartingSequenceNumber"])
                at = sum(int(one.sequence_number) < number for one in records)
        return {"ShardIterator": f"{asked['ShardId']}/{at}"}

    def get_records(self, **asked: Any) -> dict[str, Any]:
        self.calls += 1
        shard_id, _, start = asked["ShardIterator"].partition("/")
        if self.calls % 3 == 0:
            code = {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": ""}}
            raise ClientError(code, "GetRecords")  # type: ignore[arg-type]
        at, records = int(start), self.shards[shard_id]
        size = 0 if self.calls % 2 else min(self.page, asked["Limit"])
        given = records[at : at + size]
        left = len(records) - at - len(given)
        answer: dict[str, Any] = {
            "Records": [
                {
                    "SequenceNumber": one.sequence_number,
                    "ApproximateArrivalTimestamp": one.arrived / 1e3,
                    "Data": one.data,
                }
                for one in given
            ],
            "MillisBehindLatest": 1000 if left else 0,
        }
        if left or shard_id not in self.closed:
            answer["NextShardIterator"] = f"{shard_id}/{at + len(given)}"
        return answer

    class exceptions:  # noqa: N801  as botocore spells it
        ProvisionedThroughputExceededException = ClientError


@dataclass
class World:
    """What is on the stream and in the lake, and the fate of every user record."""

    kinesis: Kinesis
    rows: list[tuple[str, str, int, str]] = field(default_factory=list)
    """Shard, sequence number, subsequence number, event id."""
    rejected: list[tuple[str | None, str | None, int | None, bytes]] = field(default_factory=list)
    expected: dict[str, Tally] = field(default_factory=dict)
    missing: set[tuple[str, str, int]] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def auditor(self, clock: int = NOW) -> Auditor:
        lake = Answers(self)
        return Auditor(
            settings=SETTINGS,
            kind=KIND,
            stream=Stream(self.kinesis, SETTINGS.stream, sleep=lambda _: None),  # type: ignore[arg-type]
            lake=lake,  # type: ignore[arg-type]
            clock=lambda: clock,
        )

    def answer(self, sql: str) -> list[list[str]]:
        """By DuckDB, whose dialect has all that the queries use but two functions."""
        self.asked.append(sql)
        day = datetime.fromtimestamp(NOW / 1000, UTC)
        later = day.replace(tzinfo=None) + timedelta(days=9)
        DATABASE.register("flight", table(ROWS, [(*row, DATE, later) for row in self.rows]))
        lines = [
            (*line[:3], base64.b64encode(line[3]).decode(), day.date().isoformat())
            for line in self.rejected
        ]
        DATABASE.register("flight_rejected", table(LINES, lines))
        found = DATABASE.execute(sql).fetchall()
        return [["" if value is None else str(value) for value in row] for row in found]


DATABASE = duckdb.connect()
for macro in ("to_utf8(x) AS x", "to_hex(x) AS upper(x)"):
    DATABASE.execute(f"CREATE MACRO {macro}")
PLACE = {
    "shard_id": pa.string(),
    "sequence_number": pa.string(),
    "subsequence_number": pa.int64(),
}
ROWS = pa.schema(
    PLACE | {"event_id": pa.string(), "event_date": pa.string(), "ingested_at": pa.timestamp("ms")}
)
LINES = pa.schema(PLACE | {"payload_base64": pa.string(), "arrival_date": pa.string()})


def table(schema: pa.Schema, rows: list[tuple[Any, ...]]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


@dataclass
class Answers:
    world: World

    def rows(self, sql: str) -> Iterator[list[str]]:
        return iter(self.world.answer(sql))


USERS = st.lists(st.sampled_from(FATES * 3 + LOST), min_size=1, max_size=3)
RECORDS = st.lists(USERS, max_size=25)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Shards with records of all fates: plain and aggregated ones, numbers that grow a digit."""
    world = World(Kinesis({}))
    number = 0
    for shard in range(draw(st.integers(1, 2))):
        shard_id = f"shardId-{shard:012}"
        records: list[Record] = []
        sequence = 10**15 - draw(st.integers(1, 200)) * 7
        for index, fates in enumerate(draw(RECORDS)):
            sequence += draw(st.integers(1, 99))
            arrived = NOW - 3_600_000 + index * 1000
            payloads = []
            for sub, fate in enumerate(fates):
                number += 1
                payloads.append(_settle(world, (shard_id, str(sequence), sub), number, fate))
            data = payloads[0] if len(payloads) == 1 else aggregate([("k", p) for p in payloads])
            records.append(Record(str(sequence), arrived, data))
        world.kinesis.shards[shard_id] = records
        world.expected.setdefault(shard_id, Tally())
    return world


def _settle(world: World, at: tuple[str, str, int], number: int, fate: str) -> bytes:
    """Put a user record where its fate has it; its payload."""
    data = flight(number)
    tally = Tally(stream=1)
    if fate in ("lake", "twice", "both"):
        world.rows += [(*at, f"e{number}")] * (2 if fate == "twice" else 1)
        if fate == "both":
            world.rejected.append((*at, data))
        tally += Tally(lake=1, twice=int(fate == "twice"), resubmitted=int(fate == "both"))
    elif fate == "rejected":
        data = b"rubbish %d" % number
        world.rejected.append((*at, data))
        tally += Tally(rejected=1)
    elif fate == "nameless":
        world.rejected.append((None, None, None, data))
        tally += Tally(rejected=1)
    elif fate == "dropped":
        data = marked(Mark(kind="replayed", lake="lake", run="r"), data)
        tally += Tally(dropped=1)
    elif fate == "repeated":
        world.rows.append(("shardId-000000000099", "7", 0, f"e{number}"))
        tally += Tally(repeated=1)
    else:
        data = data if fate == "lost" else b"rubbish %d" % number
        world.missing.add(at)
        tally += Tally(missing=1)
    world.expected[at[0]] = world.expected.get(at[0], Tally()) + tally
    return data


def audited(
    world: World, *, exact: bool = False, steps: int = 100
) -> tuple[dict[str, Tally], list[Missing], int]:
    """As the command does it: read on until all is read; tallies, missing, cuts explained."""
    auditor = world.auditor()
    plan = auditor.plan()
    tallies = dict.fromkeys(plan.shards, Tally())
    cuts: list[Cut] = []
    for shard_id in plan.shards:
        last, seen, done = None, 0, False
        while not done:
            left = iter([1.0] * steps)
            found = auditor.read(
                shard_id,
                until=plan.now,
                due=plan.due,
                last=last,
                seen=seen,
                seconds_left=lambda left=left: next(left, 0.0),  # type: ignore[misc]
            )
            assert found.gaps == []
            cuts += found.cuts
            last, seen, done = found.last, found.seen, found.done
    compared = auditor.compare(cuts, exact=exact)
    for name, tally in compared.tallies.items():
        tallies[name] += tally
    missing: list[Missing] = []
    for shard_id in plan.shards:
        mine = [cut for cut in compared.differing if cut.shard_id == shard_id]
        explained = auditor.explain(shard_id, mine)
        tallies[shard_id] += explained.tally
        missing += explained.missing
    return tallies, missing, len(compared.differing)


def names(missing: list[Missing]) -> list[tuple[str, str, int]]:
    return [(one.shard_id, one.sequence_number, one.subsequence_number) for one in missing]


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Cuts of five records, so that a few records make many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "LEAST", 5)
        yield


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds(), st.booleans(), st.integers(3, 100))
def test_the_verdict_is_the_truth(world: World, exact: bool, steps: int) -> None:
    tallies, missing, _ = audited(world, exact=exact, steps=steps)
    assert tallies == world.expected
    assert sorted(names(missing)) == sorted(world.missing)
    for tally in tallies.values():
        figures = asdict(tally)
        where = ("lake", "rejected", "dropped", "repeated", "on_its_way", "missing", "gone")
        assert tally.stream == sum(figures[word] for word in where)


def plain(*fates: str, shards: int = 1) -> World:
    """One record of each fate, an hour old, in each shard."""
    world = World(Kinesis({}))
    for shard in range(shards):
        shard_id = f"shardId-{shard:012}"
        world.kinesis.shards[shard_id] = [
            Record(
                str(10**55 + index),
                NOW - 3_600_000 + index,
                _settle(world, (shard_id, str(10**55 + index), 0), shard * 1000 + index, fate),
            )
            for index, fate in enumerate(fates)
        ]
    return world


def test_only_the_ranges_that_differ_are_compared_by_name() -> None:
    world = plain(*["lake"] * 40, "lost", *["lake"] * 59, shards=2)
    tallies, missing, explained = audited(world)
    assert tallies == world.expected
    assert [one.event_id for one in missing] == ["e40", "e1040"]
    assert (explained, len(world.asked)) == (2, 1 + 2 * 3)
    *_, everything = audited(world, exact=True)
    assert everything == 40


def test_a_row_too_many_does_not_stand_in_for_a_record_too_few() -> None:
    world = plain("lake", "lost", "lake")
    world.rows.append(("shardId-000000000000", str(10**55 + 1), 7, "made up"))
    tallies, missing, _ = audited(world)
    assert tallies["shardId-000000000000"] == Tally(stream=3, lake=2, missing=1, strange=1)
    assert names(missing) == [("shardId-000000000000", str(10**55 + 1), 0)]


def test_what_is_younger_than_delivery_may_take_is_on_its_way() -> None:
    world = plain("lake", "lost", "lake", "lost")
    shard_id = "shardId-000000000000"
    records = world.kinesis.shards[shard_id]
    world.kinesis.shards[shard_id] = [
        record._replace(arrived=NOW - (400_000 if index < 2 else 200_000))
        for index, record in enumerate(records)
    ]
    tallies, missing, _ = audited(world)
    assert tallies[shard_id] == Tally(stream=4, lake=2, missing=1, on_its_way=1)
    assert names(missing) == [(shard_id, records[1].sequence_number, 0)]


def test_what_is_trimmed_between_two_readings_is_gone_and_not_taken_for_delivered() -> None:
    world = plain("lake", "lost", "lake")
    auditor = world.auditor()
    [shard_id] = world.kinesis.shards
    reading = auditor.read(shard_id, until=NOW, due=NOW, seconds_left=lambda: 9.0)
    del world.kinesis.shards[shard_id][:2]
    explained = auditor.explain(shard_id, auditor.compare(reading.cuts).differing)
    assert explained.tally == Tally(stream=3, lake=1, gone=2)
    assert explained.missing == []


def test_a_reading_begins_and_ends_where_it_is_told_to() -> None:
    world = plain(*["lake"] * 9)
    [shard_id] = world.kinesis.shards
    arrivals = [one.arrived for one in world.kinesis.shards[shard_id]]

    def read(since: int, until: int) -> tuple[int, bool]:
        found = world.auditor().read(
            shard_id, since=since, until=until, due=NOW, seconds_left=lambda: 9.0
        )
        return sum(cut.records for cut in found.cuts), found.done

    assert read(arrivals[2], arrivals[5]) == (4, True)
    assert read(arrivals[0] - 5, arrivals[-1]) == (9, True)
    assert read(arrivals[-1] + 1, NOW) == (0, True)


def test_a_reading_that_has_met_no_record_yet_takes_more_time() -> None:
    """Behind many empty pages the next one would begin where this one began."""
    world = plain("lake")
    [shard_id] = world.kinesis.shards
    some = iter([600.0] * 4)
    found = world.auditor().read(
        shard_id,
        until=NOW,
        due=NOW,
        seconds_left=lambda: 0.0,
        most_seconds_left=lambda: next(some, 600.0),
    )
    assert (found.seen, found.last, found.done) == (1, str(10**55), True)


def test_a_cut_ends_where_the_numbers_get_longer() -> None:
    cutter = Cutter("s", "lake", NOW)
    for number in (98, 99, 100, 101):
        cutter.add(Record(str(number), 1, b"{}"))
    assert [(cut.low, cut.high, cut.before) for cut in cutter.take()] == [
        ("98", "99", 0),
        ("100", "101", 2),
    ]


def test_cuts_grow_with_what_was_read_so_that_they_stay_few() -> None:
    cutter = Cutter("s", "lake", NOW)
    for number in range(20_000):
        cutter.add(Record(str(10**55 + number), 1, b"{}"))
    cuts = cutter.take()
    assert sum(cut.records for cut in cuts) == 20_000
    assert len(cuts) < 600
    assert max(cut.records for cut in cuts) > 300
    assert [len(each) for each in neighbours([*cuts[:3], *cuts[4:6]], 10**6)] == [3, 2]
    assert [len(each) for each in neighbours(cuts[:4], cuts[0].records * 2)] == [2, 2]


def test_a_query_of_the_most_cuts_is_no_longer_than_athena_takes() -> None:
    cut = Cut(
        shard_id="shardId-000000000000",
        before=0,
        low="4" * 56,
        high="5" * 56,
        records=1,
        weight=1,
        dropped=0,
        first=NOW,
        last=NOW,
    )
    assert len(queries.digests("device_telemetry", [cut] * queries.MOST_CUTS)) < 262_144


HOUR = timedelta(hours=1) / timedelta(milliseconds=1)


def scheduled(world: World, state: State, clock: float = NOW) -> tuple[State, Report]:
    return run(world.auditor(round(clock)), state, seconds_left=lambda: 600.0)


def test_the_schedule_goes_on_where_it_was_and_remembers_what_is_missing() -> None:
    world = plain("lake", "lost", "lake")
    [shard_id] = world.kinesis.shards
    state, report = scheduled(world, State())
    assert report.shards == {shard_id: Tally(stream=3, lake=2, missing=1)}
    assert (names(report.missing), report.gaps) == ([(shard_id, str(10**55 + 1), 0)], [])
    assert report.through == NOW - 300_000

    again, report = scheduled(world, state)
    assert (report.shards, len(report.missing), report.found) == ({}, 1, 0)

    world.rows.append((shard_id, str(10**55 + 1), 0, "e1"))
    healed, report = scheduled(world, again)
    assert (report.missing, report.found, healed.missing) == ([], 1, [])


def test_what_the_stream_forgets_before_it_is_found_is_lost_and_named_once() -> None:
    world = plain("lost")
    state, _ = scheduled(world, State())
    world.kinesis.shards = {name: [] for name in world.kinesis.shards}
    later, report = scheduled(world, state, NOW + 30 * HOUR)
    assert (len(report.newly_lost), report.missing, later.lost) == (1, [], 1)
    _, report = scheduled(world, later, NOW + 31 * HOUR)
    assert (report.newly_lost, report.missing) == ([], [])


def test_records_that_were_trimmed_before_any_run_came_are_a_gap() -> None:
    """Only when the last run is longer ago than the stream keeps: an idle stream forgets its last
    record, too, and nothing is wrong with that."""
    world = plain("lake", "lake")
    [shard_id] = world.kinesis.shards
    state, _ = scheduled(world, State())
    newest = Record(str(10**55 + 9), round(NOW + 20 * HOUR), flight(99))
    world.kinesis.shards[shard_id] = [newest]
    world.rows.append((shard_id, newest.sequence_number, 0, "e99"))
    _, report = scheduled(world, state, NOW + 21 * HOUR)
    assert (report.gaps, report.shards) == ([], {shard_id: Tally(stream=1, lake=1)})
    _, report = scheduled(world, state, NOW + 40 * HOUR)
    [gap] = report.gaps
    assert (int(gap.low), int(gap.high)) == (10**55 + 2, 10**55 + 8)


def test_a_closed_shard_is_read_once_and_may_then_vanish() -> None:
    world = plain("lake", shards=2)
    first, second = world.kinesis.shards
    world.kinesis.closed.add(first)
    state, _ = scheduled(world, State())
    assert [state.positions[name].closed for name in (first, second)] == [True, False]
    state, report = scheduled(world, state, NOW + 20 * HOUR)
    assert report.through == NOW + 20 * HOUR - 300_000, "nothing more comes of a closed shard"
    del world.kinesis.shards[first]
    state, report = scheduled(world, state, NOW + 40 * HOUR)
    assert list(state.positions) == [second]
    assert [gap.shard_id for gap in report.gaps if gap.shard_id == first] == []


def test_what_came_to_an_empty_shard_and_was_trimmed_during_a_standstill_is_a_gap() -> None:
    world = World(Kinesis({"a": [], "b": [], "c": []}))
    state, report = scheduled(world, State())
    assert (report.gaps, report.through) == ([], NOW - 300_000)
    left = Record(str(10**55 + 9), round(NOW + 39 * HOUR), flight(9))
    world.kinesis.shards = {"a": [], "b": [left], "d": []}
    world.rows.append(("b", left.sequence_number, 0, "e9"))
    _, report = scheduled(world, state, NOW + 20 * HOUR)
    assert report.gaps == [], "the stream has had all of it"
    later, report = scheduled(world, state, NOW + 40 * HOUR)
    assert report.gaps == [
        Gap(shard_id="a", low="0", high="0", sure=False),
        Gap(shard_id="b", low="0", high=str(10**55 + 8), sure=False),
        Gap(shard_id="c", low="0", high="0", sure=False),
    ]
    assert scheduled(world, later, NOW + 41 * HOUR)[1].gaps == []


def test_a_shard_to_which_no_run_has_come_yet_has_no_gap() -> None:
    world = plain("lost")
    [shard_id] = world.kinesis.shards
    left = iter([600.0] * 4)
    state, report = run(world.auditor(), State(), seconds_left=lambda: next(left, 0.0))
    assert (report.unfinished, state.positions[shard_id].through) == ([shard_id], 0)
    assert scheduled(world, state, NOW + 40 * HOUR)[1].gaps == []


def test_a_stream_that_was_created_anew_is_audited_from_its_first_record_on() -> None:
    """Its shards have the names of those before, even of one that was closed; what was missing of
    the stream before still is."""
    world = plain("lake", "lost", shards=2)
    first, second = world.kinesis.shards
    world.kinesis.closed.add(first)
    state, report = scheduled(world, State())
    assert len(report.missing) == 2
    world.kinesis = Kinesis(
        {
            name: [Record("7", round(NOW + HOUR / 2), flight(number))]
            for number, name in ((7, first), (8, second))
        },
        strange={str(10**55 + 1)},
        created=NOW / 1000,
    )
    world.rows.append((second, "7", 0, "e8"))
    after, report = scheduled(world, state, NOW + HOUR)
    assert report.shards == {first: Tally(stream=1, missing=1), second: Tally(stream=1, lake=1)}
    assert names(report.missing) == [
        (first, str(10**55 + 1), 0),
        (second, str(10**55 + 1), 0),
        (first, "7", 0),
    ]
    position = Position(last="7", seen=1, through=round(NOW + HOUR) - 300_000)
    assert after.positions == {first: position, second: position}


def test_a_number_that_the_stream_does_not_know_is_not_asked_for_again() -> None:
    world = plain("lake", "lost")
    [shard_id] = world.kinesis.shards
    state, _ = scheduled(world, State())
    world.kinesis.strange.add(str(10**55 + 1))
    state, report = scheduled(world, state, NOW + HOUR)
    assert (report.shards, report.through) == ({}, NOW - 300_000), "nothing could be audited"
    assert state.positions == {shard_id: Position(last=None, seen=0, through=NOW - 300_000)}
    world.kinesis.strange.clear()
    state, report = scheduled(world, state, NOW + 2 * HOUR)
    assert report.shards == {shard_id: Tally(stream=2, lake=1, missing=1)}
    assert report.through == NOW + 2 * HOUR - 300_000
    assert names(report.missing) == [(shard_id, str(10**55 + 1), 0)], "known already, told once"


def test_more_missing_than_can_be_remembered_are_told_by_every_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("functions.audit.run.MOST_MISSING", 3)
    world = plain("lost", "lost", "lake", shards=2)
    first, second = world.kinesis.shards
    state, report = scheduled(world, State())
    assert (len(report.missing), len(state.missing), report.unfinished) == (4, 2, [second])
    state, report = scheduled(world, state, NOW + HOUR)
    assert (len(report.missing), len(state.missing), report.unfinished) == (4, 2, [second])
    world.rows += [(first, str(10**55 + index), 0, f"e{index}") for index in range(2)]
    state, report = scheduled(world, state, NOW + 2 * HOUR)
    assert (names(report.missing), report.found) == (
        [(second, str(10**55 + index), 0) for index in range(2)],
        2,
    )
    assert (state.missing, report.unfinished) == (report.missing, [])
    world.kinesis.shards = {first: [], second: []}
    state, report = scheduled(world, state, NOW + 30 * HOUR)
    assert (len(report.newly_lost), report.missing, state.lost) == (2, [], 2)


def test_more_missing_of_one_shard_than_can_be_remembered_are_told_by_every_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("functions.audit.run.MOST_MISSING", 3)
    world = plain(*["lost"] * 5)
    [shard_id] = world.kinesis.shards
    state, report = scheduled(world, State())
    for _ in range(2):
        assert (len(report.missing), report.unfinished, state.missing) == (5, [shard_id], [])
        state, report = scheduled(world, state)
    world.rows += [(shard_id, str(10**55 + index), 0, f"e{index}") for index in range(2)]
    state, report = scheduled(world, state)
    assert (len(report.missing), report.unfinished, len(state.missing)) == (3, [], 3)


def test_differences_without_time_for_them_are_left_to_the_next_run() -> None:
    world = plain("lost")
    [shard_id] = world.kinesis.shards
    left = iter([600.0] * 4)
    state, report = run(world.auditor(), State(), seconds_left=lambda: next(left, 0.0))
    assert (report.unfinished, report.missing) == ([shard_id], [])
    state, report = scheduled(world, state)
    assert (report.unfinished, len(report.missing)) == ([], 1)


class S3:
    """One bucket."""

    class exceptions:  # noqa: N801
        class NoSuchKey(Exception):
            pass

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        assert Bucket
        self.objects[Key] = Body

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket
        if Key not in self.objects:
            raise self.exceptions.NoSuchKey
        return {"Body": io.BytesIO(self.objects[Key])}


def test_the_state_and_every_report_are_kept() -> None:
    store = Store(S3(), "lake", "audits/flight/")  # type: ignore[arg-type]
    assert store.state() == State()
    state, report = scheduled(plain("lost"), State())
    store.keep(report, datetime(2026, 11, 21, 8, 30, tzinfo=UTC), "r1")
    store.save(state)
    assert store.state() == state
    assert list(store.client.objects) == [  # type: ignore[attr-defined]
        "audits/flight/reports/2026-11-21/083000-r1.json",
        "audits/flight/state.json",
    ]


@dataclass
class Athena:
    states: list[str]

    def start_query_execution(self, **_: Any) -> dict[str, Any]:
        return {"QueryExecutionId": "q"}

    def get_query_execution(self, **_: Any) -> dict[str, Any]:
        status = {"State": self.states.pop(0), "StateChangeReason": "TABLE_NOT_FOUND: no flight"}
        location = {"OutputLocation": "s3://lake/athena/q.csv"}
        return {"QueryExecution": {"Status": status, "ResultConfiguration": location}}


def test_an_answer_is_read_from_where_athena_left_it() -> None:
    s3 = S3()
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["name"], ['a "b", c'], ["ü\nd"]])
    s3.objects["athena/q.csv"] = text.getvalue().encode()
    athena = Athena(["QUEUED", "RUNNING", "SUCCEEDED"])
    lake = Lake(athena, s3, "group", "database", sleep=lambda _: None)  # type: ignore[arg-type]
    assert list(lake.rows("SELECT")) == [['a "b", c'], ["ü\nd"]]
    athena.states = ["FAILED"]
    with pytest.raises(NotAnswered, match="TABLE_NOT_FOUND: no flight"):
        list(lake.rows("SELECT"))


def test_the_settings_are_read_as_they_are_written() -> None:
    assert Settings.read(SETTINGS.environment()) == SETTINGS
    with pytest.raises(KeyError, match="WORKGROUP"):
        Settings.read({"EVENT_TYPE": "flight", "STREAM": "", "BUCKET": "", "DATABASE": ""})
