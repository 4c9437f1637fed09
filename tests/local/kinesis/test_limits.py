"""A shard's rates, driven with a clock of our own."""

from hypothesis import given
from hypothesis import strategies as st

from local.kinesis.limits import MIB, ShardLimits

NOW = 1_700_000_000.0


def test_a_shard_takes_a_thousand_records_a_second() -> None:
    limits = ShardLimits()
    taken = [limits.write(10, NOW) for _ in range(1_001)]
    assert (taken.count(True), taken[-1]) == (1_000, False)
    assert [limits.write(10, NOW + 0.0015), limits.write(10, NOW + 0.0016)] == [True, False]


def test_a_shard_takes_a_mebibyte_a_second() -> None:
    limits = ShardLimits()
    assert [limits.write(MIB // 4, NOW) for _ in range(5)] == [True] * 4 + [False]
    assert [limits.write(MIB // 4, NOW + 0.25), limits.write(1, NOW + 0.25)] == [True, False]


def test_a_record_of_ten_mebibytes_is_taken_and_paid_for() -> None:
    limits = ShardLimits()
    assert [limits.write(10 * MIB, NOW), limits.write(1, NOW + 9)] == [True, False]
    assert limits.write(1, NOW + 9.1)


def test_a_shard_is_read_five_times_a_second() -> None:
    limits = ShardLimits()
    assert [limits.call(NOW) for _ in range(6)] == [True] * 5 + [False]
    assert [limits.call(NOW + 0.2), limits.call(NOW + 0.2)] == [True, False]


def test_after_ten_mebibytes_nothing_is_read_for_five_seconds() -> None:
    limits = ShardLimits()
    assert limits.call(NOW)
    limits.read(10 * MIB)
    assert [limits.call(NOW + 4.9), limits.call(NOW + 5)] == [False, True]


@given(st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 200_000)), max_size=200))
def test_no_history_exceeds_the_rate_by_more_than_one_second_of_burst(
    writes: list[tuple[float, int]],
) -> None:
    limits, now, taken = ShardLimits(), NOW, 0
    for pause, size in writes:
        now += pause
        taken += size if limits.write(size, now) else 0
    assert taken <= MIB * (1 + now - NOW) + 1
