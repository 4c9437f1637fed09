"""Which shard of a stream a record goes to: its hash key lies in the range of one of them.

Pure; `cli.kinesis` asks the stream.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import md5

HASH_KEYS = 2**128


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """An open shard: the first and the last of its hash keys, and its id."""

    first: int
    last: int
    id: str

    def holds(self, hash_key: int) -> bool:
        return self.first <= hash_key <= self.last


class Shards:
    """The open shards of a stream, by their hash keys, of which each belongs to one."""

    def __init__(self, shards: Iterable[Shard]) -> None:
        """Raises ValueError where they leave a hash key out, or one has two of them."""
        self.open = sorted(shards)
        self._firsts = [shard.first for shard in self.open]
        ends = [0, *(shard.last + 1 for shard in self.open)]
        if ends != [*self._firsts, HASH_KEYS]:
            raise ValueError("the shards do not share out the hash keys")

    def __len__(self) -> int:
        return len(self.open)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shards) and self.open == other.open

    __hash__ = None  # type: ignore[assignment]

    def place(self, hash_key: int) -> int:
        """The number of a hash key's shard among those that are open."""
        return bisect_right(self._firsts, hash_key) - 1

    def find(self, shard_id: str) -> Shard | None:
        return next((shard for shard in self.open if shard.id == shard_id), None)

    @classmethod
    def even(cls, count: int) -> "Shards":
        """So many shards of the same width, as a new stream has them."""
        firsts = [HASH_KEYS * number // count for number in range(count + 1)]
        return cls(
            Shard(firsts[number], firsts[number + 1] - 1, f"shardId-{number:012}")
            for number in range(count)
        )


def hash_key(key: str, explicit: str | None = None) -> int:
    """The hash key of a record: the explicit one, or the MD5 of its partition key."""
    if explicit is not None:
        return int(explicit)
    return int.from_bytes(md5(key.encode(), usedforsecurity=False).digest())
