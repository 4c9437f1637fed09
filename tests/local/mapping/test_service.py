"""Event source mappings as anyone's client sees them: each recorded line of the specification.

What the functions saw and what arrived at the destinations is compared whole.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import AWS
from tests.local.lab import until
from tests.local.mapping.conftest import Lab

ANY_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LAMBDA = "arn:aws:lambda:us-east-1:123456789012"
DEFAULTS = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "TumblingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "BisectBatchOnFunctionError": False,
    "FunctionResponseTypes": [],
    "DestinationConfig": {"OnFailure": {}},
}
PARTIAL = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


def to(arn: str) -> dict[str, Any]:
    return {"DestinationConfig": {"OnFailure": {"Destination": arn}}}


def refused(call: Any, **parameters: Any) -> tuple[int, str, str]:
    """The status, code and message of an error."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    return (
        answer["ResponseMetadata"]["HTTPStatusCode"],
        answer["Error"]["Code"],
        answer["Error"]["Message"],
    )


@pytest.fixture(scope="module", autouse=True)
def aging(aws: AWS, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, str, str]]:
    """A record that is refused while the other tests run, for AWS takes no maximum age below 60 s:
    its laboratory, its queue and its sequence number."""
    lab = Lab(aws, tmp_path_factory.mktemp("aging"))
    function, stream, (url, queue) = lab.function("raise ValueError"), lab.stream(), lab.queue()
    [sequence_number] = lab.put(stream, 1)
    lab.mapping(function, stream, MaximumRecordAgeInSeconds=60, **to(queue))
    yield lab, url, sequence_number
    lab.clean()


def test_a_new_mapping_shows_every_default_and_becomes_enabled(lab: Lab) -> None:
    function, stream = lab.function(), lab.stream()
    created = lab.functions.create_event_source_mapping(
        FunctionName=function, EventSourceArn=lab.arn(stream), StartingPosition="TRIM_HORIZON"
    )
    lab.mappings.append(created["UUID"])
    function_arn = lab.functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    assert created.pop("ResponseMetadata")["HTTPStatusCode"] == 202
    assert ANY_UUID.fullmatch(created["UUID"])
    assert time.time() - created.pop("LastModified").timestamp() < 10
    uuid = created["UUID"]
    assert created == DEFAULTS | {
        "UUID": uuid,
        "EventSourceMappingArn": f"{LAMBDA}:event-source-mapping:{uuid}",
        "EventSourceArn": lab.arn(stream),
        "FunctionArn": function_arn,
        "StartingPosition": "TRIM_HORIZON",
        "State": "Creating",
        "StateTransitionReason": "User action",
        "LastProcessingResult": "No records processed",
    }
    lab.settled(created["UUID"], "Enabled")
    lab.put(stream, 1)
    until(lambda: lab.functions.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "OK")


def test_a_missing_stream_is_refused(lab: Lab) -> None:
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/nowhere"
    assert refused(
        lab.functions.create_event_source_mapping,
        FunctionName=lab.function(),
        EventSourceArn=arn,
        StartingPosition="LATEST",
    ) == (400, "InvalidParameterValueException", f"Stream not found: {arn}")


def test_the_same_stream_and_function_again_is_a_conflict(lab: Lab) -> None:
    function, stream = lab.function(), lab.stream()
    uuid = lab.mapping(function, stream)["UUID"]
    status, code, message = refused(
        lab.functions.create_event_source_mapping,
        FunctionName=function,
        EventSourceArn=lab.arn(stream),
        StartingPosition="LATEST",
    )
    assert (status, code) == (409, "ResourceConflictException")
    assert uuid in message


def test_a_missing_function_or_mapping_is_not_found(lab: Lab) -> None:
    assert refused(
        lab.functions.create_event_source_mapping,
        FunctionName="nobody",
        EventSourceArn=lab.arn(lab.stream()),
        StartingPosition="LATEST",
    )[:2] == (404, "ResourceNotFoundException")
    assert refused(
        lab.functions.get_event_source_mapping, UUID="12345678-1234-1234-1234-123456789012"
    )[:2] == (404, "ResourceNotFoundException")


