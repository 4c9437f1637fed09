"""Aggregated records as they are made: read by AWS's library and by ours, as large as said."""

from base64 import b64decode, b64encode

from aws_kinesis_agg import MAX_BYTES_PER_RECORD
from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import deaggregate_records
from hypothesis import given
from hypothesis import strategies as st

from events.aggregating import ENVELOPE, Aggregate, varint
from events.aggregation import MAGIC, UserRecord, deaggregate

HASH_KEYS = st.none() | st.integers(0, 2**128 - 1).map(str)
user_records = st.lists(
    st.tuples(
        st.text(min_size=1, max_size=20)
        | st.sampled_from(["a", "b", "é", "\U0001f600" * 64])
        | st.integers(0, 300).map(str),
        st.binary(max_size=300),
        HASH_KEYS,
    ),
    min_size=1,
    max_size=20,
)


def sealed(records: list[tuple[str, bytes, str | None]]) -> tuple[bytes, int]:
    """The record that is made of them, and the size that was foretold."""
    aggregate = Aggregate()
    for key, data, explicit in records:
        before, needed = aggregate.size, aggregate.needs(key, data, explicit)
        aggregate.add(key, data, explicit)
        assert aggregate.size - before <= needed <= aggregate.size - before + 80
    assert len(aggregate) == len(records)
    assert aggregate.payload == sum(len(data) for _, data, _ in records)
    size = aggregate.size
    return aggregate.seal(), size


@given(user_records.filter(lambda records: len(records) > 1))
def test_what_is_packed_here_is_unpacked_by_both_libraries(
    records: list[tuple[str, bytes, str | None]],
) -> None:
    data, size = sealed(records)
    assert len(data) == size
    assert deaggregate(data) == [UserRecord(key, data, hash_) for key, data, hash_ in records]
    record = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "data": b64encode(data).decode(),
            "partitionKey": "a",
            "sequenceNumber": "1",
            "approximateArrivalTimestamp": 1.0,
        },
        **dict.fromkeys(
            (
                *("eventSource", "eventVersion", "eventID", "eventName", "invokeIdentityArn"),
                *("awsRegion", "eventSourceARN"),
            ),
            "-",
        ),
    }
    of_aws = [one["kinesis"] for one in deaggregate_records([record])]
    assert [(one["partitionKey"], b64decode(one["data"])) for one in of_aws] == [
        (key, data) for key, data, _ in records
    ]
    if all(explicit for _, _, explicit in records):  # else it takes the table's first for none
        assert [one["explicitHashKey"] for one in of_aws] == [hash_ for _, _, hash_ in records]
    assert [one["subSequenceNumber"] for one in of_aws] == list(range(len(records)))


def test_large_records_and_many_keys_are_unpacked_too() -> None:
    sizes = (0, 1, 117, 118, 119, 126, 127, 128, 16_370, 16_384, 300_000)
    records: list[tuple[str, bytes, str | None]]
    records = [(f"key-{n}", b"x" * sizes[n % 11], None) for n in range(600)]
    records += [(f"key-{n}", b"%d" % n, None) for n in range(20_000)]
    data, size = sealed(records)
    assert len(data) == size
    assert deaggregate(data) == [UserRecord(key, data) for key, data, _ in records]


@given(user_records.filter(lambda records: len(records) > 1))
def test_it_is_made_byte_for_byte_as_aws_s_library_makes_it(
    records: list[tuple[str, bytes, str | None]],
) -> None:
    aggregator = RecordAggregator(MAX_BYTES_PER_RECORD)
    for key, data, explicit in records:
        assert aggregator.add_user_record(key, data, explicit) is None
    assert sealed(records)[0] == aggregator.clear_and_get().get_contents()[2]


def test_a_record_alone_is_put_as_it_is_unless_it_would_be_taken_apart() -> None:
    aggregate = Aggregate()
    aggregate.add("k", b"alone", "7")
    assert aggregate.alone == ("k", "7")
    assert aggregate.seal() == b"alone"
    assert (len(aggregate), aggregate.size) == (0, ENVELOPE)
    aggregate.add("k", MAGIC + b"what a user may put")
    assert deaggregate(aggregate.seal()) == [UserRecord("k", MAGIC + b"what a user may put")]


