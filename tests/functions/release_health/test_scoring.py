"""What a look says of a trial: the verdict, its reason, and that nothing breaks it."""

from dataclasses import replace
from datetime import UTC, datetime
from math import isfinite, log
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.release import DEFAULT_METRICS, Metric, Trial
from functions.release_health.eprocess import above
from functions.release_health.evidence import (
    Arm,
    Episodes,
    Evidence,
    MetricScore,
    Score,
    Verdict,
    Window,
)
from functions.release_health.scoring import score, share_of, standing
from functions.release_health.sizes import difference
from tests.functions.release_health.test_scoring_sizes import drawn, window

THEN = datetime(2025, 6, 2, tzinfo=UTC)
HEAP = Metric(name="heap_bytes", weight=1.0, tolerance=0.01, margin=0.05)
CRASHED = Metric(name="crashed", weight=1.0, tolerance=0.0, margin=1.0, negligible=0.01)
PERCENT = 10_000


def trial(*metrics: Metric, **rules: Any) -> Trial:
    return Trial(
        number=1,
        canary="2.5.0",
        baseline="2.4.0",
        registered_at=THEN,
        prepares_at=THEN,
        started_at=THEN,
        metrics=metrics or (HEAP,),
        **rules,
    )


def at_hour(hour: int, effect: int = 0, seed: int = 1) -> Window:
    """The reports of one hour: the devices of a seed keep their level."""
    return replace(drawn(seed, effect), hour=hour)


def evidence(
    *effects: int, minutes: int = 45, crashes: tuple[int, int] = (0, 0), devices: int = 300
) -> Evidence:
    """Hours of the same devices in which the canary's heap is higher by so many millionths."""
    hours = range(len(effects))
    fell = [
        tuple(Episodes(hour=hour, episodes=one, exposure=devices) for hour in hours)
        for one in crashes
    ]
    return Evidence(
        canary=Arm(
            devices=devices,
            events=900,
            windows={"heap_bytes": tuple(at_hour(hour, effects[hour]) for hour in hours)},
            crashes=fell[0],
        ),
        baseline=Arm(
            devices=devices,
            events=900,
            windows={"heap_bytes": tuple(at_hour(hour, seed=2) for hour in hours)},
            crashes=fell[1],
        ),
        elapsed_seconds=60 * (60 * (len(effects) - 1) + minutes) if effects else 0,
    )


def test_worse_fails() -> None:
    said = score(trial(), evidence(5 * PERCENT))
    assert said.verdict == Verdict.FAIL
    assert said.display == 0
    assert said.reason == f"heap_bytes is worse: {said.metrics[0].text}."
    (heap,) = said.metrics
    assert heap.effect == pytest.approx(0.05, abs=0.015)
    assert heap.effect is not None
    assert heap.low is not None
    assert heap.high is not None
    assert heap.low < heap.effect < heap.high


def test_no_worse_passes() -> None:
    said = score(trial(), evidence(0))
    assert (said.verdict, said.reason) == (Verdict.PASS, "No metric is worse by its margin.")
    assert said.display > 50


