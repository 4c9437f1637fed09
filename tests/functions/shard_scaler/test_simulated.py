"""The decision over days of loads: it keeps AWS's rules, comes to rest, and refuses nothing."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.shard_scaler.decision import Keep, Reason
from functions.shard_scaler.settings import Policy
from tests.functions.shard_scaler.stream import A_MINUTE, KEYS, Stream, Turned, even

POLICY = Policy(least_shards=1, most_shards=64)
DAY = 1440
Shape = Callable[[int], float]


def noisy(load: Shape, part: float, seed: int = 1) -> Shape:
    """The same for the same minute, so that a run can be repeated."""
    return lambda minute: (
        load(minute)
        * (
            1 + random.Random(seed * 1_000_003 + minute).uniform(-part, part)  # noqa: S311  a load
        )
    )


def day(most: float, least: float = 0.0) -> Shape:
    """A quiet night and a high noon."""
    return lambda minute: (
        least + (most - least) * max(0.0, math.sin((minute % DAY - 300) / (DAY - 300) * math.pi))
    )


def resized(stream: Stream, days: int = 1) -> int:
    """Calls of UpdateShardCount in the last days."""
    since = stream.now - days * 86_400
    return sum(call.kind == "count" and call.at >= since for call in stream.history)


@pytest.mark.parametrize("most", [0.4, 6.0])
def test_a_usual_day_is_followed_without_a_refused_record(most: float) -> None:
    """The mean of the load is half of the most, and the target half of a shard."""
    stream = Stream(POLICY, noisy(day(most), 0.05), even(1)).run(2 * DAY)
    assert stream.throttled == 0
    assert resized(stream) <= 10
    assert sum(stream.counts[-DAY:]) / DAY <= 1 + 2 * most
    assert min(stream.counts[-DAY:]) <= max(1, 0.6 * most), "the night costs less"


@pytest.mark.parametrize("load", [0.3, 8.0])
@pytest.mark.parametrize("noise", [0.0, 0.1, 0.25])
def test_a_steady_load_with_noise_is_left_alone(load: float, noise: float) -> None:
    stream = Stream(POLICY, noisy(lambda _: load, noise), even(4), by_shard=False)
    stream.run(DAY // 4)
    settled = len(stream.history)
    stream.run(DAY // 2)
    assert len(stream.history) - settled <= 1
    assert load / len(stream.shards) <= POLICY.target * 1.3
    assert len(stream.shards) <= max(1, 2.6 * load * (1 + noise) / POLICY.target)


def test_what_jumps_is_doubled_every_other_minute_until_it_is_enough() -> None:
    stream = Stream(POLICY, lambda minute: 2.0 if minute < 100 else 16.0, even(4))
    stream.run(100)
    assert len(stream.shards) == 4
    stream.run(8)
    assert len(stream.shards) >= 32
    refused = stream.throttled
    stream.run(DAY // 2)
    assert stream.throttled == refused
    assert len(stream.shards) <= 48


def test_a_hot_part_of_the_keys_gets_shards_of_its_own() -> None:
    stream = Stream(POLICY, lambda _: 2.0, even(6), hot=lambda minute: 0.6 * (minute > 20))
    stream.run(60)
    assert any(it.reason is Reason.HOT_SHARD for it in stream.decisions)
    assert len(stream.shards) <= 8


def test_a_hot_key_is_not_split_for_ever() -> None:
    stream = Stream(POLICY, lambda _: 2.0, even(6), hot=lambda minute: 1.5 * (minute > 20))
    stream.run(DAY)
    assert len(stream.shards) <= 12
    assert stream.decisions[-1].reason is Reason.HOT_KEY
    assert len([it for it in stream.history if it.kind == "split"]) <= 3


def test_two_hot_keys_in_one_half_are_parted_by_the_second_split() -> None:
    keys = (KEYS * 17 // 48, KEYS * 19 // 48)
    stream = Turned(POLICY, lambda _: 0.6, even(6), hot=lambda _: 0.55, hot_keys=keys).run(600)
    assert [call.kind for call in stream.history].count("split") == 2
    assert all(it.reason is not Reason.HOT_KEY for it in stream.decisions)
    assert stream.throttled == sum(one.throttled for one in stream.samples[:6]) > 0


def test_shards_that_are_idle_in_the_mean_are_not_taken_from_a_hot_part_that_was_split() -> None:
    """Two keys that two halves of an eighth have: seven eighths are cold, and shards of equal width
    would bring both together again."""
    keys = (KEYS // 32, KEYS * 3 // 32)
    stream = Turned(POLICY, lambda _: 1.0, even(8), hot=lambda _: 0.425, hot_keys=keys).run(DAY)
    assert [call.kind for call in stream.history] == ["split", "merge", "merge", "merge", "merge"]
    assert stream.throttled == 0


def test_a_day_with_twenty_peaks_uses_its_calls_and_goes_on_by_splits() -> None:
    def peaks(minute: int) -> float:
        return 12.0 if minute % 72 > 36 else 0.5

    stream = Stream(POLICY, peaks, even(1), by_shard=False).run(2 * DAY)
    assert resized(stream) <= 10
    late = stream.samples[-DAY:]
    refused = sum(one.throttled for one in late) / sum(one.records + one.throttled for one in late)
    assert refused < 0.001, "the shards of one peak are kept for the next"


def test_late_metrics_only_make_it_later() -> None:
    shape = noisy(day(12.0), 0.05)
    stream = Stream(POLICY, shape, even(1), by_shard=False, late=3).run(2 * DAY)
    assert stream.throttled / (12 * A_MINUTE * DAY) < 1e-6


shapes = st.lists(st.floats(0, 40), min_size=1, max_size=12)


@settings(max_examples=8, deadline=None)
@given(
    levels=shapes,
    start=st.integers(1, 30),
    noise=st.sampled_from([0.0, 0.1, 0.4]),
    least=st.integers(1, 4),
    most=st.integers(4, 40),
    reserve=st.integers(0, 10),
    holes=st.integers(1, 9),
)
def test_whatever_comes_the_rules_of_aws_are_kept(
    levels: list[float],
    start: int,
    noise: float,
    least: int,
    most: int,
    reserve: int,
    holes: int,
) -> None:
    """Levels of half an hour each; `Stream` raises where AWS would refuse. Minutes go missing."""
    policy = Policy(least_shards=least, most_shards=most, reserve_calls=reserve)

    def load(minute: int) -> float:
        return levels[minute // 30 % len(levels)]

    stream = Stream(policy, noisy(load, noise), even(start))
    for _ in range(6):
        stream.run(60)
        del stream.samples[-holes:]
    settled = stream.counts[-120:]
    assert max(settled) <= max(most, start)
    assert min(settled) >= least
    if start <= most:
        assert max(stream.counts) <= most


@settings(max_examples=6, deadline=None)
@given(load=st.floats(0.05, 20), start=st.integers(1, 64))
def test_from_any_number_of_shards_a_steady_load_leads_to_about_the_same(
    load: float, start: int
) -> None:
    stream = Stream(POLICY, lambda _: load, even(start), by_shard=False).run(DAY // 2)
    count = len(stream.shards)
    assert load / count <= POLICY.target + 1e-9
    assert count <= max(1, 2 * load / POLICY.target + 1)
    assert all(it.action == Keep() for it in stream.decisions[-300:])