@pytest.mark.parametrize(
    "wrong",
    [
        {"BatchSize": 10_001},
        {"ParallelizationFactor": 11},
        {"MaximumRecordAgeInSeconds": 59},
        {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:dynamodb:r:1:table/t"}}},
        {"FilterCriteria": {"Filters": [{"Pattern": "no json"}]}},
        {"StartingPosition": "AT_TIMESTAMP"},
    ],
)
def test_a_wrong_value_is_refused(lab: Lab, wrong: dict[str, Any]) -> None:
    parameters = {
        "FunctionName": lab.function(),
        "EventSourceArn": lab.arn(lab.stream()),
        "StartingPosition": "LATEST",
    }
    status, code, _ = refused(lab.functions.create_event_source_mapping, **parameters | wrong)
    assert (status, code) == (400, "InvalidParameterValueException")


def test_the_function_sees_the_recorded_event(lab: Lab) -> None:
    function, stream = lab.function(), lab.stream()
    lab.mapping(function, stream)
    [sequence_number] = lab.put(stream, {"a": 1}, key="ключ")
    [event] = until(lambda: lab.events(function))
    [record] = event["Records"]
    arrival = record["kinesis"].pop("approximateArrivalTimestamp")
    assert isinstance(arrival, float)
    assert abs(arrival - time.time()) < 20
    assert len(sequence_number) == 56
    assert event == {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "ключ",
                    "sequenceNumber": sequence_number,
                    "data": base64.b64encode(b'{"a": 1}').decode(),
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000000:{sequence_number}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": lab.role,
                "awsRegion": "us-east-1",
                "eventSourceARN": lab.arn(stream),
            }
        ]
    }


@pytest.mark.parametrize("answer", ['""', "[]", "None", "{}", '{"batchItemFailures": []}',
                                    '{"batchItemFailures": None}'])  # fmt: skip
def test_an_answer_that_reports_nothing_is_a_success(lab: Lab, answer: str) -> None:
    function, stream = lab.function(f"return {answer}"), lab.stream()
    lab.put(stream, 1, 2, 3)
    lab.mapping(function, stream, BatchSize=2, MaximumRetryAttempts=0, **PARTIAL)
    lab.sees(function, [[1, 2], [3]])


@pytest.mark.parametrize("identifier", ['"unknown"', '""', "None"])
def test_an_identifier_that_means_nothing_fails_the_whole_batch(lab: Lab, identifier: str) -> None:
    body = f'return {{"batchItemFailures": [{{"itemIdentifier": {identifier}}}]}}'
    function, stream, (url, queue) = lab.function(body), lab.stream(), lab.queue()
    numbers = lab.put(stream, 1, 2)
    lab.mapping(function, stream, MaximumRetryAttempts=1, **PARTIAL, **to(queue))
    message = lab.message(url)
    assert message["responseContext"]["functionError"] is None
    assert message["KinesisBatchInfo"]["startSequenceNumber"] == numbers[0]
    assert message["KinesisBatchInfo"]["batchSize"] == 2
    lab.sees(function, [[1, 2], [1, 2]])


def test_an_exhausted_batch_is_described_to_the_queue_and_the_shard_moves_on(lab: Lab) -> None:
    function = lab.function("if 1 in read(event): raise ValueError('wrong')")
    stream, (url, queue) = lab.stream(), lab.queue()
    numbers = lab.put(stream, 1, 2, 3)
    lab.mapping(function, stream, BatchSize=2, MaximumRetryAttempts=2, **to(queue))
    message = lab.message(url)
    batch, context = message["KinesisBatchInfo"], message["requestContext"]
    assert ANY_UUID.fullmatch(context.pop("requestId"))
    instants = [message.pop("timestamp"), batch.pop("approximateArrivalOfFirstRecord")]
    instants.append(batch.pop("approximateArrivalOfLastRecord"))
    assert all(INSTANT.fullmatch(instant) for instant in instants)
    function_arn = lab.functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    assert message == {
        "requestContext": {
            "functionArn": function_arn,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000000",
            "startSequenceNumber": numbers[0],
            "endSequenceNumber": numbers[1],
            "batchSize": 2,
            "streamArn": lab.arn(stream),
        },
    }
    lab.sees(function, [[1, 2], [1, 2], [1, 2], [3]])


