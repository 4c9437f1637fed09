"""The rescue without AWS: what messages say, what becomes of ranges, what is kept when it fails."""

from __future__ import annotations

import io
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from events import failure
from events.failure import Batch, Gone
from functions.rescue import handler, messages
from functions.rescue.archive import Archive
from functions.rescue.assembling import FEWER, LARGER, MAYBE, MIXED, TRIMMED, UNKNOWN, Assembler
from functions.rescue.messages import Failure, Place, Unreadable
from functions.rescue.rescuer import Rescuer
from functions.rescue.settings import Settings
from functions.shared.ranges import End, Gap
from functions.shared.shards import OutOfTime

STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/flights"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:alerts"
SHARD = "shardId-000000000003"
NOW = datetime(2026, 11, 21, 12, 0, 1, tzinfo=UTC)
ARRIVED = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)

SETTINGS = Settings(
    processor="delay_alerts",
    event_type="flight",
    function_arn=FUNCTION,
    role_arn="arn:aws:iam::123456789012:role/alerts",
    stream_arn=STREAM,
    source_arn=f"{STREAM}/consumer/delay_alerts:1",
    mapping="m-0",
    factor=1,
    log_group="alerts-log",
    bucket="lake",
    payload_bucket="payloads",
)
SHARED = replace(SETTINGS, factor=4)


