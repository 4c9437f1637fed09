"""Rules on a simulated clock, as moto stores them; and what clients are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto.events.models import EventsBackend, events_backends

from local import functions
from local.schedules import rules
from tests.conftest import AWS
from tests.local.mapping.test_service import refused

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z


class World:
    """A scheduler whose time is set by hand, and what it invoked."""

    def __init__(self) -> None:
        self.time = NOON
        self.invoked: list[tuple[float, str, dict[str, Any]]] = []
        self.status = 202
        self.scheduler = rules.Scheduler(now=lambda: self.time, submit=self.submit)
        self.events: EventsBackend = events_backends["123456789012"]["us-east-1"]

    def submit(self, arn: str, payload: bytes) -> functions.Invocation:
        self.invoked.append((self.time - NOON, arn, json.loads(payload)))
        return functions.Invocation(status=self.status, payload=b"", request_id="")

    def rule(self, expression: str, *, name: str = "r", state: str = "ENABLED") -> None:
        self.events.put_rule(name, scheduled_expression=expression, state=state)

    def target(self, **given: Any) -> None:
        self.events.put_targets("r", None, [{"Id": "1", "Arn": FUNCTION} | given])

    def run(self, seconds: float) -> list[float]:
        """Let time pass, from wake-up to wake-up; when functions were invoked meanwhile."""
        self.invoked.clear()
        end = self.time + seconds
        while self.time < end:
            self.time = min(end, self.time + self.scheduler.turn())
        self.scheduler.turn()
        return [at for at, _, _ in self.invoked]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in (*rules.CHANGING, "put_rule", "put_targets"):
        monkeypatch.setattr(EventsBackend, name, getattr(EventsBackend, name))
    found = World()
    rules.install(found.scheduler)
    yield found
    found.events.reset()


def test_a_rate_fires_one_period_after_the_rule_was_made_and_then_again(world: World) -> None:
    world.rule("rate(6 hours)")
    world.target(Input='{"type": "flight"}')
    assert world.run(86_400) == [21_600, 43_200, 64_800, 86_400]
    assert world.invoked[0][1:] == (FUNCTION, {"type": "flight"})


def test_without_an_input_the_target_gets_the_scheduled_event(world: World) -> None:
    world.rule("cron(30 12 * * ? *)")
    world.target()
    world.run(3_600)
    [(at, _, event)] = world.invoked
    assert (at, len(event.pop("id"))) == (1_800, 36)
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2026-01-01T12:30:00Z",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/r"],
        "detail": {},
    }


def test_a_disabled_rule_rests_and_starts_anew_when_it_is_enabled(world: World) -> None:
    world.rule("rate(1 hour)", state="DISABLED")
    world.target()
    assert world.run(7_000) == []
    world.events.enable_rule("r", None)
    assert world.run(7_200) == [10_600, 14_200]
    world.events.disable_rule("r", None)
    assert world.run(1_000) == []
    world.events.enable_rule("r", None)
    assert world.run(3_600) == [18_800]


def test_a_changed_expression_starts_anew_and_the_same_one_goes_on(world: World) -> None:
    world.rule("rate(1 hour)")
    world.target()
    assert world.run(1_800) == []
    world.rule("rate(1 hour)")
    assert world.run(1_800) == [3_600]
    world.rule("rate(10 minutes)")
    assert world.run(1_200) == [4_200, 4_800]


def test_a_deleted_rule_and_a_removed_target_are_not_fired(world: World) -> None:
    world.rule("rate(1 hour)")
    world.target()
    world.events.remove_targets("r", None, ["1"])
    assert world.run(7_200) == []
    world.target()
    world.events.remove_targets("r", None, ["1"])
    world.events.delete_rule("r", None)
    assert (world.run(7_200), world.scheduler.turn()) == ([], rules.LONGEST_SECONDS)


def test_what_was_slept_through_is_one_firing(world: World) -> None:
    world.rule("rate(1 minute)")
    world.target()
    world.time += 3_630
    assert world.run(60) == [3_630, 3_660]


def test_a_function_that_takes_no_event_stops_nothing(world: World) -> None:
    world.rule("rate(1 minute)")
    world.target()
    world.status = 404
    assert world.run(120) == [60, 120]


def test_what_is_not_fired_is_refused_by_name(aws: AWS) -> None:
    events = aws.client("events")

    def sentence(call: Any, **given: Any) -> str:
        status, code, message = refused(call, **given)
        assert (status, code) == (400, "ValidationException")
        return message

    wrong = "Parameter ScheduleExpression is not valid."
    assert sentence(events.put_rule, Name="x", ScheduleExpression="rate(1 hours)") == wrong
    pattern = json.dumps({"source": ["aws.s3"]})
    assert "EventPattern" in sentence(events.put_rule, Name="x", EventPattern=pattern)
    events.put_rule(Name="refusing", ScheduleExpression="rate(1 hour)")

    def target(**given: Any) -> str:
        asked = {"Id": "1", "Arn": FUNCTION} | given
        return sentence(events.put_targets, Rule="refusing", Targets=[asked])

    assert target(Arn="arn:aws:sqs:us-east-1:123456789012:q").endswith("not sqs")
    assert (
        target(InputPath="$.time") == "The local AWS does not support InputPath of a rule's target"
    )
    assert target(Input="{") == "JSON syntax error in input for target 1"
    events.delete_rule(Name="refusing")
