"""The simulated fleet: the same for a seed, right by the contract, and shaped as its model says."""

from collections import defaultdict
from itertools import chain, islice
from statistics import median

import msgspec
import pytest

from events.decoding import Decoder
from events.device_telemetry.event import DeviceTelemetry
from events.device_telemetry.source import FLEET, START, events


@pytest.fixture(scope="module")
def reports() -> list[DeviceTelemetry]:
    """Two and a half hours of the fleet."""
    return list(islice(events(seed=7), 300_000))


def test_the_same_seed_gives_the_same_reports_and_another_gives_others(
    reports: list[DeviceTelemetry],
) -> None:
    assert list(islice(events(seed=7), 5_000)) == reports[:5_000]
    assert list(islice(events(), 5_000)) == list(islice(events(seed=1), 5_000))
    assert list(islice(events(seed=8), 5_000)) != reports[:5_000]


def test_every_report_keeps_the_contract_and_they_come_in_the_order_of_their_times(
    reports: list[DeviceTelemetry],
) -> None:
    decoder = Decoder(DeviceTelemetry)
    for report in reports[::50]:
        assert decoder.decode(msgspec.json.encode(report)) == report
    times = [report.event_time for report in reports]
    assert times == sorted(times)
    assert times[0] >= START
    assert len({report.event_id for report in reports}) == len(reports)


def test_a_boot_raises_the_boot_id_and_counts_from_zero_without_gaps(
    reports: list[DeviceTelemetry],
) -> None:
    last: dict[str, DeviceTelemetry] = {}
    boots = crashes = 0
    for report in reports:
        before = last.get(report.device)
        last[report.device] = report
        if before is None:
            assert (report.boot_id, report.counter, report.crashed) == (1, 0, False)
        elif report.boot_id == before.boot_id:
            assert (report.counter, report.crashed) == (before.counter + 1, False)
            assert report.release == before.release
            assert (report.event_time - before.event_time).total_seconds() == 60
        else:
            boots += 1
            crashes += report.crashed
            assert (report.boot_id, report.counter) == (before.boot_id + 1, 0)
            silence = (report.event_time - before.event_time).total_seconds() / 60 - 1
            assert 1 <= silence <= 5 if report.crashed else silence == 3
            assert report.crashed or report.release == "4.2.1"
        assert report.uptime_seconds == 60 * report.counter
    assert len(last) == FLEET
    assert 0 < crashes < boots


def test_the_latency_has_a_tail_and_differs_by_device_and_region(
    reports: list[DeviceTelemetry],
) -> None:
    by_region: dict[str, list[float]] = defaultdict(list)
    by_device: dict[str, list[float]] = defaultdict(list)
    for report in reports:
        if report.channel_change_ms is not None:
            by_region[report.region].append(report.channel_change_ms)
            by_device[report.device].append(report.channel_change_ms)
    everything = sorted(chain.from_iterable(by_region.values()))
    assert 0.3 < len(everything) / len(reports) < 0.36
    assert everything[int(0.999 * len(everything))] > 10 * median(everything)
    assert median(by_region["islands"]) > 1.4 * median(by_region["north"])
    medians = sorted(median(values) for values in by_device.values() if len(values) > 20)
    assert medians[-1] > 3 * medians[0]
