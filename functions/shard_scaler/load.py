"""What a stream was given, minute by minute, in shards: the unit in which everything is decided.

A load of 3.2 fills 3.2 shards to their limits; divided by the number of shards it is a utilisation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

MINUTE = 60
"""Seconds, as every instant and duration here: a sample is CloudWatch's minute."""
DAY = 86_400
BYTES_A_SECOND = 1_000_000
"""AWS writes MB, and means 2^20 in places: the smaller of both is safe."""
RECORDS_A_SECOND = 1_000
READ_BYTES_A_SECOND = 2_000_000


@dataclass(frozen=True, slots=True)
class Shard:
    """An open shard and its hash keys, both included; `parent` is the shard that it is a half of,
    where it comes from a split."""

    shard_id: str
    first_hash: int
    last_hash: int
    parent: str = ""

    @property
    def width(self) -> int:
        return self.last_hash - self.first_hash + 1


@dataclass(frozen=True, slots=True)
class Load:
    """What one shard took in a minute, and how many records it refused."""

    bytes: float
    records: float
    throttled: float = 0

    @property
    def shards(self) -> float:
        return _shards(self.bytes, self.records)


@dataclass(frozen=True, slots=True)
class Sample:
    """A minute of a stream, from `at` on, as far as CloudWatch has it; without any figure of it
    there is no sample.

    Taken are `bytes` and `records`; `throttled` were refused, each try counting. `age` is how far
    the slowest reader is behind, in seconds. `by_shard` is there where it was asked for.
    """

    at: int
    bytes: float
    records: float
    throttled: float = 0
    age: float = 0
    by_shard: Mapping[str, Load] = field(default_factory=dict)

    @property
    def throttled_share(self) -> float:
        """Of the records that were put."""
        return self.throttled / (self.records + self.throttled) if self.throttled else 0.0

    def shards(self, readers: int) -> float:
        """What was taken; read by so many consumers that share the shards' throughput."""
        read = self.bytes * readers / (READ_BYTES_A_SECOND * MINUTE)
        return max(_shards(self.bytes, self.records), read)

    def wanted(self, readers: int) -> float:
        """What was put: with what was refused, as if that were like what was taken. Too much when
        producers try often, so it is worth a doubling, and to be looked at again."""
        if not self.throttled:
            return self.shards(readers)
        if not self.records:
            return self.throttled / (RECORDS_A_SECOND * MINUTE)
        return self.shards(readers) * (1 + self.throttled / self.records)


def between(samples: Sequence[Sample], begin: float, end: float) -> Iterator[Sample]:
    """Those of the minutes that begin from `begin` on and before `end`; samples are in order."""
    low, high = 0, len(samples)
    while low < high:
        middle = (low + high) // 2
        if samples[middle].at < begin:
            low = middle + 1
        else:
            high = middle
    while low < len(samples) and samples[low].at < end:
        yield samples[low]
        low += 1


def _shards(size: float, records: float) -> float:
    return max(size / BYTES_A_SECOND, records / RECORDS_A_SECOND) / MINUTE