def test_the_recording_of_the_retry_budget(lab: Lab) -> None:
    body = """
    if 5 in read(event):
        return {"batchItemFailures": [{"itemIdentifier": number(event, 5)}]}
    """
    function, stream, (url, queue) = lab.function(body), lab.stream(), lab.queue()
    numbers = lab.put(stream, 0, 1, 2, 3, 4, 5)
    lab.mapping(function, stream, BatchSize=3, MaximumRetryAttempts=3, **PARTIAL, **to(queue))
    message = lab.message(url)
    assert message["requestContext"]["approximateInvokeCount"] == 4
    assert message["responseContext"]["functionError"] is None
    assert message["KinesisBatchInfo"]["batchSize"] == 1
    assert message["KinesisBatchInfo"]["startSequenceNumber"] == numbers[5]
    lab.sees(function, [[0, 1, 2], [3, 4, 5], [5], [5], [5], [5]])


def test_bisect_isolates_the_poison(lab: Lab) -> None:
    function = lab.function("if 3 in read(event): os._exit(1)")
    stream, (url, queue) = lab.stream(), lab.queue()
    numbers = lab.put(stream, 1, 2, 3, 4)
    lab.mapping(
        function, stream, MaximumRetryAttempts=0, BisectBatchOnFunctionError=True, **to(queue)
    )
    message = lab.message(url)
    assert message["KinesisBatchInfo"]["startSequenceNumber"] == numbers[2]
    assert message["KinesisBatchInfo"]["endSequenceNumber"] == numbers[2]
    lab.sees(function, [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]])


def test_a_topic_gets_the_same_message(lab: Lab) -> None:
    url, queue = lab.queue()
    topic = lab.sns.create_topic(Name=lab.name("topic"))["TopicArn"]
    lab.sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"}
    )
    function, stream = lab.function("raise ValueError"), lab.stream()
    [sequence_number] = lab.put(stream, 1)
    lab.mapping(function, stream, MaximumRetryAttempts=0, **to(topic))
    assert lab.message(url)["KinesisBatchInfo"]["startSequenceNumber"] == sequence_number


