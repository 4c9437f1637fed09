"""Every record of a request has its answer: a row, or itself as it came and the reason."""

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import registry
from events.columns import glue_columns
from events.device_telemetry.event import DeviceTelemetry
from events.flight.event import Flight
from events.mark import Mark, marked
from functions.delivery_transform.settings import BUFFER_MEGABYTES
from functions.delivery_transform.transform import (
    ANSWER_LIMIT,
    TOO_LARGE,
    Rejection,
    Transform,
)
from tests.events.kinds import Everything
from tests.events.samples import samples
from tests.functions.firehose import ARRIVAL, SHARD, request, sequence

NOW = datetime(2026, 1, 1, 0, 0, 9, 876543, tzinfo=UTC)
ARRIVED, A_DAY_BEFORE = "2026-01-01T00:00:00.123Z", "2025-12-31T00:00:00.123Z"

ROW = {
    "event_id": "2013-01-01-UA-1545-EWR",
    "carrier": "UA",
    "flight_number": 1545,
    "tail_number": None,
    "origin": "EWR",
    "destination": "IAH",
    "scheduled_departure": "2013-01-02T04:15:00Z",
    "departure": None,
    "departure_delay": None,
    "scheduled_arrival": "2013-01-02T08:19:00Z",
    "arrival": None,
    "arrival_delay": None,
    "air_time": None,
    "distance": 1400,
}
SENT = ROW | {"scheduled_departure": "2013-01-01T23:15:00-05:00"}
RIGHT = json.dumps(SENT).encode()


def _rows(answers: list[dict[str, Any]]) -> list[Any]:
    return [json.loads(b64decode(answer["data"])) for answer in answers]


def test_a_right_record_becomes_a_row_in_utc_with_the_delivery_columns_and_its_partition() -> None:
    answers, rejections, _ = Transform(Flight)(request(RIGHT), NOW)
    assert rejections == []
    assert _rows(answers) == [
        ROW
        | {
            "ingested_at": "2026-01-01T00:00:09.876Z",
            "shard_id": SHARD,
            "sequence_number": sequence(0),
            "subsequence_number": 0,
            "arrived_at": ARRIVED,
        }
    ]
    del answers[0]["data"]
    assert answers == [
        {
            "recordId": sequence(0) + "000000000000",
            "result": "Ok",
            "metadata": {"partitionKeys": {"event_date": "2013-01-02"}},
        }
    ]


@pytest.mark.parametrize("sample", samples("valid"), ids=str)
def test_a_row_has_exactly_the_columns_of_the_table_in_their_order(sample: Any) -> None:
    answers, rejections, _ = Transform(sample.kind)(request(sample.data), NOW)
    assert rejections == []
    (row,) = _rows(answers)
    columns = [column.name for column in glue_columns(sample.kind)]
    columns.remove("resubmission")  # only resubmitted records have it
    assert list(row) == columns


def test_a_wrong_record_never_blocks_a_right_one() -> None:
    payloads = [b"not json", RIGHT, b"", RIGHT, b'{"event_id": "private"}']
    records = request(*payloads)
    answers, rejections, _ = Transform(Flight)(records, NOW)
    assert [(answer["recordId"], answer["result"]) for answer in answers] == [
        (records[0]["recordId"], "ProcessingFailed"),
        (records[1]["recordId"], "Ok"),
        (records[2]["recordId"], "ProcessingFailed"),
        (records[3]["recordId"], "Ok"),
        (records[4]["recordId"], "ProcessingFailed"),
    ]
    assert [b64decode(answers[n]["data"]) for n in (0, 2, 4)] == [payloads[n] for n in (0, 2, 4)]
    rejection = partial(Rejection, shard_id=SHARD, subsequence_number=0)
    assert rejections == [
        rejection(
            reason="not_json",
            detail="JSON is malformed: invalid character (byte 4)",
            sequence_number=sequence(0),
            index=0,
        ),
        rejection(
            reason="empty",
            detail="Expected one JSON object, got an empty record",
            sequence_number=sequence(2),
            index=2,
        ),
        rejection(
            reason="missing_field",
            detail="Object missing required field `carrier`",
            sequence_number=sequence(4),
            index=4,
        ),
    ]


def test_every_sample_of_a_type_in_one_request_ends_as_its_folder_says() -> None:
    for name, kind in registry.types().items():
        both = [*samples("valid"), *samples("rejected")]
        own = [sample for sample in both if sample.type_name == name]
        answers, rejections, _ = Transform(kind)(request(*(sample.data for sample in own)), NOW)
        expected = ["Ok" if sample.expected == "valid" else "ProcessingFailed" for sample in own]
        assert [answer["result"] for answer in answers] == expected
        assert [rejection.reason for rejection in rejections] == [
            sample.expected for sample in own if sample.expected != "valid"
        ]
        for sample, answer in zip(own, answers, strict=True):
            if answer["result"] == "ProcessingFailed":
                assert b64decode(answer["data"]) == sample.data


