"""Compaction on a deployed lake: what people see, before, during and after, whatever crashes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import pyarrow.parquet as pq
import pytest

from functions.compaction.planning import LATE_OBJECTS
from functions.compaction.store import Store
from functions.compaction.swap import Contended
from tests.conftest import AWS
from tests.lake import HOUR, World, flight, world
from tests.stacks import outputs

START = datetime.fromisoformat("2026-01-01T00:00:00")
ROWS = 20
YEAR = 2021
DAYS = (date(YEAR, 1, 1) + timedelta(days=number) for number in count())
"""Event dates, each for one test: what is open on one does not touch another."""


@pytest.fixture(scope="module", autouse=True)
def swept(deployed: AWS) -> Iterator[None]:
    """What these tests leave in the lake is no business of others."""
    yield
    lake = world(deployed.client, offset=timedelta(days=1))
    lake.compact(next(DAYS))
    store = Store(lake.s3, lake.settings.bucket)
    for prefix in (lake.settings.delivered_prefix, lake.settings.compacted_prefix):
        store.delete([one.key for one in store.list(f"{prefix}event_date={YEAR}-")])
    assert lake.swap.read().passes == ()


@pytest.fixture
def lake(deployed: AWS) -> World:
    return world(deployed.client)


@pytest.fixture
def day() -> date:
    return next(DAYS)


def deliver(lake: World, day: date, files: int, *, first: int = 0, minute: int = 0) -> int:
    """Files of a minute each, all events different; how many there are with those before."""
    for file in range(files):
        instant = START + timedelta(minutes=minute + file)
        rows = [
            flight(first + file * ROWS + number, day, ingested_at=instant + number * HOUR / 3600)
            for number in range(ROWS)
        ]
        lake.deliver(day, rows)
    return first + files * ROWS


def expected(events: int) -> tuple[int, int, int]:
    return events, events, sum(number % 2000 + 1 for number in range(events))


def finish(lake: World, day: date) -> None:
    """Hours later, as often as the schedule needs."""
    for _ in range(3):
        lake.offset += 2 * HOUR
        report = lake.compact(day)
        assert report.failed == {}


def test_a_day_of_small_files_becomes_one_sorted_file(lake: World, day: date) -> None:
    events = deliver(lake, day, 30)
    dry = lake.compact(day, dry_run=True)
    assert [one.objects_before for one in dry.compacted] == [30]
    report = lake.compact(day)
    assert [(one.objects_after, one.rows, one.duplicates) for one in report.compacted] == [
        (1, events, 0)
    ]
    assert lake.seen(day) == expected(events)
    # Queries that began before may still read what was replaced.
    assert len(lake.objects(day)["delivered"]) == 30
    lake.offset += HOUR / 2
    assert lake.compact(day).cleaned == []
    lake.offset += HOUR / 2
    assert [one.objects for one in lake.compact(day).cleaned] == [30]
    objects = lake.objects(day)
    assert (objects["delivered"], len(objects["compacted"])) == ([], 1)
    assert lake.seen(day) == lake.seen(day, "flight_unique") == expected(events)
    body = lake.s3.get_object(Bucket=lake.settings.bucket, Key=objects["compacted"][0])["Body"]
    tails = pq.read_table(_file(body.read()), columns=["tail_number"])["tail_number"].to_pylist()
    assert tails == sorted(tails)


def _file(body: bytes) -> Any:
    import io

    return io.BytesIO(body)


def test_late_events_are_seen_at_once_and_join_the_others_later(lake: World, day: date) -> None:
    events = deliver(lake, day, 5)
    finish(lake, day)
    events = deliver(lake, day, LATE_OBJECTS, first=events, minute=600)
    assert lake.seen(day) == expected(events)
    lake.offset += 2 * HOUR
    lake.compact(day)
    assert lake.seen(day) == expected(events)
    finish(lake, day)
    objects = lake.objects(day)
    assert (objects["delivered"], len(objects["compacted"])) == ([], 1)
    assert lake.seen(day) == expected(events)


def test_duplicates_are_removed_and_until_then_hidden_by_the_unique_view(
    lake: World, day: date
) -> None:
    """A replay delivers everything again; then half of it once more, after the compaction."""
    for again in range(2):
        deliver(lake, day, 4, minute=again * 100)
    once = expected(4 * ROWS)
    assert lake.seen(day) == (2 * once[0], once[1], 2 * once[2])
    assert lake.seen(day, "flight_unique") == once
    [done] = lake.compact(day).compacted
    assert (done.rows, done.duplicates) == (once[0], once[0])
    assert lake.seen(day) == lake.seen(day, "flight_unique") == once
    firsts = (
        f"SELECT count(*) FROM flight WHERE event_date = '{day}'"
        f" AND ingested_at < TIMESTAMP '{START + timedelta(minutes=100)}'"
    )
    assert lake.sql(firsts) == [[str(once[0])]]
    finish(lake, day)
    deliver(lake, day, 2, minute=300)
    assert lake.seen(day)[:2] == (once[0] + 2 * ROWS, once[1])
    assert lake.seen(day, "flight_unique") == once
    finish(lake, day)
    assert lake.seen(day) == once
    assert lake.objects(day)["delivered"] == []


def test_files_too_recent_wait_and_are_seen_meanwhile(lake: World, day: date) -> None:
    deliver(lake, day, 4)
    recent = replace(lake, offset=timedelta(0))
    assert recent.compact(day).waiting == {day.isoformat(): "delivered too recently"}
    assert lake.seen(day) == expected(4 * ROWS)


def test_a_file_that_comes_while_its_date_is_compacted_stops_the_swap(
    lake: World, day: date
) -> None:
    """It holds rows as old as those that the swap would hide: they would vanish for an hour."""
    deliver(lake, day, 4)
    late = False

    def now(part: Any) -> Any:
        return Watched(part, before=come)

    def come(step: str) -> None:
        nonlocal late
        if step == "put" and not late:
            late = True
            deliver(lake, day, 1, first=4 * ROWS, minute=1)

    report = replace(lake, wrap=now).compact(day)
    assert report.waiting == {day.isoformat(): "a file with earlier rows was delivered meanwhile"}
    assert lake.objects(day)["compacted"] == []
    assert lake.swap.read().find(day.isoformat()) is None
    assert lake.seen(day) == expected(5 * ROWS)
    lake.offset += HOUR
    assert len(lake.compact(day).compacted) == 1
    assert lake.seen(day) == expected(5 * ROWS)


def test_a_damaged_file_keeps_no_other_date_from_being_compacted(lake: World) -> None:
    bad, good = next(DAYS), next(DAYS)
    for one in (bad, good):
        deliver(lake, one, 2)
    key = lake.objects(bad)["delivered"][0]
    lake.s3.put_object(Bucket=lake.settings.bucket, Key=key, Body=b"no Parquet")
    report = lake.compact(bad, good)
    assert [one.event_date for one in report.compacted] == [good.isoformat()]
    assert list(report.failed) == [bad.isoformat()]
    assert lake.swap.read().find(bad.isoformat()) is None
    lake.s3.delete_object(Bucket=lake.settings.bucket, Key=key)


def nothing(_step: str) -> None:
    """Let it pass."""


class Crash(BaseException):
    """The function's execution environment is gone: nothing after this line runs."""


