"""What is put of a rejected record, and that no end of a run loses one."""

from __future__ import annotations

import gzip
import json
import os
import signal
import threading
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import pytest

from cli.errors import Failure, Interrupted, MissingStack
from cli.producer import Call, Limits, Retry
from cli.receipting import Receipts
from cli.rejections import ENDPOINT, Choice, Line, counted, listed
from cli.resubmission import original, resubmitted
from cli.resubmitting import Resubmission, Summary, judge
from cli.stacks import Flow
from events.mark import Mark, marked, split
from functions.delivery_transform.transform import Transform
from tests.events.samples import samples
from tests.functions.firehose import ARRIVAL, SHARD, request, sequence

LAKE = "lake"


def line(payload: bytes, reason: str = "unknown_field", number: int = 1, **more: Any) -> Line:
    values: dict[str, Any] = {
        "line": f"{SHARD} {sequence(number)} 0 {ARRIVAL + 1}",
        "reason": reason,
        "detail": "",
        "arrived_at": ARRIVAL,
        "rejected_at": ARRIVAL + 1,
        "arrival_date": "2026-01-01",
        "shard_id": SHARD,
        "sequence_number": sequence(number),
        "subsequence_number": 0,
        "run": None,
        "payload": b64encode(payload).decode(),
    }
    return Line(**values | more)


MARK = Mark(
    kind="resubmitted",
    lake=LAKE,
    run="r",
    shard_id=SHARD,
    sequence_number=sequence(1),
    subsequence_number=0,
    arrived_at=ARRIVAL,
)


def test_a_record_is_put_as_it_came_behind_the_place_where_it_stood() -> None:
    data = b'{"event_id": "\xff"}'
    assert resubmitted(line(data), LAKE, "r") == marked(MARK, data)
    assert original(line(data)) == data


@pytest.mark.parametrize("sample", samples("valid"), ids=str)
@pytest.mark.parametrize(
    "reason", ["DataFormatConversion.MalformedData", "DynamicPartitioning.MetadataExtractionFailed"]
)
def test_a_row_of_the_transform_is_put_as_the_event_that_it_was(sample: Any, reason: str) -> None:
    """Through the transform again it becomes the same row, with the same place."""
    transform = Transform(sample.kind, lake=LAKE)
    [answer], _, _ = transform(request(sample.data), datetime(2026, 1, 2, tzinfo=UTC))
    row = b64decode(answer["data"])
    # What Firehose numbers such a record itself is no place in the stream.
    failed = line(row, reason, shard_id=None, sequence_number=None, arrived_at=ARRIVAL + 60_000)
    again = resubmitted(failed, LAKE, "r7")
    mark, data = split(again)
    assert mark and (mark.shard_id, mark.sequence_number) == (SHARD, sequence(0))
    assert not {"ingested_at", "shard_id"} & json.loads(data).keys()
    [answered], rejections, _ = transform(
        request(again, direct=True), datetime(2026, 1, 2, tzinfo=UTC)
    )
    assert rejections == []
    second = json.loads(b64decode(answered["data"]))
    assert second.pop("resubmission") == "r7"
    assert second == json.loads(row)


def test_a_line_of_a_resubmitted_record_keeps_its_first_place_and_gets_the_new_run() -> None:
    first = resubmitted(line(b"{}"), LAKE, "first")
    failed = line(first, "Lambda.FunctionError", shard_id=None, sequence_number=None)
    assert resubmitted(failed, LAKE, "r") == marked(MARK, b"{}")


def test_a_mark_of_a_replay_is_taken_off_and_an_event_that_only_looks_like_a_row_is_not() -> None:
    replayed = Mark(kind="replayed", lake="other", run="x")
    assert resubmitted(line(marked(replayed, b"{}")), LAKE, "r") == marked(MARK, b"{}")
    alike = json.dumps(dict.fromkeys(["ingested_at", *MARK_NAMES], "x")).encode()
    assert resubmitted(line(alike), LAKE, "r") == marked(MARK, alike)
    for odd in (b"\xff", b"[]", b'{"shard_id": 1}'):
        reason = "DataFormatConversion.ParseError"
        assert resubmitted(line(odd, reason), LAKE, "r") == marked(MARK, odd)


MARK_NAMES = ("shard_id", "sequence_number", "subsequence_number")


class Killed(BaseException):
    """The process ends here."""


class World:
    """A delivery stream and a bucket; what SQL would find to do is what has no receipt."""

    def __init__(self, records: int) -> None:
        self.rejected = [line(f"{n}".encode(), number=n, line=f"line {n}") for n in range(records)]
        self.delivered: Counter[bytes] = Counter()
        self.objects: dict[str, bytes] = {}
        self.calls = 0
        self.kill_at = -1
        self.refuse: set[int] = set()
        self.lock = threading.Lock()

    def _step(self) -> None:
        self.calls += 1
        if 0 < self.kill_at <= self.calls:  # a process that is dead makes no other call either
            raise Killed

    def put(self, call: Call) -> Sequence[str | None]:
        answer: list[str | None] = []
        with self.lock:
            self._step()
            for entry in call.entries:
                refused = entry.number in self.refuse
                self.refuse.discard(entry.number)
                answer.append("ServiceUnavailableException" if refused else None)
                if not refused:
                    mark, data = split(entry.data)
                    assert mark and mark.sequence_number == sequence(int(data))
                    self.delivered[data] += 1
            self._step()  # killed here, the records are taken and nobody knows
        return answer

    def put_object(self, **given: Any) -> None:
        with self.lock:
            self._step()
            self.objects[given["Key"]] = given["Body"]
            self._step()

    def pending(self) -> Iterator[Line]:
        noted = {
            json.loads(one)["line"]
            for body in self.objects.values()
            for one in gzip.decompress(body).splitlines()
        }
        return iter([one for one in self.rejected if one.line not in noted])

    def run(self, name: str) -> tuple[Summary, BaseException | None]:
        s3: Any = self
        receipts = Receipts(s3, LAKE, "resubmitted/flight/", name, together=20)
        resubmission = Resubmission(
            self.put,
            receipts,
            partial(resubmitted, lake=LAKE, run=name),
            limits=Limits(records=8),
            retry=Retry(base=0.0, cap=0.0),
        )
        return resubmission.run(self.pending(), run=name, event_type="flight", stream="again")


