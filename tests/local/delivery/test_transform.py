"""The transform: batches within every limit, AWS's request, and what each answer means."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.delivery import transform
from local.delivery.failure import Reason
from local.delivery.record import Row, Source
from local.delivery.transform import MEGABYTE, BadAnswer, Batcher, Transformed

ARN = "arn:aws:firehose:us-east-1:123456789012:deliverystream/d"
KINESIS = "arn:aws:kinesis:us-east-1:123456789012:stream/s"


def source(number: int, data: bytes = b"x") -> Source:
    return Source(data, 1_000 + number, f"{number:056d}", 0, "shardId-000000000000", "key")


ONE, TWO = source(1, b"one"), source(2, b"two")


def answer(*records: dict[str, Any]) -> bytes:
    return json.dumps({"records": records}).encode()


def ok(record: Source, data: bytes = b"new", **more: Any) -> dict[str, Any]:
    text = base64.b64encode(data).decode()
    return {"recordId": record.record_id, "result": "Ok", "data": text, **more}


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 400_000), max_size=40),
    st.floats(0.2, 3),
    st.integers(1, 5),
)
def test_batches_keep_order_and_every_limit(
    sizes: list[int], megabytes: float, at_once: int
) -> None:
    records = [source(number, bytes(size)) for number, size in enumerate(sizes)]
    batcher = Batcher()
    batches: list[list[Source]] = []
    for start in range(0, len(records), at_once):
        batcher.add(records[start : start + at_once], 0.0, megabytes)
        while batch := batcher.take(0.0, 60.0):
            batches.append(batch)
    while batch := batcher.take(60.0, 60.0):
        batches.append(batch)
    assert [record for batch in batches for record in batch] == records
    assert not batcher
    for batch in batches:
        size = sum(len(record.data) for record in batch)
        assert size <= megabytes * MEGABYTE or len(batch) == 1
        request = transform.request(batch, delivery_stream=ARN, region="r", stream=KINESIS)
        assert len(request) <= transform.PAYLOAD_LIMIT


def test_many_small_records_stay_within_the_payload_although_their_hint_is_larger() -> None:
    batcher = Batcher()
    batcher.add([source(number) for number in range(40_000)], 0.0, 3.0)
    sizes = []
    while batch := batcher.take(100.0, 60.0):
        request = transform.request(batch, delivery_stream=ARN, region="r", stream=KINESIS)
        sizes.append(len(request))
    assert len(sizes) > 1
    assert max(sizes) <= transform.PAYLOAD_LIMIT


def test_a_batch_is_due_after_the_interval_of_its_first_record() -> None:
    batcher = Batcher()
    assert batcher.due(60.0) is None
    batcher.add([ONE], 10.0, 1.0)
    batcher.add([TWO], 50.0, 1.0)
    assert batcher.due(60.0) == 70.0
    assert batcher.take(69.9, 60.0) is None
    assert batcher.take(70.0, 60.0) == [ONE, TWO]
    assert batcher.take(200.0, 60.0) is None


def test_the_request_is_aws_s() -> None:
    record = Source(b"data", 1_500, "49", 3, "shardId-000000000001", "key")
    request = json.loads(
        transform.request([record], delivery_stream=ARN, region="us-east-1", stream=KINESIS)
    )
    assert len(request.pop("invocationId")) == 36
    assert request == {
        "deliveryStreamArn": ARN,
        "sourceKinesisStreamArn": KINESIS,
        "region": "us-east-1",
        "records": [
            {
                "recordId": "49000003",
                "approximateArrivalTimestamp": 1_500,
                "data": "ZGF0YQ==",
                "kinesisRecordMetadata": {
                    "shardId": "shardId-000000000001",
                    "partitionKey": "key",
                    "approximateArrivalTimestamp": 1_500,
                    "sequenceNumber": "49",
                    "subsequenceNumber": 3,
                },
            }
        ],
    }


def test_a_direct_put_has_no_kinesis_metadata() -> None:
    request = json.loads(
        transform.request([Source(b"", 1, "7")], delivery_stream=ARN, region="r", stream=None)
    )
    record = {"recordId": "7000000", "approximateArrivalTimestamp": 1, "data": ""}
    assert (request["records"], "sourceKinesisStreamArn" in request) == ([record], False)


def failed(*failures: tuple[Source, Reason]) -> Transformed:
    return Transformed([], 0, list(failures))


@pytest.mark.parametrize(
    ("records", "payload", "result"),
    [
        (
            [ONE, TWO],
            answer(ok(TWO, b"2"), ok(ONE, b"1")),
            Transformed([(Row(b"1", ONE), {}), (Row(b"2", TWO), {})], 0, []),
        ),
        (
            [ONE],
            answer(ok(ONE, metadata={"partitionKeys": {"a": "x", "n": 5, "none": None}})),
            Transformed([(Row(b"new", ONE), {"a": "x", "n": "5"})], 0, []),
        ),
        ([ONE], answer(ok(ONE, metadata={})), Transformed([(Row(b"new", ONE), {})], 0, [])),
        (
            [ONE],
            answer({"recordId": ONE.record_id, "result": "Dropped"}),
            Transformed([], 1, []),
        ),
        (
            [ONE],
            answer({"recordId": ONE.record_id, "result": "ProcessingFailed", "data": "eA=="}),
            failed((ONE, transform.PROCESSING_FAILED)),
        ),
        (
            [ONE],
            answer({"recordId": ONE.record_id, "result": "Ok"}),
            failed((ONE, transform.NULL_DATA)),
        ),
        ([ONE, TWO], answer(), failed((ONE, transform.MISSING), (TWO, transform.MISSING))),
        (
            [ONE, TWO],
            answer(ok(ONE), ok(ONE), ok(TWO)),
            Transformed([(Row(b"new", TWO), {})], 0, [(ONE, transform.DUPLICATED)]),
        ),
        ([ONE], answer(ok(TWO)), failed((ONE, transform.MISSING))),
        ([ONE], answer(ok(ONE, b"")), Transformed([(Row(b"", ONE), {})], 0, [])),
    ],
)
def test_an_answer_means_what_it_means_on_aws(
    records: Sequence[Source], payload: bytes, result: Transformed
) -> None:
    assert transform.interpret(records, payload) == result


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"records":{}}',
        b'{"records":[{"result":"Ok","data":""}]}',
        answer({"recordId": "1", "result": "Okay", "data": ""}),
        answer({"recordId": "1", "result": "Ok", "data": "%%%"}),
        b"\xff",
        b'{"records":[]}' + b" " * transform.PAYLOAD_LIMIT,
    ],
)
def test_an_answer_of_another_shape_is_an_error_of_the_function(payload: bytes) -> None:
    with pytest.raises(BadAnswer):
        transform.interpret([ONE], payload)


def test_a_failed_invocation_fails_every_record_with_its_attempts() -> None:
    result = transform.whole_batch([ONE, TWO], transform.FUNCTION_ERROR, 4)
    reason = Reason(
        "Lambda.FunctionError",
        "The Lambda function was successfully invoked but it returned an error result.",
        4,
    )
    assert result == failed((ONE, reason), (TWO, reason))


@settings(deadline=None)
@given(st.lists(st.sampled_from(["ok", "drop", "fail", "null", "twice", "miss"]), max_size=30))
def test_every_record_is_accounted_for_once(verdicts: list[str]) -> None:
    records = [source(number) for number in range(len(verdicts))]
    returned: list[dict[str, Any]] = []
    for record, verdict in zip(records, verdicts, strict=True):
        one = {
            "ok": [ok(record)],
            "drop": [{"recordId": record.record_id, "result": "Dropped"}],
            "fail": [{"recordId": record.record_id, "result": "ProcessingFailed"}],
            "null": [{"recordId": record.record_id, "result": "Ok", "data": None}],
            "twice": [ok(record), ok(record)],
            "miss": [],
        }[verdict]
        returned += one
    result = transform.interpret(records, answer(*returned))
    assert len(result.rows) == verdicts.count("ok")
    assert result.dropped == verdicts.count("drop")
    assert len(result.rows) + result.dropped + len(result.failed) == len(records)
