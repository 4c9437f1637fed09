"""AWS's rates per shard, as token buckets: pure, the time is an argument.

Writes: 1,000 records/s and 1 MiB/s (partition keys counted). Reads: 5 calls/s and 2 MiB/s,
where a page may overdraw: after 10 MiB nothing is read for five seconds, as AWS documents.
https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
"""

MIB = 2**20


class Bucket:
    """Fills with `rate` tokens a second, up to `capacity` (one second's worth by default)."""

    __slots__ = ("_at", "_level", "capacity", "rate")

    def __init__(self, rate: float, capacity: float | None = None) -> None:
        self.rate = rate
        self.capacity = rate if capacity is None else capacity
        self._level = self.capacity
        self._at = float("-inf")

    def level(self, now: float) -> float:
        """The tokens there are now; below zero after an overdraft."""
        if now > self._at:
            if self._at > float("-inf"):
                self._level = min(self.capacity, self._level + (now - self._at) * self.rate)
            self._at = now
        return self._level

    def spend(self, amount: float) -> None:
        self._level -= amount


class ShardLimits:
    """What one shard still takes and gives."""

    __slots__ = ("_calls", "_read", "_records", "_written")

    def __init__(self) -> None:
        self._records = Bucket(1000)
        self._written = Bucket(MIB)
        self._calls = Bucket(5)
        self._read = Bucket(2 * MIB, capacity=0)

    def write(self, size: int, now: float) -> bool:
        """Take a record of `size` bytes, or refuse it and take nothing.

        A record above 1 MiB (a stream may allow 10) is taken when the bucket is full.
        """
        bytes_left = self._written.level(now)
        if self._records.level(now) < 1 or bytes_left < min(size, MIB):
            return False
        self._records.spend(1)
        self._written.spend(size)
        return True

    def call(self, now: float) -> bool:
        """Take one GetRecords call, or refuse it."""
        if self._calls.level(now) < 1 or self._read.level(now) < 0:
            return False
        self._calls.spend(1)
        return True

    def read(self, size: int) -> None:
        """Account for the bytes that an accepted call returned."""
        self._read.spend(size)
