"""The state counts what a person would count who has every report at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from cli.fleet import Fleet, Release, Rollout
from events.device_telemetry.event import DeviceTelemetry
from events.release import BANDS, DEFAULT_METRICS, Held, Metric, Registry, Trial, start
from functions.release_health import layout
from functions.release_health.cache import Address, Cache, Command, plain
from functions.release_health.evidence import (
    BUCKETS,
    MILLI,
    Arm,
    Episodes,
    Evidence,
    Window,
    scaled,
)
from functions.release_health.gathering import Gathering, Tally
from functions.release_health.layout import place
from functions.release_health.state import APPLY, State
from functions.shared.processor import Cause
from tests.functions.release_health.servers import asked, client_of

BEGAN = datetime(2025, 6, 2, 10, tzinfo=UTC)
STARTS = BEGAN + timedelta(minutes=30)
ALL_METRICS = (
    Metric(name="cpu", weight=0.1, tolerance=0.1, margin=0.2),
    Metric(name="heap_bytes", weight=0.4, tolerance=0.01, margin=0.05),
    Metric(name="channel_change_ms", weight=0.3, tolerance=0.02, margin=0.1),
    Metric(name="crashed", weight=0.2, tolerance=0.0, margin=1.0),
)


def trial(metrics: tuple[Metric, ...] = DEFAULT_METRICS) -> Trial:
    return start(
        Registry(),
        canary="2.5.0",
        baseline="2.4.0",
        now=STARTS,
        at=STARTS,
        preparation=timedelta(minutes=30),
        backdate=True,
        metrics=metrics,
        devices=100,
    ).trials[0]


def report(
    minute: float,
    *,
    device: str = "stb-1",
    boot: int = 1,
    counter: int | None = None,
    release: str = "2.4.0",
    heap: int = 200_000_000,
    latency: float | None = None,
    crashed: bool = False,
) -> DeviceTelemetry:
    """A report so many minutes from the trial's start; its counter is the minute's by default."""
    number = round(minute) + 100 if counter is None else counter
    return DeviceTelemetry(
        event_id=f"{device}-{boot}-{number}",
        event_time=STARTS + timedelta(minutes=minute),
        device=device,
        boot_id=boot,
        counter=number,
        release=release,
        model="hr-100",
        region="north",
        heap_bytes=heap,
        cpu=0.25,
        channel_change_ms=latency,
        uptime_seconds=60,
        crashed=crashed,
    )


def apply(state: State, of: Trial, *reports: DeviceTelemetry) -> Tally:
    gathering = Gathering([of])
    for one in reports:
        gathering.take(one, Cause("shard:1", 0, one.event_time.timestamp() + 1))
    state.apply(gathering.courses)
    return gathering.tally()


def by_hand(of: Trial, reports: Sequence[DeviceTelemetry]) -> Evidence:
    """The evidence by its definition, from all reports at once."""
    grace = timedelta(seconds=of.grace_seconds)
    in_trial = [one for one in reports if one.event_time >= STARTS]
    past: dict[tuple[str, str], list[int]] = {}
    for one in reports:
        if one.release == of.baseline and of.prepares_at <= one.event_time < STARTS - grace:
            for name in of.sizes:
                if (value := getattr(one, name)) is not None:
                    y = scaled(value, *BANDS[name])
                    past.setdefault((one.device, name), []).append((y + 500) // 1000)
    canary, baseline = (
        _arm_by_hand(of, [one for one in in_trial if one.release == release], past)
        for release in (of.canary, of.baseline)
    )
    latest = max(one.event_time for one in reports) - STARTS
    return Evidence(
        canary=canary,
        baseline=baseline,
        switched=len(
            {one.device for one in in_trial if one.release == of.canary}
            & {one.device for one in in_trial if one.release == of.baseline}
        ),
        elapsed_seconds=int(latest.total_seconds()),
    )


def _arm_by_hand(
    of: Trial, mine: Sequence[DeviceTelemetry], past: dict[tuple[str, str], list[int]]
) -> Arm:
    seen = Counter(hour for hour, _ in {(_hour(one), one.device) for one in mine})
    crashed = Counter(hour for hour, _ in {(_hour(one), one.device) for one in mine if one.crashed})
    return Arm(
        devices=len({one.device for one in mine}),
        events=len(mine),
        windows={
            name: tuple(
                _window_by_hand(name, hour, [one for one in mine if _hour(one) == hour], past)
                for hour in sorted({*seen, 0})
            )
            for name in of.sizes
        },
        crashes=tuple(
            Episodes(hour=hour, episodes=crashed[hour], exposure=seen[hour])
            for hour in sorted(seen)
        ),
    )


def _window_by_hand(
    name: str,
    hour: int,
    mine: Sequence[DeviceTelemetry],
    past: dict[tuple[str, str], list[int]],
) -> Window:
    rows = {which: [0] * BUCKETS for which in ("n", "y", "k", "p")}
    known_y = pp = py = 0
    for one in mine:
        if (value := getattr(one, name)) is None:
            continue
        y, bucket = scaled(value, *BANDS[name]), place(one.device).bucket
        rows["n"][bucket] += 1
        rows["y"][bucket] += y
        if own := past.get((one.device, name)):
            p = (2 * sum(own) + len(own)) // (2 * len(own))
            rows["k"][bucket] += 1
            rows["p"][bucket] += p
            known_y, pp, py = known_y + y, pp + p * p, py + p * y
    return Window(
        hour=hour,
        events=tuple(rows["n"]),
        y=tuple(rows["y"]),
        known=tuple(rows["k"]),
        p=tuple(rows["p"]),
        known_y=known_y,
        pp=pp,
        py=py,
    )


def _hour(one: DeviceTelemetry) -> int:
    return int((one.event_time - STARTS).total_seconds()) // 3600


@pytest.mark.parametrize("metrics", [DEFAULT_METRICS, ALL_METRICS], ids=["default", "all"])
def test_the_evidence_is_what_its_definition_says(
    cache: Cache, metrics: tuple[Metric, ...]
) -> None:
    of, state = trial(metrics), State(cache)
    fleet = Fleet(
        devices=60,
        start=BEGAN,
        rollouts=[
            Rollout(
                Release("2.5.0", crashes=200),
                0.4,
                after=timedelta(minutes=20),
                over=timedelta(minutes=40),
            )
        ],
    )
    reports = list(fleet.events(timedelta(minutes=180)))
    for begin in range(0, len(reports), 700):
        apply(state, of, *reports[begin : begin + 700])
    evidence, _ = state.evidence(of)
    assert evidence == by_hand(of, reports)
    assert sum(one.episodes for one in evidence.canary.crashes) > 2
    assert sum(evidence.canary.windows["heap_bytes"][0].known) > 0


def test_a_report_counts_once_within_64_of_the_highest_and_is_late_behind_that(
    cache: Cache,
) -> None:
    of, state = trial(), State(cache)
    assert apply(state, of, report(70, counter=163)) == Tally(counted=1)
    assert apply(state, of, report(7, counter=100)) == Tally(counted=1)
    assert apply(state, of, report(7, counter=100)) == Tally(duplicates=1)
    assert apply(state, of, report(6, counter=99)) == Tally(late=1)
    for ahead in (31, 32, 33, 63, 64, 65):
        device = f"ahead-{ahead}"
        assert apply(state, of, report(1, device=device, counter=200)).counted == 1
        assert apply(state, of, report(2, device=device, counter=200 + ahead)).counted == 1
        again = apply(state, of, report(1, device=device, counter=200))
        assert again == (Tally(duplicates=1) if ahead < 64 else Tally(late=1)), ahead


class Taught(Cache):
    """A cache that forgets the script now; another environment teaches it after the first call."""

    def __init__(self, address: Address) -> None:
        super().__init__(address, client_of)
        self.client = asked(address[1])
        self.client.script_flush()

    def _sent(
        self,
        address: Address,
        commands: Sequence[Command],
        indexes: Sequence[int],
        unknown: dict[int, bool],
    ) -> list[Any]:
        first = super()._sent(address, commands, indexes[:1], unknown)
        self.client.script_load(APPLY.text)
        return first + super()._sent(address, commands, indexes[1:], unknown)


def test_a_call_that_was_refused_is_sent_again_before_what_follows_it(cache: Cache) -> None:
    of, many = trial(), layout.MOST_REPORTS + 200
    reports = [report(number / 20, counter=number) for number in range(many)]
    taught = Taught(cache._first)
    assert apply(State(taught), of, *reports) == Tally(counted=many)
    taught.close()
    assert apply(State(cache), of, *reports) == Tally(duplicates=64, late=many - 64), (
        "all were counted"
    )


def test_a_report_that_moves_through_the_whole_window_is_a_duplicate_all_the_way(
    cache: Cache,
) -> None:
    of, state = trial(), State(cache)
    apply(state, of, report(1, counter=200))
    for highest in (220, 240, 245, 263):
        apply(state, of, report(2, counter=highest))
        assert apply(state, of, report(1, counter=200)) == Tally(duplicates=1)
    apply(state, of, report(2, counter=264))
    assert apply(state, of, report(1, counter=200)) == Tally(late=1)


def test_an_hour_that_is_over_has_no_more_exposure_by_a_report_that_comes_late(
    cache: Cache,
) -> None:
    of, state = trial(), State(cache)
    apply(state, of, report(58, counter=1, crashed=True), report(61, counter=3))
    apply(state, of, report(59, counter=2, crashed=True))
    baseline = state.digest(of).baseline
    assert (baseline.exposure, baseline.episodes) == (2, 1)


def test_after_a_boot_the_last_reports_of_the_one_before_still_count_once(cache: Cache) -> None:
    of, state = trial(), State(cache)
    apply(state, of, report(1, boot=1, counter=500), report(2, boot=2, counter=0))
    assert apply(state, of, report(0.5, boot=1, counter=499)) == Tally(counted=1)
    assert apply(state, of, report(0.5, boot=1, counter=499)) == Tally(duplicates=1)
    assert apply(state, of, report(66, boot=2, counter=64)) == Tally(counted=1)
    assert apply(state, of, report(0.4, boot=1, counter=498)) == Tally(late=1)
    held = state.totals(of).held
    assert held[1].events == 4


def test_two_boots_out_of_order_leave_the_same_state_as_in_order(cache: Cache) -> None:
    of, state = trial(), State(cache)
    some = [report(number, boot=number, counter=0) for number in (1, 2, 3)]
    digests = set()
    for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2)):
        for index in order:
            assert apply(state, of, some[index]).counted == 1
        digests.add(state.digest(of).digest)
        state.flush(of)
    assert len(digests) == 1


def test_the_past_is_frozen_with_the_first_report_of_the_trial(cache: Cache) -> None:
    of, state = trial(), State(cache)
    low, high = BANDS["heap_bytes"]
    middle = (low * high) ** 0.5
    apply(state, of, report(-20, heap=round(middle)), report(-10, heap=round(middle * 2.718281828)))
    apply(state, of, report(1, heap=round(middle)))
    assert apply(state, of, report(-15, heap=round(middle * 100))) == Tally(late=1)
    window = state.evidence(of)[0].baseline.windows["heap_bytes"][0]
    assert sum(window.known) == 1
    assert sum(window.p) == MILLI // 2  # of one and e times as much


def test_what_lies_in_the_grace_or_outside_of_the_trial_leaves_no_trace(cache: Cache) -> None:
    of, state = trial(), State(cache)
    assert apply(state, of, report(-31), report(-0.5)) == Tally(outside=2)
    assert apply(state, of, report(-5, release="2.5.0")) == Tally(outside=1)
    assert state.digest(of).records == 0


def test_a_device_that_changes_its_release_counts_in_both_arms_under_what_each_report_says(
    cache: Cache,
) -> None:
    of, state = trial(), State(cache)
    apply(state, of, report(1), report(5, boot=2, counter=0, release="2.5.0"))
    apply(state, of, report(70, boot=3, counter=0), report(71, boot=3, counter=1))
    digested = state.digest(of)
    assert (digested.canary.devices, digested.baseline.devices, digested.switched) == (1, 1, 1)
    assert (digested.canary.exposure, digested.baseline.exposure) == (1, 2)
    assert (digested.canary.events, digested.baseline.events) == (1, 3)


def test_a_crash_loop_is_one_episode_an_hour(cache: Cache) -> None:
    of, state = trial(), State(cache)
    some = [report(boot, boot=boot, counter=0, crashed=True) for boot in range(2, 150, 2)]
    apply(state, of, *some)
    assert state.digest(of).baseline == Held(
        devices=1,
        events=len(some),
        episodes=3,
        exposure=3,
        measured={"heap_bytes": len(some), "channel_change_ms": 0},
        clipped={"heap_bytes": 0, "channel_change_ms": 0},
    )


def test_a_report_four_hours_behind_its_device_is_late_and_three_hours_is_not(
    cache: Cache,
) -> None:
    of, state = trial(), State(cache)
    apply(state, of, report(5 * 60 + 1, counter=110))
    assert apply(state, of, report(2 * 60 + 1, counter=109)) == Tally(counted=1)
    assert apply(state, of, report(60 + 1, counter=108)) == Tally(late=1)


def test_two_trials_with_the_same_baseline_keep_their_states_apart(cache: Cache) -> None:
    registry = Registry(version=1, trials=(trial(),))
    both = start(
        registry,
        canary="2.6.0",
        baseline="2.4.0",
        now=STARTS,
        at=STARTS,
        preparation=timedelta(0),
        backdate=True,
    ).trials
    state, gathering = State(cache), Gathering(both)
    gathering.take(report(1), Cause("s:1", 0, STARTS.timestamp()))
    state.apply(gathering.courses)
    assert gathering.tally() == Tally(counted=2)
    state.flush(both[0])
    assert [state.digest(one).baseline.events for one in both] == [0, 1]


def test_a_trial_of_the_same_number_that_began_another_time_is_another(cache: Cache) -> None:
    of, state = trial(), State(cache)
    apply(state, of, report(1))
    later = replace(of, started_at=STARTS + timedelta(days=1))
    assert state.digest(later).records == 0
    assert state.evidence(later)[0].baseline.events == 0


def test_flushing_takes_every_key_of_the_trial_and_no_other(cache: Cache) -> None:
    of, state = trial(), State(cache)
    cache.run([plain(layout.LOOK, "HSET", layout.looks(of), "looks", 7)])
    apply(state, of, *(report(number * 10, device=f"stb-{number}") for number in range(40)))
    before = len(_keys(cache))
    assert state.flush(of) == before - 1
    assert _keys(cache) == [layout.looks(of).encode()]


def test_every_key_lives_longer_than_the_stream_remembers(cache: Cache) -> None:
    of, state = trial(), State(cache)
    apply(state, of, report(-10), report(1), report(61))
    keys = _keys(cache)
    assert len(keys) == 4
    retention = DeviceTelemetry.contract.retention.total_seconds()
    for key in keys:
        (left,) = cache.run([plain(key.decode()[1:4], "TTL", key)])
        assert left > retention, key


def test_a_trial_that_is_longer_than_its_keys_live_loses_nothing(cache: Cache) -> None:
    of = trial()
    apply(State(cache), of, report(1, device="gone"), report(9 * 24 * 60, counter=9_000_000))
    keys = [key for key in _keys(cache) if not key.split(b":")[-1].startswith(b"d")]
    assert len(keys) == 4, "totals and an hour of two buckets"
    for key in keys:
        cache.run([plain(key.decode()[1:4], "EXPIRE", key, 60)])
    State(cache).evidence(of, now=0.0)
    left = [cache.run([plain(key.decode()[1:4], "TTL", key)])[0] for key in keys]
    assert sorted(one > 60 for one in left) == [False, True, True, True], "but the latest hour"


def test_old_hours_are_added_up_by_the_day_and_nothing_is_lost(cache: Cache) -> None:
    of, state = trial(), State(cache)
    for hour in range(0, 80, 5):
        apply(state, of, report(hour * 60, counter=hour))
    windows = state.evidence(of)[0].baseline.windows["heap_bytes"]
    assert [one.hour for one in windows] == [0, *range(25, 80, 5)]
    assert sum(sum(one.events) for one in windows) == 16


def test_a_look_may_take_settled_hours_as_they_were_ten_minutes_ago(cache: Cache) -> None:
    of, state = trial(), State(cache)
    apply(state, of, report(1), report(9 * 60, counter=200))
    assert state.evidence(of, now=0.0)[0].baseline.events == 2
    apply(state, of, report(2, device="stb-2"))

    def counted(now: float | None) -> int:
        window = state.evidence(of, now=now)[0].baseline.windows["heap_bytes"][0]
        return sum(window.events)

    assert (counted(599.0), counted(None), counted(600.0)) == (1, 2, 2)


def test_a_look_reads_few_settled_hours_and_keeps_none_of_a_trial_that_is_over(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, state = trial(), State(cache)
    apply(state, of, report(1), report(100 * 60, counter=9_000))
    state.evidence(of, now=0.0)
    run, asked_for = cache.run, Counter[int]()

    def counting(commands: Sequence[Command]) -> list[Any]:
        asked_for[second] += sum(one.words[0] == "HGETALL" for one in commands)
        return run(commands)

    monkeypatch.setattr(cache, "run", counting)
    for second in range(1, 601):
        state.evidence(of, now=float(second))
    unsettled = 7 + 1  # the totals too
    hours = [asked_for[second] // BUCKETS - unsettled for second in range(1, 601)]
    assert (sum(hours), max(hours)) == (94, 4)
    state.evidence(replace(of, number=2), now=1201.0)
    assert len(state._settled) == 1


def _keys(cache: Cache) -> list[bytes]:
    (found,) = cache.run([plain("any", "KEYS", "*")])
    return sorted(found)
