"""Invariants of the log over any history of puts, splits, merges and resizes."""

from collections import defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.kinesis.log import HASH_KEYS, Record, ShardLog, hash_key
from local.kinesis.shards import NotAdjacent, NotOpen, NotWithin, Shards, uniform

NOW = 1_700_000_000.0
PUT, SPLIT, MERGE, RESIZE = "put", "split", "merge", "resize"
STEPS = st.one_of(
    st.tuples(st.just(PUT), st.integers(0, 9)),
    st.tuples(st.just(SPLIT), st.integers(0, 99)),
    st.tuples(st.just(MERGE), st.integers(0, 99)),
    st.tuples(st.just(RESIZE), st.integers(1, 6)),
)
HISTORIES = st.lists(st.tuples(STEPS, st.floats(0, 2)), max_size=40)


def replay(
    count: int, history: list[tuple[tuple[str, int], float]]
) -> tuple[Shards, dict[str, list[bytes]]]:
    """The shards after a history, and what was put per partition key, in order."""
    shards, put = Shards(count, NOW), defaultdict[str, list[bytes]](list)
    now = NOW
    for number, ((step, argument), pause) in enumerate(history):
        now += pause
        if step == PUT:
            key, data = f"key-{argument}", b"%d" % number
            shards.place(key).append(key, data, now)
            put[key].append(data)
        elif step == SPLIT:
            shard = shards.open[argument % len(shards.open)]
            if shard.last_hash - shard.first_hash > 2:
                shards.split(shard, (shard.first_hash + shard.last_hash) // 2, now)
        elif step == MERGE and len(shards.open) > 1:
            at = argument % (len(shards.open) - 1)
            shards.merge(shards.open[at], shards.open[at + 1], now)
        elif step == RESIZE:
            shards.resize(argument, now)
    return shards, put


def consumed(shards: Shards, limit: int) -> dict[str, list[bytes]]:
    """What a consumer reads that finishes parents before their children, page by page."""
    read = defaultdict[str, list[bytes]](list)
    done: set[str] = set()
    left = list(shards.every)
    while left:
        shard = next(one for one in left if done.issuperset(one.parents))
        for record in paged(shard, limit):
            read[record.partition_key].append(record.data)
        left.remove(shard)
        done.add(shard.shard_id)
    return read


def paged(shard: ShardLog, limit: int) -> Iterable[Record]:
    after = None
    while page := shard.read(after, limit):
        yield from page
        after = page[-1].sequence_number


@given(st.integers(1, 5), HISTORIES, st.integers(1, 5))
def test_every_record_is_read_once_and_in_order_per_key(
    count: int, history: list[tuple[tuple[str, int], float]], limit: int
) -> None:
    shards, put = replay(count, history)
    assert consumed(shards, limit) == put


@given(st.integers(1, 5), HISTORIES)
def test_open_shards_partition_the_hash_keys(
    count: int, history: list[tuple[tuple[str, int], float]]
) -> None:
    shards, _ = replay(count, history)
    starts = [shard.first_hash for shard in shards.open]
    ends = [shard.last_hash + 1 for shard in shards.open]
    assert [0, *ends] == [*starts, HASH_KEYS]
    assert all(shards.route(shard.last_hash) is shard for shard in shards.open)


@given(st.integers(1, 5), HISTORIES)
def test_sequence_numbers_rise_within_a_shard_and_from_parent_to_child(
    count: int, history: list[tuple[tuple[str, int], float]]
) -> None:
    shards, _ = replay(count, history)
    every = {shard.shard_id: shard for shard in shards.every}
    for shard in shards.every:
        numbers = [record.sequence_number for record in shard.read(None, 1000)]
        bounds = [shard.start, *numbers, *([] if shard.end is None else [shard.end])]
        assert bounds == sorted(set(bounds))
        assert all(every[parent].last < shard.start for parent in shard.parents)


@given(st.integers(1, 5), HISTORIES)
def test_a_closed_shard_has_children_that_cover_its_hash_keys(
    count: int, history: list[tuple[tuple[str, int], float]]
) -> None:
    shards, _ = replay(count, history)
    for shard in shards.every:
        children = shards.children(shard)
        assert bool(children) == (shard.closed_at is not None) == (shard not in shards.open)
        if children:
            assert min(child.first_hash for child in children) <= shard.first_hash
            assert max(child.last_hash for child in children) >= shard.last_hash


@given(st.integers(1, 8), st.integers(1, 8))
def test_resizing_gives_shards_of_equal_width(count: int, target: int) -> None:
    shards = Shards(count, NOW)
    shards.resize(target, NOW)
    assert [shard.first_hash for shard in shards.open] == uniform(target)


def test_doubling_splits_every_shard_once() -> None:
    shards = Shards(2, NOW)
    shards.resize(4, NOW)
    assert [(shard.index, shard.parents) for shard in shards.every] == [
        (0, ()),
        (1, ()),
        (2, ("shardId-000000000000",)),
        (3, ("shardId-000000000000",)),
        (4, ("shardId-000000000001",)),
        (5, ("shardId-000000000001",)),
    ]


def test_three_shards_have_the_ranges_that_aws_gives_them() -> None:
    assert [(shard.first_hash, shard.last_hash) for shard in Shards(3, NOW).open] == [
        (0, 113427455640312821154458202477256070484),
        (113427455640312821154458202477256070485, 226854911280625642308916404954512140969),
        (226854911280625642308916404954512140970, 340282366920938463463374607431768211455),
    ]


def test_a_partition_key_goes_where_its_md5_says() -> None:
    # RFC 1321, A.5: MD5("abc")
    assert hash_key("abc") == 0x900150983CD24FB0D6963F7D28E17F72
    shards = Shards(16, NOW)
    assert shards.place("abc") is shards.open[9]
    assert shards.place("abc", explicit=HASH_KEYS - 1) is shards.open[15]


def test_what_cannot_be_split_or_merged_is_refused() -> None:
    shards = Shards(3, NOW)
    first, second, third = shards.open
    with pytest.raises(NotWithin):
        shards.split(first, second.first_hash, NOW)
    with pytest.raises(NotAdjacent):
        shards.merge(first, third, NOW)
    with pytest.raises(NotAdjacent):
        shards.merge(second, first, NOW)
    shards.merge(first, second, NOW)
    with pytest.raises(NotOpen):
        shards.split(first, first.first_hash + 1, NOW)
    with pytest.raises(NotOpen):
        shards.merge(first, second, NOW)
    assert len(shards.open) == 2


@pytest.mark.parametrize("shard_id", ["shardId-000000000001", "shardId-1", "1"])
def test_a_shard_is_found_by_short_and_long_id(shard_id: str) -> None:
    shards = Shards(2, NOW)
    assert shards.find(shard_id) is shards.every[1]


@pytest.mark.parametrize(
    "shard_id", ["shardId-000000000002", "shardId-", "shard", "-1", "shardId--1"]
)
def test_a_shard_that_is_not_is_not_found(shard_id: str) -> None:
    assert Shards(2, NOW).find(shard_id) is None


def test_a_closed_shard_expires_with_its_records() -> None:
    shards = Shards(1, NOW)
    (parent,) = shards.open
    parent.append("key", b"old", NOW)
    shards.split(parent, 2**127, NOW + 10)
    shards.trim(NOW + 5)
    assert (len(parent), shards.find("0")) == (0, parent)
    shards.trim(NOW + 11)
    assert (shards.find("0"), [shard.index for shard in shards.listed()]) == (None, [1, 2])
