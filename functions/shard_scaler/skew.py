"""Shards that are not like the others: the hot one that is split, cold neighbours that are merged.

Both need the metrics of single shards (enhanced monitoring); without them there is neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from functions.shard_scaler.load import Sample, Shard
from functions.shard_scaler.settings import Policy

KNOWN_SHARE = 0.8
"""Of the minutes that a shard is judged by, those in which it must have been seen."""
ONE_KEY = 0.1
"""A split has not helped when one half has less than this share of the other's load: what is hot is
one key, and a shard can not be split between a key and itself; or two that share a half, as any two
do every other time, and the next split may part them."""
NARROWER = 4
"""So many times narrower than the mean a shard is taken to hold one hot key and no more. Twice
halved it is never; three times it is, where there were more than three shards, and that parts seven
pairs of keys out of eight."""


@dataclass(frozen=True, slots=True)
class Hot:
    """A shard with more than its part; `one_key` when splitting it has been tried in vain, and more
    than once."""

    shard: Shard
    utilisation: float
    one_key: bool

    @property
    def middle(self) -> int:
        """Where to split: which keys it holds is not known, so each half gets half of them."""
        return (self.shard.first_hash + self.shard.last_hash + 1) // 2

    @property
    def narrow(self) -> bool:
        """Too few hash keys to split."""
        return self.shard.width < 4


def hottest(shards: Sequence[Shard], samples: Sequence[Sample], policy: Policy) -> Hot | None:
    """The shard that was hot in the mean of these minutes, or was throttled in each; the hottest
    that a split can help, and one that it can not when there is no other."""
    found: list[Hot] = []
    loads = {shard.shard_id: _mean(shard.shard_id, samples) for shard in shards}
    mean = sum(shard.width for shard in shards) // len(shards)
    for shard in shards:
        utilisation = loads[shard.shard_id]
        if utilisation is None or utilisation < policy.target:
            continue
        refused = all(
            one.by_shard[shard.shard_id].throttled
            for one in samples
            if shard.shard_id in one.by_shard
        )
        if utilisation >= policy.hot or refused:
            sibling = next(
                (one for one in shards if one.parent == shard.parent and one is not shard), None
            )
            beside = loads[sibling.shard_id] if sibling and shard.parent else None
            cold = beside is not None and beside < ONE_KEY * utilisation
            found.append(Hot(shard, utilisation, cold and shard.width * NARROWER <= mean))
    return max(found, key=lambda hot: (not hot.one_key, hot.utilisation), default=None)


def coldest(
    shards: Sequence[Shard], samples: Sequence[Sample], policy: Policy
) -> tuple[Shard, Shard] | None:
    """The neighbours whose load together was never above the target, with the margin, in any of
    these minutes; the pair with the least."""
    best, least = None, policy.target * (1 - policy.margin)
    ordered = sorted(shards, key=lambda shard: shard.first_hash)
    for lower, upper in pairwise(ordered):
        most = _most_together(lower.shard_id, upper.shard_id, samples, least)
        if most is not None:
            best, least = (lower, upper), most
    return best


def uniform(shards: Sequence[Shard]) -> bool:
    """Whether all have about the same width, as UpdateShardCount makes them."""
    widths = [shard.width for shard in shards]
    return max(widths) <= 1.01 * min(widths)


def spread(shards: Sequence[Shard], samples: Sequence[Sample], count: int) -> float | None:
    """The utilisation of the fullest of `count` shards of equal width, if each of today's keys had
    its part in the mean load of its shard. None when that is not known."""
    width, most = sum(shard.width for shard in shards) / count, [0.0] * count
    for shard in shards:
        load = _mean(shard.shard_id, samples)
        if load is None:
            return None
        first, last = shard.first_hash / width, (shard.last_hash + 1) / width
        for index in range(int(first), min(count, int(last) + 1)):
            part = min(last, index + 1) - max(first, index)
            most[index] += load * max(0.0, part) / (last - first)
    return max(most)


def _mean(shard_id: str, samples: Sequence[Sample]) -> float | None:
    loads = [one.by_shard[shard_id].shards for one in samples if shard_id in one.by_shard]
    if not loads or len(loads) < KNOWN_SHARE * len(samples):
        return None
    return sum(loads) / len(loads)


def _most_together(lower: str, upper: str, samples: Sequence[Sample], least: float) -> float | None:
    """None when it was more than `least`, when one of them was not seen in too many minutes, or was
    throttled in any."""
    most, seen = 0.0, 0
    for sample in samples:
        one, other = sample.by_shard.get(lower), sample.by_shard.get(upper)
        if one is None or other is None:
            continue
        if one.throttled or other.throttled:
            return None
        seen += 1
        most = max(most, one.shards + other.shards)
        if most > least:
            return None
    return most if seen and seen >= KNOWN_SHARE * len(samples) else None
