"""Sequence numbers look and order like AWS's."""

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from local.kinesis import sequence
from local.kinesis.sequence import Parts

SECONDS = st.integers(1_400_000_000, 4_000_000_000)
SHARDS = st.integers(0, sequence.SHARDS)
COUNTERS = st.integers(0, sequence.LAST_COUNTER)


def test_a_number_published_by_aws_is_read() -> None:
    # The example answer of PutRecord in the Kinesis API reference.
    parts = sequence.parse(49543463076548007577105092703039560359975228518395019266)
    assert parts is not None
    assert (parts.shard, datetime.fromtimestamp(parts.created, UTC).date()) == (
        0,
        date(2014, 9, 22),
    )


@given(SECONDS, SHARDS, COUNTERS, SECONDS)
def test_a_number_has_56_digits_and_says_what_it_was_made_of(
    created: int, shard: int, counter: int, time: int
) -> None:
    parts = Parts(created, shard, counter, time)
    number = sequence.compose(parts)
    assert (len(str(number)), sequence.parse(number)) == (56, parts)


@given(SECONDS, SHARDS, COUNTERS, COUNTERS, SECONDS, SECONDS)
def test_within_a_shard_the_counter_decides_the_order(
    created: int, shard: int, one: int, other: int, earlier: int, later: int
) -> None:
    first = sequence.compose(Parts(created, shard, one, later))
    second = sequence.compose(Parts(created, shard, other, earlier))
    if one != other:
        assert (first < second) == (one < other)


@given(st.integers(0, 2**190))
def test_what_is_no_sequence_number_is_not_read_as_one(number: int) -> None:
    parts = sequence.parse(number)
    assert parts is None or sequence.compose(parts) == number
