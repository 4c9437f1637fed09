"""The demo's canaries: their trials, their fleet, and what is said of them."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from cli import canaries
from cli.errors import Unbalanced
from events.release import Refused, Registry
from tests.cli.reported import report

NOW = datetime(2026, 11, 21, 8, 30, 0, 123_456, tzinfo=UTC)


class Shelf:
    """A registry that nobody else writes."""

    def __init__(self) -> None:
        self.registry = Registry()

    def change(self, how: Any) -> Registry:
        self.registry = how(self.registry)
        return self.registry


@pytest.fixture
def on() -> Any:
    return SimpleNamespace(releases=Shelf())


def test_a_second_demo_has_releases_of_its_own(on: Any) -> None:
    first = canaries.begin(on, NOW)
    assert [one.canary for one in first.both] == ["2.4.1", "2.4.2"]
    assert {one.baseline for one in first.both} == {"2.4.0"}
    second = canaries.begin(on, NOW)
    assert [one.canary for one in second.both] == ["2.5.1", "2.5.2"]
    canaries.end(on, first, NOW)
    assert [one.stopped_at is None for one in on.releases.registry.trials] == [False] * 2 + [
        True
    ] * 2
    with pytest.raises(Refused, match=r"2\.4\.1 is not on trial"):
        canaries.end(on, first, NOW)


def test_the_fleet_lives_in_the_trials_time_and_its_end_comes_apart(on: Any) -> None:
    pair = canaries.begin(on, NOW)
    bulk, last = canaries.reported(pair)
    began = pair.leaking.started_at
    assert began.microsecond == 0
    assert pair.leaking.prepares_at <= bulk[0].event_time
    assert bulk[-1].event_time < last[0].event_time <= last[-1].event_time <= NOW
    devices = {one.release: set() for one in last}  # type: ignore[var-annotated]
    for one in last:
        devices[one.release].add(one.device)
    assert {release: len(names) for release, names in devices.items()} == {
        "2.4.0": 180,
        "2.4.1": 360,
        "2.4.2": 360,
    }
    assert {one.release for one in bulk if one.event_time < began} == {"2.4.0"}
    assert last[-1].event_time - began > timedelta(minutes=canaries.SOAK)


def test_the_verdicts_are_said_in_a_line_each_and_must_be_the_right_ones() -> None:
    failed, passed = report("FAIL"), report("PASS")
    assert canaries.sentences([failed, passed]) == [
        "2.4.1  FAIL after 9 looks    heap +4.9 % [3.9, 5.9]  200 devices against 1,600",
        "2.4.1  PASS after 22 looks   heap +0.1 % [−0.9, 1.1]  200 devices against 1,600",
    ]
    with pytest.raises(Unbalanced, match="should FAIL, and the verdict is PASS"):
        canaries.sentences([passed, passed])
    with pytest.raises(Unbalanced, match="Nobody came to the verdict"):
        canaries.sentences([replace(failed, looks=()), passed])