def test_a_bucket_gets_the_payload_as_well(lab: Lab) -> None:
    bucket = lab.name("bucket")
    lab.s3.create_bucket(Bucket=bucket)
    function, stream = lab.function("raise ValueError"), lab.stream()
    lab.put(stream, {"a": 1})
    uuid = lab.mapping(function, stream, MaximumRetryAttempts=0, **to(f"arn:aws:s3:::{bucket}"))[
        "UUID"
    ]
    [found] = until(lambda: lab.s3.list_objects_v2(Bucket=bucket).get("Contents"))
    assert re.fullmatch(
        rf"aws/lambda/{uuid}/shardId-000000000000/\d{{4}}/\d\d/\d\d/"
        rf"\d{{4}}-\d\d-\d\dT\d\d\.\d\d\.\d\d-{ANY_UUID.pattern}",
        found["Key"],
    )
    message = json.loads(lab.s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
    assert message["KinesisBatchInfo"]["batchSize"] == 1
    assert json.loads(message["payload"]) == lab.events(function)[0]


def test_a_queue_that_was_deleted_loses_no_message_when_it_comes_back(lab: Lab) -> None:
    function, stream, (url, queue) = lab.function("raise ValueError"), lab.stream(), lab.queue()
    lab.sqs.delete_queue(QueueUrl=url)
    lab.put(stream, 1, 2)
    lab.mapping(function, stream, BatchSize=1, MaximumRetryAttempts=0, **to(queue))
    lab.sees(function, [[1], [2]])
    url = lab.sqs.create_queue(QueueName=queue.rpartition(":")[2])["QueueUrl"]
    found = [lab.message(url)["KinesisBatchInfo"]["batchSize"] for _ in range(2)]
    assert found == [1, 1]


def test_a_message_that_waits_goes_to_the_destination_that_an_update_names(lab: Lab) -> None:
    function, stream, (url, queue) = lab.function("raise ValueError"), lab.stream(), lab.queue()
    other_url, other_queue = lab.queue()
    lab.sqs.delete_queue(QueueUrl=url)
    [sequence_number] = lab.put(stream, 1)
    uuid = lab.mapping(function, stream, MaximumRetryAttempts=0, **to(queue))["UUID"]
    until(lambda: failures(lab, function) > 0)
    lab.functions.update_event_source_mapping(UUID=uuid, **to(other_queue))
    assert lab.message(other_url)["KinesisBatchInfo"]["startSequenceNumber"] == sequence_number


def failures(lab: Lab, function: str) -> float:
    """How often a destination did not take a message about this function."""
    now = datetime.now(UTC)
    points = lab.cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="DestinationDeliveryFailures",
        Dimensions=[{"Name": "FunctionName", "Value": function}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(float(point["Sum"]) for point in points)


def test_a_mapping_that_is_being_changed_cannot_be_changed_again(lab: Lab) -> None:
    function, stream = lab.function("import time; time.sleep(2)"), lab.stream()
    lab.put(stream, 1)
    uuid = lab.mapping(function, stream)["UUID"]
    until(lambda: lab.batches(function))
    lab.functions.update_event_source_mapping(UUID=uuid, MaximumRetryAttempts=7)
    status, code, _ = refused(lab.functions.update_event_source_mapping, UUID=uuid, BatchSize=9_000)
    assert (status, code) == (400, "ResourceInUseException")
    lab.settled(uuid, "Enabled")
    found = lab.functions.get_event_source_mapping(UUID=uuid)
    assert (found["MaximumRetryAttempts"], found["BatchSize"]) == (7, 100)


def test_a_mapping_on_an_alias_follows_the_alias(lab: Lab) -> None:
    function, stream = lab.function("return context.function_version"), lab.stream()
    version = lab.functions.publish_version(FunctionName=function)["Version"]
    alias = lab.functions.create_alias(FunctionName=function, Name="live", FunctionVersion=version)[
        "AliasArn"
    ]
    created = lab.mapping(f"{function}:live", stream)
    assert created["FunctionArn"] == alias
    lab.put(stream, 1)
    lab.sees(function, [[1]])


def test_the_tags_of_a_mapping(lab: Lab) -> None:
    created = lab.mapping(lab.function(), lab.stream(), Tags={"team": "a", "cost": "b"})
    arn = created["EventSourceMappingArn"]
    lab.functions.tag_resource(Resource=arn, Tags={"team": "c", "more": "d"})
    lab.functions.untag_resource(Resource=arn, TagKeys=["cost"])
    assert lab.functions.list_tags(Resource=arn)["Tags"] == {"team": "c", "more": "d"}


def test_what_is_put_after_disabling_is_delivered_after_enabling(lab: Lab) -> None:
    function, stream = lab.function(), lab.stream()
    uuid = lab.mapping(function, stream)["UUID"]
    lab.put(stream, 1)
    lab.sees(function, [[1]])
    lab.functions.update_event_source_mapping(UUID=uuid, Enabled=False)
    lab.settled(uuid, "Disabled")
    lab.put(stream, 2)
    other = lab.function()
    lab.mapping(other, stream)
    until(lambda: lab.values(other) == [1, 2])
    assert lab.batches(function) == [[1]]
    lab.functions.update_event_source_mapping(UUID=uuid, Enabled=True, BatchSize=7)
    lab.sees(function, [[1], [2]])
    assert lab.functions.get_event_source_mapping(UUID=uuid)["BatchSize"] == 7


def test_a_deleted_mapping_delivers_nothing_more(lab: Lab) -> None:
    function, stream = lab.function(), lab.stream()
    uuid = lab.mapping(function, stream)["UUID"]
    deleted = lab.functions.delete_event_source_mapping(UUID=uuid)
    assert (deleted["State"], deleted["ResponseMetadata"]["HTTPStatusCode"]) == ("Deleting", 202)
    assert refused(lab.functions.get_event_source_mapping, UUID=uuid)[0] == 404
    lab.mapping(function, stream, StartingPosition="LATEST")


def test_latest_skips_what_was_there_and_at_timestamp_what_was_before(lab: Lab) -> None:
    stream = lab.stream()
    lab.put(stream, 1)
    until(lambda: time.time() % 1 < 0.5)  # the API rounds nothing, but stay off the edge
    moment = time.time()
    time.sleep(0.01)
    lab.put(stream, 2)
    latest, later = lab.function(), lab.function()
    lab.mapping(latest, stream, StartingPosition="LATEST")
    lab.mapping(later, stream, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment)
    lab.put(stream, 3)
    lab.sees(latest, [[3]])
    until(lambda: lab.values(later) == [2, 3])


def test_a_filter_lets_through_what_matches_and_moves_past_the_rest(lab: Lab) -> None:
    function, stream = lab.function(), lab.stream()
    pattern = json.dumps({"data": {"late": [{"numeric": [">", 15]}]}})
    lab.put(stream, {"late": 10}, {"late": 20}, {"other": 1}, {"late": 30})
    lab.mapping(function, stream, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    lab.sees(function, [[{"late": 20}, {"late": 30}]])


def test_a_fan_out_consumer_reads_beside_standard_ones(lab: Lab) -> None:
    function, stream = lab.function(), lab.stream()
    arn = lab.arn(stream)
    consumer = lab.kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="fast")["Consumer"]
    until(
        lambda: (
            lab.kinesis.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])[
                "ConsumerDescription"
            ]["ConsumerStatus"]
            == "ACTIVE"
        )
    )
    lab.mapping(function, consumer["ConsumerARN"])
    standard = lab.function()
    lab.mapping(standard, stream)
    lab.put(stream, 1, 2)
    lab.sees(function, [[1, 2]])
    lab.sees(standard, [[1, 2]])
    assert lab.events(function)[0]["Records"][0]["eventSourceARN"] == consumer["ConsumerARN"]


