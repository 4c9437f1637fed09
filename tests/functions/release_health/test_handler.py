"""A batch, and a question, through the handler: what is answered, what is counted, what is tried
again."""

from __future__ import annotations

import contextlib
import io
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from aws_kinesis_agg.aggregator import RecordAggregator

from events.device_telemetry.event import DeviceTelemetry
from events.release import Digested, Fed, Flushed, Registry, Trial, start
from events.release_verdict.event import ReleaseVerdict
from functions.release_health import handler as wiring
from functions.release_health.answering import Unanswerable
from functions.release_health.cache import Cache, Unavailable
from functions.release_health.looks import Looks
from functions.release_health.state import State
from functions.release_health.watching import Watcher
from tests.functions.release_health.test_state import report

NOW = datetime.now(UTC).replace(microsecond=0)
CONTEXT: Any = SimpleNamespace(
    function_name="release-health",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:release-health",
    aws_request_id="6bc28136-xmpl-4365-b021-0ce6b2e64ab0",
)


@pytest.fixture
def told() -> list[ReleaseVerdict]:
    return []


@pytest.fixture
def trial() -> Trial:
    return start(
        Registry(),
        canary="2.5.0",
        baseline="2.4.0",
        now=NOW,
        at=NOW - timedelta(minutes=30),
        preparation=timedelta(minutes=30),
        backdate=True,
        devices=100,
    ).trials[0]


@pytest.fixture(autouse=True)
def wired(
    cache: Cache, trial: Trial, told: list[ReleaseVerdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(version=1, trials=(trial,))
    watcher = Watcher(State(cache), Looks(cache), told.extend, lambda *_: None, 0, 0)
    monkeypatch.setattr(wiring, "_trials", lambda: SimpleNamespace(current=lambda: registry))
    monkeypatch.setattr(wiring, "_watcher", lambda: watcher)


def of_today(minute: float, **members: Any) -> DeviceTelemetry:
    """As test_state.report, of the trial that runs now."""
    moment = NOW - timedelta(minutes=30) + timedelta(minutes=minute)
    return msgspec.structs.replace(report(minute, **members), event_time=moment)


def invocation(*reports: DeviceTelemetry | bytes, arrived: float | None = None) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventID": f"shardId-000000000000:4959033827149025660855{number}",
                "kinesis": {
                    "data": b64encode(
                        one if isinstance(one, bytes) else msgspec.json.encode(one)
                    ).decode(),
                    "approximateArrivalTimestamp": arrived or NOW.timestamp(),
                },
            }
            for number, one in enumerate(reports)
        ]
    }


class Spoken:
    """What an invocation answered, and what it counted."""

    def __init__(self, event: dict[str, Any]) -> None:
        heard = io.StringIO()
        with contextlib.redirect_stdout(heard):
            self.answer = wiring.handler(event, CONTEXT)
        self.lines = [json.loads(line) for line in heard.getvalue().splitlines()]

    def counted(self, name: str) -> int:
        """Of a metric; 0 when nobody spoke of it."""
        found = [line[name] for line in self.lines if name in line and "_aws" in line]
        return int(sum(one if isinstance(one, int | float) else sum(one) for one in found))


def test_every_report_of_a_batch_ends_in_one_count(told: list[ReleaseVerdict]) -> None:
    spoken = Spoken(
        invocation(
            of_today(-10),
            of_today(1),
            of_today(1),
            of_today(2, release="2.5.0", heap=0),
            of_today(2, device="stb-2", release="9.9.9"),
            of_today(-0.5, device="stb-3"),
            of_today(-200, device="stb-4", counter=1),
            b"no report",
        )
    )
    assert spoken.answer == {"batchItemFailures": []}
    names = ("Received", "Filtered", "Rejected", "Acknowledged", "Failed")
    assert [spoken.counted(name) for name in names] == [8, 7, 1, 8, 0]
    ends = ("Counted", "Prepared", "Duplicates", "Late", "Unknown", "Outside", "Skewed", "Clipped")
    assert [spoken.counted(f"Reports{name}") for name in ends] == [2, 1, 1, 0, 1, 1, 1, 1]
    assert (spoken.counted("Looks"), spoken.counted("VerdictsTold")) == (1, 1)
    assert [one.verdict for one in told] == ["CONTINUE"]


