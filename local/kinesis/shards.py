"""The shards of a stream: which hash key belongs to which, and how they split and merge.

Pure, like the log. The open shards always partition the hash keys 0 to 2^128 - 1.
"""

import re
from bisect import bisect_right
from itertools import pairwise

from local.kinesis.log import HASH_KEYS, ShardLog, hash_key

SHARD_ID = re.compile(r"(?:shardId-)?(\d{1,12})")
"""AWS takes the short forms too: 1, shardId-1 and shardId-000000000001 are one shard."""


class NotOpen(Exception):
    """The shard was split or merged before."""


class NotWithin(Exception):
    """The hash key does not lie inside the shard that is to be split."""


class NotAdjacent(Exception):
    """The shards are no pair of neighbours, lower one first."""


def uniform(count: int) -> list[int]:
    """The first hash keys of `count` shards of equal width."""
    return [index * (HASH_KEYS // count) for index in range(count)]


class Shards:
    """All shards of a stream, open and closed."""

    def __init__(self, count: int, now: float) -> None:
        self.every: list[ShardLog] = []
        """By index, the expired ones too."""
        self.open: list[ShardLog] = []
        """By hash key."""
        self.expired: set[str] = set()
        """Ids of closed shards whose last record the retention has passed."""
        self._starts: list[int] = []
        starts = [*uniform(count), HASH_KEYS]
        for first, following in pairwise(starts):
            self._open((first, following - 1), now)
        self._sort()

    def route(self, key: int) -> ShardLog:
        """The open shard of a hash key."""
        return self.open[bisect_right(self._starts, key) - 1]

    def place(self, partition_key: str, explicit: int | None = None) -> ShardLog:
        """The open shard of a partition key, or of the explicit hash key in its place."""
        if len(self.open) == 1:
            return self.open[0]
        return self.route(hash_key(partition_key) if explicit is None else explicit)

    def find(self, shard_id: str) -> ShardLog | None:
        """A shard by its id, None when there is none or it expired."""
        match = SHARD_ID.fullmatch(shard_id)
        index = int(match[1]) if match else len(self.every)
        if index >= len(self.every) or self.every[index].shard_id in self.expired:
            return None
        return self.every[index]

    def listed(self) -> list[ShardLog]:
        """Every shard that has not expired, by index."""
        return [shard for shard in self.every if shard.shard_id not in self.expired]

    def children(self, shard: ShardLog) -> list[ShardLog]:
        return [child for child in self.every if shard.shard_id in child.parents]

    def split(self, shard: ShardLog, at: int, now: float) -> tuple[ShardLog, ShardLog]:
        """Close `shard`; two children take its keys, the second one from `at` on."""
        self._require_open(shard)
        if not shard.first_hash < at <= shard.last_hash:
            raise NotWithin
        self._close((shard,), now)
        low = self._open((shard.first_hash, at - 1), now, (shard,))
        high = self._open((at, shard.last_hash), now, (shard,))
        self._sort()
        return low, high

    def merge(self, lower: ShardLog, upper: ShardLog, now: float) -> ShardLog:
        """Close two neighbours; one child takes their keys."""
        if lower.last_hash + 1 != upper.first_hash:
            raise NotAdjacent
        self._require_open(lower)
        self._require_open(upper)
        self._close((lower, upper), now)
        child = self._open((lower.first_hash, upper.last_hash), now, (lower, upper))
        self._sort()
        return child

    def resize(self, count: int, now: float) -> None:
        """Have `count` open shards of equal width, by splits and merges as AWS does."""
        starts = uniform(count)
        for start in starts:
            shard = self.route(start)
            if shard.first_hash != start:
                self.split(shard, start, now)
        for start, following in zip(starts, [*starts[1:], HASH_KEYS], strict=True):
            shard = self.route(start)
            while shard.last_hash + 1 < following:
                shard = self.merge(shard, self.route(shard.last_hash + 1), now)

    def trim(self, before: float) -> None:
        """Forget records that arrived, and shards that were closed, before this time."""
        for shard in self.every:
            shard.trim(before)
            if shard.closed_at is not None and shard.closed_at < before:
                self.expired.add(shard.shard_id)

    def _require_open(self, shard: ShardLog) -> None:
        if shard.closed_at is not None:
            raise NotOpen(shard.shard_id)

    def _open(
        self, hashes: tuple[int, int], now: float, parents: tuple[ShardLog, ...] = ()
    ) -> ShardLog:
        """A new open shard, created in a later second than its parents."""
        created = max([int(now), *(parent.created + 1 for parent in parents)])
        ids = tuple(parent.shard_id for parent in parents)
        index = len(self.every)
        shard = ShardLog(index, hashes, opened=now, created=created, parents=ids)
        self.every.append(shard)
        self.open.append(shard)
        return shard

    def _close(self, shards: tuple[ShardLog, ...], now: float) -> None:
        for shard in shards:
            shard.closed_at = max(now, shard.arrival)
            self.open.remove(shard)

    def _sort(self) -> None:
        self.open.sort(key=lambda shard: shard.first_hash)
        self._starts = [shard.first_hash for shard in self.open]
