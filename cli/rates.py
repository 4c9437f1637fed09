"""How fast each shard may be written: smoothly, within what AWS lets it take.

A shard takes 1 MB and 1,000 records a second, and refuses what is more. Who keeps below it is not
refused, unless others write there too: then the shard's rate is halved, and comes back within
some ten seconds.
https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html

What a stream takes beyond that is found out by one shard alone. When it has been kept waiting for
`PATIENCE` it tries twice as much. If it is refused, that was one record, and nobody tries again for
a minute, then two, up to an hour. If it is not, within the time that uses up what AWS lets a shard
save, all shards may write twice as much, and the next one tries.

Pure: times are seconds of one monotonic clock that the caller reads.
"""

from dataclasses import dataclass

RECORDS = 1_000.0
BYTES = 1_000_000.0
"""AWS says MB and counts MiB: the twentieth between them is for clocks that do not agree."""
BURST = 0.25
"""Seconds of the rate that may be written at once after a pause."""
LEAST = 1 / 16
RECOVERY = 1 / 16
"""Share of the full rate that a shard gets back each second."""
CALM = 0.5
"""Seconds in which several refusals count as one."""
PATIENCE = 0.5
PROOF, ENOUGH = 2.0, 1.7
SAVED = 1.0
"""A trial of so many seconds, at that many times the rate, uses up more than the one second's worth
that AWS lets a shard save."""
FIRST_PAUSE, LONGEST_PAUSE = 60.0, 3_600.0
MOST = 1_024.0


@dataclass(slots=True, eq=False)
class Rate:
    """One shard's: what may be written is saved up to `BURST`; 1.0 of `share` is all it may."""

    stream: "Rates"
    share: float = 1.0
    boost: float = 1.0
    _saved: float = BURST
    """Seconds of the rate."""
    _at: float = float("-inf")
    _refused: float = float("-inf")
    _waits_since: float | None = None
    _last_wait: float = float("-inf")

    def due(self, size: int, now: float) -> float:
        """When a record of so many bytes may be put: when nothing is owed for those before it, or
        for a large one, when the shard has saved enough to take it at once."""
        self._save(now)
        short = min(BURST, max(0.0, cost(size) - (SAVED - BURST))) - self._saved
        if short <= 0:
            return now
        if self._waits_since is None or now - self._last_wait > BURST:
            self._waits_since = now
        self._last_wait = now
        self.stream.waits(self, now - self._waits_since, now)
        return now + short / self._speed

    def spend(self, size: int, now: float) -> None:
        """Account for a record that is put now."""
        self._save(now)
        self._saved -= cost(size)
        self.stream.spent(self, cost(size))

    def refused(self, size: int, now: float) -> None:
        """The shard has not taken a record that it was sent."""
        self._save(now)
        self._saved = min(self._saved, -cost(size) - BURST / 2)
        if now - self._refused < CALM:
            return
        self._refused = now
        self._waits_since = None
        if not self.stream.refused(self, now):
            self.share = max(LEAST, self.share / 2)

    @property
    def _speed(self) -> float:
        return self.share * self.boost * self.stream.reach

    def _save(self, now: float) -> None:
        if now <= self._at:
            return
        passed = now - self._at if self._at > float("-inf") else 0.0
        self._at = now
        if self._saved < BURST:
            self._saved = min(BURST * self._speed, self._saved + passed * self._speed)
        if self.share < 1.0:
            self.share = min(1.0, self.share + passed * RECOVERY)


@dataclass(slots=True, eq=False)
class Rates:
    """Those of a stream: `reach` is how many times AWS's rate it has been seen to take."""

    reach: float = 1.0
    _trying: Rate | None = None
    _since: float = 0.0
    _spent: float = 0.0
    _not_before: float = float("-inf")
    _pause: float = FIRST_PAUSE

    def rate(self) -> Rate:
        """That of another shard."""
        return Rate(self)

    def waits(self, rate: Rate, waited: float, now: float) -> None:
        """A shard is kept waiting by its rate, for so long by now."""
        if self._trying is None:
            if waited >= PATIENCE and now >= self._not_before and self.reach < MOST:
                self._trying, self._since, self._spent = rate, now, 0.0
                rate.boost = 2.0
            return
        lasted = now - self._since
        if lasted * self.reach < PROOF:
            return
        if self._spent >= ENOUGH * lasted * self.reach:
            self.reach *= 2
            self._end(now, 0.0)
        elif lasted * self.reach >= 2 * PROOF:
            self._end(now, FIRST_PAUSE)  # what there was to put says nothing of the limit

    def spent(self, rate: Rate, seconds: float) -> None:
        """A shard was sent so many seconds' worth."""
        if rate is self._trying:
            self._spent += seconds

    def refused(self, rate: Rate, now: float) -> bool:
        """A shard refused a record; whether that only says that the trial went too far."""
        if rate is not self._trying and self.reach == 1.0:
            return False
        if rate is not self._trying:
            self.reach = 1.0
        self._end(now, self._pause)
        self._pause = min(LONGEST_PAUSE, self._pause * 2)
        return True

    def _end(self, now: float, pause: float) -> None:
        if self._trying is not None:
            self._trying.boost = 1.0
        self._trying = None
        self._not_before = now + pause


def cost(size: int) -> float:
    """Seconds of a shard's rate that a record takes up."""
    return max(size / BYTES, 1 / RECORDS)