STEPS = ("change", "fetch", "upload", "put", "delete")


@dataclass
class Watched:
    """A store or catalog whose steps are told before and after they are done."""

    part: Any
    before: Callable[[str], None] = field(default=nothing)
    after: Callable[[str], None] = field(default=nothing)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.part, name)
        if name not in STEPS:
            return found

        def told(*arguments: Any, **options: Any) -> Any:
            self.before(name)
            if name == "delete":  # one by one, so that a crash comes in between, too
                for key in list(arguments[0]):
                    found([key])
                    self.after(name)
                return None
            answer = found(*arguments, **options)
            self.after(name)
            return answer

        return told


class Countdown:
    """Crashes at a step; counts on when there are fewer."""

    def __init__(self, steps: int | None = None) -> None:
        self.left = steps
        self.taken = 0

    def __call__(self, _step: str) -> None:
        self.taken += 1
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Crash


def crashing(countdown: Countdown) -> Callable[[Any], Any]:
    return lambda part: Watched(part, before=countdown, after=countdown)


def test_a_crash_at_any_step_loses_nothing_and_shows_nothing_twice(lake: World) -> None:
    """Two rounds: the first of a date, and one that replaces an earlier pass; in each, a run that
    compacts and a later one that deletes what was replaced, either of which may crash anywhere."""
    crashes = 0
    for steps in count():
        day = next(DAYS)
        seen = 0
        for files, first in ((3, 0), (LATE_OBJECTS, 3 * ROWS)):
            events = deliver(lake, day, files, first=first, minute=first)
            lake.offset += 2 * HOUR
            countdown = Countdown(steps)
            broken = replace(lake, wrap=crashing(countdown))
            try:
                for _ in range(2):
                    broken.compact(day)
                    assert lake.seen(day) == expected(events)
                    broken.offset += HOUR
            except Crash:
                crashes += 1
                seen += 1
            assert lake.seen(day) == expected(events)
            assert lake.seen(day, "flight_unique") == expected(events)
            lake.offset = broken.offset
            for _ in range(3):
                lake.offset += HOUR
                assert lake.compact(day).failed == {}
                assert lake.seen(day) == expected(events)
            objects = lake.objects(day)
            assert (objects["delivered"], len(objects["compacted"])) == ([], 1), steps
            assert lake.swap.read().find(day.isoformat()) is None
        if not seen:
            break
    assert crashes >= 50, "it crashed at too few steps to prove anything"
    manifests = lake.s3.list_objects_v2(
        Bucket=lake.settings.bucket, Prefix=lake.settings.manifest_prefix
    )
    assert manifests["KeyCount"] == 0


