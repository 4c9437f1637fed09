"""The log of one shard: records in the order of their sequence numbers.

Pure: the time is an argument, nothing waits, nothing locks. Positions are sequence numbers:
a reader names the last number it has seen and gets what follows.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from hashlib import md5
from operator import attrgetter

from msgspec import Struct

from local.kinesis import sequence
from local.kinesis.sequence import Parts

HASH_KEYS = 2**128
NUMBER = attrgetter("sequence_number")
ARRIVAL = attrgetter("arrival")


class Record(Struct, frozen=True, gc=False):
    """One record; a Struct without garbage collection takes a third less memory."""

    sequence_number: int
    partition_key: str
    data: bytes
    arrival: float
    """Seconds since the epoch, in whole milliseconds; never decreases within a shard."""

    @property
    def size(self) -> int:
        """Bytes that count against limits: data and partition key."""
        return len(self.data) + key_size(self.partition_key)


def key_size(partition_key: str) -> int:
    """The bytes of a partition key."""
    return len(partition_key) if partition_key.isascii() else len(partition_key.encode())


def hash_key(partition_key: str) -> int:
    """The 128-bit hash key of a partition key: its MD5 (the Kinesis developer guide)."""
    return int.from_bytes(md5(partition_key.encode(), usedforsecurity=False).digest())


class ShardLog:
    """The records of one shard, and the shard's place in the stream."""

    __slots__ = (
        "_base",
        "_counter",
        "_records",
        "arrival",
        "closed_at",
        "created",
        "first_hash",
        "index",
        "last",
        "last_hash",
        "parents",
        "shard_id",
        "start",
    )

    def __init__(
        self,
        index: int,
        hashes: tuple[int, int],
        *,
        opened: float,
        created: int | None = None,
        parents: tuple[str, ...] = (),
    ) -> None:
        """A shard for hash keys from `hashes[0]` to `hashes[1]`, both included.

        `created` is the second that its sequence numbers carry, by default that of `opened`.
        """
        created = int(opened) if created is None else created
        self.index = index
        self.shard_id = f"shardId-{index:012d}"
        self.first_hash, self.last_hash = hashes
        self.created = created
        self.parents = parents
        self.closed_at: float | None = None
        self.start = sequence.compose(Parts(created, index, 0, created))
        """Below every record's number."""
        self.last = self.start
        """The number of the newest record ever put, `start` when there was none."""
        self.arrival = 0.0
        self._base = sequence.compose(Parts(created, index, 0, 0))
        self._counter = 0
        self._records: list[Record] = []

    @property
    def end(self) -> int | None:
        """For a closed shard a number above every record's, else None."""
        if self.closed_at is None:
            return None
        time = max(int(self.closed_at), self.created)
        return sequence.compose(Parts(self.created, self.index, sequence.LAST_COUNTER, time))

    def append(self, partition_key: str, data: bytes, now: float) -> Record:
        """Put one record; a clock that goes back does not take arrivals back."""
        self._counter += 1
        self.arrival = arrival = max(now, self.arrival)
        number = self._base + (self._counter << sequence.COUNTER) + (int(arrival) << sequence.TIME)
        record = Record(number, partition_key, data, arrival)
        self._records.append(record)
        self.last = number
        return record

    def read(self, after: int | None, limit: int, most_bytes: int | None = None) -> list[Record]:
        """At most `limit` records that follow the position `after` (None: the oldest kept).

        With `most_bytes`, as many as fit into it, and at least one.
        """
        begin = 0 if after is None else bisect_right(self._records, after, key=NUMBER)
        records = self._records[begin : begin + limit]
        return records if most_bytes is None else records[: _fitting(records, most_bytes)]

    def preceding(self, number: int) -> int:
        """The position from which reading starts at `number`, or at what follows it."""
        return self._position(bisect_left(self._records, number, key=NUMBER))

    def before(self, timestamp: float) -> int:
        """The position from which reading starts at the first arrival at or after this time."""
        return self._position(bisect_left(self._records, timestamp, key=ARRIVAL))

    def _position(self, index: int) -> int:
        """The number of the record before this one; below every record when it is the first."""
        return self._records[index - 1].sequence_number if index else self.start

    def ended(self, after: int | None) -> bool:
        """Whether nothing follows this position, now or ever."""
        if self.closed_at is None:
            return False
        return not self._records or (after is not None and after >= self.last)

    def trim(self, before: float) -> None:
        """Forget what arrived before this time."""
        if self._records and self._records[0].arrival < before:
            del self._records[: bisect_left(self._records, before, key=ARRIVAL)]

    def __len__(self) -> int:
        return len(self._records)


def _fitting(records: Sequence[Record], most_bytes: int) -> int:
    total = 0
    for count, record in enumerate(records):
        total += record.size
        if total > most_bytes:
            return max(count, 1)
    return len(records)