@pytest.mark.parametrize(("sent", "delivered"), [(7, 7), ("7", 7), (0, 0), ("", None)])
def test_a_subsequence_number_is_a_number_however_it_is_sent(
    sent: object, delivered: int | None
) -> None:
    records = request(RIGHT)
    records[0]["kinesisRecordMetadata"]["subsequenceNumber"] = sent
    answers, _, _ = Transform(Flight)(records, NOW)
    assert _rows(answers)[0]["subsequence_number"] == delivered


@pytest.mark.parametrize("metadata", [{}, {"kinesisRecordMetadata": None}])
def test_a_record_put_on_the_delivery_stream_itself_has_no_shard_and_is_delivered(
    metadata: dict[str, None],
) -> None:
    records = [record | metadata for record in request(RIGHT, b"wrong", direct=True)]
    answers, rejections, _ = Transform(Flight)(records, NOW)
    assert _rows(answers[:1]) == [
        ROW
        | {
            "ingested_at": "2026-01-01T00:00:09.876Z",
            "shard_id": None,
            "sequence_number": None,
            "subsequence_number": None,
            "arrived_at": ARRIVED,
        }
    ]
    assert [(one.reason, one.shard_id, one.sequence_number) for one in rejections] == [
        ("not_json", None, None)
    ]


def test_an_event_from_the_future_is_judged_by_its_own_arrival_not_by_the_clock() -> None:
    day_after = json.dumps(SENT | {"scheduled_departure": "2026-01-02T00:00:00Z"}).encode()
    later = json.dumps(SENT | {"scheduled_departure": "2026-01-02T00:00:01Z"}).encode()
    answers, rejections, _ = Transform(Flight)(request(day_after, later), NOW + timedelta(days=30))
    assert [answer["result"] for answer in answers] == ["Ok", "ProcessingFailed"]
    assert [rejection.reason for rejection in rejections] == ["in_the_future"]


FIRST = Mark(
    kind="resubmitted",
    lake="lake",
    run="r7",
    shard_id="shardId-000000000001",
    sequence_number=sequence(40),
    subsequence_number=3,
    arrived_at=ARRIVAL - 86_400_000,
)
PLACE = {
    "shard_id": "shardId-000000000001",
    "sequence_number": sequence(40),
    "subsequence_number": 3,
}


def test_a_resubmitted_record_keeps_place_and_arrival_on_the_stream_and_names_the_run() -> None:
    records = request(marked(FIRST, RIGHT), RIGHT, direct=True)
    answers, rejections, replayed = Transform(Flight, lake="lake")(records, NOW)
    ingested = {"ingested_at": "2026-01-01T00:00:09.876Z"}
    assert _rows(answers) == [
        ROW | ingested | PLACE | {"resubmission": "r7", "arrived_at": A_DAY_BEFORE},
        ROW | ingested | dict.fromkeys(PLACE) | {"arrived_at": ARRIVED},
    ]
    assert (rejections, replayed) == ([], 0)


def test_a_resubmitted_record_is_judged_by_its_first_arrival_and_rejected_with_its_place() -> None:
    day_after = json.dumps(SENT | {"scheduled_departure": "2026-01-01T12:00:00Z"}).encode()
    records = request(marked(FIRST, day_after), day_after, direct=True)
    answers, rejections, _ = Transform(Flight, lake="lake")(records, NOW)
    assert [answer["result"] for answer in answers] == ["ProcessingFailed", "Ok"]
    assert answers[0]["data"] == records[0]["data"]
    assert [(one.reason, one.sequence_number) for one in rejections] == [
        ("in_the_future", sequence(40))
    ]


@pytest.mark.parametrize("direct", [False, True])
def test_an_event_replayed_from_this_lake_is_dropped_and_counted(direct: bool) -> None:
    here, there = (Mark(kind="replayed", lake=lake, run="r1") for lake in ("lake", "other"))
    records = request(marked(here, RIGHT), marked(there, RIGHT), RIGHT, direct=direct)
    answers, rejections, replayed = Transform(Flight, lake="lake")(records, NOW)
    assert [answer["result"] for answer in answers] == ["Dropped", "Ok", "Ok"]
    assert (rejections, replayed) == ([], 1)
    first, second = (row | dict.fromkeys(PLACE) for row in _rows(answers[1:]))
    alike = {name: first[name] for name in ("ingested_at", "arrived_at")}
    assert first == second == ROW | alike | dict.fromkeys(PLACE)


@pytest.mark.parametrize("mark", [FIRST, msgspec.structs.replace(FIRST, lake="other")])
def test_a_place_is_believed_only_of_what_was_put_on_the_delivery_stream_of_this_lake(
    mark: Mark,
) -> None:
    records = request(marked(mark, RIGHT), direct=mark.lake == "other")
    answers, _, _ = Transform(Flight, lake="lake")(records, NOW)
    [row] = _rows(answers)
    assert "resubmission" not in row
    assert row["sequence_number"] == (None if mark.lake == "other" else sequence(0))


