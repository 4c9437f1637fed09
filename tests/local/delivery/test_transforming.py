"""The transform function at work: its answers, its failures, its retries, KPL records."""

import base64
import json
from typing import Any

import pytest

from tests.local.delivery.conftest import Lab, processing
from tests.local.delivery.test_aggregation import packed

FUNCTION_ERROR = "The Lambda function was successfully invoked but it returned an error result."


def raw(line: dict[str, Any]) -> bytes:
    return base64.b64decode(line["rawData"])


def test_every_verdict_ends_where_it_does_on_aws(lab: Lab) -> None:
    configured = lab.transform("""
        key = record["recordId"]
        verdict = data.decode()
        if verdict == "drop":
            return {"recordId": key, "result": "Dropped"}
        if verdict == "fail":
            return {"recordId": key, "result": "ProcessingFailed", "data": record["data"]}
        if verdict == "null":
            return {"recordId": key, "result": "Ok"}
        if verdict == "miss":
            return []
        if verdict == "twice":
            return [ok(record, b"1"), ok(record, b"2")]
        return [ok(record, data + b";"), {**ok(record, b"stray"), "recordId": "stray" + key}]
        """)
    name = lab.delivery(ProcessingConfiguration=configured)
    lab.put(name, b"a", b"drop", b"fail", b"null", b"miss", b"twice", b"b")
    assert lab.objects("data/")[0][1] == b"a;b;"
    lines = {raw(line): line for line in lab.lines("processing-failed", 4)}
    function = configured["Processors"][0]["Parameters"][0]["ParameterValue"]
    assert {data: (line["errorCode"], line["attemptsMade"]) for data, line in lines.items()} == {
        b"fail": ("Lambda.ProcessingFailedStatus", 1),
        b"null": ("Lambda.InvalidReturnFormat", 1),
        b"miss": ("Lambda.MissingRecordId", 1),
        b"twice": ("Lambda.DuplicatedRecordId", 1),
    }
    line = lines[b"fail"]
    assert list(line) == [
        "attemptsMade",
        "arrivalTimestamp",
        "errorCode",
        "errorMessage",
        "attemptEndingTimestamp",
        "rawData",
        "lambdaARN",
    ]
    assert (line["errorMessage"], line["lambdaARN"]) == (
        "ProcessingFailed status set for record",
        function,
    )
    assert line["arrivalTimestamp"] <= line["attemptEndingTimestamp"]
    assert lab.metric(name, "SucceedProcessing.Records") == 2


@pytest.mark.parametrize(
    ("body", "retries", "attempts"),
    [
        ("raise ValueError(data)", None, 4),
        ("raise ValueError(data)", "1", 2),
        ("return {'recordId': record['recordId'], 'result': 'Okay', 'data': ''}", "0", 1),
        ("return {'recordId': record['recordId'], 'result': 'Ok', 'data': '%'}", "0", 1),
        ("return {**ok(record, b'x' * 3_000_000)}", "0", 1),
    ],
)
def test_a_function_that_fails_is_tried_again_and_fails_the_batch(
    lab: Lab, body: str, retries: str | None, attempts: int
) -> None:
    options = {"NumberOfRetries": retries} if retries else {}
    name = lab.delivery(ProcessingConfiguration=lab.transform(body, **options))
    lab.put(name, b"one", b"two", b"three")
    lines = lab.lines("processing-failed", 3)
    assert [raw(line) for line in lines] == [b"one", b"two", b"three"]
    found = {(one["errorCode"], one["errorMessage"], one["attemptsMade"]) for one in lines}
    assert found == {("Lambda.FunctionError", FUNCTION_ERROR, attempts)}
    assert lab.keys("data/") == []


def test_a_function_that_does_not_exist_fails_the_batch(lab: Lab) -> None:
    missing = {"LambdaArn": "arn:aws:lambda:us-east-1:123456789012:function:none"}
    name = lab.delivery(
        ProcessingConfiguration=processing(
            Lambda=missing
            | {"NumberOfRetries": "0", "BufferSizeInMBs": "1", "BufferIntervalInSeconds": "1"}
        )
    )
    lab.put(name, b"x")
    assert lab.lines("processing-failed")[0]["errorCode"] == "Lambda.ResourceNotFound"


def test_the_function_recovers_and_nothing_is_lost(lab: Lab) -> None:
    name = lab.delivery(
        ProcessingConfiguration=lab.transform("""
            import os
            if not os.path.exists("/tmp/" + event["deliveryStreamArn"].split("/")[1]):
                open("/tmp/" + event["deliveryStreamArn"].split("/")[1], "w").close()
                raise ValueError("not yet")
            return ok(record, data)
            """)
    )
    lab.put(name, b"one")
    assert lab.objects("data/")[0][1] == b"one"
    assert lab.keys("errors/") == []


def test_the_request_names_stream_shard_and_record(lab: Lab) -> None:
    stream = lab.stream()
    name = lab.delivery(stream, ProcessingConfiguration=lab.transform("return ok(record, event)"))
    (number,) = lab.feed(stream, b"hello")
    request = json.loads(lab.objects("data/")[0][1])
    (record,) = request["records"]
    metadata = record["kinesisRecordMetadata"]
    arrival = metadata.pop("approximateArrivalTimestamp")
    assert metadata == {
        "shardId": "shardId-000000000000",
        "partitionKey": "0",
        "sequenceNumber": number,
        "subsequenceNumber": 0,
    }
    assert record["approximateArrivalTimestamp"] == arrival
    assert (record["recordId"], record["data"]) == (f"{number}000000", "aGVsbG8=")
    assert request["sourceKinesisStreamArn"] == lab.arn(stream)
    assert request["deliveryStreamArn"] == lab.describe(name)["DeliveryStreamARN"]
    assert request["region"] == "us-east-1"


def test_kpl_records_reach_the_function_one_by_one(lab: Lab) -> None:
    stream = lab.stream()
    lab.delivery(
        stream,
        ProcessingConfiguration=lab.transform("""
            found = record["kinesisRecordMetadata"]
            return ok(record, [data.decode(), found["partitionKey"], found["subsequenceNumber"]])
            """),
    )
    lab.feed(stream, packed([("a", None, b"one"), ("b", None, b"two")]), b"plain")
    assert lab.objects("data/")[0][1] == b'["one", "a", 0]["two", "b", 1]["plain", "1", 0]'


def test_without_a_function_kpl_records_are_unpacked_too(lab: Lab) -> None:
    stream = lab.stream()
    lab.delivery(stream)
    lab.feed(stream, packed([("a", None, b"one\n"), ("b", None, b"two\n")]))
    assert lab.objects("data/")[0][1] == b"one\ntwo\n"


def test_hints_of_the_function_make_its_batches(lab: Lab) -> None:
    options = {"BufferSizeInMBs": "0.2", "BufferIntervalInSeconds": "900"}
    name = lab.delivery(
        ProcessingConfiguration=lab.transform(
            "return ok(record, str(len(event['records'])) + ' ')", **options
        )
    )
    lab.put(name, *[b"x" * 50_000] * 9)
    assert lab.objects("data/")[0][1].replace(b'"', b"").split() == [b"4"] * 8
    lab.firehose.delete_delivery_stream(DeliveryStreamName=name)
    assert len(lab.keys("data/")) == 2
