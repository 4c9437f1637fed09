"""Aggregated records: those of the published library, and everything that only looks like one."""

from __future__ import annotations

from hashlib import md5

from aws_kinesis_agg.aggregator import RecordAggregator
from hypothesis import given
from hypothesis import strategies as st

from events.aggregation import MAGIC, UserRecord, deaggregate

user_records = st.lists(
    st.tuples(st.text(min_size=1, max_size=20), st.binary(max_size=200)), min_size=1, max_size=30
)


def aggregate(records: list[tuple[str, bytes]]) -> bytes:
    """One Kinesis record, made by AWS's own aggregator."""
    aggregator = RecordAggregator()
    for key, data in records:
        aggregator.add_user_record(key, data)
    contents: bytes = aggregator.clear_and_get().get_contents()[2]
    return contents


def signed(message: bytes) -> bytes:
    return MAGIC + message + md5(message, usedforsecurity=False).digest()


@given(user_records)
def test_what_the_published_library_aggregates_is_taken_apart(
    records: list[tuple[str, bytes]],
) -> None:
    assert deaggregate(aggregate(records)) == [UserRecord(*record) for record in records]


@given(user_records, st.data())
def test_a_record_cut_short_or_altered_is_a_plain_one(
    records: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    whole = aggregate(records)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert deaggregate(whole[:cut]) is None
    flipped = bytearray(whole)
    flipped[cut] ^= 1
    assert deaggregate(bytes(flipped)) is None


@given(st.binary(max_size=300))
def test_any_message_with_a_right_digest_is_read_or_is_a_plain_record(message: bytes) -> None:
    found = deaggregate(signed(message))
    assert found is None or all(isinstance(record, UserRecord) for record in found)


def test_tags_and_unknown_fields_are_passed_over() -> None:
    record = b"\x08\x00\x10\x00\x1a\x02hi\x22\x02\x0a\x00\x2d\x01\x02\x03\x04"
    message = b"\x0a\x01k\x12\x03123\x1a" + bytes([len(record)]) + record + b"\x39" + bytes(8)
    assert deaggregate(signed(message)) == [UserRecord("k", b"hi", "123")]


def test_a_record_whose_key_is_not_in_the_table_makes_the_whole_a_plain_one() -> None:
    assert deaggregate(signed(b"\x0a\x01k\x1a\x06\x08\x01\x1a\x02hi")) is None


def test_an_empty_aggregate_holds_nothing() -> None:
    assert deaggregate(signed(b"")) == []
