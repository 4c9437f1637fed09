"""The decision, case by case: what is known at one instant, and the one thing that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from functions.shard_scaler.budget import Call
from functions.shard_scaler.decision import Decision, Keep, Merge, Reason, Resize, Split
from functions.shard_scaler.load import MINUTE, Load, Sample, Shard
from functions.shard_scaler.scaling import decide
from functions.shard_scaler.settings import Policy
from tests.functions.shard_scaler.stream import A_MINUTE, KEYS, START, even

POLICY = Policy(least_shards=1, most_shards=64)
NOW = START + 20


def sample(minutes_ago: int, load: float, *, throttled: float = 0.0, age: float = 0) -> Sample:
    """A minute of so many shards' load, of which a part was refused on top."""
    records = load * A_MINUTE
    return Sample(START - minutes_ago * MINUTE, records * 500, records, throttled * A_MINUTE, age)


def steady(load: float, minutes: int = 200) -> list[Sample]:
    return [sample(ago, load) for ago in range(minutes, 0, -1)]


def by_shard(samples: Sequence[Sample], loads: dict[str, float]) -> list[Sample]:
    """The same minutes, with what each shard took."""
    known = {name: Load(load * A_MINUTE * 500, load * A_MINUTE) for name, load in loads.items()}
    return [
        Sample(it.at, it.bytes, it.records, it.throttled, it.age, by_shard=known) for it in samples
    ]


def decided(
    shards: int | list[Shard],
    samples: Sequence[Sample],
    history: Sequence[Call] = (),
    policy: Policy = POLICY,
) -> Decision:
    given = even(shards) if isinstance(shards, int) else shards
    return decide(NOW, given, samples, history, policy)


def used(calls: int, hours_ago: float = 5) -> list[Call]:
    return [Call(NOW - hours_ago * 3600 - number, "count", 4, 8) for number in range(calls)]


def test_a_load_above_the_target_gets_the_shards_that_it_needs() -> None:
    decision = decided(4, steady(3.0))
    assert decision == Decision(
        Resize(6),
        Reason.LOAD,
        "4 -> 6 shards: a load of 3.00 shards comes now, at 50% each",
        needed=6,
        calls_left=10,
    )


def test_the_newest_minute_counts_although_it_is_not_over() -> None:
    assert decided(4, [*steady(1.0), sample(0, 3.0)]).action == Resize(6)


def test_no_call_more_than_doubles() -> None:
    assert decided(4, steady(30.0)).action == Resize(8)


def test_steps_are_a_quarter_at_least_and_in_quarters() -> None:
    assert [decided(count, steady(count * 0.51)).action for count in (8, 12, 16)] == [
        Resize(10),
        Resize(15),
        Resize(20),
    ]


def test_steps_are_larger_when_few_calls_are_left() -> None:
    load = steady(8.2)
    found = [decided(16, load, used(calls)).action for calls in (6, 7, 8, 9)]
    assert found == [Resize(20), Resize(24), Resize(24), Resize(32)]


def test_without_calls_the_stream_grows_by_splits_of_the_widest_shard() -> None:
    decision = decided(halved(even(4), 0), steady(4.0), used(10))
    assert isinstance(decision.action, Split)
    assert decision.action.shard_id in {"shard-1", "shard-2", "shard-3"}
    assert decision.calls_left == 0


def test_a_day_later_the_calls_are_there_again() -> None:
    assert decided(4, steady(3.0), used(10, hours_ago=24.05)).calls_left == 0  # clocks differ
    assert decided(4, steady(3.0), used(10, hours_ago=24.2)).action == Resize(6)


def test_a_refused_call_means_that_others_have_used_the_day() -> None:
    refused = [Call(NOW - 600, "refused", 4, 4)]
    assert isinstance(decided(4, steady(3.0), refused).action, Split)