def test_a_consumer_that_is_deregistered_stops_its_mapping_with_a_sentence(lab: Lab) -> None:
    function, stream = lab.function(), lab.stream()
    consumer = lab.kinesis.register_stream_consumer(StreamARN=lab.arn(stream), ConsumerName="gone")[
        "Consumer"
    ]["ConsumerARN"]
    uuid = lab.mapping(function, consumer)["UUID"]
    lab.put(stream, 1)
    lab.sees(function, [[1]])
    lab.kinesis.deregister_stream_consumer(ConsumerARN=consumer)
    until(
        lambda: (
            lab.functions.get_event_source_mapping(UUID=uuid)["LastProcessingResult"]
            == "PROBLEM: Consumer not found"
        )
    )


def test_children_are_read_after_their_parents(lab: Lab) -> None:
    function, stream = lab.function(), lab.stream()
    lab.put(stream, 1, 2)
    lab.kinesis.split_shard(
        StreamName=stream,
        ShardToSplit="shardId-000000000000",
        NewStartingHashKey=str(2**127),
    )
    lab.kinesis.get_waiter("stream_exists").wait(StreamName=stream)
    lab.put(stream, 3, 4)
    lab.kinesis.merge_shards(
        StreamName=stream,
        ShardToMerge="shardId-000000000001",
        AdjacentShardToMerge="shardId-000000000002",
    )
    lab.kinesis.get_waiter("stream_exists").wait(StreamName=stream)
    lab.put(stream, 5, 6)
    lab.mapping(function, stream, BatchSize=1)
    lab.sees(function, [[1], [2], [3], [4], [5], [6]])


