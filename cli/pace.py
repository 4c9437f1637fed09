"""When each event is due: as fast as possible, evenly at a rate, or as it happened.

Pure: times are seconds of one monotonic clock that the caller reads.
"""

from dataclasses import dataclass

CATCH_UP = 0.1
"""Seconds of a stall that may be made up for by a burst; a longer one is not."""


@dataclass(slots=True, kw_only=True)
class Pace:
    """`rate` events a second at most, and `speed` times as fast as the events happened."""

    rate: float | None = None
    speed: float | None = None
    _slot: float | None = None
    _origin: tuple[float, float] | None = None
    _last: float = 0.0

    def due(self, when: float | None, now: float) -> float:
        """When the next event may be put; `when` is its event time in epoch seconds.

        The order of the source is kept: an event that happened before the one ahead of it, or
        whose time is not known, is due together with that one.
        """
        due = max(self._last, self._by_rate(now), self._by_speed(when, now))
        self._last = due
        return due

    def _by_rate(self, now: float) -> float:
        if self.rate is None:
            return 0.0
        earliest = now - CATCH_UP if self._slot is not None else now
        self._slot = max((self._slot or 0.0) + 1 / self.rate, earliest)
        return self._slot

    def _by_speed(self, when: float | None, now: float) -> float:
        if self.speed is None or when is None:
            return 0.0
        if self._origin is None:
            self._origin = (now, when)
        started, first = self._origin
        return started + (when - first) / self.speed