def test_an_aggregate_is_used_again_with_tables_of_its_own() -> None:
    aggregate = Aggregate()
    for key in ("a", "b", "b", "a"):
        aggregate.add("x", b"-", "1")
        aggregate.add(key, b"1", "2")
        assert deaggregate(aggregate.seal()) == [
            UserRecord("x", b"-", "1"),
            UserRecord(key, b"1", "2"),
        ]


def test_numbers_are_written_in_base_128() -> None:
    assert [varint(n) for n in (0, 127, 128, 300, 2**21)] == [
        b"\x00",
        b"\x7f",
        b"\x80\x01",
        b"\xac\x02",
        b"\x80\x80\x80\x01",
    ]


OF_THE_KPL = b64decode(
    "84mawgoHbW1fZGF0YRp4CAAadHsidHhuVGltZVN0YW1wIjoxNDkzNjY4MDIyMTEyLCJhbW91bnQiOjM1MC4wLCJ0eG5U"
    "eXBlIjoiam91cm5hbCIsImFncmVlbWVudFR5cGUiOiJkaXN0cmlidXRpb24iLCJjaGFubmVsIjoiZmlkLmNvbSJ9GngI"
    "ABp0eyJ0eG5UaW1lU3RhbXAiOjE0OTM2NjgwMjI4OTAsImFtb3VudCI6MzUwLjAsInR4blR5cGUiOiJqb3VybmFsIiwi"
    "YWdyZWVtZW50VHlwZSI6ImRpc3RyaWJ1dGlvbiIsImNoYW5uZWwiOiJmaWQuY29tIn2wO6mqiRlfnCZrPNG2vNwe"
)
"""From a stream of 2017 that the KPL wrote, as Lambda was handed it."""


def test_a_record_of_the_kpl_is_read_and_made_again_to_the_byte() -> None:
    found = deaggregate(OF_THE_KPL)
    assert found is not None
    assert [(one.partition_key, one.explicit_hash_key) for one in found] == [("mm_data", None)] * 2
    assert [one.data[:29] for one in found] == [
        b'{"txnTimeStamp":1493668022112',
        b'{"txnTimeStamp":1493668022890',
    ]
    assert sealed([(one.partition_key, one.data, None) for one in found])[0] == OF_THE_KPL


WITH_HASH_KEYS = b64decode(
    "84mawgokZmMwM2RkODgtM2U3OS00NDhhLWIwMWEtN2NmMWJkNDdiNzg0CiRjYWU0MWIxYy1lYTYxLTQzZjItOTBiZS1i"
    "ODc1NWViZjg4ZTIKJGQ0OTA2OTBjLWU3NGQtNGRiMi1hM2M4LWQ4ZjJmMTg0ZmQyMwokYzkyNGJjMDktYjg1ZS00N2Yx"
    "LWIzMmUtMzM2NTIyZWU1M2M4EiYzODQ4NjQ5NTg2NzUwODM5OTA3ODE1OTcyMzg0NjA1MTgwNzAyMBInMTkzNzg3NjAw"
    "MDM3NjgxNzA2OTUyMTQzMzU3MDcxOTE2MzUyNjA0EicyNjY4ODA0MzY5NjQ5MzI0MjQyNjU0NjY5MTY3MzQwNjg2ODQ0"
    "MzkSJzMzOTYwNjYwMDk0Mjk2NzM5MTg1NDYwMzU1MjQwMjAyMTg0NzI5MhomCAAQABogUkVDT1JEIDIyIHBlZW9iaGN6"
    "YnpkbXNrYm91cGd5cQoaJggBEAEaIFJFQ09SRCAyMyB1c3dreGZ0eHJvZXVzc2N4c2pobm8KGiYIAhACGiBSRUNPUkQg"
    "MjQgY2FzZWhkZ2l2ZmF4ZXVzdGx5c3p5ChomCAMQAxogUkVDT1JEIDI1IG52ZmZ2cG11b2dkb3BqaGFtZXZyawpRwVPQ"
    "3go0yp4Y6kvM0q3V"
)
"""A vector of AWS's own aggregation modules, as ports of them to other languages test with it."""


def test_a_record_with_explicit_hash_keys_is_read_and_made_again_to_the_byte() -> None:
    found = deaggregate(WITH_HASH_KEYS)
    assert found is not None
    assert [one.data[:9] for one in found] == [b"RECORD %d" % n for n in range(22, 26)]
    assert found[0].explicit_hash_key == "38486495867508399078159723846051807020"
    assert sealed([(one.partition_key, one.data, one.explicit_hash_key) for one in found])[0] == (
        WITH_HASH_KEYS
    )
