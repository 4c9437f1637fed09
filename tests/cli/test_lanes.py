"""Which failed batches wait for each other, and what Lambda's refusals do to them."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.errors import AccountFailure, MissingStack, WrongUsage
from cli.failures import Archive, Stored
from cli.moments import since
from cli.redrive import worker
from cli.redrive.lanes import by_function, lanes
from cli.redrive.receipts import Account
from cli.redrive.shard import Answer, Invocation
from cli.redrive.worker import Invoker, Stopped, parents, target
from tests.cli.failed import FAILED_AT, FUNCTION, STREAM, MemoryS3, batch, record

INVOCATION = Invocation(FUNCTION, "shardId-000000000000", ("1", "2"), b"{}")


def stored(*places: tuple[str, int], **given: Any) -> list[Stored]:
    """Batches of one record each, by shard and sequence number, as an archive reads them."""
    s3 = MemoryS3()
    s3.fill(*(batch([record(number, shard=shard)], **given) for shard, number in places))
    return Archive(s3, "lake").scan()  # type: ignore[arg-type]


def places(found: list[list[Stored]]) -> list[list[tuple[str, int]]]:
    return [
        [(one.summary.shard_id, int(one.summary.start_sequence_number[-3:])) for one in lane]
        for lane in found
    ]


def test_shards_go_side_by_side_and_each_in_the_order_of_its_sequence_numbers() -> None:
    found = stored(("a", 5), ("b", 1), ("a", 90), ("a", 9))
    assert places(lanes(found, {"a": [], "b": []})) == [
        [("a", 903), ("a", 907), ("a", 988)],
        [("b", 899)],
    ]


def test_shards_after_a_split_or_merge_wait_for_those_that_they_continue() -> None:
    family = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": []}
    found = stored(("d", 50), ("a", 1), ("e", 2))
    assert places(lanes(found, family)) == [[("a", 899), ("d", 948)], [("e", 900)]]
    siblings = stored(("b", 3), ("c", 4))
    assert places(lanes(siblings, family)) == [[("b", 901)], [("c", 902)]]


def test_functions_are_kept_apart_and_batches_without_records_are_left_out() -> None:
    other = f"{FUNCTION}-other"
    mixed = stored(("a", 1)) + stored(("a", 2), function_arn=other) + stored(("a", 3), records=[])
    found = by_function(mixed, lambda _: {})
    assert [[[one.summary.function_arn for one in lane] for lane in each] for each in found] == [
        [[FUNCTION]],
        [[other]],
    ]


class Missing(Exception):
    """The stream is gone."""


@dataclass
class Kinesis:
    """ListShards in pages of one, as far as it is used here."""

    shards: list[dict[str, str]]

    class exceptions:  # noqa: N801  the client's name for it
        ResourceNotFoundException = Missing

    def list_shards(self, StreamARN: str = "", NextToken: str = "") -> Any:  # noqa: N803
        assert bool(StreamARN) != bool(NextToken)
        if not self.shards:
            raise Missing
        at = int(NextToken or 0)
        more = {"NextToken": str(at + 1)} if at + 1 < len(self.shards) else {}
        return {"Shards": [self.shards[at]], **more}


def test_parents_are_read_page_by_page_and_unknown_where_the_stream_is_gone() -> None:
    shards = [
        {"ShardId": "a"},
        {"ShardId": "b", "ParentShardId": "a"},
        {"ShardId": "c", "ParentShardId": "a", "AdjacentParentShardId": "b"},
    ]
    found = parents(Kinesis(shards), STREAM)  # type: ignore[arg-type]
    assert found == {"a": [], "b": ["a"], "c": ["a", "b"]}
    assert parents(Kinesis([]), STREAM) == {}  # type: ignore[arg-type]


@dataclass
class Lambda:
    """Answers each call with the next of these: a payload, or the code of a refusal."""

    answers: list[bytes | str] = field(default_factory=list)
    reserved: int | None = None
    mappings: list[dict[str, Any]] = field(default_factory=list)
    invoked: list[str] = field(default_factory=list)

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803
        assert Payload == INVOCATION.payload
        self.invoked.append(FunctionName)
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer, "Message": ""}}, "Invoke")
        return {"Payload": Body(answer), "ResponseMetadata": {"RequestId": "r"}}

    def get_function(self, *, FunctionName: str) -> Any:  # noqa: N803
        assert FunctionName == FUNCTION
        if self.reserved is None:
            return {}
        return {"Concurrency": {"ReservedConcurrentExecutions": self.reserved}}

    def get_paginator(self, _: str) -> "Lambda":
        return self

    def paginate(self, **_: Any) -> Any:
        return [{"EventSourceMappings": [one]} for one in self.mappings]


@dataclass
class Body:
    content: bytes

    def read(self) -> bytes:
        return self.content


def invoker(client: Lambda, stopping: threading.Event | None = None) -> tuple[Invoker, Account]:
    account = Account("run", datetime.now(UTC), [])
    return Invoker(client, account, stopping or threading.Event()), account  # type: ignore[arg-type]


def test_throttling_is_waited_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "FIRST_WAIT", 0.0)
    client = Lambda(["TooManyRequestsException", "ServiceException", b"null"])
    call, account = invoker(client)
    assert call(INVOCATION, report=True) == Answer(2)
    totals = account.receipt().totals
    assert (totals.invocations, totals.throttled, client.invoked) == (1, 2, [FUNCTION] * 3)


def test_throttling_that_does_not_end_ends_the_redrive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "FIRST_WAIT", 0.0)
    call, _ = invoker(Lambda(["TooManyRequestsException"] * worker.ATTEMPTS))
    with pytest.raises(AccountFailure, match=r"^Lambda throttles .* with a smaller --together\.$"):
        call(INVOCATION, report=True)


def test_a_throttled_lane_stops_when_it_is_asked_to() -> None:
    stopping = threading.Event()
    stopping.set()
    call, _ = invoker(Lambda(["TooManyRequestsException"]), stopping)
    with pytest.raises(Stopped):
        call(INVOCATION, report=True)


def test_what_says_nothing_of_the_records_ends_the_redrive() -> None:
    call, _ = invoker(Lambda(["ResourceNotFoundException", "AccessDeniedException"]))
    with pytest.raises(MissingStack):
        call(INVOCATION, report=True)
    with pytest.raises(ClientError):
        call(INVOCATION, report=True)


def test_a_function_is_invoked_as_its_mapping_would_and_leaves_it_room() -> None:
    found = [stored(("a", 1), batch_size=70)]
    mapping = {
        "EventSourceArn": f"{STREAM}/consumer/late:1",
        "BatchSize": 250,
        "FunctionResponseTypes": [],
    }
    other = mapping | {"EventSourceArn": f"{STREAM}-other", "BatchSize": 1}

    def ask(client: Lambda) -> tuple[int, bool, int]:
        chosen = target(client, found, 4)  # type: ignore[arg-type]
        return chosen.limits.records, chosen.report, chosen.together

    assert ask(Lambda(mappings=[other, mapping])) == (250, False, 4)
    assert ask(Lambda(mappings=[other], reserved=3)) == (70, True, 2)
    assert ask(Lambda(reserved=1)) == (70, True, 1)
    with pytest.raises(AccountFailure, match="switched off"):
        ask(Lambda(reserved=0))
    with pytest.raises(AccountFailure, match="tumbling windows"):
        ask(Lambda(mappings=[mapping | {"TumblingWindowInSeconds": 60}]))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90min", FAILED_AT - timedelta(minutes=90)),
        ("2d", FAILED_AT - timedelta(days=2)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T08:30", datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
        ("2026-11-20T08:30+02:00", datetime(2026, 11, 20, 6, 30, tzinfo=UTC)),
    ],
)
def test_an_instant_is_so_long_ago_or_a_time_in_utc(text: str, moment: datetime) -> None:
    assert since(text, FAILED_AT) == moment


@pytest.mark.parametrize("text", ["", "soon", "2", "-2h", "2026-13-01"])
def test_anything_else_is_wrong_usage(text: str) -> None:
    with pytest.raises(WrongUsage, match="--since takes"):
        since(text, FAILED_AT)
