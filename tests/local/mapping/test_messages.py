"""What goes over the wire: the event, the on-failure message, the filters, the parameters."""

import json
from typing import Any

import pytest

from local.mapping import event, failure, parameters
from local.mapping.filters import Filter, InvalidPattern
from local.mapping.lane import Condition, Entry, GiveUp, Limits, Window

STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
ROLE = "arn:aws:iam::123456789012:role/r"
NUMBER = 49590338271490256608559692538361571095921575989136588898
ORIGIN = failure.Origin("uuid", FUNCTION, STREAM, "shardId-000000000001")


def a_record() -> bytes:
    return event.record(
        shard_id="shardId-000000000006",
        sequence_number=NUMBER,
        partition_key='ключ "1"',
        data=b"Hello, this is a test.",
        arrival=1545084650.987,
        role=ROLE,
        region="us-east-1",
        source=STREAM,
    )


def test_the_event_is_shaped_as_recorded_from_aws() -> None:
    assert json.loads(event.event([a_record()], None, shard_id="s", source=STREAM)) == {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": 'ключ "1"',
                    "sequenceNumber": str(NUMBER),
                    "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000006:{NUMBER}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": ROLE,
                "awsRegion": "us-east-1",
                "eventSourceARN": STREAM,
            }
        ]
    }


def test_a_window_adds_its_members() -> None:
    window = Window(1607497440, 1607497560, b'{"1":282}', final=True)
    payload = json.loads(event.event([], window, shard_id="shardId-6", source=STREAM))
    assert payload == {
        "Records": [],
        "window": {"start": "2020-12-09T07:04:00Z", "end": "2020-12-09T07:06:00Z"},
        "state": {"1": 282},
        "shardId": "shardId-6",
        "eventSourceARN": STREAM,
        "isFinalInvokeForWindow": True,
        "isWindowTerminatedEarly": False,
    }


ENTRIES = (Entry(NUMBER, "a", 1545084650.987, 1), Entry(NUMBER + 7, "b", 1545084711, 1))
BATCH = {
    "shardId": "shardId-000000000001",
    "startSequenceNumber": str(NUMBER),
    "endSequenceNumber": str(NUMBER + 7),
    "approximateArrivalOfFirstRecord": "2018-12-17T22:10:50.987Z",
    "approximateArrivalOfLastRecord": "2018-12-17T22:11:51.000Z",
    "batchSize": 2,
    "streamArn": STREAM,
}


