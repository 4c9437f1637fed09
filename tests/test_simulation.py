"""The simulator of shards against what can be counted by hand, and the scaler in it."""

from collections.abc import Sequence

import numpy as np
import pytest

from cli.prices import KIB, prices
from functions.shard_scaler.settings import Policy as Scaling
from tests.benchmarks.scaling.policies import Double2016, Fixed, OnDemand, Sample2021, Scaler
from tests.benchmarks.scaling.shards import Shards, even
from tests.benchmarks.scaling.simulator import (
    CALLS_A_DAY,
    DAY,
    Calls,
    Change,
    Outcome,
    Policy,
    Seen,
    aggregated,
    plain,
    run,
)
from tests.benchmarks.scaling.traffic import Floats, Keys, Year

WIRE = plain(size=KIB - 16)
"""Of which a shard takes 1,000 a second: 1,024 bytes with the key, so records are the limit."""
ROOM = 1_000.0
SPREAD = Keys((np.arange(4_000) + 0.5) / 4_000, (np.arange(4_000) + 1) / 4_000)


def year(rate: Floats | Sequence[float], *, hot: float = 0.0, stopped: slice | None = None) -> Year:
    """Minutes of even keys; `hot` is the share of one key at 0.3."""
    rates = np.asarray(rate, dtype=np.float64)
    halted = np.zeros(len(rates), dtype=np.bool_)
    if stopped:
        halted[stopped] = True
    return Year("by hand", rates, SPREAD, np.full(len(rates), hot), 0.3, halted)


def simulate(given: Year, policy: Policy, slower: float = 1.0) -> Outcome:
    return run(given, policy, WIRE, prices(), slower=slower)


def a_day(days: int, peak: float) -> Floats:
    """From nothing to the peak and back, once a day."""
    minutes = np.arange(days * DAY)
    return peak * (0.5 - 0.5 * np.cos(minutes * 2 * np.pi / DAY))


def test_what_a_shard_does_not_take_waits_and_is_counted_once() -> None:
    """Two shards, ten minutes of 3,000 a second, then nothing: 600,000 wait, and are taken."""
    given = year([3_000.0] * 10 + [0.0] * 10)
    outcome = simulate(given, Fixed(2))
    # 60,000 of the 180,000 of the first minute; from the second on the old ones go first.
    fresh = [60_000, 120_000, 180_000, *[180_000] * 7]
    assert outcome.throttled == pytest.approx(sum(fresh))
    assert outcome.throttled_minutes == 10
    assert outcome.longest_wait == pytest.approx(5)
    assert outcome.throttled_share == pytest.approx(sum(fresh) / 1_800_000)


def test_enough_shards_throttle_nothing_and_are_billed_by_the_hour() -> None:
    outcome = simulate(year(a_day(2, 3_900)), Fixed(4))
    assert (outcome.throttled, outcome.oldest, outcome.shards) == (0, 0, 4)
    shard_hours, puts = 4 * 48 * 0.015, a_day(2, 3_900).sum() * 60 / 1e6 * 0.014
    assert outcome.usd_alone == pytest.approx(shard_hours + puts)


def test_one_key_is_not_helped_by_shards() -> None:
    spread = simulate(year([3_000.0] * 60), Fixed(40))
    hot = simulate(year([3_000.0] * 60, hot=0.5), Fixed(40))
    assert spread.throttled == 0
    assert hot.throttled > 60 * 60 * 500


def test_readers_that_stood_still_catch_up_at_twice_the_rate_of_a_shard() -> None:
    """An hour of a full shard is read in another hour, while as much comes again: the oldest record
    is an hour old at the most, and nothing is behind after the second hour."""
    full = simulate(year([ROOM] * 240, stopped=slice(60, 120)), Fixed(1))
    assert 58 <= full.oldest <= 60
    assert simulate(year([ROOM] * 240), Fixed(1)).oldest == 0


def test_other_shards_keep_what_waits_and_where_the_hot_key_is() -> None:
    shards = Shards(SPREAD, even(4), 0.3)
    shards.waits, shards.read = np.array([0.0, 40.0, 0.0, 0.0]), np.array([9.0, 5.0, 9.0, 9.0])
    shards.become([0.0, 0.25, 0.375, 0.5, 0.75, 1.0])
    assert shards.waits.tolist() == pytest.approx([0, 20, 20, 0, 0])
    assert shards.read.tolist() == [9, 5, 5, 9, 9]
    assert (shards.hot, shards.count) == (1, 5)
    assert shards.names == ["0", "4", "5", "2", "3"]
    assert shards.parents == {"4": "1", "5": "1"}
    shards.become(even(2))
    assert shards.waits.sum() == pytest.approx(40)
    assert shards.read.tolist() == [5, 9]
    assert shards.part(0.5).tolist() == pytest.approx([0.75, 0.25])