def test_a_factor_runs_keys_side_by_side_and_each_key_in_order(lab: Lab) -> None:
    function, stream = lab.function("import time; time.sleep(0.2)"), lab.stream()
    keys = "abcdefghij"
    for value in range(3):
        for key in keys:
            lab.put(stream, [key, value], key=key)
    lab.mapping(function, stream, BatchSize=1, ParallelizationFactor=10)
    until(lambda: len(lab.batches(function)) == 30)
    seen = [value for [value] in lab.batches(function)]
    assert {key: [n for k, n in seen if k == key] for key in keys} == {
        key: [0, 1, 2] for key in keys
    }
    assert [n for _, n in seen] != sorted([n for _, n in seen]) or seen != sorted(seen)


def test_throttling_uses_no_retry(lab: Lab) -> None:
    function, stream, (url, queue) = lab.function(), lab.stream(), lab.queue()
    lab.functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    lab.put(stream, 1)
    uuid = lab.mapping(function, stream, MaximumRetryAttempts=0, **to(queue))["UUID"]
    until(
        lambda: (
            lab.functions.get_event_source_mapping(UUID=uuid)["LastProcessingResult"]
            == "PROBLEM: Function call failed"
        )
    )
    lab.functions.delete_function_concurrency(FunctionName=function)
    lab.sees(function, [[1]])
    assert "Messages" not in lab.sqs.receive_message(QueueUrl=url)


@pytest.mark.parametrize(
    ("body", "config"),
    [
        ("import time; time.sleep(30)", {"Timeout": 1}),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", {}),
        ("import sys; sys.exit(3)", {}),
        ("held = [bytearray(10**7) for _ in range(100)]; import time; time.sleep(5)",
         {"MemorySize": 128, "Timeout": 10}),
    ],
    ids=["timeout", "killed", "exit", "memory"],
)  # fmt: skip
def test_a_function_that_dies_is_a_failed_invocation(
    lab: Lab, body: str, config: dict[str, Any]
) -> None:
    function, stream, (url, queue) = lab.function(body, **config), lab.stream(), lab.queue()
    lab.put(stream, 1)
    lab.mapping(function, stream, MaximumRetryAttempts=0, **to(queue))
    message = lab.message(url, 40)
    assert message["responseContext"]["functionError"] == "Unhandled"
    assert message["requestContext"]["approximateInvokeCount"] == 1


def test_a_function_killed_from_outside_loses_nothing(lab: Lab) -> None:
    pid = lab.folder / "pid"
    body = f"""
    if not os.path.exists({str(pid)!r}):
        open({str(pid)!r} + "x", "w").write(str(os.getpid()))
        os.rename({str(pid)!r} + "x", {str(pid)!r})
        import time; time.sleep(30)
    """
    function, stream = lab.function(body, Timeout=60), lab.stream()
    lab.put(stream, 1, 2)
    lab.mapping(function, stream)
    until(pid.exists)
    os.kill(int(pid.read_text()), signal.SIGKILL)
    lab.sees(function, [[1, 2], [1, 2]])


def test_a_function_that_fails_to_start_is_a_failed_invocation(lab: Lab) -> None:
    function, stream, (url, queue) = lab.function(), lab.stream(), lab.queue()
    lab.functions.update_function_configuration(FunctionName=function, Handler="missing.handler")
    lab.put(stream, 1)
    lab.mapping(function, stream, MaximumRetryAttempts=0, **to(queue))
    assert lab.message(url)["responseContext"]["functionError"] == "Unhandled"


