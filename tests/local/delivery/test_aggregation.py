"""De-aggregation, against the aggregator that AWS publishes."""

import hashlib

import aws_kinesis_agg.aggregator
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from local.delivery.aggregation import MAGIC, UserRecord, deaggregate

KEYS = st.text(min_size=1, max_size=20)
HASHES = st.integers(0, 2**128 - 1).map(str)
RECORDS = st.lists(
    st.tuples(KEYS, st.none() | HASHES, st.binary(max_size=200)), min_size=1, max_size=20
)


def packed(records: list[tuple[str, str | None, bytes]]) -> bytes:
    aggregator = aws_kinesis_agg.aggregator.RecordAggregator()
    for key, explicit, data in records:
        aggregator.add_user_record(key, data, explicit)
    return bytes(aggregator.clear_and_get().get_contents()[2])


@settings(deadline=None)
@given(RECORDS)
def test_what_was_packed_comes_out_in_order(records: list[tuple[str, str | None, bytes]]) -> None:
    found = deaggregate(packed(records))
    assert found is not None
    assert [(one.partition_key, one.data) for one in found] == [(k, d) for k, _, d in records]


def test_an_explicit_hash_key_is_kept() -> None:
    assert deaggregate(packed([("a", "17", b"1"), ("b", None, b"2")])) == [
        UserRecord("a", "17", b"1"),
        UserRecord("b", None, b"2"),
    ]


@settings(deadline=None)
@given(RECORDS, st.data())
def test_a_truncated_record_is_a_plain_one(
    records: list[tuple[str, str | None, bytes]], data: st.DataObject
) -> None:
    whole = packed(records)
    length = data.draw(st.integers(0, len(whole) - 1))
    assert deaggregate(whole[:length]) is None


@settings(deadline=None)
@given(RECORDS, st.data())
def test_a_record_with_one_wrong_byte_is_a_plain_one(
    records: list[tuple[str, str | None, bytes]], data: st.DataObject
) -> None:
    wrong = bytearray(packed(records))
    wrong[data.draw(st.integers(0, len(wrong) - 1))] ^= 0xFF
    assert deaggregate(bytes(wrong)) is None


@settings(deadline=None)
@given(st.binary(max_size=300))
@example(b"")
@example(MAGIC)
def test_a_message_that_is_none_is_a_plain_record_even_with_its_digest(message: bytes) -> None:
    record = MAGIC + message + hashlib.md5(message, usedforsecurity=False).digest()
    found = deaggregate(record)
    assert found is None or all(isinstance(one.data, bytes) for one in found)


@pytest.mark.parametrize(
    "message",
    [
        b"\x1a\x02\x08\x00",  # a record without data
        b"\x1a\x04\x08\x05\x1a\x00",  # a key index without a key
        b"\x0a\x05ab",  # a length beyond the end
        b"\x0b",  # a group
        b"\x08" + b"\xff" * 11,  # a number without an end
        b"\x0a\x01\xff",  # a key that is not UTF-8
    ],
)
def test_a_malformed_message_is_a_plain_record(message: bytes) -> None:
    record = MAGIC + message + hashlib.md5(message, usedforsecurity=False).digest()
    assert deaggregate(record) is None
