"""The stages of a processor, and what is acknowledged when one of them fails."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, ClassVar

import msgspec
import pytest
import zstandard
from botocore.exceptions import ClientError
from msgspec import Meta

from events.contract import Contract, Event, OnDemand
from events.decoding import Decoder
from events.mark import Mark, marked
from functions.shared.emitter import ATTEMPTS, MOST_RECORDS, Emitter, NotPut, chunks
from functions.shared.ledger import described
from functions.shared.processor import Cause, Output, Wrong, emit, process
from tests.events.test_aggregation import aggregate

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Reading(Event, frozen=True, kw_only=True, gc=False):
    """An event type for these tests."""

    contract: ClassVar[Contract] = Contract(
        partition_key=("id",),
        event_id="id",
        event_time="time",
        first_date=date(2026, 1, 1),
        capacity=OnDemand(),
        retention=timedelta(days=1),
    )
    id: str
    time: Annotated[datetime, Meta(tz=True)] = NOON
    value: int = 0


DECODER = Decoder(Reading)


def reading(name: str, value: int = 0) -> Reading:
    return Reading(id=name, value=value)


def kinesis(*datas: bytes) -> dict[str, Any]:
    """A Kinesis event with sequence numbers 1, 2, 3…"""
    return {
        "Records": [
            {
                "eventID": f"shardId-000000000000:{number}",
                "kinesis": {
                    "sequenceNumber": str(number),
                    "partitionKey": "key",
                    "approximateArrivalTimestamp": NOON.timestamp(),
                    "data": b64encode(data).decode(),
                },
            }
            for number, data in enumerate(datas, 1)
        ]
    }


def encoded(*readings: Reading) -> list[bytes]:
    return [msgspec.json.encode(reading) for reading in readings]


def cause(number: int, sub: int = 0) -> Cause:
    return Cause(f"shardId-000000000000:{number}", sub, NOON.timestamp())


def double(found: Reading, _: Cause) -> Reading | None:
    """Doubles, filters zeros out, and cannot do anything with a 13."""
    if found.value == 13:
        raise ConnectionError("down")
    return reading(found.id, found.value * 2) if found.value else None


def test_wrong_records_are_skipped_zeros_filtered_and_the_rest_transformed() -> None:
    event = kinesis(*encoded(reading("a", 1), reading("b")), b"not json", *encoded(reading("c", 2)))
    batch = process(event, DECODER, double)
    assert batch.outputs == [
        Output(cause(1), reading("a", 2)),
        Output(cause(4), reading("c", 4)),
    ]
    assert [wrong[:2] for wrong in batch.wrong] == [(cause(3), "not_json")]
    assert (batch.received, batch.filtered) == (4, 1)
    assert batch.answer() == {"batchItemFailures": []}


def test_nothing_from_a_failing_record_on_is_acknowledged() -> None:
    event = kinesis(*encoded(reading("a", 1), reading("b", 13), reading("c", 2)))
    batch = process(event, DECODER, double)
    assert batch.outputs == [Output(cause(1), reading("a", 2))]
    assert (batch.received, batch.failed, str(batch.error)) == (1, cause(2), "down")
    assert batch.answer() == {"batchItemFailures": [{"itemIdentifier": "2"}]}


def test_aggregated_records_are_named_by_sequence_and_subsequence() -> None:
    whole = aggregate([("k", data) for data in encoded(reading("a", 1), reading("b", 13))])
    batch = process(kinesis(whole), DECODER, double)
    assert batch.outputs == [Output(cause(1, 0), reading("a", 2))]
    assert (batch.failed, batch.answer()) == (
        cause(1, 1),
        {"batchItemFailures": [{"itemIdentifier": "1"}]},
    )


def test_a_replayed_event_is_an_event_within_an_aggregate_too() -> None:
    mark = Mark(kind="replayed", lake="lake", run="r")
    one, two = (marked(mark, data) for data in encoded(reading("a", 1), reading("b", 2)))
    batch = process(kinesis(one, aggregate([("k", two)])), DECODER, double)
    assert batch.outputs == [
        Output(cause(1), reading("a", 2)),
        Output(cause(2), reading("b", 4)),
    ]


def test_compressed_events_are_read_plain_marked_and_within_an_aggregate() -> None:
    frames = [zstandard.ZstdCompressor().compress(data) for data in encoded(*map(reading, "abc"))]
    mark = Mark(kind="replayed", lake="lake", run="run")
    found = kinesis(frames[0], marked(mark, frames[1]), aggregate([("k", frames[2])]))
    batch = process(found, DECODER, lambda event, _: event)
    assert [output.event for output in batch.outputs] == [reading(name) for name in "abc"]
    assert not batch.wrong


def test_an_output_that_cannot_be_put_fails_the_batch_from_its_cause_on() -> None:
    event = kinesis(*encoded(reading("a", 1), reading("b"), reading("c", 2)))
    batch = process(event, DECODER, double)
    emit(batch, lambda _: (1, NotPut("full")))
    assert (batch.failed, str(batch.error)) == (cause(3), "full")
    assert (batch.outputs, batch.unput) == ([Output(cause(1), reading("a", 2))], 1)


def test_the_log_names_an_error_by_type_and_place_and_never_quotes_the_payload() -> None:
    def broken(found: Reading, _: Cause) -> Reading | None:
        raise ValueError(found.id)

    batch = process(kinesis(*encoded(reading("secret"))), DECODER, broken)
    assert "secret" not in described(batch.error)
    assert re.fullmatch(r"ValueError at test_processor\.py:\d+", described(batch.error))


def test_a_wrong_record_is_described_without_its_payload() -> None:
    batch = process(kinesis(b'{"id": "secret", "value": "secret"}'), DECODER, double)
    [wrong] = batch.wrong
    assert isinstance(wrong, Wrong)
    assert "secret" not in wrong.detail


class Kinesis:
    """PutRecords at the seam: refuses what it is told to, call by call."""

    def __init__(self, *refusals: set[str] | Exception | None) -> None:
        self.refusals = list(refusals)
        self.calls: list[list[str]] = []
        self.data: list[bytes] = []

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  boto3's names
        assert StreamName == "stream"
        keys = [record["PartitionKey"] for record in Records]
        self.calls.append(keys)
        self.data += [record["Data"] for record in Records]
        refused = self.refusals.pop(0) if self.refusals else set()
        if isinstance(refused, Exception):
            raise refused
        if refused is None:
            return {}
        return {
            "Records": [
                {"ErrorCode": "ProvisionedThroughputExceededException"}
                if key in refused
                else {"SequenceNumber": "1", "ShardId": "s"}
                for key in keys
            ]
        }


def emitter(client: Kinesis) -> Emitter:
    return Emitter(client, "stream", sleep=lambda _: None)  # type: ignore[arg-type]


def test_derived_events_are_compressed_where_their_contract_says_so() -> None:
    class Packed(Reading, frozen=True, kw_only=True, gc=False):
        contract: ClassVar[Contract] = msgspec.structs.replace(Reading.contract, compression="zstd")

    client = Kinesis()
    assert emitter(client)([Packed(id="many words " * 20)]) is None
    (data,) = client.data
    assert DECODER.decode(data) == reading("many words " * 20)
    assert len(data) < 100


def test_only_what_was_refused_is_put_again() -> None:
    client = Kinesis({"b", "c"}, {"c"})
    assert emitter(client)([reading(name) for name in "abcd"]) is None
    assert client.calls == [["a", "b", "c", "d"], ["b", "c"], ["c"]]


def test_an_error_of_the_call_is_tried_again() -> None:
    client = Kinesis(ConnectionError("reset"))
    assert emitter(client)([reading("a")]) is None
    assert client.calls == [["a"], ["a"]]


def test_a_call_whose_answer_was_cut_short_is_tried_again() -> None:
    client = Kinesis(None)
    assert emitter(client)([reading("a")]) is None
    assert client.calls == [["a"], ["a"]]


def refusal(code: str, status: int) -> ClientError:
    """An answer of Kinesis to the call as a whole."""
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutRecords")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ProvisionedThroughputExceededException", 400),
        ("KMSThrottlingException", 400),
        ("InternalFailure", 500),
    ],
)
def test_a_call_that_kinesis_could_not_take_now_is_tried_again(code: str, status: int) -> None:
    client = Kinesis(refusal(code, status))
    assert emitter(client)([reading("a")]) is None
    assert client.calls == [["a"], ["a"]]


@pytest.mark.parametrize(
    "code", ["ResourceNotFoundException", "AccessDeniedException", "KMSAccessDeniedException"]
)
def test_a_call_that_kinesis_refuses_is_left_to_the_event_source_mapping(code: str) -> None:
    error = refusal(code, 400)
    client = Kinesis(error)
    assert emitter(client)([reading("a"), reading("b")]) == (0, error)
    assert client.calls == [["a", "b"]]


def test_the_first_event_that_was_never_put_is_named() -> None:
    client = Kinesis(*[{"b", "c"}] * ATTEMPTS)
    failed = emitter(client)([reading(name) for name in "abc"])
    assert failed is not None
    assert failed[0] == 1
    assert "ProvisionedThroughputExceededException" in str(failed[1])


def test_calls_stay_within_the_limits() -> None:
    entries = [{"Data": b"x", "PartitionKey": "k"}] * (MOST_RECORDS + 1)
    assert [(start, len(chunk)) for start, chunk in chunks(entries)] == [(0, 500), (500, 1)]
    large = [{"Data": bytes(3 * 1024 * 1024), "PartitionKey": "k"}] * 2
    assert [(start, len(chunk)) for start, chunk in chunks(large)] == [(0, 1), (1, 1)]
    assert list(chunks([])) == []
