"""The simulated fleet: what its model says can be found in its events."""

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from math import log
from statistics import fmean

import msgspec
import pytest

from cli.fleet import Fleet, Release, Rollout
from events.device_telemetry.event import DeviceTelemetry

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def runs(fleet: Fleet, span: timedelta = HOUR) -> list[DeviceTelemetry]:
    return list(fleet.events(span))


def by_device(events: list[DeviceTelemetry]) -> dict[str, list[DeviceTelemetry]]:
    found = defaultdict(list)
    for event in events:
        found[event.device].append(event)
    return found


def test_the_same_seed_gives_the_same_events_and_another_one_others() -> None:
    assert runs(Fleet(devices=40, seed=7)) == runs(Fleet(devices=40, seed=7))
    assert runs(Fleet(devices=40, seed=7)) != runs(Fleet(devices=40, seed=8))


def test_events_are_in_order_within_the_span_and_valid() -> None:
    fleet = Fleet(devices=50, interval=timedelta(seconds=10))
    events = runs(fleet)
    times = [event.event_time for event in events]
    assert times == sorted(times)
    assert fleet.start <= times[0] < times[-1] < fleet.start + HOUR
    assert len(events) > 0.98 * 50 * 360
    for event in events:
        assert msgspec.json.decode(msgspec.json.encode(event), type=DeviceTelemetry) == event
    assert len({event.event_id for event in events}) == len(events)


def test_boots_and_counters_have_no_gaps_and_crashes_come_after_boots() -> None:
    crashing = Fleet(devices=60, baseline=Release("2.4.0", crashes=100))
    events = runs(crashing, timedelta(hours=3))
    crashes = 0
    for reports in by_device(events).values():
        before = reports[0]
        assert (before.boot_id, before.counter) == (1, 0)
        for report in reports[1:]:
            same_boot = report.boot_id == before.boot_id
            counter = before.counter + 1 if same_boot else 0
            assert (report.boot_id, report.counter) in {
                (before.boot_id, counter),
                (before.boot_id + 1, 0),
            }
            assert report.uptime_seconds == 60 * report.counter
            assert report.crashed is not same_boot  # nothing else boots here
            before = report
        crashes += before.boot_id - 1
    assert crashes == sum(event.crashed for event in events) > 30


def test_a_rollout_takes_its_exact_share_one_device_after_the_other() -> None:
    rollout = Rollout(Release("2.4.1"), 0.25, after=20 * MINUTE, over=10 * MINUTE)
    fleet = Fleet(devices=80, rollouts=[rollout, Rollout(Release("2.4.2"), 0.5)])
    first = {}
    for name, reports in by_device(runs(fleet)).items():
        releases = [report.release for report in reports]
        assert releases == sorted(releases)  # never back
        first[name] = next((one for one in reports if one.release != "2.4.0"), None)
    upgraded = [one for one in first.values() if one is not None and one.release == "2.4.1"]
    assert len(upgraded) == 20
    assert sum(one is not None and one.release == "2.4.2" for one in first.values()) == 40
    times = sorted(one.event_time - fleet.start for one in upgraded)
    assert 22 * MINUTE < times[0] < times[-1] < 35 * MINUTE
    assert times[-1] - times[0] > 4 * MINUTE
    assert not any(one.crashed for one in upgraded)


def test_two_runs_of_a_seed_differ_by_the_effect_alone() -> None:
    def with_effect(release: Release) -> dict[str, DeviceTelemetry]:
        fleet = Fleet(devices=100, rollouts=[Rollout(release, 0.5)])
        return {event.event_id: event for event in fleet.events(HOUR)}

    plain = with_effect(Release("2.4.1"))
    heavy = with_effect(Release("2.4.1", heap=1.05, latency=1.1))
    assert plain.keys() == heavy.keys()
    for name, event in plain.items():
        other = heavy[name]
        if event.release == "2.4.0":
            assert event == other
        else:
            assert log(other.heap_bytes / event.heap_bytes) == pytest.approx(log(1.05), abs=1e-6)
            if event.channel_change_ms is not None:
                assert other.channel_change_ms == pytest.approx(1.1 * event.channel_change_ms, 1e-2)


def test_a_leak_grows_since_the_boot_and_then_stays() -> None:
    def heaps(leak: float) -> list[int]:
        release = Release("2.4.0", leak=leak, leak_after=30 * MINUTE)
        return [event.heap_bytes for event in Fleet(devices=1, baseline=release).events(HOUR)]

    grown = [log(more / less) for more, less in zip(heaps(0.1), heaps(0), strict=True)]
    assert grown[0] == 0
    assert grown[15] == pytest.approx(log(1.1) / 2, abs=1e-6)
    assert grown[30:] == pytest.approx([log(1.1)] * 30, abs=1e-6)


def test_reports_of_one_device_are_alike_and_devices_differ() -> None:
    """Why the device is the unit: between devices 25 %, within one 4 %, and that has memory."""
    series = [
        [log(event.heap_bytes) for event in reports]
        for reports in by_device(runs(Fleet(devices=200), 2 * HOUR)).values()
    ]
    means = [fmean(one) for one in series]
    center = fmean(means)
    between = fmean((mean - center) ** 2 for mean in means) ** 0.5
    noise = [[value - mean for value in one] for one, mean in zip(series, means, strict=True)]
    within = fmean(value**2 for one in noise for value in one) ** 0.5
    memory = fmean(a * b for one in noise for a, b in pairwise(one)) / within**2
    assert between > 0.2
    assert 0.03 < within < 0.05
    assert 0.8 < memory < 0.95


def test_shares_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="shares of a fleet"):
        Fleet(devices=1, rollouts=[Rollout(Release("1.0.0"), 0.6), Rollout(Release("1.0.1"), 0.5)])
