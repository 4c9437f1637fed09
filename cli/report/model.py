"""What a report of a trial says, and the words for it, before anybody draws it.

Effects are fractions: 0.031 is +3.1 % on the canary against the baseline. E-values are natural
logarithms: evidence for FAIL and for PASS grows with them, and log(1/α) and log(1/β) decide.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from math import inf, isfinite, log
from typing import Literal

from msgspec import Struct

Verdict = Literal["PASS", "FAIL", "CONTINUE"]

# metric: (what a person calls it, unit of its level, by what its level is divided)
METRICS = {
    "heap_bytes": ("Heap", "MB", 1e6),
    "channel_change_ms": ("Channel change", "ms", 1.0),
    "cpu": ("CPU", "%", 0.01),
    "crashed": ("Crashes", "device-hours with a crash", 1.0),
}


class Measured(Struct, frozen=True, kw_only=True):
    """A metric, as the trial judges it: `bad` is the direction that is worse.

    `tolerance` is what may be worse without a FAIL, `margin` what must be excluded for a PASS.
    """

    metric: str
    bad: Literal["higher", "lower"]
    weight: float
    tolerance: float
    margin: float

    @property
    def name(self) -> str:
        return METRICS.get(self.metric, (self.metric,))[0]

    @property
    def worst_tolerated(self) -> float:
        return self.tolerance if self.bad == "higher" else -self.tolerance

    @property
    def worst_for_pass(self) -> float:
        return self.margin if self.bad == "higher" else -self.margin


class Estimate(Struct, frozen=True, kw_only=True):
    """A metric at a look; None where there is not enough yet, infinite where nothing bounds it."""

    metric: str
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    log_fail: float = 0.0
    log_pass: float = 0.0
    reason: str = ""
    """Why nothing can be told yet."""

    @property
    def bounded(self) -> bool:
        """Whether effect and both ends of the interval can be drawn."""
        return all(one is not None and isfinite(one) for one in (self.effect, self.low, self.high))


class Arms(Struct, frozen=True, kw_only=True):
    """A number for each arm."""

    canary: int = 0
    baseline: int = 0


class Look(Struct, frozen=True, kw_only=True):
    """A look at the evidence, taken `at`; `through` is the newest event time in it. `changed`
    says that it told another verdict than the one before."""

    at: datetime
    through: datetime
    number: int
    verdict: Verdict
    reason: str
    changed: bool = False
    score: float | None = None
    log_fail: float = 0.0
    log_pass: float = 0.0
    estimates: tuple[Estimate, ...] = ()
    devices: Arms = Arms()
    events: Arms = Arms()

    def of(self, metric: str) -> Estimate:
        """Of one metric; an empty one where the look has none."""
        return next(
            (one for one in self.estimates if one.metric == metric), Estimate(metric=metric)
        )


class Level(Struct, frozen=True, kw_only=True):
    """Of one release in one span of event time, from the table: devices that reported, their
    events, and the median of the heap in bytes."""

    at: datetime
    release: str
    devices: int
    events: int
    heap: float | None


class Check(Struct, frozen=True, kw_only=True):
    """Whether the arms can be compared, for one reason that they might not be."""

    name: str
    holds: bool | None
    """None: there is not enough to tell."""
    says: str


class Report(Struct, frozen=True, kw_only=True):
    """All of it. `looks` in the order of their times, the last one is where it stands."""

    canary: str
    baseline: str
    environment: str
    started_at: datetime
    stopped_at: datetime | None
    alpha: float
    beta: float
    soak: timedelta
    metrics: tuple[Measured, ...]
    looks: tuple[Look, ...]
    levels: tuple[Level, ...] = ()
    checks: tuple[Check, ...] = ()
    counts: dict[str, int] = {}
    """What became of the events that the trial saw, in words: counted, repeated, too late, …"""

    @property
    def last(self) -> Look | None:
        return self.looks[-1] if self.looks else None

    @property
    def verdict(self) -> Verdict:
        return self.last.verdict if self.last else "CONTINUE"

    @property
    def decided(self) -> Look | None:
        """The look that came to the verdict which stands; None without one, and where that look
        is not known. A state that was built again comes to its verdict again: the first counts."""
        if self.verdict == "CONTINUE":
            return None
        stands = list(takewhile(lambda one: one.verdict == self.verdict, reversed(self.looks)))
        return next((one for one in reversed(stands) if one.changed), None)

    @property
    def fails_at(self) -> float:
        return log(1 / self.alpha)

    @property
    def passes_at(self) -> float:
        return log(1 / self.beta)

    def headline(self) -> str:
        """The verdict as a sentence."""
        last, pair = self.last, f"{self.canary} against {self.baseline}"
        if last is None:
            return f"Nobody has looked at {pair} yet."
        if self.verdict == "FAIL":
            return f"{self.canary} is worse than {self.baseline}: {self._worst(last)}."
        if self.verdict == "PASS":
            return f"{self.canary} is not worse than {self.baseline} by more than the margins."
        return f"No verdict on {pair} yet."

    def _worst(self, look: Look) -> str:
        """The metric that speaks the loudest against the canary."""

        def weight(one: Measured) -> float:
            return log(one.weight) + look.of(one.metric).log_fail if one.weight > 0 else -inf

        loudest = max(self.metrics, key=weight)
        estimate = look.of(loudest.metric)
        return f"{loudest.name.lower()} {interval(estimate)}" if estimate.bounded else look.reason


def percent(fraction: float, digits: int = 1) -> str:
    """+3.1 %, with a sign, and a minus that is one."""
    text = f"{100 * fraction:+.{digits}f}".replace("-", "−")
    return "0 %" if float(text.replace("−", "-")) == 0 else f"{text} %"


def share(fraction: float) -> str:
    """1 %, −2.5 %: what something is held to."""
    return f"{100 * fraction:g} %".replace("-", "−")


def interval(estimate: Estimate) -> str:
    """+3.1 % [0.4, 5.9]; a dash where there is none."""
    if not estimate.bounded:
        return "–"
    assert estimate.effect is not None and estimate.low is not None and estimate.high is not None  # noqa: S101
    return f"{percent(estimate.effect)} [{_end(estimate.low)}, {_end(estimate.high)}]"


def _end(fraction: float) -> str:
    """An end of an interval; beyond ten times as much nobody reads a number."""
    return "> 999" if fraction > 9.99 else f"{100 * fraction:.1f}".replace("-", "−")


def odds(log_e: float) -> str:
    """An e-value for a person: 0.03, 7.4, 120, 3.1 × 10⁵."""
    power = log_e / log(10)
    if power >= 100:
        return f"> 10{superscript(100)}"
    if power >= 4:
        exponent = int(power)
        return f"{10 ** (power - exponent):.1f} × 10{superscript(exponent)}"
    value = 10**power
    if value >= 100 or (value >= 1 and abs(value - round(value)) < 1e-9):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def superscript(number: int) -> str:
    """A whole number, raised."""
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def lasted(span: timedelta) -> str:
    """A span in its two largest units: 45 s, 12 min, 3 h 20 min, 2 d 4 h."""
    seconds = round(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2])


def thinned(looks: Sequence[Look], most: int) -> list[Look]:
    """So many looks at most, evenly, with the first, the last and every change of the verdict."""
    if len(looks) <= most:
        return list(looks)
    kept = {round(n * (len(looks) - 1) / (most - 1)) for n in range(most)}
    kept |= {n for n in range(1, len(looks)) if looks[n].verdict != looks[n - 1].verdict}
    return [looks[n] for n in sorted(kept)]
