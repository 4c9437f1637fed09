"""The e-processes: what they are worth by hand, in expectation, and far in the tail."""

from collections.abc import Sequence
from dataclasses import replace
from math import comb, exp, inf, lgamma, log, pi, sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import log_ndtr

from functions.release_health import eprocess
from functions.release_health.episodes import (
    Hour,
    effect,
    hours,
    interval,
    more,
    not_more,
    total,
)
from functions.release_health.evidence import Episodes

DIFFERENCES = st.floats(-5, 5)
VARIANCES = st.floats(1e-9, 10)


def test_the_mixture_by_hand() -> None:
    # V = T: log 2 + ½·log ½ + d²/(4V) + log Phi(d/√(2V)); d² = 2V makes the last Phi(1).
    variance = 0.0025
    by_hand = log(2) + 0.5 * log(0.5) + 0.5 + log(0.841344746068543)
    assert eprocess.above(sqrt(2 * variance), variance) == pytest.approx(by_hand, abs=1e-12)
    assert eprocess.above(0.0, variance) == pytest.approx(0.5 * log(0.5), abs=1e-12)


@pytest.mark.parametrize("variance", [1e-6, 1e-3, 0.0025, 1.0])
def test_the_mixture_expects_1_when_there_is_no_difference(variance: float) -> None:
    def weighted(of: float) -> float:
        return exp(eprocess.above(of, variance) - of * of / (2 * variance)) / sqrt(
            2 * pi * variance
        )

    def two_sided(of: float) -> float:
        return exp(eprocess.apart(of, variance) - of * of / (2 * variance)) / sqrt(
            2 * pi * variance
        )

    reach = 12 * sqrt(variance + eprocess.MIXTURE)
    for density in (weighted, two_sided):
        value, _ = quad(density, -reach, reach, points=[0.0], limit=500)
        assert value == pytest.approx(1, abs=1e-6)


@given(st.floats(-1e6, 30))
def test_the_tail_is_scipys(z: float) -> None:
    ours = eprocess.log_normal_tail(z)
    # Beyond, scipy's two squares cancel: nothing is left of what they differ by.
    if z > -300:
        assert ours == pytest.approx(float(log_ndtr(z)) + 0.5 * z * z, abs=1e-9)
    assert ours > -inf


def test_the_tail_has_no_step_where_the_series_begins() -> None:
    below, over = (eprocess.log_normal_tail(-20 + step) for step in (-1e-9, 1e-9))
    assert below == pytest.approx(over, abs=1e-10)


@given(DIFFERENCES, DIFFERENCES, VARIANCES)
def test_more_difference_is_more_evidence(one: float, other: float, variance: float) -> None:
    low, high = sorted((one, other))
    assert eprocess.above(low, variance) <= eprocess.above(high, variance) + 1e-9


@given(VARIANCES, st.floats(0.001, 0.4))
def test_the_confidence_sequence_is_what_is_not_rejected(variance: float, alpha: float) -> None:
    half = eprocess.radius(variance, alpha)
    assert eprocess.apart(half, variance) == pytest.approx(log(1 / alpha), rel=1e-9)


def test_a_sum_of_logarithms_does_not_overflow() -> None:
    assert eprocess.log_sum([1000.0, 1000.0]) == pytest.approx(1000 + log(2))
    assert eprocess.log_sum([-inf, 3.0]) == 3.0
    assert eprocess.log_sum([]) == -inf


def seen(canary: int, baseline: int, exposures: tuple[int, int] = (100, 100)) -> tuple[Hour, ...]:
    return (Hour(0, canary, baseline, *exposures),)


def from_the_start(of: Sequence[Hour], tolerance: float) -> float:
    *_, (_, log_e) = more(of, tolerance)
    return log_e


def test_every_restart_of_the_crashes_is_what_its_definition_says() -> None:
    chance = Random(1)  # noqa: S311  a simulation
    some = [
        Hour(hour, chance.randint(0, 9), chance.randint(0, 9), *chance.choices(range(10, 90), k=2))
        for hour in sorted(chance.sample(range(3, 400), 40))
    ]

    def by_hand(late: Sequence[Hour], tolerance: float) -> float:
        terms = []
        for ratio in eprocess.RATIOS:
            term = -log(len(eprocess.RATIOS))
            for one in late:
                part = (1 + tolerance) * one.canary_exposure
                rho = part / (part + one.baseline_exposure)
                theta = ratio * rho / (1 + (ratio - 1) * rho)
                term += one.canary * log(theta / rho) + one.baseline * log((1 - theta) / (1 - rho))
            terms.append(term)
        return eprocess.log_sum(terms)

    wanted = {
        hour: ([one for one in some if one.hour >= hour])
        for hour in (0, *(one.hour for one in some))
    }
    for tolerance in (0.0, 0.3):
        found = {late.hour: (late, log_e) for late, log_e in more(some, tolerance)}
        assert sorted(found) == sorted(wanted)
        for hour, late in wanted.items():
            assert found[hour][0] == replace(total(late), hour=hour)
            assert found[hour][1] == pytest.approx(by_hand(late, tolerance), rel=1e-9, abs=1e-9)