def test_ingested_at_is_in_utc_to_the_millisecond_wherever_the_clock_is() -> None:
    now = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    answers, _, _ = Transform(Flight)(request(RIGHT), now)
    assert _rows(answers)[0]["ingested_at"] == "2026-01-01T00:00:09.876Z"


def test_a_large_record_leaves_nothing_behind_in_the_small_ones_after_it() -> None:
    transform = Transform(Everything)
    large = {"id": "1", "time": "2025-01-01T00:00:00Z", "tags": ["x" * 1000] * 1000}
    small = {"id": "2", "time": "2025-01-01T00:00:00Z"}
    payloads = [json.dumps(value).encode() for value in (large, small)]
    together, _, _ = transform(request(*payloads), NOW)
    alone, _, _ = Transform(Everything)(request(*payloads)[1:], NOW)
    assert together[1:] == alone
    assert _rows(together)[0]["tags"] == large["tags"]


@given(st.lists(st.binary() | st.just(RIGHT), max_size=8))
def test_whatever_is_sent_each_record_has_its_one_answer_in_order(payloads: list[bytes]) -> None:
    records = request(*payloads)
    answers, rejections, _ = Transform(Flight)(records, NOW)
    assert [answer["recordId"] for answer in answers] == [record["recordId"] for record in records]
    failed = [answer for answer in answers if answer["result"] == "ProcessingFailed"]
    assert len(failed) == len(rejections)
    assert [answer["data"] for answer in failed] == [
        record["data"]
        for record, payload in zip(records, payloads, strict=True)
        if payload != RIGHT
    ]


def _size(answers: list[dict[str, Any]]) -> int:
    return len(json.dumps({"records": answers}))


@pytest.mark.parametrize("name", registry.names())
def test_with_its_buffering_hint_the_largest_answer_is_within_the_limit(name: str) -> None:
    """The smaller the records, the more of them, and each answer carries the delivery columns.

    The hint may be overstepped by the last record, so a record of 1 MiB is added.
    """
    own = [sample for sample in samples("valid") if sample.type_name == name]
    smallest = min((sample.data for sample in own), key=len)
    hint = int(BUFFER_MEGABYTES * 2**20)
    transform = Transform(registry.get(name), answer_limit=2**62)
    answers, rejections, _ = transform(request(*[smallest] * (hint // len(smallest))), NOW)
    assert rejections == []
    assert _size(answers) + 4 * 2**20 // 3 + 1000 < ANSWER_LIMIT


def test_an_answer_over_the_limit_gives_back_as_few_records_as_must_be_and_loses_none() -> None:
    payloads = [RIGHT, b"wrong", *[RIGHT] * 50]
    records = request(*payloads)
    whole, _, _ = Transform(Flight)(records, NOW)
    for limit in (_size(whole), _size(whole) - 1, 35_000):
        answers, rejections, _ = Transform(Flight, answer_limit=limit)(records, NOW)
        assert limit - 1000 < _size(answers) <= limit
        assert [answer["recordId"] for answer in answers] == [one["recordId"] for one in records]
        given_back = [one for one in rejections if one.reason == TOO_LARGE]
        failed = [
            (answer["data"], record["data"])
            for answer, record in zip(answers, records, strict=True)
            if answer["result"] == "ProcessingFailed"
        ]
        assert all(answered == sent for answered, sent in failed)
        assert len(failed) == len(given_back) + 1 == len(rejections)
        assert bool(given_back) == (limit < _size(whole))
    assert {one.detail for one in given_back} == {
        f"The batch's answer exceeds {limit} bytes: lower the hint"
    }


@given(st.lists(st.sampled_from([RIGHT, b"", b"wrong" * 20]), min_size=1), st.booleans())
def test_an_answer_of_nothing_but_originals_is_smaller_than_its_request(
    payloads: list[bytes], direct: bool
) -> None:
    records = request(*payloads, direct=direct)
    answers, _, _ = Transform(Flight, answer_limit=0)(records, NOW)
    assert {answer["result"] for answer in answers} == {"ProcessingFailed"}
    assert _size(answers) <= _size(records)


def test_a_million_bytes_in_one_right_record_are_delivered() -> None:
    (sample,) = (
        one
        for one in samples("valid")
        if one.type_name == "device_telemetry" and one.path.stem == "unknown_fields"
    )
    value = msgspec.json.decode(sample.data) | {"padding": "x" * (2**20 - 400)}
    record = json.dumps(value).encode()
    assert 2**20 - 200 < len(record) <= 2**20
    (answer,), rejections, _ = Transform(DeviceTelemetry)(request(record), NOW)
    assert (answer["result"], rejections) == ("Ok", [])
    # A wrong one of that size comes back whole.
    (answer,), (rejection,), _ = Transform(Flight)(request(record), NOW)
    assert answer["data"] == b64encode(record).decode()
    assert rejection.reason == "unknown_field"
