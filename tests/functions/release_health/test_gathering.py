"""What a report means to a trial before any state is asked; what is absurd is counted, and kept
from doing harm."""

from __future__ import annotations

import struct
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from events.release import BANDS, Metric
from functions.release_health import layout
from functions.release_health.evidence import BUCKETS, scaled
from functions.release_health.gathering import Gathering, Tally
from functions.shared.processor import Cause
from tests.functions.release_health.test_state import STARTS, report, trial


def gathered(one: Any, *, lag: float = 1.0, of: Any = None) -> Gathering:
    """A batch of one report that arrives so many seconds after it was made."""
    found = Gathering([of or trial()])
    found.take(one, Cause("shard:1", 0, one.event_time.timestamp() + lag))
    return found


def values(found: Gathering) -> tuple[int, ...]:
    """bits, then the values, of the only report."""
    (packed,) = found.courses[0].reports
    return struct.unpack(">19xB6x2i", packed)


def test_a_release_on_no_trial_is_counted_and_nothing_else() -> None:
    found = gathered(report(1, release="2.4.1"))
    assert found.tally() == Tally(unknown=1)
    assert found.courses[0].reports == []


@pytest.mark.parametrize("lag", [-121 * 60, 121 * 60, 30 * 86_400])
def test_a_clock_hours_off_keeps_a_report_out_of_both_arms(lag: float) -> None:
    found = gathered(report(1), lag=lag)
    assert found.tally() == Tally(skewed=1)
    assert found.courses[0].reports == []


@pytest.mark.parametrize("lag", [-119 * 60, 119 * 60])
def test_a_clock_less_off_than_the_trial_believes_counts(lag: float) -> None:
    assert len(gathered(report(1), lag=lag).courses[0].reports) == 1


def test_the_trial_begins_and_stops_at_its_instants_and_nothing_counts_twice() -> None:
    of = replace(trial(), stopped_at=STARTS + timedelta(minutes=10))
    second = 1 / 60
    kinds = {
        minute: [packed[18] for packed in gathered(report(minute), of=of).courses[0].reports]
        for minute in (-30 - second, -30, -1 - second, -1, -second, 0, 10 - second, 10)
    }
    assert list(kinds.values()) == [
        [],
        [layout.PREPARATION],
        [layout.PREPARATION],
        [],
        [],
        [layout.BASELINE],
        [layout.BASELINE],
        [],
    ]


@pytest.mark.parametrize(
    ("heap", "latency", "clipped"),
    [(0, 0.0, 2), (1, None, 1), (2**40, 600_000.0, 2), (2**30, 900.0, 0), (2**20, 1.0, 0)],
)
def test_an_absurd_value_counts_as_the_end_of_its_band(
    heap: int, latency: float | None, clipped: int
) -> None:
    found = gathered(report(1, heap=heap, latency=latency))
    assert found.tally().clipped == clipped
    bits, y_heap, y_latency = values(found)
    assert y_heap == scaled(heap, *BANDS["heap_bytes"])
    assert y_latency == (0 if latency is None else scaled(latency, *BANDS["channel_change_ms"]))
    assert bits & 2
    assert bool(bits & 4) is (latency is not None)
    assert (bits >> 4).bit_count() == clipped


def test_values_of_a_band_fit_what_packs_them() -> None:
    for low, high in BANDS.values():
        top = scaled(high, low, high)
        assert abs(top + scaled(low, low, high)) <= 1
        assert top < 2**31
        assert top // 1000 < 2**15, "thousandths are packed in two bytes"


def test_a_trial_of_crashes_alone_needs_no_value() -> None:
    crashed = (Metric(name="crashed", weight=1.0, tolerance=0.0, margin=1.0),)
    found = gathered(report(1, crashed=True), of=trial(crashed))
    (packed,) = found.courses[0].reports
    assert packed[19] == layout.CRASHED


def test_every_bucket_gets_devices_and_calls_stay_far_below_their_limits() -> None:
    of = replace(trial(), devices=100_000_000)
    found = Gathering([of])
    for number in range(40_000):
        one = report(number % 60, device=f"stb-{number}")
        found.take(one, Cause("shard:1", 0, one.event_time.timestamp()))
    calls = layout.calls(of, found.courses[0].reports)
    assert {call.bucket for call in calls} == set(range(BUCKETS))
    assert sum(call.reports for call in calls) == 40_000
    assert max(call.reports for call in calls) == layout.MOST_REPORTS
    assert max(3 + len(call.keys) + len(call.arguments) for call in calls) < 3_999
    for call in calls:
        assert {key[1:4] for key in call.keys} == {layout.tag(call.bucket)}


def test_a_device_stays_in_order_of_boot_and_counter_within_a_call() -> None:
    of = trial()
    found = Gathering([of])
    for boot, counter in ((2, 1), (1, 9), (2, 0), (1, 8)):
        one = report(1, boot=boot, counter=counter)
        found.take(one, Cause("shard:1", 0, one.event_time.timestamp()))
    (call,) = layout.calls(of, found.courses[0].reports)
    blob = call.arguments[2]
    assert isinstance(blob, bytes)
    size = len(blob) // 4
    order = [struct.unpack_from(">10xII", blob, at) for at in range(0, len(blob), size)]
    assert all(one < other for one, other in pairwise(order))
