"""The shards of a stream: ranges of hash keys, what each gets, takes, and has not read yet."""

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.scaling.traffic import Floats, Keys

BYTES = 2**20
RECORDS = 1_000
READ_BYTES = 2 * 2**20
"""A second, of a shard: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""


class Shards:
    """`bounds` are the ends of all ranges from 0 to 1, one more than there are shards. `weights`
    are the shares of the load, without the hot key, which is in shard `hot`. `waits` are seconds'
    worth of load, in events, that were refused and are tried again; `read` is up to where in the
    whole of what was taken the reader of each shard is."""

    def __init__(self, keys: Keys, bounds: Sequence[float], hot_place: float) -> None:
        self._keys = keys
        self._hot_place = hot_place
        self.bounds = np.array(bounds)
        self._weigh()
        self.waits: Floats = np.zeros(self.count)
        self.read: Floats = np.zeros(self.count)
        self.names = [str(number) for number in range(self.count)]
        self.made = self.count
        self.parents: dict[str, str] = {}

    @property
    def count(self) -> int:
        return len(self.bounds) - 1

    def _weigh(self) -> None:
        self.weights = np.diff(self._keys.below(self.bounds))
        self.hot = int(np.searchsorted(self.bounds, self._hot_place, side="right")) - 1
        self.fullest = float(self.weights.max())

    def part(self, hot_share: float) -> Floats:
        """The share of the whole load that each shard gets."""
        if not hot_share:
            return self.weights
        part = self.weights * (1 - hot_share)
        part[self.hot] += hot_share
        return part

    def most(self, hot_share: float) -> float:
        """The share of the fullest shard."""
        if not hot_share:
            return self.fullest
        return float(self.part(hot_share).max())

    def become(self, bounds: Sequence[float]) -> None:
        """Other ranges: what waits goes where its keys go; who reads a new shard begins where the
        slowest of those was that it comes from."""
        old, old_waits, old_read, names = self.bounds, self.waits, self.read, self.names
        per_weight = np.divide(
            old_waits, self.weights, out=np.zeros_like(old_waits), where=self.weights > 0
        )
        self.bounds = np.array(bounds)
        self._weigh()
        first = np.searchsorted(old, self.bounds[:-1], side="right") - 1
        last = np.searchsorted(old, self.bounds[1:], side="left") - 1
        self.read = np.array([old_read[a : b + 1].min() for a, b in zip(first, last, strict=True)])
        waits = np.array([per_weight[a : b + 1].mean() for a, b in zip(first, last, strict=True)])
        waits *= self.weights
        if waits.sum():
            waits *= old_waits.sum() / waits.sum()
        self.waits = waits
        self.names, parents = [], {}
        for place, (a, b) in enumerate(zip(first, last, strict=True)):
            same = a == b and old[a] == self.bounds[place] and old[a + 1] == self.bounds[place + 1]
            if same:
                self.names.append(names[a])
                if parent := self.parents.get(names[a]):
                    parents[names[a]] = parent
                continue
            name = str(self.made)
            self.made += 1
            self.names.append(name)
            if a == b:
                parents[name] = names[a]
        self.parents = parents


def even(count: int) -> list[float]:
    """The bounds of so many shards of the same width."""
    return [place / count for place in range(count)] + [1.0]