def test_one_shard_is_split_which_costs_no_call_of_the_day() -> None:
    assert decided(1, steady(0.7)).action == Split("shard-0", KEYS // 2)


def test_what_was_refused_is_part_of_the_load() -> None:
    minutes = [*steady(4.0)[:-2], *(sample(ago, 4.0, throttled=3.0) for ago in (2, 1))]
    decision = decided(10, minutes)
    assert (decision.action, decision.needed) == (Resize(15), 14)


def test_what_was_refused_before_the_last_change_is_not() -> None:
    minutes = [*steady(4.0)[:-2], *(sample(ago, 4.0, throttled=3.0) for ago in (2, 1))]
    decision = decided(10, minutes, [Call(NOW - 50, "count", 5, 10)])
    assert decision.action == Keep()


def test_a_steady_growth_is_followed_before_it_is_there() -> None:
    growing = [sample(ago, 4.0 + max(0, 20 - ago) * 0.1) for ago in range(200, 0, -1)]
    decision = decided(12, growing)
    assert (decision.reason, decision.action) == (Reason.GROWTH, Resize(15))


@pytest.mark.parametrize("ago", range(1, 12))
def test_a_jump_is_no_growth(ago: int) -> None:
    jumped = [sample(it, 5.4 if it <= ago else 3.0) for it in range(200, 0, -1)]
    assert decided(12, jumped).action == Keep()


def test_what_came_a_day_ago_is_waited_for() -> None:
    yesterday = sample(24 * 60 - 15, 5.0)
    decision = decided(4, [yesterday, *steady(1.0)])
    assert (decision.reason, decision.action) == (Reason.YESTERDAY, Resize(8))
    assert decided(4, [sample(24 * 60 - 40, 5.0), *steady(1.0)]).reason is not Reason.YESTERDAY


def test_idle_shards_are_taken_away_with_room_to_spare() -> None:
    decision = decided(16, steady(3.0))
    assert (decision.action, decision.reason) == (Resize(8), Reason.IDLE)


def test_two_shards_become_one_which_costs_no_call_of_the_day() -> None:
    assert decided(2, steady(0.2)).action == Merge("shard-0", "shard-1")


def _gap(samples: list[Sample]) -> list[Sample]:
    return [one for number, one in enumerate(samples) if number % 8]


@pytest.mark.parametrize(
    ("why", "samples", "history"),
    [
        ("one minute needed more", [*steady(3.0)[:-30], sample(30, 9.0), *steady(3.0)[-29:]], []),
        ("something was changed lately", steady(3.0), [Call(NOW - 900, "count", 8, 16)]),
        ("many minutes are not known", _gap(steady(3.0)), []),
        (
            "records were refused lately",
            [*steady(3.0)[:-100], sample(100, 3.0, throttled=0.1), *steady(3.0)[-99:]],
            [],
        ),
        ("readers are behind", [*steady(3.0)[:-2], sample(2, 3.0, age=900), sample(1, 3.0)], []),
        ("the calls left are for more shards", steady(3.0), used(8)),
        ("more came a day ago", [sample(24 * 60 - 5, 8.0), *steady(3.0)], []),
    ],
)
def test_shards_stay_when(why: str, samples: list[Sample], history: list[Call]) -> None:
    assert decided(16, steady(3.0)).action == Resize(8)
    assert decided(16, samples, history).action == Keep(), why


def test_without_metrics_nothing_is_done() -> None:
    decision = decided(16, [sample(ago, 0.1) for ago in range(200, 12, -1)])
    assert (decision.action, decision.reason) == (Keep(), Reason.BLIND)
    assert decided(16, []).reason is Reason.BLIND


def test_a_stream_that_is_read_and_not_put_to_is_idle() -> None:
    assert decided(16, steady(0.0)).action == Resize(8)


def test_a_call_that_was_just_made_is_waited_for() -> None:
    history = [Call(NOW - 20, "split", 4, 5)]
    assert decided(4, steady(4.0), history).reason is Reason.SETTLING


def test_the_bounds_hold_whatever_comes() -> None:
    policy = Policy(least_shards=4, most_shards=8)
    assert decided(2, [], policy=policy).action == Resize(4)
    assert decided(16, steady(9.0), policy=policy).action == Resize(8)
    assert decided(8, steady(9.0), policy=policy).reason is Reason.AT_MOST
    assert decided(4, steady(0.1), policy=policy).action == Keep()
    assert decided(6, steady(9.0), policy=policy).action == Resize(8)


def test_what_shared_readers_take_is_a_load_too() -> None:
    three = Policy(least_shards=1, most_shards=64, shared_readers=3)
    wide = [
        Sample(it.at, it.bytes * 2, it.records) for it in steady(3.0)
    ]  # 3 MB/s: three readers take 9 of 2 each
    assert decided(8, wide).needed == 6
    assert decided(8, wide, policy=three).needed == 9


# Single shards

HOT = {"shard-0": 0.1, "shard-1": 0.95, "shard-2": 0.1, "shard-3": 0.1}


def test_a_hot_shard_is_split_in_its_middle() -> None:
    decision = decided(4, by_shard(steady(1.25), HOT))
    _, hot, *_ = even(4)
    assert decision.action == Split("shard-1", (hot.first_hash + hot.last_hash + 1) // 2)
    assert decision.reason is Reason.HOT_SHARD


def test_an_eighth_that_is_as_hot_as_the_whole_has_one_hot_key() -> None:
    """Two keys that share a half may be in two quarters, or in two eighths."""
    shards, found = even(4), []
    for name in ("", "h", "hh"):
        shards = halved(shards, 1 + len(name), name)
        cold = {shard.shard_id: 0.02 for shard in shards}
        decision = decided(shards, by_shard(steady(1.27), {**cold, f"{name}h": 0.95}))
        found.append((decision.action, decision.reason))
    assert found == [
        (Split("h", KEYS * 7 // 16), Reason.HOT_SHARD),
        (Split("hh", KEYS * 15 // 32), Reason.HOT_SHARD),
        (Keep(), Reason.HOT_KEY),
    ]


def test_a_shard_is_judged_by_minutes_that_know_it() -> None:
    """What the minutes before its birth have of it is nothing, and no half of anything."""
    loads = dict.fromkeys(HOT, 0.3) | {"shard-1": 0.95}
    samples = steady(1.85)
    old = by_shard(samples[:-2], {"other": 1.85})
    assert decided(4, [*old, *by_shard(samples[-2:], loads)]).action == Keep()
    assert isinstance(decided(4, [*old[:-1], *by_shard(samples[-3:], loads)]).action, Split)


def test_bursts_within_calm_minutes_get_more_shards() -> None:
    minutes = [*steady(1.0)[:-1], sample(1, 1.0, throttled=0.05)]
    loads = dict.fromkeys(HOT, 0.25)
    assert decided(4, by_shard(minutes, loads)).action == Resize(5)
    assert decided(4, [*steady(1.0)[:-1], sample(1, 1.0, throttled=0.5)]).action == Resize(8)


COLD = {"shard-0": 0.05, "shard-1": 0.04, "shard-2": 0.4, "shard-3": 0.4}


def test_cold_neighbours_are_merged_where_the_calls_are_kept_for_more() -> None:
    decision = decided(4, by_shard(steady(0.89), COLD), used(8))
    assert (decision.action, decision.reason) == (Merge("shard-0", "shard-1"), Reason.COLD)


def test_a_pair_that_was_warm_in_one_minute_is_not_merged() -> None:
    samples = steady(0.89)
    warm = by_shard([samples[-20]], {**COLD, "shard-0": 0.4})
    minutes = [*by_shard(samples[:-20], COLD), *warm, *by_shard(samples[-19:], COLD)]
    assert decided(4, minutes, used(8)).action == Keep()


def test_a_pair_that_refused_a_record_is_not_merged() -> None:
    minutes = by_shard(steady(0.89), COLD)
    one = minutes[-20]
    refused = {**one.by_shard, "shard-1": Load(1.2e6, 2_400, throttled=1)}
    minutes[-20] = replace(one, by_shard=refused)
    assert decided(4, minutes, used(8)).action == Keep()


def halved(shards: list[Shard], place: int, name: str = "") -> list[Shard]:
    """The same, one of them split in its middle into l and h, after its own name if it has one."""
    whole = shards[place]
    middle = (whole.first_hash + whole.last_hash + 1) // 2
    low = Shard(f"{name}l", whole.first_hash, middle - 1, whole.shard_id)
    high = Shard(f"{name}h", middle, whole.last_hash, whole.shard_id)
    return [*shards[:place], low, high, *shards[place + 1 :]]


def test_a_split_hot_shard_is_not_undone_by_fewer_even_ones() -> None:
    loads = {shard.shard_id: 0.02 for shard in even(8)} | {"l": 0.45, "h": 0.45}
    hot_first = decided(halved(even(8), 0), by_shard(steady(1.04), loads))
    assert isinstance(hot_first.action, Merge)
    assert not {hot_first.action.lower, hot_first.action.upper} & {"l", "h"}
    cooled = {**loads, "l": 0.2, "h": 0.2}
    assert decided(halved(even(8), 0), by_shard(steady(0.54), cooled)).action == Resize(5)


# Whatever is known


def test_what_is_said_twice_is_decided_twice_the_same() -> None:
    samples = by_shard(steady(1.25), HOT)
    assert decided(4, samples) == decided(4, list(samples))


@pytest.mark.parametrize("load", [0.0, 0.2, 1.0, 7.9, 64.0, 500.0])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 64])
def test_a_claimed_call_is_not_decided_again(load: float, count: int) -> None:
    """Two invocations a second apart: the second sees the call of the first."""
    first = decided(count, steady(load))
    call = Call(NOW, "count", count, count)
    again = decide(NOW + 1, even(count), steady(load), [call], POLICY)
    assert again.action == Keep() or first.action == Keep()