def test_every_record_is_put_once_and_has_a_receipt_whatever_is_refused_on_the_way() -> None:
    world = World(100)
    world.refuse = set(range(1, 100, 7))
    summary, error = world.run("a")
    judge(summary, error)
    assert (summary.put, summary.retried, summary.loss) == (
        100,
        {"ServiceUnavailableException": 15},
        "",
    )
    assert set(world.delivered.values()) == {1} and len(world.delivered) == 100
    assert list(world.pending()) == []
    assert sorted(summary.receipts) == sorted(world.objects)
    assert all(
        key.startswith("resubmitted/flight/arrival_date=2026-01-01/a-") for key in world.objects
    )
    assert world.run("b")[0].put == 0


def test_killed_at_any_step_a_run_loses_no_record_and_the_next_puts_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before each call to Firehose or S3, and after it took effect and before anybody knows."""
    # A thread of the pool takes its process with it.
    monkeypatch.setattr("cli.sender.Exception", BaseException, raising=False)
    twice = kills = 0
    while True:
        world = World(60)
        world.kill_at = kills + 1
        with suppress(Killed):  # where it ends outside of the pool
            world.run("first")
        if world.calls < world.kill_at:
            break
        kills += 1
        waiting = len(list(world.pending()))
        assert 60 - waiting <= len(world.delivered)  # no receipt for what was not taken
        world.kill_at = -1
        summary, error = world.run("second")
        assert (error, summary.put) == (None, waiting)
        assert len(world.delivered) == 60 and list(world.pending()) == []
        twice += sum(world.delivered.values()) - 60
    assert kills >= 20
    assert twice  # the view of unique events shows those once


def test_ctrl_c_leaves_receipts_for_what_was_put() -> None:
    world = World(200)
    put, pressed = world.put, threading.Event()

    def interrupted(call: Call) -> Sequence[str | None]:
        answer = put(call)
        if not pressed.is_set():
            pressed.set()
            os.kill(os.getpid(), signal.SIGINT)
        return answer

    world.put = interrupted  # type: ignore[method-assign]
    summary, error = world.run("a")
    assert pressed.is_set() and summary.interrupted
    with pytest.raises(Interrupted, match="Repeat the command: what has a receipt is left out"):
        judge(summary, error)
    assert len(list(world.pending())) == 200 - len(world.delivered)


def test_a_record_that_is_too_large_with_its_mark_is_named_and_the_others_are_put() -> None:
    world = World(10)
    world.rejected[3] = line(b"x" * 1_024_000, number=3, line="line 3")
    s3: Any = world
    receipts = Receipts(s3, LAKE, "resubmitted/flight/", "a")
    record = partial(resubmitted, lake=LAKE, run="a")
    summary, error = Resubmission(world.put, receipts, record).run(
        world.pending(), run="a", event_type="flight", stream="again"
    )
    with pytest.raises(Failure, match="9 records put, but not 1 RecordTooLarge: with its mark"):
        judge(summary, error)
    assert [one.line for one in world.pending()] == ["line 3"]


FLOW = Flow(
    event_type="flight",
    stream_name="s",
    delivery_stream_name="d",
    table_name="flight",
    transform_function_name="t",
    data_prefix="events/flight/",
    error_prefix="errors/flight/",
    rejected_name="flight_rejected",
    resubmitted_name="flight_resubmitted",
)


def test_a_reason_is_a_word_of_the_list_or_one_of_firehose() -> None:
    assert Choice(reason="it's").conditions == " AND reason = 'it''s'"
    assert Choice(reason="processing-failed").conditions == " AND reason LIKE 'Lambda.%'"
    assert Choice(pending=True).conditions == " AND run IS NULL"
    assert Choice(reason=ENDPOINT).conditions == ""


def test_since_prunes_the_days_before_in_every_table() -> None:
    since = datetime(2026, 11, 21, 12, tzinfo=UTC)
    sql = listed(FLOW, Choice(since=since))
    assert sql.count("arrival_date >= '2026-11-20'") == 2
    assert f"arrived_at >= {int(since.timestamp() * 1000)}" in sql


def test_a_stack_without_receipts_or_endpoint_is_named() -> None:
    with pytest.raises(MissingStack, match="flight is delivered to no HTTP endpoint in this env"):
        counted(FLOW, Choice(reason=ENDPOINT))
    with pytest.raises(MissingStack, match="The stack of flight keeps no receipts: deploy it ag"):
        counted(msgspec.structs.replace(FLOW, resubmitted_name=""), Choice())