def test_a_failure_at_any_step_is_undone_by_the_run_itself(lake: World) -> None:
    """S3 or Glue refuses something once: the date is as before, or compacted, at once."""
    finish(lake, next(DAYS))  # what other tests left open
    for steps in count():
        day = next(DAYS)
        events = deliver(lake, day, 2)
        left = iter(range(steps))
        failed = False

        def fail(step: str) -> None:
            nonlocal failed
            if next(left, None) is None and not failed:  # noqa: B023  of this round
                failed = True
                raise OSError(step)

        broken = replace(lake, wrap=lambda part: Watched(part, before=fail))
        report = broken.compact(day)
        assert lake.seen(day) == expected(events)
        if not failed:
            assert len(report.compacted) == 1
            break
        assert list(report.failed) == [day.isoformat()]
        open_pass = lake.swap.read().find(day.isoformat())
        if open_pass is None:
            assert lake.objects(day)["compacted"] == []
        lake.offset += HOUR
        assert lake.seen(day) == expected(events)
    assert steps > 4


def test_queries_beside_the_compaction_see_every_event_exactly_once(lake: World, day: date) -> None:
    """The second pass of a date, which replaces the first. Its grace is real, of a second and a
    half, as the queries are."""
    live = replace(lake, settings=replace(lake.settings, grace_seconds=1.5))  # type: ignore[arg-type]
    finish_first = deliver(lake, day, 5)
    finish(lake, day)
    wanted = expected(deliver(lake, day, 30, first=finish_first, minute=600))
    live.offset = lake.offset + 2 * HOUR
    stop = threading.Event()
    wrong: list[object] = []
    asked = [0, 0]

    def ask(number: int) -> None:
        view = ("flight", "flight_unique")[number]
        while not stop.is_set():
            try:
                found: object = world(lake.client).seen(day, view)
            except AssertionError as error:
                found = error
            asked[number] += 1
            if found != wanted:
                wrong.append(found)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        done = live.compact(day).compacted
        stop.wait(2)
        cleaned = live.compact(day).cleaned
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert min(asked) > 5
    assert [one.objects_before for one in done] == [31]
    assert [one.objects for one in cleaned] == [31]


def test_two_runs_at_once_share_the_work_and_do_nothing_twice(lake: World) -> None:
    days = [next(DAYS) for _ in range(4)]
    for one in days:
        deliver(lake, one, 3)
    reports: list[Any] = []

    def run(name: str) -> None:
        reports.append(replace(lake).compact(*days, run=name))

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = sorted(one.event_date for report in reports for one in report.compacted)
    assert done == [one.isoformat() for one in days]
    assert [report.failed for report in reports] == [{}, {}]
    assert [lake.seen(one) for one in days] == [expected(3 * ROWS)] * 4


