"""The command's part of an audit: what is asked of the function in which order, what is told."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from cli import auditing
from cli.auditing import (
    Audit,
    Comparison,
    Cut,
    Explanation,
    Gap,
    Missing,
    Plan,
    Reading,
    Tally,
)
from cli.commands import audit as command
from cli.consumers import Consumer
from cli.errors import NotProven, WrongUsage

SHARD = "shardId-000000000000"
NOW = round(time.time() * 1000)


def cut(number: int, *, last: int = 0, records: int = 10) -> Cut:
    return {
        "shard_id": SHARD,
        "before": number * records,
        "low": str(number),
        "high": str(number),
        "records": records,
        "dropped": 0,
        "last": last,
    }


@dataclass
class Function:
    """Answers step by step: readings in turn, and how many cuts differ at each comparison."""

    readings: list[Reading]
    differing: list[int] = field(default_factory=lambda: [0])
    asked: list[tuple[str, Any]] = field(default_factory=list)
    during: Callable[[], None] = lambda: None

    def read(self, shard_id: str, **where: Any) -> Reading:
        self.asked.append(("read", (shard_id, where["last"], where["seen"], where["due"])))
        self.during()
        return self.readings.pop(0)

    def compare(self, cuts: list[Cut], *, exact: bool) -> Comparison:
        self.asked.append(("compare", (len(cuts), exact)))
        left = self.differing.pop(0)
        agreed = sum(one["records"] for one in cuts[left:])
        return Comparison(tallies={SHARD: Tally(stream=agreed, lake=agreed)}, differing=cuts[:left])

    def explain(self, shard_id: str, cuts: list[Cut]) -> Explanation:
        self.asked.append(("explain", (shard_id, len(cuts))))
        records = sum(one["records"] for one in cuts)
        missing = Missing(
            shard_id=shard_id,
            sequence_number=cuts[0]["low"],
            subsequence_number=0,
            arrived_at=NOW,
            event_id="e1",
            event_date="2013-01-01",
            payload="",
        )
        tally = Tally(stream=records, lake=records - 1, missing=1)
        return Explanation(tally=tally, missing=[missing])


def reading(*cuts: Cut, last: str | None = None, done: bool = True, gaps: int = 0) -> Reading:
    return Reading(
        cuts=list(cuts),
        last=last,
        seen=sum(one["records"] for one in cuts),
        through=NOW,
        done=done,
        gaps=[Gap(shard_id=SHARD, low="1", high="2", sure=True)] * gaps,
    )


def audit(function: Function, *, since: int | None = None, settle: int = 300) -> Audit:
    plan = Plan(
        event_type="flight",
        stream="arn",
        shards=[SHARD],
        now=NOW,
        answers_from=NOW - 86_400_000,
        due=NOW - settle * 1000,
    )
    return Audit(steps=function, plan=plan, since=since, until=NOW)  # type: ignore[arg-type]


def test_a_shard_is_read_on_from_where_it_was_and_what_differs_explained() -> None:
    function = Function(
        [reading(cut(1), cut(2), last="20", done=False), reading(cut(3))], differing=[1]
    )
    running = audit(function)
    told: list[int] = []
    running.run(wait=False, tell=lambda: told.append(running.read))
    due = NOW - 300_000
    assert function.asked == [
        ("read", (SHARD, None, 0, due)),
        ("read", (SHARD, "20", 20, due)),
        ("compare", (3, False)),
        ("explain", (SHARD, 1)),
    ]
    report = running.report([])
    assert report.total == Tally(stream=30, lake=29, missing=1)
    assert (report.proven, report.compared_by_name) == (False, 10)
    assert (told[0], running.position()) == (20, (1.0, 1.0))


def test_waiting_looks_again_at_what_differs_until_it_has_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditing, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr("time.time", lambda: NOW / 1000)
    function = Function([reading(cut(1, last=NOW), cut(2, last=NOW))], differing=[2, 1, 0])
    running = audit(function)
    running.run(wait=True, tell=lambda: None)
    assert [step for step in function.asked if step[0] != "read"] == [
        ("compare", (2, False)),
        ("compare", (2, False)),
        ("compare", (1, False)),
    ]
    assert running.report([]).total == Tally(stream=20, lake=20)
    assert running.report([]).proven


def test_waiting_ends_when_what_differs_is_overdue() -> None:
    function = Function([reading(cut(1, last=NOW - 400_000))], differing=[1])
    running = audit(function)
    running.run(wait=True, tell=lambda: None)
    assert running.report([]).total.missing == 1


def test_what_is_explained_at_once_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "MOST_RECORDS", 25)
    function = Function([reading(*(cut(number) for number in range(5)))], differing=[5])
    running = audit(function)
    running.run(wait=False, tell=lambda: None)
    explained = sorted(step[1][1] for step in function.asked if step[0] == "explain")
    assert explained == [1, 2, 2]


def test_ctrl_c_asks_for_nothing_more() -> None:
    function = Function([reading(cut(1), last="1", done=False)] * 9)

    def interrupt() -> None:
        raise KeyboardInterrupt

    running = audit(function)
    with pytest.raises(KeyboardInterrupt):
        running.run(wait=False, tell=interrupt)
    assert function.asked == [("read", (SHARD, None, 0, NOW - 300_000))]


def test_what_was_forgotten_is_not_proven() -> None:
    gone = audit(Function([reading(cut(1), gaps=1)]))
    gone.run(wait=False, tell=lambda: None)
    report = gone.report([])
    assert not report.proven
    assert "forgot records while it was read" in command._wrong(report, "dev")

    older = audit(Function([reading(cut(1))]), since=NOW - 2 * 86_400_000)
    older.run(wait=False, tell=lambda: None)
    report = older.report([])
    assert not report.proven
    assert "keeps nothing from before" in command._wrong(report, "dev")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"since": "1s"}, "can be proven yet, and --since is"),
        ({"since": "5min"}, "or --wait for what is on its way."),
        ({"since": "2030-01-01"}, "give an earlier --since"),
        ({"since": "2030-01-01", "wait": True}, "give an earlier --since"),
        ({"since": "1min", "until": "2030-01-01", "wait": True}, ""),
        ({"since": "6min"}, ""),
        ({"since": "400d"}, ""),
        ({"until": "2013-01-01"}, "what came before cannot be proven: give a later --until."),
        ({"since": "2013-01-01", "until": "2013-01-02"}, "what came before cannot be proven"),
    ],
)
def test_nothing_is_proven_of_a_time_in_which_nothing_is_due(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], said: str
) -> None:
    now = round(time.time() * 1000)
    plan = replace(
        audit(Function([])).plan, now=now, answers_from=now - 86_400_000, due=now - 315_000
    )
    monkeypatch.setattr(
        "cli.aws.Account", lambda: SimpleNamespace(cloudformation=1, athena=1, functions=1)
    )
    flow = SimpleNamespace(audit_function_name="a")
    deployed = SimpleNamespace(flow=lambda _: flow, lake=lambda: None)
    monkeypatch.setattr("cli.stacks.find", lambda *_: deployed)
    monkeypatch.setattr("cli.athena.Database", lambda *_: None)
    monkeypatch.setattr(auditing, "Steps", lambda *_: SimpleNamespace(plan=lambda: plan))

    class Begun(Exception):
        pass

    def begin(*_: Any, **__: Any) -> None:
        raise Begun

    monkeypatch.setattr(Audit, "run", begin)
    if not said:
        with pytest.raises(Begun):
            command.audit("flight", **options)
        return
    with pytest.raises(NotProven, match=re.escape(said)) as refused:
        command.audit("flight", **options)
    assert refused.value.code == 4


def test_the_option_that_cannot_be_meant_is_named() -> None:
    with pytest.raises(WrongUsage, match=r"^--until takes how long ago"):
        command.audit("flight", until="foo")


def consumer(**figures: int) -> Consumer:
    named = ("received", "processed", "rescued", "lost", "waiting")
    return Consumer(processor="p", **{name: figures.get(name, 0) for name in named})


@pytest.mark.parametrize(
    ("counted", "short", "certainly"),
    [
        (consumer(received=10, processed=10), 0, False),
        (consumer(received=25, processed=12), 0, False),
        (consumer(received=8, processed=8, rescued=2), 0, False),
        (consumer(received=10, processed=7), 3, True),
        (consumer(received=13, processed=9), 1, True),
        (consumer(received=13, processed=9, waiting=1), 1, False),
        (consumer(received=20, processed=12, rescued=1), 0, False),
        (consumer(received=7, processed=7), 3, True),
        (consumer(received=7, processed=7, waiting=1), 3, False),
        (consumer(received=9, processed=9, lost=1), 0, True),
    ],
)
def test_a_processor_is_short_of_what_it_has_neither_acknowledged_nor_given_up(
    counted: Consumer, short: int, certainly: bool
) -> None:
    assert (counted.short(10), counted.certainly_short(10)) == (short, certainly)