def test_on_demand_takes_twice_its_peak_and_more_a_reaction_later() -> None:
    quiet, double, more = [3_000.0] * 60, [5_900.0] * 60, [20_000.0] * 60
    assert simulate(year(quiet + double), OnDemand(WIRE, 15)).throttled == 0
    slow = simulate(year(quiet + more), OnDemand(WIRE, 15))
    fast = simulate(year(quiet + more), OnDemand(WIRE, 5))
    assert 0 < fast.throttled < slow.throttled
    assert fast.most_shards == slow.most_shards >= 20


def test_the_sample_doubles_after_25_minutes_and_halves_after_five_hours() -> None:
    outcome = simulate(year([3_500.0] * 60 + [100.0] * 400), Sample2021(WIRE))
    # Its alarm looks back on five hours with today's shards, so it halves three times in a row.
    assert (outcome.most_shards, outcome.changes) == (8, 4)
    assert simulate(year([3_500.0] * 24), Sample2021(WIRE)).changes == 0
    assert simulate(year([3_500.0] * 60 + [100.0] * 400), Double2016(WIRE)).changes == 1


def scaler(least: int = 1) -> Scaler:
    return Scaler(WIRE, Scaling(least_shards=least, most_shards=64))


def test_the_scaler_follows_a_day_without_throttling() -> None:
    outcome = simulate(year(a_day(2, 12_000)), scaler())
    assert outcome.throttled == 0
    assert 6_000 / ROOM / 0.5 * 0.8 <= outcome.shards <= 6_000 / ROOM / 0.5 * 1.6
    assert simulate(year(a_day(2, 12_000)), scaler()) == outcome


def test_the_scaler_ends_throttling_by_a_jump_in_minutes() -> None:
    given = year([1_500.0] * 120 + [9_000.0] * 120)
    outcome = simulate(given, scaler())
    assert 0 < outcome.throttled_minutes <= 20
    assert outcome.most_shards >= 18


def test_the_scaler_asks_no_more_than_aws_answers() -> None:
    """Restless for two days: the simulator raises for an 11th call of a day."""
    rates = 6_000 * (1 + np.sign(np.sin(np.arange(2 * DAY) / 40)))
    outcome = simulate(year(rates), scaler(), slower=2)
    assert outcome.changes > CALLS_A_DAY


def test_a_policy_that_asks_too_much_is_found_out() -> None:
    class Restless(Fixed):
        def turn(  # type: ignore[override]
            self, _: int, __: Seen, shards: Shards, ___: Calls
        ) -> Change | None:
            return Change(even(5 - shards.count), "count")

    with pytest.raises(AssertionError, match="an 11th UpdateShardCount in 24 hours"):
        simulate(year([0.0] * DAY), Restless(2))


def test_what_is_not_asked_would_not_have_been_decided() -> None:
    """The scaler of the simulation leaves minutes out in which nothing can be wanted."""

    class Asked(Scaler):
        def _may_grow(self, *_: int) -> bool:
            return True

    dice = np.random.default_rng(3)
    rates = (a_day(2, 9_000) * dice.normal(1, 0.05, 2 * DAY).clip(0.5) + 500)[: DAY * 3 // 2]
    rates[1_700:1_710] *= 3
    scaling = Scaling(least_shards=1, most_shards=64)
    asked = simulate(year(rates), Asked(WIRE, scaling))
    left_out = simulate(year(rates), Scaler(WIRE, scaling))
    assert left_out.shards == pytest.approx(asked.shards, rel=0.03)
    assert left_out.throttled == pytest.approx(asked.throttled, rel=0.1, abs=1_000)


def test_aggregation_makes_bytes_the_limit() -> None:
    many = aggregated(size=300, events=278)
    one = plain(size=300)
    rates = [3_000.0] * 30
    assert run(year(rates), Fixed(1), many, prices()).throttled == 0
    assert run(year(rates), Fixed(1), one, prices()).throttled > 0