@pytest.mark.parametrize("nonsense", ["7", "'done'", "{'batchItemFailures': 'x'}", "[1]"])
def test_nonsense_acknowledges_nothing(lab: Lab, nonsense: str) -> None:
    function, stream, (url, queue) = lab.function(f"return {nonsense}"), lab.stream(), lab.queue()
    lab.put(stream, 1)
    lab.mapping(function, stream, MaximumRetryAttempts=0, **PARTIAL, **to(queue))
    assert lab.message(url)["KinesisBatchInfo"]["batchSize"] == 1


def test_tumbling_windows_carry_state_to_a_final_invocation(lab: Lab) -> None:
    body = """
    total = event["state"].get("total", 0) + sum(read(event))
    return {"state": {"total": total}}
    """
    function, stream = lab.function(body), lab.stream()
    lab.mapping(function, stream, TumblingWindowInSeconds=1, BatchSize=2)
    lab.put(stream, 1, 2, 3)
    until(lambda: any(event["isFinalInvokeForWindow"] for event in lab.events(function)))
    events = lab.events(function)
    final = next(event for event in events if event["isFinalInvokeForWindow"])
    assert final["Records"] == []
    assert final["shardId"] == "shardId-000000000000"
    assert final["eventSourceARN"] == lab.arn(stream)
    assert final["isWindowTerminatedEarly"] is False
    totals = [event["state"] for event in events if event["isFinalInvokeForWindow"]]
    until(
        lambda: (
            sum(
                event["state"]["total"]
                for event in lab.events(function)
                if event["isFinalInvokeForWindow"]
            )
            == 6
        )
    )
    assert totals[0] != {}


def test_six_megabytes_are_the_most_that_one_invocation_gets(lab: Lab) -> None:
    body = "open(os.environ['SEEN'] + '.sizes', 'a').write(str(len(json.dumps(event))) + '\\n')"
    function, stream = lab.function(body, MemorySize=512), lab.stream()
    for _ in range(3):
        lab.put(stream, "x" * 1_000_000, "x" * 1_000_000, "x" * 1_000_000)
    lab.mapping(function, stream, BatchSize=10_000)
    until(lambda: sum(len(batch) for batch in lab.batches(function)) == 9)
    assert [len(batch) for batch in lab.batches(function)] == [4, 4, 1]


def test_mappings_are_listed_by_source_and_by_function(lab: Lab) -> None:
    one, two, stream = lab.function(), lab.function(), lab.stream()
    first, second = lab.mapping(one, stream), lab.mapping(two, stream)

    def listed(**query: str) -> set[str]:
        answer = lab.functions.list_event_source_mappings(**query)
        return {found["UUID"] for found in answer["EventSourceMappings"]}

    assert listed(EventSourceArn=lab.arn(stream)) == {first["UUID"], second["UUID"]}
    assert listed(FunctionName=one) == {first["UUID"]}


def test_subscribe_to_shard_works_for_boto3(lab: Lab, aws: AWS) -> None:
    stream = lab.stream()
    consumer = lab.kinesis.register_stream_consumer(
        StreamARN=lab.arn(stream), ConsumerName="reader"
    )["Consumer"]["ConsumerARN"]
    lab.put(stream, 1, 2)
    subscription = aws.client("kinesis").subscribe_to_shard(
        ConsumerARN=consumer,
        ShardId="shardId-000000000000",
        StartingPosition={"Type": "TRIM_HORIZON"},
    )
    for event in subscription["EventStream"]:
        records = event["SubscribeToShardEvent"]["Records"]
        if records:
            assert [json.loads(record["Data"]) for record in records] == [1, 2]
            break
    subscription["EventStream"].close()


def test_a_record_that_grows_too_old_is_given_up_without_a_response(
    aging: tuple[Lab, str, str],
) -> None:
    lab, url, sequence_number = aging
    message = lab.message(url, 90)
    assert message["requestContext"]["condition"] == "RecordAgeExceeded"
    assert "responseContext" not in message
    assert message["KinesisBatchInfo"]["startSequenceNumber"] == sequence_number