def test_an_exhausted_batch_names_its_range_and_its_last_error() -> None:
    given_up = GiveUp(ENTRIES, Condition.RETRY_ATTEMPTS_EXHAUSTED, 4, "Unhandled")
    assert failure.message(ORIGIN, given_up, request_id="r", now=1545084720.5) == {
        "requestContext": {
            "requestId": "r",
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
        "timestamp": "2018-12-17T22:12:00.500Z",
        "KinesisBatchInfo": BATCH,
    }


def test_a_batch_that_grew_too_old_has_no_response_context() -> None:
    given_up = GiveUp(ENTRIES, Condition.RECORD_AGE_EXCEEDED, 0, None)
    assert failure.message(ORIGIN, given_up, request_id="r", now=0) == {
        "requestContext": {
            "requestId": "r",
            "functionArn": FUNCTION,
            "condition": "RecordAgeExceeded",
            "approximateInvokeCount": 0,
        },
        "version": "1.0",
        "timestamp": "1970-01-01T00:00:00.000Z",
        "KinesisBatchInfo": BATCH,
    }


def test_the_object_key_of_an_s3_destination() -> None:
    key = failure.object_key(ORIGIN, now=1545084720.5, unique="u")
    assert key == "aws/lambda/uuid/shardId-000000000001/2018/12/17/2018-12-17T22.12.00-u"


@pytest.mark.parametrize(
    ("pattern", "data", "passes"),
    [
        ({"data": {"a": [1]}}, b'{"a": 1}', True),
        ({"data": {"a": [1]}}, b'{"a": true}', False),
        ({"data": {"a": [None]}}, b'{"a": null}', True),
        ({"data": {"a": [None]}}, b"{}", False),
        ({"data": {"a": [""]}}, b'{"a": ""}', True),
        ({"data": {"a": ["x", "y"], "b": [2]}}, b'{"a": "y", "b": 2}', True),
        ({"data": {"a": ["x", "y"], "b": [2]}}, b'{"a": "y", "b": 3}', False),
        ({"data": {"a": {"b": [{"prefix": "x"}]}}}, b'{"a": {"b": "xyz"}}', True),
        ({"data": {"a": [{"suffix": "z"}]}}, b'{"a": "xyz"}', True),
        ({"data": {"a": [{"equals-ignore-case": "XyZ"}]}}, b'{"a": "xYz"}', True),
        ({"data": {"a": [{"exists": False}]}}, b"{}", True),
        ({"data": {"a": [{"exists": True}]}}, b"{}", False),
        ({"data": {"a": [{"anything-but": ["x"]}]}}, b'{"a": "y"}', True),
        ({"data": {"a": [{"anything-but": ["x"]}]}}, b'{"a": "x"}', False),
        ({"data": {"a": [{"anything-but": {"prefix": "x"}}]}}, b'{"a": "xy"}', False),
        ({"data": {"a": [{"numeric": [">", 1, "<=", 5]}]}}, b'{"a": 5}', True),
        ({"data": {"a": [{"numeric": [">", 1, "<=", 5]}]}}, b'{"a": 1}', False),
        ({"data": {"a": [{"numeric": ["=", 5]}]}}, b'{"a": "5"}', False),
        ({"data": {"$or": [{"a": [1]}, {"b": [2]}]}}, b'{"b": 2}', True),
        ({"data": {"$or": [{"a": [1]}, {"b": [2]}]}}, b'{"b": 3}', False),
        ({"data": {"a": ["x"]}}, b'{"a": ["y", "x"]}', True),
        ({"data": {"a": ["x"]}}, b"not json", False),
        ({"data": {"a": ["x"]}}, b"\xff\xfe", False),
        ({"data": ["plain"]}, b"plain", True),
        ({"partitionKey": ["key"]}, b"\xff\xfe", True),
        ({"partitionKey": ["other"]}, b"{}", False),
    ],
)
def test_filters(pattern: dict[str, Any], data: bytes, passes: bool) -> None:
    found = Filter([json.dumps(pattern)])
    assert found.passes(partition_key="key", sequence_number=1, data=data, arrival=0) is passes


def test_any_of_several_patterns_lets_a_record_through_and_none_lets_all() -> None:
    both = Filter(['{"data": {"a": [1]}}', '{"data": {"a": [2]}}'])
    assert both.passes(partition_key="k", sequence_number=1, data=b'{"a": 2}', arrival=0)
    assert Filter([]).passes(partition_key="k", sequence_number=1, data=b"\xff", arrival=0)


@pytest.mark.parametrize(
    "pattern",
    ["", "not json", "[]", "{}", '{"data": 1}', '{"data": {"a": [{"like": "x"}]}}',
     '{"data": {"a": [{"numeric": [">"]}]}}', '{"data": {"$or": [1]}}',
     '{"data": {"a": [{"exists": 1}]}}', '{"data": {"a": [{}]}}'],
)  # fmt: skip
def test_a_pattern_that_makes_no_sense_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        Filter([pattern])


def create(**request: Any) -> parameters.Parameters:
    return parameters.create({"StartingPosition": "TRIM_HORIZON"} | request)


def test_the_defaults_are_those_of_the_specification() -> None:
    assert create() == parameters.Parameters(
        numbers={
            "BatchSize": 100,
            "MaximumBatchingWindowInSeconds": 0,
            "ParallelizationFactor": 1,
            "TumblingWindowInSeconds": 0,
            "MaximumRecordAgeInSeconds": -1,
            "MaximumRetryAttempts": -1,
        }
    )


def test_what_nothing_else_ends_ends_with_the_streams_retention() -> None:
    assert create().limits(86_400) == Limits(age=86_400)
    found = create(MaximumRecordAgeInSeconds=3_600, MaximumRetryAttempts=3, BatchSize=7)
    assert found.limits(86_400) == Limits(batch_size=7, retries=3, age=3_600)


@pytest.mark.parametrize(
    "request_",
    [
        {"BatchSize": 0},
        {"BatchSize": 10_001},
        {"BatchSize": "100"},
        {"MaximumBatchingWindowInSeconds": 301},
        {"ParallelizationFactor": 11},
        {"TumblingWindowInSeconds": 901},
        {"MaximumRecordAgeInSeconds": 59},
        {"MaximumRecordAgeInSeconds": 604_801},
        {"MaximumRetryAttempts": -2},
        {"MaximumRetryAttempts": 10_001},
        {"StartingPosition": None},
        {"StartingPosition": "MIDDLE"},
        {"StartingPosition": "AT_TIMESTAMP"},
        {"StartingPositionTimestamp": 1.0},
        {"FunctionResponseTypes": ["Everything"]},
        {"FilterCriteria": {"Filters": [{"Pattern": "no json"}]}},
        {"FilterCriteria": {"Filters": [{"Pattern": '{"data": {"a": [1]}}'}] * 6}},
        {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:dynamodb:r:1:table/t"}}},
        {"DestinationConfig": {"OnFailure": {"Destination": "nowhere"}}},
        {"DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:sqs:r:1:q"}}},
        {"MetricsConfig": {"Metrics": ["Everything"]}},
        {"BisectBatchOnFunctionError": 1},
    ],
)
def test_a_value_out_of_range_is_refused(request_: dict[str, Any]) -> None:
    with pytest.raises(parameters.InvalidParameter):
        create(**request_)


def test_an_update_changes_only_what_it_names() -> None:
    found = create(BatchSize=7, BisectBatchOnFunctionError=True).updated({"BatchSize": 8})
    assert found == create(BatchSize=8, BisectBatchOnFunctionError=True)