def test_episodes_by_hand() -> None:
    # One episode, of the canary, half of the exposure: theta_j/rho = 2·r/(r + 1).
    ratios = (1.1, 1.25, 1.5, 2, 3, 5)
    by_hand = log(sum(2 * r / (r + 1) for r in ratios) / 6)
    assert from_the_start(seen(1, 0), 0.0) == pytest.approx(by_hand)


@pytest.mark.parametrize(("exposures", "tolerance"), [((100, 100), 0.0), ((30, 270), 0.5)])
def test_episodes_expect_1_at_the_tolerated_rate(
    exposures: tuple[int, int], tolerance: float
) -> None:
    trials = 12
    part = (1 + tolerance) * exposures[0]
    rho = part / (part + exposures[1])
    expected = sum(
        comb(trials, k)
        * rho**k
        * (1 - rho) ** (trials - k)
        * exp(from_the_start(seen(k, trials - k, exposures), tolerance))
        for k in range(trials + 1)
    )
    assert expected == pytest.approx(1, rel=1e-12)


def test_episodes_expect_1_at_the_margin() -> None:
    trials = 12
    rho = 1.5 * 30 / (1.5 * 30 + 70)
    expected = sum(
        comb(trials, k)
        * rho**k
        * (1 - rho) ** (trials - k)
        * exp(not_more(seen(k, trials - k, (30, 70)), 0.5, 0.0))
        for k in range(trials + 1)
    )
    assert expected == pytest.approx(1, rel=1e-12)


def test_a_negligible_rate_expects_1_at_that_rate() -> None:
    rate = 0.02 * 400
    expected = sum(
        exp(eprocess.fewer(k, rate) + k * log(rate) - rate - lgamma(k + 1)) for k in range(200)
    )
    assert expected == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("share", [0.5, 0.05])
def test_a_share_expects_1_when_it_is_kept(share: float) -> None:
    trials = 40
    expected = sum(
        comb(trials, k)
        * share**k
        * (1 - share) ** (trials - k)
        * exp(eprocess.share_apart(k, trials - k, share))
        for k in range(trials + 1)
    )
    assert expected == pytest.approx(1, rel=1e-10)


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(1, 5000), st.integers(1, 5000))
def test_the_interval_of_rates_is_around_the_effect(
    canary: int, baseline: int, exposed: int, other: int
) -> None:
    (of,) = seen(canary, baseline, (max(exposed, canary), max(other, baseline)))
    low, high = interval(of, 0.05)
    assert -log(1000) <= low <= high <= log(1000)
    if canary > 1 and baseline > 1 and abs(effect(of)) < log(500):
        assert low <= effect(of) <= high


def test_more_crashes_of_the_canary_are_more_evidence() -> None:
    values = [from_the_start(seen(10 + more_of, 10), 0.0) for more_of in range(30)]
    assert values == sorted(values)
    cleared = [not_more(seen(10 + more_of, 10), 1.0, 0.0) for more_of in range(30)]
    assert cleared == sorted(cleared, reverse=True)


def test_no_crash_at_all_clears_what_is_negligible_and_nothing_else() -> None:
    of = seen(0, 0, (2000, 2000))
    assert not_more(of, 1.0, 0.0) == pytest.approx(0)
    assert not_more(of, 1.0, 0.01) > log(20)


def test_only_hours_of_both_arms_count_and_no_device_has_two_episodes_in_one() -> None:
    canary = (Episodes(hour=0, episodes=9, exposure=5), Episodes(hour=1, episodes=2, exposure=7))
    baseline = (Episodes(hour=1, episodes=1, exposure=8), Episodes(hour=2, episodes=5, exposure=9))
    assert hours(canary, baseline) == (Hour(1, 2, 1, 7, 8),)
    assert hours(canary, ()) == ()
    assert hours(canary[:1], (Episodes(hour=0, episodes=0, exposure=4),)) == (Hour(0, 5, 0, 5, 4),)
