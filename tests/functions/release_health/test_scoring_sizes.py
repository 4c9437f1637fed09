"""The comparison of sizes: by hand, and what must not change it."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.release_health.evidence import BUCKETS, Row, Window, scaled
from functions.release_health.sizes import Untold, before, difference, restarts

Event = tuple[int, int, int | None]
"""Bucket, y, p."""


def events_of(seed: int) -> list[Event]:
    """Some hundred events that have nothing to do with each other."""
    chance = Random(seed)  # noqa: S311  a simulation
    return [
        (
            chance.randrange(BUCKETS),
            chance.randint(-4_000_000, 4_000_000),
            chance.choice((None, chance.randint(-4_000, 4_000))),
        )
        for _ in range(chance.randint(250, 400))
    ]


EVENTS = st.integers(0, 10**9).map(events_of)


def window(events: Sequence[Event], hour: int = 0) -> Window:
    """The sums of these events, one by one."""
    n, y, known, p = ([0] * BUCKETS for _ in range(4))
    known_y = pp = py = 0
    for bucket, value, past in events:
        n[bucket] += 1
        y[bucket] += value
        if past is not None:
            known[bucket] += 1
            p[bucket] += past
            known_y += value
            pp += past * past
            py += past * value
    return Window(
        hour=hour,
        events=tuple(n),
        y=tuple(y),
        known=tuple(known),
        p=tuple(p),
        known_y=known_y,
        pp=pp,
        py=py,
    )


def drawn(seed: int, effect: int = 0, *, known: bool = True, devices: int = 300) -> Window:
    """Events of devices with a level of their own."""
    chance = Random(seed)  # noqa: S311  a simulation
    events = []
    for device in range(devices):
        level = chance.gauss(0, 0.25)
        for _ in range(3):
            value = round(1e6 * (level + chance.gauss(0, 0.05))) + effect
            events.append((device % BUCKETS, value, round(1e3 * level) if known else None))
    return window(events)


def test_by_hand() -> None:
    # Every bucket one event, y = ±0.1 around 0.05 and 0: R = 0.05 and 0, and each arm's variance
    # 64/63 · 64 · 0.1² / 64² = 0.01/63.
    canary = window([(b, 50_000 + (100_000 if b % 2 else -100_000), None) for b in range(BUCKETS)])
    baseline = window([(b, 100_000 if b % 2 else -100_000, None) for b in range(BUCKETS)])
    found = difference(canary, baseline)
    assert found.mean == pytest.approx(0.05, abs=1e-15)
    assert found.variance == pytest.approx(0.02 / 63, rel=1e-12)
    assert found.theta == 0.0


def test_by_hand_with_the_past() -> None:
    # y = 0.8·p ± 0.1, where p = ±0.2 does not go with that: theta takes all of p off.
    def arm(shift: int) -> Window:
        events = []
        for b in range(BUCKETS):
            p = 200 if b % 4 < 2 else -200
            events.append((b, shift + 800 * p + (100_000 if b % 2 else -100_000), p))
        return window(events)

    found = difference(arm(30_000), arm(0))
    assert found.theta == pytest.approx(0.8, rel=1e-12)
    assert found.mean == pytest.approx(0.03, rel=1e-12)
    assert found.variance == pytest.approx(0.02 / 63, rel=1e-12)


def test_a_device_without_a_past_is_taken_for_the_fleets_mean() -> None:
    events: list[Event] = [(b, 1000 * b, 10 + b % 7) for b in range(BUCKETS)]
    mean = round(sum(p for _, _, p in events if p is not None) / BUCKETS)
    strangers: list[Event] = [(b, 500 * (b % 9), None) for b in range(BUCKETS)]
    same: list[Event] = [(b, y, mean) for b, y, _ in strangers]
    one = difference(window(events + strangers), window(events))
    other = difference(window(events + same), window(events))
    # The mean of both is the same to a thousandth: the strangers have that p.
    assert one.mean == pytest.approx(other.mean, rel=1e-9)
    assert one.theta == pytest.approx(other.theta, rel=1e-9)


def test_the_past_makes_the_variance_small() -> None:
    with_past = difference(drawn(1), drawn(2))
    without = difference(drawn(1, known=False), drawn(2, known=False))
    assert with_past.variance < without.variance / 20
    assert 0.9 < with_past.theta < 1.1


@settings(deadline=None, max_examples=40)
@given(EVENTS, EVENTS, st.permutations(range(BUCKETS)))
def test_buckets_have_no_order(one: list[Event], other: list[Event], order: list[int]) -> None:
    def moved(row: Row) -> Row:
        return tuple(row[at] for at in order)

    def shuffled(arm: Window) -> Window:
        return replace(
            arm, events=moved(arm.events), y=moved(arm.y), known=moved(arm.known), p=moved(arm.p)
        )

    canary, baseline = window(one), window(other)
    found, again = difference(canary, baseline), difference(shuffled(canary), shuffled(baseline))
    assert again.mean == pytest.approx(found.mean, abs=1e-9)
    assert again.variance == pytest.approx(found.variance, rel=1e-9)


@settings(deadline=None, max_examples=40)
@given(EVENTS, EVENTS)
def test_arms_that_swap_change_the_sign(one: list[Event], other: list[Event]) -> None:
    canary, baseline = window(one), window(other)
    found, back = difference(canary, baseline), difference(baseline, canary)
    assert back.mean == pytest.approx(-found.mean, abs=1e-12)
    assert back.variance == pytest.approx(found.variance, rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(EVENTS, EVENTS, st.integers(2, 1000))
def test_the_number_of_events_of_each_device_is_no_evidence(
    one: list[Event], other: list[Event], times: int
) -> None:
    def row(of: Row) -> Row:
        return tuple(times * each for each in of)

    def often(arm: Window) -> Window:
        return Window(
            hour=0,
            events=row(arm.events),
            y=row(arm.y),
            known=row(arm.known),
            p=row(arm.p),
            known_y=times * arm.known_y,
            pp=times * arm.pp,
            py=times * arm.py,
        )

    found = difference(window(one), window(other))
    again = difference(often(window(one)), often(window(other)))
    assert again.mean == pytest.approx(found.mean, abs=1e-9)
    assert again.variance == pytest.approx(found.variance, rel=1e-9)


@settings(deadline=None, max_examples=40)
@given(EVENTS, EVENTS, st.integers(-500_000, 500_000))
def test_an_effect_moves_the_mean_alone(one: list[Event], other: list[Event], effect: int) -> None:
    found = difference(window(one), window(other))
    moved = difference(window([(b, y + effect, p) for b, y, p in one]), window(other))
    assert moved.mean == pytest.approx(found.mean + effect / 1e6, abs=1e-9)
    assert moved.variance == pytest.approx(found.variance, rel=1e-6)
    assert moved.theta == pytest.approx(found.theta, abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(EVENTS, EVENTS, st.integers(1, 50), st.integers(1, 50))
def test_restarts_add_up_what_comes_after(
    one: list[Event], other: list[Event], cut: int, again: int
) -> None:
    middle = max(cut, again) + 100
    canary = window(one[:cut]), window(one[cut:middle], 1), window(one[middle:], 5)
    baseline = window(other[:cut]), window(other[cut:middle], 1), window(other[middle:], 4)
    found = {hour: pair for hour, *pair in restarts(canary, baseline)}
    assert sorted(found) == [0, 1]
    assert found[1] == [window(one[cut:], 1), window(other[cut:], 1)]
    assert found[0] == [window(one), window(other)]


def test_half_of_the_buckets_are_needed_in_both_arms() -> None:
    def some(buckets: int) -> Window:
        return window([(b, 1000 * (b % 5), None) for b in range(buckets)])

    assert difference(some(32), some(64)).variance > 0
    with pytest.raises(Untold, match=r"^31 of 64 buckets .* 32 are needed"):
        difference(some(31), some(64))
    with pytest.raises(Untold, match="canary has not reported"):
        difference(None, some(64))
    with pytest.raises(Untold, match="baseline has not reported"):
        difference(some(64), None)
    with pytest.raises(Untold, match=r"^0 of 64 buckets"):
        difference(window([]), window([]))
    alike = window([(b, 1000, None) for b in range(64)])
    with pytest.raises(Untold, match="without spread"):
        difference(alike, alike)


def test_the_past_alone_is_the_placebo() -> None:
    canary = window([(b, 0, 100 + (20 if b % 2 else -20)) for b in range(BUCKETS)])
    baseline = window([(b, 0, 20 if b % 2 else -20) for b in range(BUCKETS)])
    found = before(canary, baseline)
    assert found.mean == pytest.approx(0.1, rel=1e-12)
    assert found.variance == pytest.approx(2 * 0.02**2 / 63, rel=1e-12)
    with pytest.raises(Untold):
        before(window([(1, 0, None)]), baseline)


def test_y_is_the_logarithm_within_the_band() -> None:
    assert scaled(100.0, 1.0, 10_000.0) == 0
    assert scaled(200.0, 1.0, 10_000.0) == 693_147
    assert scaled(-5.0, 1.0, 10_000.0) == scaled(1.0, 1.0, 10_000.0) == -4_605_170
    assert scaled(1e300, 1.0, 10_000.0) == 4_605_170