def told(start: int = 2, end: int = 4, size: int = 3, **changed: Any) -> dict[str, Any]:
    """A failure message as an event source mapping sends it."""
    return {
        "requestContext": {
            "requestId": "r-0",
            "functionArn": FUNCTION,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 4,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2026-11-21T12:00:00.500Z",
        "KinesisBatchInfo": {
            "shardId": SHARD,
            "startSequenceNumber": str(start),
            "endSequenceNumber": str(end),
            "approximateArrivalOfFirstRecord": "2026-11-21T12:00:00.250Z",
            "approximateArrivalOfLastRecord": "2026-11-21T12:00:00.250Z",
            "batchSize": size,
            "streamArn": STREAM,
        },
    } | changed


def message(**changed: Any) -> str:
    return json.dumps(told(**changed))


def record(number: int, key: str = "N1", data: bytes = b"one") -> dict[str, Any]:
    """A record as GetRecords gives it."""
    return {
        "SequenceNumber": str(number),
        "PartitionKey": key,
        "Data": data,
        "ApproximateArrivalTimestamp": ARRIVED,
    }


def handed_over(number: int, key: str = "N1", data: bytes = b"one") -> dict[str, Any]:
    """The same as the event source mapping handed it over."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": key,
            "sequenceNumber": str(number),
            "data": b64encode(data).decode(),
            "approximateArrivalTimestamp": 1795262400.25,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{SHARD}:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": SETTINGS.role_arn,
        "awsRegion": "us-east-1",
        "eventSourceARN": SETTINGS.source_arn,
    }


def test_settings_travel_through_the_environment() -> None:
    assert Settings.read(SHARED.environment()) == SHARED


# messages


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object but list"),
        ("{}", "missing required field"),
        (json.dumps({"Records": [{"eventName": "ObjectCreated:Put"}]}), "missing required field"),
        (
            json.dumps(
                {
                    "Records": [
                        {
                            "eventName": "ObjectRemoved:Delete",
                            "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}},
                        }
                    ]
                }
            ),
            "not of a new object",
        ),
        (message(start=5), "ends before it starts"),
        (message(size=0), "batchSize"),
        (message(start=cast(int, "0x1")), "startSequenceNumber"),
        (message(timestamp="2026-11-21T12:00:00"), "timestamp"),
    ],
)
def test_what_is_no_failure_message_is_told_from_one(body: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        messages.read(body)


def test_a_failure_message_says_what_the_archive_needs() -> None:
    found = messages.read(message())
    assert isinstance(found, Failure)
    assert (found.batch.start, found.batch.end, found.batch.batch_size) == (2, 4, 3)
    assert (found.error, found.request_context.condition) == ("Unhandled", "RetryAttemptsExhausted")


def test_a_batch_that_grew_too_old_has_no_answer_of_the_function() -> None:
    old = told()
    del old["responseContext"]
    found = messages.read(json.dumps(old))
    assert isinstance(found, Failure)
    assert found.error == ""


def test_a_notification_says_where_objects_are_and_a_test_that_there_are_none() -> None:
    body = {
        "Records": [
            {
                "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": "b"}, "object": {"key": "aws/lambda/a+b%3Dc"}},
            }
        ]
    }
    assert messages.read(json.dumps(body)) == [Place("b", "aws/lambda/a b=c")]
    assert messages.read(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"})) == []


@pytest.mark.parametrize(
    "payload",
    [
        None,
        "{",
        "[]",
        "{}",
        json.dumps({"Records": []}),
        json.dumps({"Records": [{"kinesis": {"sequenceNumber": "x"}}]}),
        json.dumps({"Records": [handed_over(n) for n in (2, 3)]}),
        json.dumps({"Records": [handed_over(n) for n in (1, 3, 4)]}),
        json.dumps({"Records": [handed_over(n) for n in (2, 2, 4)]}),
    ],
)
def test_a_payload_that_is_not_the_batch_is_read_back_instead(payload: str | None) -> None:
    found = messages.read(message(payload=payload))
    assert isinstance(found, Failure)
    assert messages.payload(found) is None


# assembling


def assembled(
    numbers: list[tuple[int, str]],
    gaps: list[Gap],
    *,
    size: int = 3,
    settings: Settings = SETTINGS,
    ended: End = End.REACHED,
) -> Batch:
    """The batch from 2 to 4 (or 9), of which the stream had these records."""
    told_ = messages.read(message(end=9, size=size))
    assert isinstance(told_, Failure)
    made = Assembler(settings, told_, NOW)
    assert made.take([record(*one) for one in numbers]) == []
    return made.finish(gaps, ended)


def gone(start: int, end: int, why: str, records: int) -> Gone:
    return Gone(
        from_sequence_number=str(start), to_sequence_number=str(end), why=why, records=records
    )


def test_a_whole_range_is_the_batch_in_its_original_shape() -> None:
    found = assembled([(2, "a"), (3, "b"), (9, "c")], [])
    assert found.records == [handed_over(2, "a"), handed_over(3, "b"), handed_over(9, "c")]
    assert (found.gone, found.exact, found.note, found.lost) == ([], True, "", 0)
    assert (found.batch_size, found.rescued_at, found.first_arrived_at) == (3, NOW, ARRIVED)
    assert (found.mapping, found.log_group, found.error) == ("m-0", "alerts-log", "Unhandled")


@pytest.mark.parametrize(
    ("numbers", "gaps", "ended", "expected"),
    [
        ([4, 9], [Gap(2, 3, sure=True)], End.REACHED, [gone(2, 3, TRIMMED, 1)]),
        ([9], [Gap(2, 8, sure=True)], End.REACHED, [gone(2, 8, TRIMMED, 2)]),
        ([], [Gap(2, 9, sure=True)], End.NEWEST, [gone(2, 9, TRIMMED, 3)]),
        ([], [Gap(2, 9, sure=True)], End.MISSING, [gone(2, 9, UNKNOWN, 3)]),
        ([2, 9], [Gap(3, 8, sure=False)], End.REACHED, [gone(3, 8, MAYBE, 1)]),
        ([2, 4, 9], [Gap(5, 8, sure=False)], End.REACHED, []),
        ([2, 9], [], End.REACHED, [gone(2, 9, FEWER, 1)]),
        (
            [4],
            [Gap(2, 3, sure=True), Gap(5, 9, sure=True)],
            End.CLOSED,
            [gone(2, 3, TRIMMED, 1), gone(5, 9, TRIMMED, 1)],
        ),
        (
            [9],
            [Gap(2, 3, sure=True), Gap(5, 8, sure=False)],
            End.REACHED,
            [gone(2, 3, TRIMMED, 2), gone(5, 8, MAYBE, 0)],
        ),
    ],
)
def test_what_is_gone_is_named_and_counted(
    numbers: list[int], gaps: list[Gap], ended: End, expected: list[Gone]
) -> None:
    found = assembled([(number, "a") for number in numbers], gaps, ended=ended)
    assert found.gone == expected
    assert found.lost == 3 - len(numbers)
    assert found.exact, "one lane: what is left of the range is the batch's"


def test_records_of_other_lanes_are_left_out_where_keys_tell_them_apart() -> None:
    found = assembled([(2, "a"), (3, "x"), (4, "b"), (9, "b")], [], settings=SHARED)
    assert [failure.sequence_number(one) for one in found.records] == [2, 4, 9]
    assert (found.exact, found.note) == (True, "")


def test_where_nothing_tells_lanes_apart_the_whole_range_is_kept_and_says_so() -> None:
    found = assembled([(2, "a"), (3, "x"), (4, "y"), (9, "b")], [], settings=SHARED)
    assert [failure.sequence_number(one) for one in found.records] == [2, 3, 4, 9]
    assert (found.exact, found.note) == (False, MIXED)


def test_of_a_trimmed_range_of_several_lanes_nothing_is_claimed_to_be_the_batch() -> None:
    numbers = [(4, "a"), (5, "b"), (9, "c")]
    found = assembled(numbers, [Gap(2, 3, sure=True)], settings=SHARED)
    assert (found.exact, found.note, found.lost) == (False, MIXED, 1)
    fewer = assembled(numbers[:2], [], settings=SHARED)
    assert (fewer.exact, fewer.lost) == (False, 1)


def test_more_records_than_one_lane_can_have_had_are_not_called_the_batch() -> None:
    found = assembled([(number, str(number)) for number in (2, 3, 4, 9)], [])
    assert (len(found.records), found.exact, found.note) == (4, False, LARGER)


def test_a_range_that_no_batch_can_have_been_is_kept_in_parts_of_six_megabytes() -> None:
    told_ = messages.read(message(start=1, end=15, size=4))
    assert isinstance(told_, Failure)

    def parts() -> list[Batch]:
        made = Assembler(SHARED, told_, NOW)
        found = [
            part
            for number in range(1, 16)
            for part in made.take([record(number, str(number), bytes(1024**2 - 2))])
        ]
        return [*found, made.finish([], End.REACHED)]

    found = parts()
    assert [(one.start_sequence_number, one.end_sequence_number) for one in found] == [
        ("1", "6"),
        ("7", "12"),
        ("13", "15"),
    ]
    assert [one.batch_size for one in found] == [6, 6, 3]
    assert not any(one.exact for one in found)
    assert len({one.failure_id for one in found}) == 3
    assert [one.failure_id for one in found] == [one.failure_id for one in parts()]


@settings(max_examples=200, deadline=None)
@given(
    keys=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=20),
    lanes=st.integers(1, 4),
)
def test_a_batch_that_calls_itself_exact_is_the_lane_that_failed(keys: str, lanes: int) -> None:
    lane = {key: "abcdef".index(key) % lanes for key in keys}
    failed = [number for number, key in enumerate(keys) if lane[key] == lane[keys[0]]]
    start, end = failed[0], failed[-1]
    told_ = messages.read(message(start=start, end=end, size=len(failed)))
    assert isinstance(told_, Failure)
    made = Assembler(replace(SETTINGS, factor=lanes), told_, NOW)
    made.take([record(number, keys[number]) for number in range(start, end + 1)])
    found = made.finish([], End.REACHED)
    kept = [failure.sequence_number(one) for one in found.records]
    assert kept == failed if found.exact else set(failed) < set(kept)


# rescuing, with clients that do as they are told


class Refusal(ClientError):
    def __init__(self, code: str) -> None:
        super().__init__({"Error": {"Code": code, "Message": ""}}, "Operation")


@dataclass
class Bucket:
    """An S3 client: what is put stays; `refuse` says how many calls succeed before one raises."""

    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    refuse: list[Exception | None] = field(default_factory=list)

    def _turn(self) -> None:
        if self.refuse and (error := self.refuse.pop(0)):
            raise error

    def put_object(self, **asked: Any) -> None:
        self._turn()
        place = asked["Bucket"], asked["Key"]
        assert asked["IfNoneMatch"] == "*"
        if place in self.objects:
            raise Refusal("PreconditionFailed")
        self.objects[place] = asked["Body"]

    def get_object(self, **asked: Any) -> dict[str, Any]:
        self._turn()
        if (asked["Bucket"], asked["Key"]) not in self.objects:
            raise Refusal("NoSuchKey")
        return {"Body": io.BytesIO(self.objects[asked["Bucket"], asked["Key"]])}

    def delete_object(self, **asked: Any) -> None:
        self._turn()
        self.objects.pop((asked["Bucket"], asked["Key"]), None)

    def keys(self, bucket: str = "lake") -> list[str]:
        return sorted(key for place, key in self.objects if place == bucket)

    def batches(self) -> list[Batch]:
        wanted = [key for key in self.keys() if key.startswith(failure.BATCHES_PREFIX)]
        return [failure.decode(self.objects["lake", key]) for key in wanted]


@dataclass
class Stream:
    """A Kinesis client of one shard with these records, one a page; `refuse` as of a bucket."""

    records: list[dict[str, Any]]
    refuse: list[Exception | None] = field(default_factory=list)

    def get_shard_iterator(self, **asked: Any) -> dict[str, str]:
        assert (asked["StreamARN"], asked["ShardId"]) == (STREAM, SHARD)
        if self.refuse and (error := self.refuse.pop(0)):
            raise error
        return {"ShardIterator": asked["StartingSequenceNumber"]}

    def get_records(self, **asked: Any) -> dict[str, Any]:
        if self.refuse and (error := self.refuse.pop(0)):
            raise error
        at = int(asked["ShardIterator"])
        left = [one for one in self.records if int(one["SequenceNumber"]) >= at]
        return {
            "Records": left[:1],
            "NextShardIterator": str(int(left[0]["SequenceNumber"]) + 1 if left else at),
            "MillisBehindLatest": len(left[1:]),
        }


RECORDS = [record(2), record(3), record(4), record(5)]


def rescuer(stream: Stream, bucket: Bucket, settings: Settings = SETTINGS) -> Rescuer:
    return Rescuer(settings, cast(Any, stream), Archive(cast(Any, bucket), "lake"), lambda: NOW)


def test_a_message_becomes_the_batch_and_its_lines() -> None:
    bucket = Bucket()
    outcome = rescuer(Stream(RECORDS), bucket)("id", message())
    [kept] = bucket.batches()
    assert outcome.batches == [kept]
    assert kept.records == [handed_over(2), handed_over(3), handed_over(4)]
    assert bucket.keys() == [
        failure.batch_key(kept.failure_id),
        failure.lines_key(kept.failure_id, kept.failed_at),
    ]


@pytest.mark.parametrize("broken", [0, 1])
def test_a_rescue_that_was_interrupted_is_finished_by_the_next_with_the_same_keys(
    broken: int,
) -> None:
    down = EndpointConnectionError(endpoint_url="s3")
    bucket = Bucket(refuse=[*[None] * broken, down])
    with pytest.raises(EndpointConnectionError):
        rescuer(Stream(RECORDS), bucket)("id", message())
    assert len(bucket.keys()) == broken
    assert bucket.batches() == [], "a batch that is there is there with its lines"
    rescuer(Stream(RECORDS), bucket)("id", message())
    before = dict(bucket.objects)
    rescuer(Stream(RECORDS), bucket)("id", message())
    assert bucket.objects == before
    assert len(before) == 2


def test_what_was_kept_whole_is_not_replaced_by_what_the_stream_still_has() -> None:
    bucket = Bucket()
    [kept] = rescuer(Stream(RECORDS), bucket)("id", message()).batches
    [again] = rescuer(Stream([record(9)]), bucket)("id", message()).batches
    assert again == kept
    assert again.lost == 0


def test_a_stream_that_refuses_leaves_the_message() -> None:
    bucket = Bucket()
    stream = Stream(RECORDS, refuse=[Refusal("AccessDeniedException")])
    with pytest.raises(ClientError):
        rescuer(stream, bucket)("id", message())
    assert bucket.objects == {}


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidArgumentException"])
def test_a_shard_that_is_no_more_is_archived_as_gone(code: str) -> None:
    bucket = Bucket()
    [kept] = rescuer(Stream([], [Refusal(code)]), bucket)("id", message()).batches
    assert (kept.records, kept.gone) == ([], [gone(2, 4, UNKNOWN, 3)])
    assert bucket.batches() == [kept]


def test_an_expired_iterator_is_renewed_and_no_time_left_is_said() -> None:
    refuse = [None, Refusal("ExpiredIteratorException"), None]
    [kept] = rescuer(Stream(RECORDS, list(refuse)), Bucket())("id", message()).batches
    assert len(kept.records) == 3
    bucket = Bucket()
    with pytest.raises(OutOfTime):
        rescuer(Stream(RECORDS), bucket)("id", message(), lambda: 0.0)
    assert bucket.objects == {}


@pytest.mark.parametrize(
    "body",
    [
        "no JSON \u2026",
        message().replace(STREAM, STREAM + "-of-others"),
        json.dumps(
            {
                "Records": [
                    {
                        "eventName": "ObjectCreated:Put",
                        "s3": {"bucket": {"name": "others"}, "object": {"key": "k"}},
                    }
                ]
            }
        ),
    ],
)
def test_a_message_that_is_no_failure_of_the_processor_is_kept_as_it_came(body: str) -> None:
    bucket = Bucket()
    outcome = rescuer(Stream(RECORDS), bucket)("id-7", body)
    assert outcome.batches == []
    assert len(outcome.unreadable) == 1
    [kept] = bucket.objects.values()
    assert bucket.keys() == [failure.unreadable_key(body.encode())]
    assert json.loads(kept) == {
        "why": outcome.unreadable[0],
        "kept_at": "2026-11-21T12:00:01Z",
        "processor": "delay_alerts",
        "message_id": "id-7",
        "body": body,
    }


# objects that hold failures


def put(key: str = "aws/lambda/m-0/x") -> str:
    entity = {"bucket": {"name": "payloads"}, "object": {"key": key}}
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": entity}]})


def payload(numbers: list[int]) -> bytes:
    event = {"Records": [handed_over(number) | {"new": [number]} for number in numbers]}
    return message(payload=json.dumps(event)).encode()


OBJECT = ("payloads", "aws/lambda/m-0/x")


def test_an_object_is_archived_with_the_records_it_holds_and_deleted() -> None:
    bucket = Bucket({OBJECT: payload([2, 3, 4])})
    [kept] = rescuer(Stream([]), bucket)("id", put()).batches
    assert kept.records == [handed_over(number) | {"new": [number]} for number in (2, 3, 4)]
    assert (kept.exact, kept.gone) == (True, [])
    assert bucket.batches() == [kept]
    assert bucket.keys("payloads") == []


def test_an_object_without_the_batch_is_read_back_from_the_stream() -> None:
    bucket = Bucket({OBJECT: payload([2, 4])})
    [kept] = rescuer(Stream(RECORDS), bucket)("id", put()).batches
    assert kept.records == [handed_over(2), handed_over(3), handed_over(4)]
    assert bucket.keys("payloads") == []


@pytest.mark.parametrize("held", [[2, 4], [2, 3], [2, 2, 3, 4], [3, 2, 4], [5]])
def test_records_of_an_object_that_are_not_those_of_the_batch_are_kept_beside_it(
    held: list[int],
) -> None:
    body = payload(held)
    bucket = Bucket({OBJECT: body})
    outcome = rescuer(Stream([]), bucket)("id", put())
    [kept] = bucket.batches()
    assert (outcome.batches, kept.records, kept.lost) == ([kept], [], 3)
    assert outcome.unreadable == ["its records are not those of the batch that it tells of"]
    said = json.loads(bucket.objects["lake", failure.unreadable_key(body)])
    assert (said["body"].encode(), said["key"]) == (body, OBJECT[1])
    assert bucket.keys("payloads") == []


@pytest.mark.parametrize("body", [b"\xff\xfe", put().encode(), b"{}"])
def test_an_object_that_is_no_failure_is_kept_elsewhere_before_it_is_deleted(body: bytes) -> None:
    bucket = Bucket({OBJECT: body})
    outcome = rescuer(Stream([]), bucket)("id", put())
    assert len(outcome.unreadable) == 1
    assert bucket.keys() == [failure.unreadable_key(body)]
    said = json.loads(bucket.objects["lake", bucket.keys()[0]])
    held = said.get("body", "").encode() or b64decode(said["body_base64"])
    assert (held, said["key"]) == (body, OBJECT[1])
    assert bucket.keys("payloads") == []


@pytest.mark.parametrize("broken", [0, 1, 2, 3])
def test_an_object_is_there_until_its_batch_is(broken: int) -> None:
    down = EndpointConnectionError(endpoint_url="s3")
    bucket = Bucket({OBJECT: payload([2, 3, 4])}, refuse=[*[None] * broken, down])
    with pytest.raises(EndpointConnectionError):
        rescuer(Stream([]), bucket)("id", put())
    assert bucket.keys("payloads") == [OBJECT[1]]
    rescuer(Stream([]), bucket)("id", put())
    assert len(bucket.batches()) == 1
    assert bucket.keys("payloads") == []


def test_a_notification_that_comes_twice_finds_its_object_gone() -> None:
    bucket = Bucket()
    outcome = rescuer(Stream([]), bucket)("id", put())
    assert (outcome.batches, outcome.unreadable, bucket.objects) == ([], [], {})


# the handler


def test_one_message_that_cannot_be_rescued_stays_alone_and_everything_is_counted(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = Stream(RECORDS, refuse=[EndpointConnectionError(endpoint_url="kinesis")])
    made = rescuer(stream, Bucket())
    monkeypatch.setattr(handler, "_rescuer", lambda: made)
    monkeypatch.setattr(handler, "_settings", lambda: SETTINGS)
    messages_ = [message(), message(), "what is this?", message(start=1)]
    event = {
        "Records": [{"messageId": f"id-{n}", "body": body} for n, body in enumerate(messages_)]
    }
    answer = handler.handler(event, cast(Any, Context()))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "id-0"}]}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [counted] = [line for line in lines if "_aws" in line]
    del counted["_aws"]
    assert (counted.pop("Environment"), counted.pop("Processor")) == ("test", "delay_alerts")
    assert {name: sum(values) for name, values in counted.items()} == {
        "RescuedBatches": 2,
        "RescuedRecords": 6,
        "LostRecords": 1,
        "Unreadable": 1,
        "NotRescued": 1,
    }
    assert [record.getMessage() for record in caplog.records if record.name == "rescue"] == [
        "not rescued",
        "rescued",
        "rescued",
        "kept, but no failure message",
    ]


@dataclass
class Context:
    """As much of an invocation's context as is read."""

    function_name: str = "rescue"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = FUNCTION
    aws_request_id: str = "invocation"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000
