"""A turn against the local AWS: what is seen, claimed, called, refused; and by how many at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from functions.shard_scaler import handler
from functions.shard_scaler.budget import Call
from functions.shard_scaler.decision import Decision, Keep, Merge, Reason, Resize, Split
from functions.shard_scaler.load import MINUTE, Load, Sample, Shard
from functions.shard_scaler.memory import Memory, Remembered, Taken
from functions.shard_scaler.settings import Policy, Settings
from functions.shard_scaler.stream import Stream
from functions.shard_scaler.turn import Scaler
from functions.shard_scaler.watching import Watching
from tests.conftest import AWS
from tests.functions.shard_scaler.stream import START, even
from tests.functions.shard_scaler.test_scaling import by_shard, steady

NOW = START + 20.0
POLICY = Policy(least_shards=1, most_shards=64)


@dataclass
class Seen:
    """CloudWatch, of which only the answers matter here."""

    samples: list[Sample]
    loads: dict[str, float] = field(default_factory=dict)
    looks: int = 0

    def stream(self, now: float, consumers: list[str]) -> list[Sample]:  # noqa: ARG002
        return [one for one in self.samples if one.at <= now]

    def shards(
        self,
        now: float,  # noqa: ARG002  as Watching has it
        samples: list[Sample],
        shards: list[Shard],  # noqa: ARG002
        since: float,  # noqa: ARG002
    ) -> list[Sample]:
        self.looks += 1
        return by_shard(samples, self.loads) if self.loads else samples


@dataclass(frozen=True)
class Place:
    aws: AWS
    name: str
    kinesis: Any
    s3: Any

    def scaler(self, watching: Any, policy: Policy = POLICY) -> Scaler:
        arn = f"arn:aws:kinesis:us-east-1:123456789012:stream/{self.name}"
        return Scaler(Stream(self.kinesis, arn), watching, self.memory(), policy)

    def memory(self) -> Memory:
        return Memory(self.s3, self.name, f"scaling/{self.name}.json")

    def count(self) -> int:
        found = self.kinesis.describe_stream_summary(StreamName=self.name)
        return int(found["StreamDescriptionSummary"]["OpenShardCount"])


@pytest.fixture
def place(aws: AWS) -> Iterator[Place]:
    """A stream of four shards, and an empty bucket."""
    name = f"scaled-{uuid4().hex[:8]}"
    kinesis, s3 = aws.client("kinesis"), aws.client("s3")
    kinesis.create_stream(StreamName=name, ShardCount=4)
    s3.create_bucket(Bucket=name)
    yield Place(aws, name, kinesis, s3)
    kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    for found in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=found["Key"])
    s3.delete_bucket(Bucket=name)


def test_a_turn_makes_the_call_and_remembers_it(place: Place) -> None:
    turn = place.scaler(Seen(steady(3.0))).turn(NOW)
    assert (turn.decision.action, turn.shards, turn.done) == (Resize(6), 4, True)
    assert place.count() == 6
    assert place.memory().recall().calls == [Call(NOW, "count", 4, 6)]
    again = place.scaler(Seen(steady(30.0))).turn(NOW + 10)
    assert (again.done, again.decision.reason) == (False, Reason.SETTLING)


def test_turns_at_the_same_time_make_one_call(place: Place) -> None:
    together = Barrier(4)

    @dataclass
    class Waiting(Seen):
        def stream(self, now: float, consumers: list[str]) -> list[Sample]:
            together.wait(20)
            return super().stream(now, consumers)

    def turn(_: int) -> bool:
        return place.scaler(Waiting(steady(30.0))).turn(NOW).done

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(turn, range(4)))
    assert sorted(done) == [False, False, False, True]
    assert place.count() == 8
    assert place.memory().recall().calls == [Call(NOW, "count", 4, 8)]


def test_what_others_have_used_is_learned_from_the_refusal(place: Place) -> None:
    for number in range(10):
        place.kinesis.update_shard_count(
            StreamName=place.name, TargetShardCount=5 - number % 2, ScalingType="UNIFORM_SCALING"
        )
    turn = place.scaler(Seen(steady(3.0))).turn(NOW)
    assert (turn.done, turn.decision.action, turn.decision.reason) == (
        False,
        Keep(),
        Reason.DAY_USED,
    )
    assert place.memory().recall().calls == [Call(NOW, "refused", 4, 4)]
    following = place.scaler(Seen(steady(3.0))).turn(NOW + MINUTE)
    assert isinstance(following.decision.action, Split)
    assert (following.done, place.count()) == (True, 5)


def test_a_stream_that_is_changing_is_left_alone(place: Place) -> None:
    class Busy(Stream):
        def busy(self) -> str:
            return "the stream is UPDATING"

    scaler = place.scaler(Seen(steady(30.0)))
    busy = Scaler(
        Busy(scaler.stream.client, scaler.stream.arn), scaler.watching, scaler.memory, POLICY
    )
    turn = busy.turn(NOW)
    assert (turn.done, turn.decision.reason, turn.decision.why) == (
        False,
        Reason.SETTLING,
        "the stream is UPDATING",
    )


def test_a_call_that_came_too_late_is_taken_back(place: Place) -> None:
    """Between the look and the call somebody has split the shard: Kinesis says so."""

    class Late(Stream):
        def change(self, action: Any) -> None:  # noqa: ARG002  whatever was decided
            low, *_ = self.shards()
            super().change(Split(low.shard_id, low.last_hash // 2))
            super().change(Split(low.shard_id, low.last_hash // 3))

    scaler = place.scaler(Seen(steady(3.0)))
    late = Scaler(
        Late(scaler.stream.client, scaler.stream.arn), scaler.watching, scaler.memory, POLICY
    )
    turn = late.turn(NOW)
    assert (turn.done, turn.decision.reason) == (False, Reason.SETTLING)
    assert "has already been merged or split" in turn.decision.why
    assert place.memory().recall().calls == []


def test_an_on_demand_stream_is_left_alone(place: Place) -> None:
    scaler = place.scaler(Seen(steady(30.0)))
    place.kinesis.update_stream_mode(
        StreamARN=scaler.stream.arn, StreamModeDetails={"StreamMode": "ON_DEMAND"}
    )
    turn = scaler.turn(NOW)
    assert (turn.done, turn.decision.why) == (
        False,
        "the stream is on demand: its shards are AWS's",
    )


def test_single_shards_are_looked_at_when_it_matters(place: Place) -> None:
    calm = Seen(steady(1.5))
    for minute in range(16):
        place.scaler(calm).turn(NOW + minute * MINUTE)
    assert calm.looks == 1, "once in a quarter of an hour"
    shards = place.scaler(calm).stream.shards()
    hot = Seen(
        [*steady(1.25)[:-1], Sample(START - MINUTE, 37.5e6, 75_000, throttled=2_000)],
        {shard.shard_id: 0.1 for shard in shards} | {shards[2].shard_id: 0.95},
    )
    turn = place.scaler(hot).turn(NOW)
    assert turn.decision.reason is Reason.HOT_SHARD
    split = place.scaler(hot).stream.shards()
    assert [one.parent for one in split].count(shards[2].shard_id) == 2


def test_shards_are_taken_away_only_after_a_look_at_single_ones(place: Place) -> None:
    """Halves of what was hot: in the mean three shards would do, of equal width none of them."""
    low, *_ = place.scaler(Seen([])).stream.shards()
    place.kinesis.split_shard(
        StreamName=place.name,
        ShardToSplit=low.shard_id,
        NewStartingHashKey=str(low.last_hash // 2 + 1),
    )
    shards = place.scaler(Seen([])).stream.shards()
    halves = {one.shard_id: 0.45 for one in shards if one.parent == low.shard_id}
    seen = Seen(steady(1.02), dict.fromkeys((one.shard_id for one in shards), 0.04) | halves)
    waiting = place.scaler(seen).turn(NOW)
    assert (waiting.decision, waiting.done, seen.looks) == (
        Decision(
            Keep(),
            Reason.WAITING,
            "5 -> 3 shards: 1.02 shards' load at most in 45 minutes; single shards are looked at"
            " first, each quarter of an hour",
            needed=3,
            calls_left=10,
        ),
        False,
        0,
    )
    looked = place.scaler(seen).turn(NOW + MINUTE)
    assert (looked.decision.action, looked.done, seen.looks) == (
        Merge(shards[3].shard_id, shards[4].shard_id),
        True,
        1,
    )


def test_an_object_is_replaced_only_by_who_has_seen_it(place: Place) -> None:
    memory, call = place.memory(), Call(NOW, "count", 1, 2)
    nothing = memory.recall()
    first = memory.put_down([call], nothing)
    with pytest.raises(Taken):
        memory.put_down([call, call], nothing)
    second = memory.put_down([call, call], first)
    with pytest.raises(Taken):
        memory.put_down([], first)
    assert memory.recall() == Remembered([call, call], second.version)


# CloudWatch


def put_metric(aws: AWS, stream: str, at: float, value: float, name: str, **more: str) -> None:
    dimensions = [
        {"Name": key, "Value": word} for key, word in {"StreamName": stream, **more}.items()
    ]
    aws.client("cloudwatch").put_metric_data(
        Namespace="AWS/Kinesis",
        MetricData=[
            {"MetricName": name, "Dimensions": dimensions, "Timestamp": at, "Value": value}
        ],
    )


def test_nothing_is_taken_away_while_a_consumer_with_fan_out_is_hours_behind(place: Place) -> None:
    """What it reads it has not asked for: only its own metric knows how old that is."""
    scaler = place.scaler(Watching(place.aws.client("cloudwatch"), place.name))
    place.kinesis.register_stream_consumer(StreamARN=scaler.stream.arn, ConsumerName="processor")
    for minute in range(-60, 16):
        put_metric(place.aws, place.name, START + minute * MINUTE, 60_000.0, "IncomingRecords")
    behind = "SubscribeToShardEvent.MillisBehindLatest"
    put_metric(place.aws, place.name, START, 7_200_000.0, behind, ConsumerName="processor")
    late, caught_up = (scaler.turn(NOW + minute * MINUTE) for minute in (1, 16))
    assert (late.decision.action, late.decision.why) == (
        Keep(),
        "3 shards would do: readers are 7200 seconds behind",
    )
    assert caught_up.decision.action == Resize(3)


def test_minutes_come_from_cloudwatch_and_those_without_any_figure_are_not_known(aws: AWS) -> None:
    name, now = f"watched-{uuid4().hex[:8]}", START + 600.0
    for at, metric, value in (
        (START, "IncomingBytes", 600.0),
        (START + 30, "IncomingBytes", 400.0),
        (START, "IncomingRecords", 10.0),
        (START, "WriteProvisionedThroughputExceeded", 3.0),
        (START + 120, "GetRecords.IteratorAgeMilliseconds", 2_500.0),
        (START + 180, "GetRecords.IteratorAgeMilliseconds", 2_500.0),
    ):
        put_metric(aws, name, at, value, metric)
    for at, consumer, behind in (
        (START + 60, "processor", 7_200_000.0),
        (START + 120, "processor", 1_000.0),
        (START + 180, "processor", 9_000.0),
        (START + 240, "not of this stream", 9_000.0),
    ):
        metric = "SubscribeToShardEvent.MillisBehindLatest"
        put_metric(aws, name, at, behind, metric, ConsumerName=consumer)
    watching = Watching(aws.client("cloudwatch"), name)
    samples = watching.stream(now, ["processor", "silent"])
    assert samples == [
        Sample(START, 1_000.0, 10.0, 3.0, 0.0),
        Sample(START + 60, 0.0, 0.0, 0.0, 7_200.0),
        Sample(START + 120, 0.0, 0.0, 0.0, 2.5),
        Sample(START + 180, 0.0, 0.0, 0.0, 9.0),
    ]
    samples = samples[::2]
    one, other = even(2)
    put_metric(aws, name, START, 700.0, "IncomingBytes", ShardId=one.shard_id)
    put_metric(aws, name, START, 7.0, "IncomingRecords", ShardId=one.shard_id)
    put_metric(aws, name, START + 120, 9.0, "IncomingRecords", ShardId=other.shard_id)
    looked = watching.shards(now, samples, [one, other], since=START)
    assert [sample.by_shard for sample in looked] == [
        {one.shard_id: Load(700.0, 7.0), other.shard_id: Load(0.0, 0.0)},
        {one.shard_id: Load(0.0, 0.0), other.shard_id: Load(0.0, 9.0)},
    ]
    later = watching.shards(now, samples, [one, other], since=START + 1)
    assert later[0].by_shard == {}, "a minute before they were all there"
    assert watching.shards(now, samples, [one, other], since=now + 1) == samples, "all too new"


def test_the_function_says_what_it_did_and_counts_it(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    arn = f"arn:aws:kinesis:us-east-1:123456789012:stream/{place.name}"
    settings = Settings(
        event_type="device_telemetry",
        stream_name=place.name,
        stream=arn,
        bucket=place.name,
        state_key=f"scaling/{place.name}.json",
        policy=Policy(least_shards=5, most_shards=8),
    )
    given = {**place.aws.env, **settings.environment(), "HEADRACE_ENVIRONMENT": "dev"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    handler._world.cache_clear()
    context: Any = SimpleNamespace(
        function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="r"
    )
    answer = handler.handler({}, context)
    assert answer == {
        "action": "Resize",
        "reason": "Bounds",
        "why": "4 -> 5 shards: 5 at least",
        "shards": 4,
        "needed": 4,
        "calls_left": 10,
        "done": True,
    }
    assert place.count() == 5
    (logged,) = (record.__dict__ for record in caplog.records if record.message == "scaled")
    assert {key: logged[key] for key in answer} == answer
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    figures = [line for line in lines if "_aws" in line]
    assert [{key: value for key, value in line.items() if key != "_aws"} for line in figures] == [
        {
            "Environment": "dev",
            "EventType": "device_telemetry",
            "OpenShards": [4.0],
            "NeededShards": [4.0],
            "CallsUsed": [0.0],
        },
        {
            "Environment": "dev",
            "EventType": "device_telemetry",
            "Why": "Bounds",
            "Resize": [1.0],
        },
    ]
    handler._world.cache_clear()
