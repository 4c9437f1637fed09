"""A rebuild: in which order it does what, what it waits for, and how it ends when it is stopped."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli import auditing, rebuilding
from cli.athena import Database
from cli.auditing import Comparison, Cut, Explanation, Plan, Reading, Tally
from cli.errors import AccountFailure, Interrupted, MissingStack, WrongQuery
from cli.rebuilding import Rebuilding
from cli.stacks import Lake
from events.release import Digested, Fact, Fed, Flushed, Held, Registry, start
from tests.cli.conftest import ENVIRONMENT, LAKE, Place

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
TRIAL = start(Registry(), canary="2.4.1", baseline="2.4.0", now=NOW, at=NOW, backdate=True).trials[
    0
]
SKEW = timedelta(minutes=TRIAL.skew_minutes)
ROW = [NOW.timestamp(), "stb-1", 1, 0, "2.4.1", NOW.timestamp(), 7, 0.5, None, False]


@dataclass
class World:
    """The function, its mapping and the lake, which write down what is done to them."""

    done: list[str] = field(default_factory=list)
    state: str = "Enabled"
    digests: list[str] = field(default_factory=lambda: ["a", "a", "a"])
    on_its_way: list[int] = field(default_factory=list)
    """Of the records on the stream, by look at the lake."""
    lost: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    rows: int = 3
    fails: BaseException | None = None
    mappings: int = 1
    interrupts: list[str] = field(default_factory=list)
    """States of the mapping at which somebody presses Ctrl-C, once each."""

    def list_event_source_mappings(self, **_: str) -> Any:
        found = [{"UUID": "one", "State": self.state}] * self.mappings
        return {"EventSourceMappings": found}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> None:  # noqa: N803
        assert UUID == "one"
        self.state = "Enabling" if Enabled else "Disabling"
        self._interrupt(f"asked for {self.state}")

    def get_event_source_mapping(self, *, UUID: str) -> Any:  # noqa: N803
        """It takes its time: whoever asks twice gets there."""
        self._interrupt(self.state)
        before, self.state = self.state, self.state.replace("ing", "ed")
        if before != self.state:
            self.done.append(self.state.lower())
        return {"UUID": UUID, "State": before}

    def _interrupt(self, state: str) -> None:
        if state in self.interrupts:
            self.interrupts.remove(state)
            raise KeyboardInterrupt

    def digest(self, _release: str) -> Digested:
        self.done.append("digest")
        digest = self.digests.pop(0) if len(self.digests) > 1 else self.digests[0]
        held = Held(), Held()
        return Digested(
            trial=1,
            digest=digest,
            canary=held[0],
            baseline=held[1],
            switched=0,
            prepared=3,
            records=3,
        )

    def flush(self, _release: str) -> Flushed:
        self.done.append("flush")
        return Flushed(trial=1, keys=9)

    def feed(self, _release: str, facts: list[Fact]) -> Fed:
        self.done.append(f"feed {len(facts)}")
        if self.fails:
            raise self.fails
        return Fed(received=len(facts), applied=len(facts))

    def ask(self, sql: str) -> Any:
        if "ORDER BY device, boot_id, counter" in sql:
            if isinstance(self.fails, WrongQuery):
                raise self.fails
            return SimpleNamespace(rows=iter([ROW] * self.rows))
        self.done.append("plan")
        return SimpleNamespace(rows=[[self.rows, 2]])


@dataclass
class Audited:
    """The audit's function: one shard with three records."""

    world: World

    def plan(self) -> Plan:
        now = milliseconds(NOW + timedelta(minutes=30 + len(self.world.asked)))
        return Plan(
            event_type="device_telemetry",
            stream="arn",
            shards=["one"],
            now=now,
            answers_from=milliseconds(NOW - timedelta(days=1)),
            due=now - 600_000,
        )

    def read(self, _shard_id: str, **where: Any) -> Reading:
        self.world.asked.append(where)
        young = 0 if self.world.lost else milliseconds(NOW) * 10  # still to be waited for
        cut = {"shard_id": "one", "records": 3, "dropped": 0, "last": young}
        return Reading(cuts=[cut], last="9", seen=3, through=where["until"], done=True, gaps=[])

    def compare(self, cuts: list[Cut], *, exact: bool) -> Comparison:
        assert not exact
        left = self.world.on_its_way.pop(0) if self.world.on_its_way else 0
        self.world.done.append(f"audit {3 - left}")
        differs = left or self.world.lost
        tally = Tally(stream=3 - differs, lake=3 - differs)
        return Comparison(tallies={"one": tally}, differing=cuts if differs else [])

    def explain(self, _shard_id: str, _cuts: list[Cut]) -> Explanation:
        return Explanation(tally=Tally(stream=1, missing=self.world.lost), missing=[])


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def running(world: World) -> Rebuilding:
    on: Any = SimpleNamespace(
        account=SimpleNamespace(functions=world),
        health=SimpleNamespace(
            function="f", digest=world.digest, flush=world.flush, feed=world.feed
        ),
    )
    database: Any = world
    steps: Any = Audited(world)
    return Rebuilding(on, TRIAL, database, "device_telemetry", steps)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A time that only pauses move."""
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(auditing, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr("cli.rebuilding.time.sleep", pause)
    monkeypatch.setattr("cli.rebuilding.time.monotonic", lambda: now[0])
    return now  # type: ignore[return-value]


def short(done: list[str]) -> list[str]:
    """Without what is done again and again."""
    return [word for n, word in enumerate(done) if n == 0 or word != done[n - 1]]


def test_it_pauses_waits_flushes_feeds_and_goes_on(world: World, running: Rebuilding) -> None:
    world.digests = ["x", "y", "a"]  # a batch that was under way when the mapping was paused
    world.on_its_way = [0, 2, 1, 0]
    done = running.run()
    assert short(world.done) == [
        *("audit 3", "disabled", "digest", "audit 1", "audit 2", "audit 3"),
        *("plan", "flush", "feed 3", "digest", "enabled"),
    ]
    assert (done.received, done.applied, done.before, done.after) == (3, 3, "a", "a")
    assert done.sentence().startswith("Fed 3 events in ")
    assert "The state is identical to what it was (a)." in done.sentence()
    assert world.state == "Enabled"


def test_many_events_are_fed_in_parts(
    world: World, running: Rebuilding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "CHUNK", 2)
    drawn: list[int] = []
    running.run(lambda: drawn.append(running.fed))
    assert [word for word in world.done if word.startswith("feed")] == ["feed 2", "feed 1"]
    assert drawn[-2:] == [2, 3]
    assert running.position() == (3, 3)


def test_another_state_is_said_to_be_another(world: World, running: Rebuilding) -> None:
    world.digests = ["a", "a", "a", "a", "a", "b"]
    said = running.run().sentence()
    assert "not the same as what it was (b, before a)" in said


def test_all_that_arrived_is_audited_most_of_it_before_the_pause(
    world: World, running: Rebuilding
) -> None:
    running.run()
    long_ago, since = world.asked
    earliest = milliseconds(NOW - timedelta(minutes=10) - SKEW)
    assert (long_ago["since"], long_ago["until"]) == (earliest, since["since"])
    paused = milliseconds(NOW + timedelta(minutes=31))  # by the clock of the second plan
    assert (since["until"], since["due"]) == (paused, paused)


def test_a_lake_that_lacks_what_arrived_is_left_alone(world: World, running: Rebuilding) -> None:
    """Though the state has counted less than the lake has: nothing of a trial, but a preparation
    that delivery has not brought."""
    world.lost = 1
    with pytest.raises(AccountFailure, match=r"1 of 3 records.*`headrace audit device_telemetry`"):
        running.run()
    assert (world.state, world.done) == ("Enabled", ["audit 3"])
    world.done.clear()

    def lose(_release: str) -> Digested:
        """Between the two audits."""
        world.lost = 1
        return World.digest(world, _release)

    world.lost = 0
    running.on.health.digest = lose  # type: ignore[method-assign,assignment]
    with pytest.raises(AccountFailure, match="1 of 3 records"):
        running.run()
    assert "flush" not in world.done
    assert world.state == "Enabled"


def test_an_answer_of_the_lake_that_fails_does_so_before_anything_is_changed(
    world: World, running: Rebuilding
) -> None:
    world.fails = WrongQuery("There is no column arrived_at.")
    with pytest.raises(WrongQuery):
        running.run()
    assert "flush" not in world.done
    assert world.state == "Enabled"


def test_whoever_stops_it_half_way_is_told_to_repeat_it(world: World, running: Rebuilding) -> None:
    world.fails = KeyboardInterrupt()
    with pytest.raises(Interrupted, match="is half there") as raised:
        running.run()
    assert "headrace release rebuild 2.4.1 --yes" in str(raised.value)
    assert world.state == "Enabled"
    world.fails = AccountFailure("The cache is away.")
    with pytest.raises(AccountFailure, match=r"The cache is away\. The state of 2.4.1 is half"):
        running.run()
    assert world.state == "Enabled"
    refused = {"Error": {"Code": "AccessDenied", "Message": "No."}}
    world.fails = ClientError(refused, "Invoke")  # type: ignore[arg-type]
    with pytest.raises(AccountFailure, match=r"AWS denies Invoke: No\..*is half there"):
        running.run()
    world.fails = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        running.run()
    assert world.state == "Enabled"


PAUSED = (
    "Interrupted while the event source mapping of f was paused, and it may still be: "
    "`aws lambda update-event-source-mapping --uuid one --enabled` lets it go on."
)
HALF = "The state of 2.4.1 is half there (0 events): repeat `headrace release rebuild 2.4.1 --yes`."
GOING_ON = "headrace: letting the event source mapping go on; Ctrl-C again leaves it paused.\n"


def test_whoever_interrupts_it_twice_is_told_how_to_let_the_mapping_go_on(
    world: World, running: Rebuilding, capsys: pytest.CaptureFixture[str]
) -> None:
    world.interrupts = ["Disabling", "Disabling"]
    with pytest.raises(Interrupted) as raised:
        running.run()
    assert (str(raised.value), raised.value.code) == (PAUSED, 130)
    assert (capsys.readouterr().err, world.state) == (GOING_ON, "Disabling")
    world.state = "Enabled"
    world.fails, world.interrupts = KeyboardInterrupt(), ["asked for Enabling"]
    with pytest.raises(Interrupted) as raised:
        running.run()
    assert (str(raised.value), raised.value.code) == (f"{PAUSED} {HALF}", 130)
    assert capsys.readouterr().err == GOING_ON


def test_whoever_interrupts_the_request_to_pause_is_told_that_it_may_be_paused(
    world: World, running: Rebuilding, capsys: pytest.CaptureFixture[str]
) -> None:
    world.interrupts = ["asked for Disabling"]
    with pytest.raises(Interrupted) as raised:
        running.run()
    assert (str(raised.value), capsys.readouterr().err) == (PAUSED, "")


def test_whoever_interrupts_it_once_sees_that_the_mapping_goes_on(
    world: World, running: Rebuilding, capsys: pytest.CaptureFixture[str]
) -> None:
    world.interrupts = ["Disabling"]
    with pytest.raises(KeyboardInterrupt):
        running.run()
    assert (capsys.readouterr().err, world.state) == (GOING_ON, "Enabled")
    assert short(world.done) == ["audit 3", "disabled", "enabled"]


def test_a_mapping_that_is_paused_already_is_not_enabled_behind_somebodys_back(
    world: World, running: Rebuilding
) -> None:
    world.state = "Disabled"
    with pytest.raises(AccountFailure, match="is paused already"):
        running.run()
    assert (world.state, world.done) == ("Disabled", [])
    world.mappings = 0
    with pytest.raises(MissingStack, match="no event source mapping"):
        running.run()


def test_the_plan_says_how_much_and_changes_nothing(world: World, running: Rebuilding) -> None:
    planned = running.plan()
    assert (planned.events, planned.devices) == (3, 2)
    assert planned.from_event_time == NOW - timedelta(minutes=10)
    assert planned.sentence().startswith(
        "The lake has 3 events of 2 devices for the trial of 2.4.1"
    )
    assert world.done == ["plan"]


def test_a_clock_is_judged_by_the_arrival_however_late_delivery_was(
    place: Place, running: Rebuilding
) -> None:
    """And by the delivery of rows that do not know when they arrived."""
    names = "arrived_at, ingested_at, device, boot_id, counter, release, event_time, heap_bytes"
    value = (
        "({arrived}, TIMESTAMP '2026-11-21 18:30:00.250', 'stb-1', 1, {counter}, '2.4.1',"
        " TIMESTAMP '2026-11-21 08:30:01.000', 7, 0.5, NULL, false, '2026-11-21')"
    )
    known = value.format(arrived="TIMESTAMP '2026-11-21 08:30:02.125'", counter=0)
    old = value.format(arrived="CAST(NULL AS timestamp)", counter=1)
    more = "cpu, channel_change_ms, crashed, event_date"
    running.table = f"(VALUES {known}, {old}) AS telemetry ({names}, {more})"
    lake = Lake(bucket_name=LAKE, database_name=ENVIRONMENT, work_group_name=ENVIRONMENT)
    running.database = Database(place.aws.client("athena"), lake)
    [facts] = running._facts()
    late = NOW + timedelta(hours=10, milliseconds=250)
    assert [(one.counter, one.arrived) for one in facts] == [
        (0, NOW.timestamp() + 2.125),
        (1, late.timestamp()),
    ]
