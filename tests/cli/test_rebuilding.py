"""A rebuild: in which order it does what, what it waits for, and how it ends when it is stopped."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli import rebuilding
from cli.errors import AccountFailure, Interrupted, MissingStack
from cli.rebuilding import Rebuilding
from events.release import Digested, Fact, Fed, Flushed, Held, Registry, start

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
TRIAL = start(Registry(), canary="2.4.1", baseline="2.4.0", now=NOW, at=NOW, backdate=True).trials[
    0
]
ROW = [NOW.timestamp(), "stb-1", 1, 0, "2.4.1", NOW.timestamp(), 7, 0.5, None, False]


@dataclass
class World:
    """The function, its mapping and the lake, which write down what is done to them."""

    done: list[str] = field(default_factory=list)
    state: str = "Enabled"
    digests: list[str] = field(default_factory=lambda: ["a", "a", "a"])
    in_lake: list[int] = field(default_factory=lambda: [3])
    rows: int = 3
    fails: BaseException | None = None
    mappings: int = 1

    def list_event_source_mappings(self, **_: str) -> Any:
        found = [{"UUID": "one", "State": self.state}] * self.mappings
        return {"EventSourceMappings": found}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> None:  # noqa: N803
        assert UUID == "one"
        self.state = "Enabling" if Enabled else "Disabling"

    def get_event_source_mapping(self, *, UUID: str) -> Any:  # noqa: N803
        """It takes its time: whoever asks twice gets there."""
        before, self.state = self.state, self.state.replace("ing", "ed")
        if before != self.state:
            self.done.append(self.state.lower())
        return {"UUID": UUID, "State": before}

    def digest(self, _release: str) -> Digested:
        self.done.append("digest")
        digest = self.digests.pop(0) if len(self.digests) > 1 else self.digests[0]
        held = Held(events=2), Held(events=1)
        return Digested(
            trial=1,
            digest=digest,
            canary=held[0],
            baseline=held[1],
            switched=0,
            prepared=0,
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
            return SimpleNamespace(rows=iter([ROW] * self.rows))
        found = self.in_lake.pop(0) if len(self.in_lake) > 1 else self.in_lake[0]
        self.done.append(f"lake {found}")
        return SimpleNamespace(one=lambda: found, rows=[[found, 2]])


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
    return Rebuilding(on, TRIAL, database, "device_telemetry")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A time that only pauses move."""
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr("cli.rebuilding.time.sleep", pause)
    monkeypatch.setattr("cli.rebuilding.time.monotonic", lambda: now[0])
    return now  # type: ignore[return-value]


def short(done: list[str]) -> list[str]:
    """Without what is done again and again."""
    return [word for n, word in enumerate(done) if n == 0 or word != done[n - 1]]


def test_it_pauses_waits_flushes_feeds_and_goes_on(world: World, running: Rebuilding) -> None:
    world.digests = ["x", "y", "a"]  # a batch that was under way when the mapping was paused
    world.in_lake = [1, 2, 3]
    done = running.run()
    assert short(world.done) == [
        *("disabled", "digest", "lake 1", "lake 2", "lake 3"),
        *("flush", "feed 3", "digest", "enabled"),
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
    assert drawn == [2, 3]


def test_another_state_is_said_to_be_another(world: World, running: Rebuilding) -> None:
    world.digests = ["a", "a", "a", "a", "a", "b"]
    said = running.run().sentence()
    assert "not the same as what it was (b, before a)" in said


def test_a_lake_that_lacks_what_was_counted_is_left_alone(
    world: World, running: Rebuilding
) -> None:
    world.in_lake = [2]
    with pytest.raises(AccountFailure, match="has 2 of the 3 events"):
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
    assert world.done == ["lake 3"]