def test_a_batch_of_no_trial_asks_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "_watcher", lambda: pytest.fail("it was asked"))
    spoken = Spoken(invocation(of_today(1, release="9.9.9")))
    assert spoken.answer == {"batchItemFailures": []}


def test_without_the_cache_the_batch_is_tried_again_as_a_whole_and_counts_once(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = invocation(*(of_today(1, device=f"stb-{number}") for number in range(30)))
    run = cache.run

    def half(commands: Any) -> Any:
        run(commands[: len(commands) // 2])
        raise Unavailable("The cache failed: ConnectionError")

    monkeypatch.setattr(cache, "run", half)
    failed = Spoken(batch)
    first = batch["Records"][0]["eventID"].partition(":")[2]
    assert failed.answer == {"batchItemFailures": [{"itemIdentifier": first}]}
    assert (failed.counted("Acknowledged"), failed.counted("Failed")) == (0, 1)

    monkeypatch.setattr(cache, "run", run)
    again = Spoken(batch)
    assert again.answer == {"batchItemFailures": []}
    assert again.counted("ReportsCounted") + again.counted("ReportsDuplicates") == 30
    assert again.counted("ReportsDuplicates") > 0
    assert asked(Digested, headrace="digest").baseline.events == 30


def test_an_aggregate_that_is_tried_again_acknowledges_nothing(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise Unavailable("The cache failed: ConnectionError")

    monkeypatch.setattr(cache, "run", away)
    unknown, known = of_today(1, release="9.9.9"), of_today(1)
    together = RecordAggregator()
    for one in (unknown, known):
        together.add_user_record(one.device, msgspec.json.encode(one))
    batch = invocation(together.clear_and_get().get_contents()[2], unknown)
    failed = Spoken(batch)
    first = batch["Records"][0]["eventID"].partition(":")[2]
    assert failed.answer == {"batchItemFailures": [{"itemIdentifier": first}]}
    assert (failed.counted("Received"), failed.counted("Acknowledged")) == (3, 0)


def test_a_look_that_fails_stops_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise ConnectionError("no stream")

    monkeypatch.setattr(wiring._watcher(), "look", fails)
    spoken = Spoken(invocation(of_today(1)))
    assert spoken.answer == {"batchItemFailures": []}
    assert spoken.counted("LooksFailed") == 1
    assert "no stream" not in json.dumps(spoken.lines)


def test_state_that_is_fed_from_the_lake_again_is_the_same_to_the_bit() -> None:
    reports = [
        of_today(minute, device=f"stb-{device}", release="2.5.0" if device % 2 else "2.4.0")
        for minute in range(-20, 28)
        for device in range(20)
        if minute >= 0 or device % 2 == 0
    ]
    Spoken(invocation(*reports))
    before = asked(Digested, headrace="digest")
    assert before.canary.events == before.baseline.events == 280
    look = asked(ReleaseVerdict, headrace="look")
    assert look.arm_canary.devices == 10

    flushed = asked(Flushed, headrace="flush")
    assert flushed.keys > 20
    assert asked(Digested, headrace="digest").records == 0
    rows = [
        [
            one.event_time.timestamp() + 3,
            one.device,
            one.boot_id,
            one.counter,
            one.release,
            one.event_time.timestamp(),
            one.heap_bytes,
            one.cpu,
            one.channel_change_ms,
            one.crashed,
        ]
        for one in sorted(reports, key=lambda one: (one.device, one.boot_id, one.counter))
    ]
    fed = asked(Fed, headrace="feed", events=rows[:500])
    assert (fed.received, fed.duplicates) == (500, 0)
    assert fed.applied + fed.other == 500
    assert asked(Fed, headrace="feed", events=rows).duplicates == fed.applied
    assert asked(Digested, headrace="digest") == before


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"headrace": "look", "release": "7.7.7"}, "7.7.7 was never on trial"),
        ({"headrace": "guess", "release": "2.5.0"}, "no question to this function"),
        ({"headrace": "look"}, "missing required field `release`"),
    ],
)
def test_a_question_without_an_answer_says_why(question: dict[str, Any], said: str) -> None:
    with pytest.raises(Unanswerable, match=said):
        Spoken(question)


def asked(kind: type[Any], **question: Any) -> Any:
    """The answer to a question about the canary."""
    return msgspec.convert(Spoken({"release": "2.5.0", **question}).answer, kind)