def test_a_run_whose_pass_was_taken_away_cannot_commit_it(lake: World, day: date) -> None:
    """It was so slow that another run held it for crashed; only a lease that is too short lets it
    live on."""
    deliver(lake, day, 3)

    def overtake(step: str) -> None:
        if step == "put":
            other = replace(lake, wrap=lambda part: part, offset=lake.offset + HOUR)
            assert [one.crashed for one in other.compact(day, run="other").cleaned] == [True]

    slow = replace(lake, wrap=lambda part: Watched(part, after=overtake))
    assert slow.compact(day).compacted == []
    assert lake.seen(day) == expected(3 * ROWS)


def test_the_catalog_refuses_a_change_of_what_has_changed(lake: World) -> None:
    glue = lake.client("glue")
    table = glue.get_table(DatabaseName=lake.settings.database, Name="flight_swap")["Table"]
    given = {name: table[name] for name in ("Name", "TableType", "Parameters", "ViewOriginalText")}
    given["StorageDescriptor"] = table["StorageDescriptor"]
    names = {"DatabaseName": lake.settings.database, "TableInput": given}
    glue.update_table(**names, VersionId=table["VersionId"])
    with pytest.raises(glue.exceptions.ConcurrentModificationException):
        glue.update_table(**names, VersionId=table["VersionId"])


def test_a_change_that_is_always_overtaken_gives_up(lake: World) -> None:
    def step(state: Any) -> Any:
        lake.swap.change(lambda now: replace_newest(now))
        return replace_newest(state)

    with pytest.raises(Contended):
        lake.swap.change(step)


def replace_newest(state: Any) -> Any:
    from msgspec.structs import replace as replaced

    return replaced(state, newest=state.newest + 1)


@pytest.fixture
def eager(deployed: AWS) -> Iterator[str]:
    """The deployed function, which waits for nothing; as it was, afterwards."""
    client = deployed.client("lambda")
    name = outputs(deployed.client)["flight"]["CompactionFunctionName"]
    variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    now = {**variables, "SETTLE_SECONDS": "0", "GRACE_SECONDS": "0"}
    client.update_function_configuration(FunctionName=name, Environment={"Variables": now})
    yield name
    client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def test_the_command_compacts_through_the_deployed_function(
    deployed: AWS, lake: World, day: date, eager: str
) -> None:
    assert eager
    events = deliver(lake, day, 6)
    command = ("headrace", "compact", "flight", "--date", day.isoformat())
    dry = deployed.run(*command, "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    assert [one["objects_before"] for one in json.loads(dry.stdout)["compacted"]] == [6]
    done = deployed.run(*command)
    assert done.returncode == 0, done.stderr
    assert day.isoformat() in done.stdout
    assert "1 of 1 event dates compacted" in done.stderr
    again = deployed.run(*command, "--json")
    assert json.loads(again.stdout)["cleaned"] == [
        {"event_date": day.isoformat(), "objects": 6, "crashed": False}
    ]
    assert lake.seen(day) == expected(events)
    assert {name: len(keys) for name, keys in lake.objects(day).items()} == {
        "delivered": 0,
        "compacted": 1,
    }
    wrong = deployed.run("headrace", "compact", "flight", "--date", "July")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "headrace: --date takes an event date such as 2013-07-04, not July.\n",
    )


def test_deploying_again_leaves_the_state_alone(deployed: AWS, lake: World, day: date) -> None:
    deliver(lake, day, 3)
    lake.compact(day)
    before = lake.swap.read()
    assert before.find(day.isoformat())
    deployed.deploy()
    assert lake.swap.read() == before
    assert lake.seen(day) == expected(3 * ROWS)


def test_a_day_s_query_reads_that_day_only_through_both_views(lake: World) -> None:
    days = [next(DAYS) for _ in range(3)]
    for one in days:
        deliver(lake, one, 5)
    lake.compact(days[0])
    lake.offset += HOUR
    lake.compact(days[0])

    def scanned(view: str, where: str) -> int:
        sql = f"SELECT sum(distance), max(ingested_at) FROM {view} WHERE {where}"
        return lake.ask(sql)[1]["DataScannedInBytes"]

    for view in ("flight", "flight_unique"):
        each = [scanned(view, f"event_date = '{one}'") for one in days]
        assert all(each)
        among = ", ".join(f"'{one}'" for one in days)
        assert scanned(view, f"event_date IN ({among})") == sum(each)
        assert scanned(view, f"event_date = '{days[0]}' AND tail_number = 'N1'") < sum(each)
