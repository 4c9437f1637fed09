"""The log of one shard: positions, pages, retention."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.kinesis.log import Record, ShardLog

NOW = 1_700_000_000.0
PAUSES = st.lists(st.integers(0, 3).map(float), max_size=30)


def filled(pauses: list[float], data: bytes = b"data") -> tuple[ShardLog, list[Record]]:
    log, now = ShardLog(0, (0, 2**128 - 1), opened=NOW), NOW
    records = []
    for pause in pauses:
        now += pause
        records.append(log.append("key", data, now))
    return log, records


@given(PAUSES, st.data())
def test_reading_resumes_after_any_position(pauses: list[float], data: st.DataObject) -> None:
    log, records = filled(pauses)
    seen = data.draw(st.integers(0, len(records)))
    limit = data.draw(st.integers(0, 40))
    after = records[seen - 1].sequence_number if seen else log.start
    assert log.read(after, limit) == records[seen : seen + limit]


@given(PAUSES, st.floats(-2, 100))
def test_reading_at_a_time_gives_what_arrived_since(pauses: list[float], at: float) -> None:
    log, records = filled(pauses)
    expected = [record for record in records if record.arrival >= NOW + at]
    assert log.read(log.before(NOW + at), 100) == expected


@given(PAUSES, st.data())
def test_reading_at_a_number_includes_it(pauses: list[float], data: st.DataObject) -> None:
    log, records = filled([1.0, *pauses])
    index = data.draw(st.integers(0, len(records) - 1))
    number = records[index].sequence_number
    assert log.read(log.preceding(number), 100) == records[index:]
    assert log.read(log.preceding(number + 1), 100) == records[index + 1 :]


@given(PAUSES, st.floats(-2, 100))
def test_trimming_forgets_what_is_older_and_keeps_positions_valid(
    pauses: list[float], at: float
) -> None:
    log, records = filled(pauses)
    last = log.last
    log.trim(NOW + at)
    kept = [record for record in records if record.arrival >= NOW + at]
    assert (log.read(None, 100), len(log), log.last) == (kept, len(kept), last)
    for index, record in enumerate(records):
        following = [one for one in records[index + 1 :] if one in kept]
        assert log.read(record.sequence_number, 100) == following


def test_latest_gives_only_what_is_put_later() -> None:
    log, _ = filled([0.0, 0.0])
    latest = log.last
    assert log.read(latest, 10) == []
    log.append("key", b"new", NOW)
    assert [record.data for record in log.read(latest, 10)] == [b"new"]


@pytest.mark.parametrize(("most_bytes", "count"), [(0, 1), (12, 1), (13, 1), (26, 2), (10**6, 3)])
def test_a_page_holds_what_fits_and_at_least_one_record(most_bytes: int, count: int) -> None:
    log, records = filled([0.0] * 3, data=b"0123456789")
    assert log.read(None, 10, most_bytes) == records[:count]


def test_a_clock_that_goes_back_does_not_take_arrivals_back() -> None:
    log, _ = filled([5.0])
    assert log.append("key", b"", NOW).arrival == NOW + 5


def test_the_size_of_a_record_counts_the_bytes_of_its_key() -> None:
    assert Record(1, "schlüssel", b"12", NOW).size == 12


def test_a_shard_has_ended_when_it_is_closed_and_read() -> None:
    log, (first, last) = filled([0.0, 0.0])
    before = [log.ended(position) for position in (None, first.sequence_number, log.last)]
    log.closed_at = NOW
    after = [log.ended(position) for position in (None, first.sequence_number, log.last)]
    assert (before, after) == ([False] * 3, [False, False, True])
    assert log.end is not None
    assert log.ended(log.end)
    assert log.last == last.sequence_number