def test_better_passes_and_worse_by_less_than_the_tolerance_too() -> None:
    assert score(trial(), evidence(-10 * PERCENT)).verdict == Verdict.PASS
    assert score(trial(), evidence(PERCENT // 2)).verdict == Verdict.PASS


def test_where_lower_is_worse_the_same_fails_downwards() -> None:
    lower = Metric(name="heap_bytes", direction="lower", weight=1.0, tolerance=0.01, margin=0.05)
    fallen, risen = (score(trial(lower), evidence(sign * 5 * PERCENT)) for sign in (-1, 1))
    assert fallen.verdict == Verdict.FAIL
    assert fallen.metrics[0].effect == pytest.approx(-0.05, abs=0.015)
    assert risen.verdict == Verdict.PASS


def test_between_tolerance_and_margin_nothing_is_told() -> None:
    said = score(
        trial(Metric(name="heap_bytes", weight=1.0, tolerance=0.04, margin=0.05)),
        evidence(45_000),
    )
    assert said.verdict == Verdict.CONTINUE
    assert said.reason.startswith("heap_bytes: +4.")
    assert said.reason.endswith("neither clears nor accuses the canary yet.")


def test_nothing_passes_before_the_soak_but_it_may_fail() -> None:
    said = score(trial(), evidence(0, minutes=29))
    assert said.verdict == Verdict.CONTINUE
    assert said.reason == "Soaking: 29 of 30 minutes have passed."
    assert score(trial(), evidence(5 * PERCENT, minutes=1)).verdict == Verdict.FAIL


def test_a_leak_that_the_mean_dilutes_fails_by_a_restart() -> None:
    effects = (0, 0, 0, 0, 0, 3 * PERCENT)
    tolerant = Metric(name="heap_bytes", weight=1.0, tolerance=0.015, margin=0.1)
    said = score(trial(tolerant), evidence(*effects))
    (heap,) = said.metrics
    assert said.verdict == Verdict.FAIL
    assert heap.effect == pytest.approx(0.005, abs=0.005)
    assert heap.since == 5
    assert heap.since_effect == pytest.approx(0.03, abs=0.008)
    assert "since hour 5" in said.reason
    assert heap.windows == 6


def test_a_leak_of_the_last_hours_does_not_pass() -> None:
    # From the start the mean is far below the margin, over the last two hours it is not.
    lenient = Metric(name="heap_bytes", weight=1.0, tolerance=0.04, margin=0.05)
    for last_two in ((45_000, 45_000), (90_000, 0)):
        said = score(trial(lenient), evidence(*(0,) * 20, *last_two))
        (heap,) = said.metrics
        assert heap.effect is not None
        assert heap.effect < 0.01
        assert heap.log_e_pass < log(20)


@pytest.mark.parametrize(
    ("canary", "verdict"),
    [((0,), "CONTINUE"), ((0, 9), "CONTINUE"), ((0, 10), "PASS"), ((0, 11), "PASS")],
    ids=["silent", "silent too long", "silent now", "heard again"],
)
def test_a_canary_that_is_silent_of_late_does_not_pass(
    canary: tuple[int, ...], verdict: str
) -> None:
    whole = evidence(*(0,) * 12)
    windows = tuple(one for one in whole.canary.windows["heap_bytes"] if one.hour in canary)
    said = score(
        trial(), replace(whole, canary=replace(whole.canary, windows={"heap_bytes": windows}))
    )
    assert said.verdict == verdict
    assert said.metrics[0].effect is not None


def test_restarts_share_out_alpha() -> None:
    shares = [share_of(hour) for hour in range(10_000)]
    assert sum(shares) == pytest.approx(1, abs=1e-4)
    assert sum(shares) <= 1
    assert shares[0] == 0.5


def test_the_start_alone_may_use_half_of_alpha() -> None:
    given_evidence = evidence(PERCENT)
    (heap,) = score(trial(), given_evidence).metrics
    found = difference(
        *(arm.windows["heap_bytes"][0] for arm in (given_evidence.canary, given_evidence.baseline))
    )
    whole = above(found.mean - log(1.01), found.variance)
    assert (heap.since, heap.windows) == (0, 1)
    assert heap.log_e_fail == pytest.approx(whole - log(2))


def test_the_metrics_are_weighted_into_one_bound() -> None:
    heap = Metric(name="heap_bytes", weight=0.75, tolerance=0.0, margin=0.05)
    crashed = Metric(name="crashed", weight=0.25, tolerance=0.0, margin=1.0)
    said = score(trial(heap, crashed), evidence(0, crashes=(7, 2)))
    e_values = [2.718281828459045**one.log_e_fail for one in said.metrics]
    assert said.log_e == pytest.approx(log(0.75 * e_values[0] + 0.25 * e_values[1]))
    assert said.log_e_pass == min(one.log_e_pass for one in said.metrics)


def test_every_metric_must_be_cleared_for_a_pass() -> None:
    both = (replace_weight(HEAP, 0.5), replace_weight(CRASHED, 0.5))
    few = score(trial(*both), evidence(0, crashes=(0, 0)))
    assert few.verdict == Verdict.CONTINUE
    assert few.reason.startswith("crashed: ")
    many = score(trial(*both), evidence(0, 0, 0, 0, 0, crashes=(0, 0)))
    assert many.verdict == Verdict.PASS


def replace_weight(metric: Metric, weight: float) -> Metric:
    return Metric(
        name=metric.name,
        weight=weight,
        tolerance=metric.tolerance,
        margin=metric.margin,
        negligible=metric.negligible,
    )


def test_devices_that_crash_fail() -> None:
    said = score(trial(CRASHED), evidence(0, 0, crashes=(20, 4)))
    assert said.verdict == Verdict.FAIL
    (crashed,) = said.metrics
    assert (crashed.canary_events, crashed.baseline_events) == (40, 8)
    assert crashed.effect is not None
    assert crashed.effect == pytest.approx(40.5 / 8.5 - 1)


def test_arms_that_differed_before_are_not_compared() -> None:
    canary = window([(b, 0, 100 + (9 if b % 2 else -9)) for b in range(64)] * 5)
    baseline = window([(b, 900 * (b % 7), 9 if b % 2 else -9) for b in range(64)] * 5)
    said = score(
        trial(),
        Evidence(
            canary=Arm(devices=320, windows={"heap_bytes": (canary,)}),
            baseline=Arm(devices=320, windows={"heap_bytes": (baseline,)}),
            elapsed_seconds=3599,
        ),
    )
    assert said.verdict == Verdict.CONTINUE
    assert said.reason == (
        "heap_bytes: the arms are not comparable."
        " Before the trial the canary's devices were at +10.5 %."
    )


def test_arms_of_another_ratio_than_was_meant_are_not_compared() -> None:
    base = evidence(0)
    lost = replace(base, canary=replace(base.canary, devices=200))
    said = score(trial(share=0.5), lost)
    assert said.verdict == Verdict.CONTINUE
    assert said.reason == (
        "The arms are not comparable. 200 of 500 devices run the canary, 50.0 % were meant to."
    )
    assert not said.sample_ratio.holds
    assert score(trial(share=0.5), base).verdict == Verdict.PASS
    assert score(trial(), lost).verdict == Verdict.PASS


def test_a_device_that_was_upgraded_is_the_canarys() -> None:
    base = evidence(0)
    upgraded = replace(base, baseline=replace(base.baseline, devices=600), switched=300)
    assert score(trial(share=0.5), upgraded).sample_ratio.log_e == pytest.approx(
        score(trial(share=0.5), base).sample_ratio.log_e
    )


@pytest.mark.parametrize(
    ("given_evidence", "reason"),
    [
        (Evidence(), "No device has reported with 2.5.0 since the trial began."),
        (
            replace(evidence(0), baseline=Arm()),
            "No device has reported with 2.4.0 since the trial began.",
        ),
        (
            replace(evidence(0), canary=Arm()),
            "No device has reported with 2.5.0 since the trial began.",
        ),
        (
            Evidence(
                canary=Arm(devices=5, windows={"heap_bytes": (drawn(1, devices=5),)}),
                baseline=Arm(devices=5, windows={"heap_bytes": (drawn(2, devices=5),)}),
                elapsed_seconds=4000,
            ),
            "heap_bytes: 5 of 64 buckets of devices have data of both releases, 32 are needed:"
            " more devices have to report.",
        ),
        (
            Evidence(
                canary=Arm(
                    devices=64, windows={"heap_bytes": (window([(b, 7, None) for b in range(64)]),)}
                ),
                baseline=Arm(
                    devices=64, windows={"heap_bytes": (window([(b, 7, None) for b in range(64)]),)}
                ),
                elapsed_seconds=4000,
            ),
            "heap_bytes: All buckets of devices have the same mean:"
            " without spread nothing is told.",
        ),
        (
            Evidence(canary=Arm(devices=99), baseline=Arm(devices=99), elapsed_seconds=4000),
            "heap_bytes: The canary has not reported it yet.",
        ),
    ],
    ids=["nothing", "no baseline", "no canary", "ten devices", "no spread", "no values"],
)
def test_too_little_is_a_clear_continue(given_evidence: Evidence, reason: str) -> None:
    said = score(trial(), given_evidence)
    assert (said.verdict, said.reason) == (Verdict.CONTINUE, reason)


def test_ten_devices_of_which_half_crash_every_hour_are_no_verdict() -> None:
    said = score(trial(CRASHED), evidence(*(0,) * 24, crashes=(5, 0), devices=5))
    assert said.verdict == Verdict.CONTINUE
    assert "5 devices: 32 are needed" in said.reason


def test_fail_is_final_and_a_pass_is_watched() -> None:
    stands = {(before, now): standing(before, now) for before in Verdict for now in Verdict}
    assert stands == {
        (before, now): before if before == Verdict.FAIL or now == Verdict.CONTINUE else now
        for before in Verdict
        for now in Verdict
    }
    assert standing(Verdict.PASS, Verdict.FAIL) == Verdict.FAIL


def test_effects_read_as_people_write_them() -> None:
    (heap,) = score(trial(), evidence(5 * PERCENT)).metrics
    assert replace(heap, effect=0.031, low=0.004, high=0.059).text == "+3.1 % [0.4, 5.9]"
    assert replace(heap, effect=None, reason="Why not.").text == "Why not."


def anything(chance: Random) -> Arm:
    """Sums that no events would make."""

    def row(least: int, most: int) -> tuple[int, ...]:
        return tuple(chance.randint(least, most) for _ in range(64))

    def some_window(hour: int) -> Window:
        most = chance.choice((0, 1, 3, 10**6))
        reach = chance.choice((0, 1, 10**6, 10**12))
        sums = [chance.randint(-(10**3) * reach, 10**3 * reach) for _ in range(3)]
        return Window(
            hour=hour,
            events=row(0, most),
            y=row(-reach, reach),
            known=row(0, most),
            p=row(-reach, reach),
            known_y=sums[0],
            pp=sums[1],
            py=sums[2],
        )

    def some_hours() -> list[int]:
        return [hour for hour in range(4) if chance.random() < 0.7]

    most = chance.choice((0, 1, 10, 10**9))
    return Arm(
        devices=chance.randint(0, most),
        events=chance.randint(0, most),
        windows={
            name: tuple(map(some_window, some_hours()))
            for name in ("heap_bytes", "channel_change_ms")
            if chance.random() < 0.9
        },
        crashes=tuple(
            Episodes(hour=hour, episodes=chance.randint(0, most), exposure=chance.randint(0, most))
            for hour in some_hours()
        ),
    )


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**9))
def test_whatever_the_sums_are_there_is_a_verdict(seed: int) -> None:
    chance = Random(seed)  # noqa: S311  a simulation
    said = score(
        trial(*DEFAULT_METRICS, share=0.3),
        Evidence(
            canary=anything(chance),
            baseline=anything(chance),
            elapsed_seconds=chance.randint(0, 10**6),
            switched=chance.randint(0, 10**9),
        ),
    )
    assert isinstance(said, Score)
    assert said.reason
    assert 0 <= said.display <= 100
    assert all(isfinite(value) for value in _numbers(said))


