"""A look, from the claim to the event: once a second, told once, and again when it failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec
import pytest

from cli.fleet import Fleet, Release, Rollout
from events.decoding import Decoder
from events.release import Metric, Trial
from events.release_verdict.event import ReleaseVerdict
from functions.release_health import layout
from functions.release_health.cache import Cache, plain
from functions.release_health.evidence import Verdict
from functions.release_health.looks import Looks
from functions.release_health.state import State
from functions.release_health.watching import Watcher
from tests.functions.release_health.servers import asked
from tests.functions.release_health.test_state import BEGAN, STARTS, apply, report, trial


@dataclass
class World:
    """A stream and a topic that can fail, and a clock."""

    told: list[ReleaseVerdict] = field(default_factory=list)
    alerts: list[tuple[str, str]] = field(default_factory=list)
    stream_fails: bool = False
    topic_fails: bool = False
    now: float = 1_800_000_000.0

    def put(self, events: Sequence[ReleaseVerdict]) -> tuple[int, Exception] | None:
        if self.stream_fails:
            return 0, ConnectionError("no stream")
        self.told.extend(events)
        return None

    def publish(self, subject: str, text: str) -> None:
        if self.topic_fails:
            raise ConnectionError("no topic")
        self.alerts.append((subject, text))

    def watcher(self, cache: Cache, *, milliseconds: int = 0, tell: int = 3600) -> Watcher:
        return Watcher(
            State(cache),
            Looks(cache),
            self.put,
            self.publish,
            milliseconds,
            tell,
            lambda: self.now,
        )


@pytest.fixture
def world() -> World:
    return World()


def leaking(cache: Cache, of: Trial) -> None:
    fleet = Fleet(
        devices=200,
        start=BEGAN,
        rollouts=[Rollout(Release("2.5.0", heap=1.2), 0.4, after=timedelta(minutes=20))],
    )
    apply(State(cache), of, *fleet.events(timedelta(minutes=70)))


def test_environments_together_look_once_in_the_time(cache: Cache, world: World) -> None:
    of = trial()
    apply(State(cache), of, report(1))
    watchers = [world.watcher(cache, milliseconds=60_000) for _ in range(5)]
    looked = [watcher.look(of) for watcher in watchers]
    assert [one.verdict.look if one else None for one in looked] == [1, None, None, None, None]


def test_an_environment_that_has_just_looked_does_not_even_ask(cache: Cache, world: World) -> None:
    of = trial()
    watcher = world.watcher(cache, milliseconds=1_000)
    assert watcher.look(of)
    (client,) = cache._clients.values()
    before = asked(client.connection_pool.connection_kwargs["port"]).info("commandstats")
    assert watcher.look(of) is None
    after = asked(client.connection_pool.connection_kwargs["port"]).info("commandstats")
    assert before["cmdstat_evalsha"]["calls"] == after["cmdstat_evalsha"]["calls"]


def test_the_same_is_told_now_and_then_and_a_change_at_once(cache: Cache, world: World) -> None:
    of = trial()
    watcher = world.watcher(cache)
    for _ in range(3):
        watcher.look(of)
    assert [(one.look, one.verdict, one.changed) for one in world.told] == [(1, "CONTINUE", True)]
    leaking(cache, of)
    watcher.look(of)
    assert [(one.look, one.verdict, one.changed) for one in world.told][1:] == [(4, "FAIL", True)]
    again = world.watcher(cache, tell=0)
    again.look(of)
    assert [(one.look, one.verdict, one.changed) for one in world.told][2:] == [(5, "FAIL", False)]


def test_a_person_is_told_once_by_all_environments(cache: Cache, world: World) -> None:
    of = trial()
    leaking(cache, of)
    for _ in range(3):
        world.watcher(cache).look(of)
    ((subject, text),) = world.alerts
    assert subject == "Release 2.5.0: FAIL"
    assert text.startswith("2.5.0 against 2.4.0: FAIL at look 1.\nheap_bytes is worse: +")
    assert text.endswith("Id: verdict-2.5.0-1-FAIL")


def test_a_person_is_not_told_again_of_a_state_that_is_built_again(
    cache: Cache, world: World
) -> None:
    of = trial()
    leaking(cache, of)
    watcher = world.watcher(cache)
    watcher.look(of)
    watcher.looks.forget(of)
    watcher.look(of)
    assert [(one.look, one.verdict) for one in world.told] == [(1, "FAIL"), (2, "FAIL")]
    assert len(world.alerts) == 1


def test_what_could_not_be_told_is_told_by_the_next_look(cache: Cache, world: World) -> None:
    of = trial()
    leaking(cache, of)
    world.stream_fails = True
    with pytest.raises(ConnectionError):
        world.watcher(cache).look(of)
    world.stream_fails = False
    assert world.watcher(cache).look(of)
    assert [(one.look, one.verdict, one.changed) for one in world.told] == [(2, "FAIL", True)]
    assert len(world.alerts) == 1, "a person was told although the stream was not"


def test_a_device_with_a_fast_clock_does_not_end_the_soak(cache: Cache, world: World) -> None:
    heap = Metric(name="heap_bytes", weight=1.0, tolerance=0.01, margin=0.2)
    of = trial((heap,))
    rollout = Rollout(Release("2.5.0"), 0.4, after=timedelta(minutes=20))
    fleet = Fleet(devices=200, start=BEGAN, rollouts=[rollout])
    apply(State(cache), of, *fleet.events(timedelta(minutes=55)))
    apply(State(cache), of, report(25 + 88, device="fast"))
    watcher = world.watcher(cache, tell=0)
    for minutes in (25, 31):
        world.now = (STARTS + timedelta(minutes=minutes)).timestamp()
        assert watcher.seen(of).elapsed_seconds == 60 * minutes
        watcher.look(of)
    assert [(one.verdict, one.reason) for one in world.told] == [
        ("CONTINUE", "Soaking: 25 of 30 minutes have passed."),
        ("PASS", "No metric is worse by its margin."),
    ]


def test_ids_do_not_repeat_when_the_cache_has_lost_the_looks(cache: Cache, world: World) -> None:
    of = trial()
    watcher = world.watcher(cache)
    for _ in range(2):
        watcher.look(of)
        State(cache).flush(of)
        cache.run([plain(layout.LOOK, "UNLINK", layout.looks(of))])
        world.now += 0.25
    assert [one.look for one in world.told] == [1, 1]
    assert [one.event_id for one in world.told] == [
        "verdict-2.5.0-1-1-1800000000000",
        "verdict-2.5.0-1-1-1800000000250",
    ]


def test_an_alert_that_failed_is_sent_when_its_time_is_over(cache: Cache, world: World) -> None:
    of = trial()
    leaking(cache, of)
    world.topic_fails = True
    with pytest.raises(ConnectionError):
        world.watcher(cache).look(of)
    world.topic_fails = False
    world.watcher(cache).look(of)
    assert world.alerts == [], "another environment may be sending it"
    _begun_long_ago(cache, of)
    world.watcher(cache).look(of)
    assert len(world.alerts) == 1


def _begun_long_ago(cache: Cache, of: Trial) -> None:
    key = layout.looks(of)
    cache.run([plain(layout.LOOK, "HINCRBY", key, "alert.FAIL", -60_000)])


def test_fail_is_final_and_a_pass_stands_until_then(cache: Cache) -> None:
    of, looks = trial(), Looks(cache)
    said = [Verdict.CONTINUE, Verdict.PASS, Verdict.CONTINUE, Verdict.FAIL, Verdict.PASS]
    stood = [looks.conclude(of, look, one, 0) for look, one in enumerate(said, 1)]
    assert [(one.verdict, one.first, one.alert) for one in stood] == [
        ("CONTINUE", 1, False),
        ("PASS", 2, True),
        ("PASS", 2, False),
        ("FAIL", 4, True),
        ("FAIL", 4, False),
    ]


def test_a_person_who_asks_changes_nothing(cache: Cache, world: World) -> None:
    of = trial()
    leaking(cache, of)
    before = _looks(cache, of)
    seen = world.watcher(cache).seen(of)
    assert (seen.verdict, seen.look, seen.changed) == ("FAIL", 0, True)
    assert _looks(cache, of) == before
    assert (world.told, world.alerts) == ([], [])


def _looks(cache: Cache, of: Trial) -> object:
    return cache.run([plain(layout.LOOK, "HGETALL", layout.looks(of))])


def test_every_event_is_one_that_its_contract_takes(cache: Cache, world: World) -> None:
    of = trial()
    watcher = world.watcher(cache, tell=0)
    watcher.look(of)
    apply(State(cache), of, report(1), report(2, device="stb-2", release="2.5.0"))
    watcher.look(of)
    leaking(cache, of)
    watcher.look(of)
    decoder = Decoder(ReleaseVerdict)
    assert [decoder.decode(msgspec.json.encode(one)) for one in world.told] == world.told
    assert [one.verdict for one in world.told] == ["CONTINUE", "CONTINUE", "FAIL"]
    assert all(one.reason for one in world.told)


@pytest.mark.parametrize(
    "minutes", [{}, {"2.4.0": 10}, {"2.5.0": 10}, {"2.4.0": 5, "2.5.0": 5}], ids=str
)
def test_too_little_is_a_continue_with_a_reason(
    cache: Cache, world: World, minutes: dict[str, int]
) -> None:
    of = trial()
    for release, devices in minutes.items():
        some = (
            report(40, device=f"{release}-{number}", release=release, heap=2**35 if number else 1)
            for number in range(devices)
        )
        apply(State(cache), of, *some)
    seen = world.watcher(cache).seen(of)
    assert seen.verdict == "CONTINUE"
    assert seen.reason
