"""The failure archive's format: what is put together comes apart again, and SQL's lines say it."""

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from events import failure
from events.compression import compressed
from events.failure import Batch, Gone, Reason
from tests.events.test_aggregation import aggregate

FAILED = datetime(2026, 11, 20, 23, 59, 59, 500_000, tzinfo=UTC)
RESCUED = datetime(2026, 11, 21, 0, 0, 1, tzinfo=UTC)


def record(number: int, data: bytes, key: str = "N1") -> dict[str, Any]:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": key,
            "sequenceNumber": str(number),
            "data": b64encode(data).decode(),
            "approximateArrivalTimestamp": 1763682000.125,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/r",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/s",
    }


def batch(**members: Any) -> Batch:
    said: dict[str, Any] = {
        "failure_id": "f0",
        "processor": "delay_alerts",
        "function_arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "event_type": "flight",
        "stream_arn": "arn:aws:kinesis:us-east-1:123456789012:stream/s",
        "shard_id": "shardId-000000000000",
        "condition": "RetryAttemptsExhausted",
        "request_id": "r0",
        "invocations": 4,
        "start_sequence_number": "9",
        "end_sequence_number": "12",
        "batch_size": 4,
        "failed_at": FAILED,
        "rescued_at": RESCUED,
        "log_group": "Headrace-dev-log",
        "error": "Unhandled",
        "records": [
            record(11, b"\x00one"),
            record(12, aggregate([("a", b"two"), ("b", b"three")])),
        ],
        "gone": [Gone(from_sequence_number="9", to_sequence_number="10", why="old", records=2)],
        "history": [
            Reason(
                failed_at=FAILED,
                condition="RetryAttemptsExhausted",
                request_id="r-1",
                invocations=1,
            )
        ],
    }
    return Batch(**(said | members))


def test_a_batch_that_was_put_is_the_same_when_it_is_read() -> None:
    kept = batch(first_arrived_at=FAILED)
    [(lines, _), (key, body)] = failure.objects(kept)
    assert (lines, key) == (
        "failures/records/failed_date=2026-11-20/f0.json.gz",
        "failures/batches/f0.json.gz",
    )
    assert failure.decode(body) == kept
    assert failure.objects(kept) == failure.objects(kept)
    assert kept.lost == 2
    assert kept.event == {"Records": kept.records}


def test_members_of_a_record_that_nobody_knows_are_kept() -> None:
    kept = batch(records=[record(11, b"one") | {"new": {"of": ["AWS"]}}])
    assert failure.decode(failure.encode(kept)) == kept


@pytest.mark.parametrize("body", [b"", b"{}", failure._packed(b"{}")])
def test_what_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises((ValueError, OSError, EOFError)):
        failure.decode(body)


def test_sql_gets_a_line_per_user_record_and_one_per_range_that_is_gone() -> None:
    words = (
        "sequence_number",
        "subsequence_number",
        "partition_key",
        "payload",
        "arrived_at",
        "gone",
        "gone_until",
        "gone_records",
    )
    found = [msgspec.structs.asdict(line) for line in failure.lines(batch())]

    def base64(data: bytes) -> str:
        return b64encode(data).decode()

    assert [tuple(line[word] for word in words) for line in found] == [
        ("11", 0, "N1", base64(b"\x00one"), 1763682000125, None, None, None),
        ("12", 0, "a", base64(b"two"), 1763682000125, None, None, None),
        ("12", 1, "b", base64(b"three"), 1763682000125, None, None, None),
        ("9", None, None, None, None, "old", "10", 2),
    ]
    assert {line["failed_at"] for line in found} == {failure.milliseconds(FAILED)}


def test_sql_gets_the_payload_decompressed_and_a_redrive_the_record_as_it_was() -> None:
    frame = compressed(b"many words, " * 20)
    put = [record(1, frame), record(2, aggregate([("a", frame), ("b", b"plain")]))]
    given = batch(records=put, gone=[])
    assert [b64decode(line.payload or "") for line in failure.lines(given)] == [
        b"many words, " * 20,
        b"many words, " * 20,
        b"plain",
    ]
    assert failure.decode(failure.encode(given)).records == put


def test_an_id_derives_from_every_part() -> None:
    assert failure.identified("a", "b") == failure.identified("a", "b")
    others = {failure.identified(*parts) for parts in (("a", "b"), ("b", "a"), ("a", "c"), ("a",))}
    assert len(others) == 4