def _numbers(said: Score) -> list[float]:
    found = [said.log_e, said.log_e_pass, said.sample_ratio.log_e]
    for one in said.metrics:
        found += [one.log_e_fail, one.log_e_pass, one.theta, one.placebo.log_e]
        found += [value for value in (one.effect, one.low, one.high) if value is not None]
    return found


@settings(deadline=None, max_examples=25)
@given(st.integers(-100_000, 100_000), st.integers(-100_000, 100_000))
def test_a_larger_effect_is_never_less_evidence(one: int, other: int) -> None:
    low, high = (_heap(effect) for effect in sorted((one, other)))
    assert low.log_e_fail <= high.log_e_fail + 1e-9
    assert low.log_e_pass >= high.log_e_pass - 1e-9


def _heap(effect: int) -> MetricScore:
    (found,) = score(trial(), evidence(effect)).metrics
    return found


@settings(deadline=None, max_examples=25)
@given(st.integers(-100_000, 100_000))
def test_arms_that_swap_exchange_higher_and_lower(effect: int) -> None:
    one = evidence(effect)
    lower = Metric(name="heap_bytes", direction="lower", weight=1.0, tolerance=0.01, margin=0.05)
    (found,) = score(trial(), one).metrics
    (back,) = score(trial(lower), replace(one, canary=one.baseline, baseline=one.canary)).metrics
    assert back.log_e_fail == pytest.approx(found.log_e_fail, abs=1e-6, rel=1e-9)
    assert back.log_e_pass == pytest.approx(found.log_e_pass, abs=1e-6, rel=1e-9)
