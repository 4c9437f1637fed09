"""What the score is made from and what comes out: two dataclasses and the units between them.

`Evidence` is sums of integers, so it does not depend on the order in which events were counted.
One unit each:

- **y**: log(value / centre of the metric's preset band) in millionths (`MICRO`), the value clipped
  to the band before. `scaled` makes it.
- **p**: the mean y of the same device before the trial, in thousandths (`MILLI`), rounded: coarse,
  so that Σp² and Σp·y of 5·10⁸ events per bucket stay inside 64 bits, as HINCRBY wants them. It is
  fixed when the trial starts. A device that was not seen before has none.
- **hours** count from the start of the trial by event time, from 0.
- **episode**: a device with at least one crash in an hour. **Exposure**: device-hours, that is the
  sum over the hours of the devices that reported in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import log

BUCKETS = 64
"""Into which devices are hashed, each into one for ever. With 16 the error bound breaks."""
MICRO = 1_000_000
MILLI = 1_000


def scaled(value: float, low: float, high: float) -> int:
    """y of a value in the band from `low` to `high`, both above 0; outside, the nearest end's."""
    clipped = min(max(value, low), high)
    return round(MICRO * (log(clipped) - 0.5 * (log(low) + log(high))))


Row = tuple[int, ...]
"""One integer per bucket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One metric of one arm, over the events from `hour` to the next window's hour.

    A window usually is one hour; older ones may be added together, which only takes their restarts
    away. The first window of a metric has hour 0. Every row has `BUCKETS` integers; the three sums
    over the whole arm are the sums of what the buckets keep.
    """

    hour: int
    events: Row
    """n: events."""
    y: Row
    """S: Σy, millionths."""
    known: Row
    """Events of devices that have a p."""
    p: Row
    """P: Σp over these, thousandths."""
    known_y: int
    """Σy over these, millionths."""
    pp: int
    """Σp² over these, thousandths squared."""
    py: int
    """Σp·y over these, thousandths times millionths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episodes:
    """Crashes of one arm, over the events from `hour` to the next one's hour."""

    hour: int
    episodes: int
    exposure: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What is known of the devices that run one release, since the trial started."""

    devices: int = 0
    events: int = 0
    windows: Mapping[str, tuple[Window, ...]] = field(default_factory=dict)
    """By metric that is a size, ascending by hour; hours without events may be left out."""
    crashes: tuple[Episodes, ...] = ()
    """Ascending by hour; hours without exposure may be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that a score depends on, beside the trial's own rules."""

    canary: Arm = Arm()
    baseline: Arm = Arm()
    switched: int = 0
    """Devices that reported both releases: they are in both arms' `devices`."""
    elapsed_seconds: int = 0
    """From the trial's start to the latest event time counted, but not beyond the look at it: one
    device with a fast clock would end the soak. The score asks no clock of its own, so that the
    same evidence has the same score at any time."""


class Verdict(StrEnum):
    """FAIL is final. PASS stands until FAIL. CONTINUE: neither is known yet."""

    PASS = "PASS"  # noqa: S105  no password
    FAIL = "FAIL"
    CONTINUE = "CONTINUE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Whether the arms are comparable, by one test that may be looked at as often as one likes."""

    holds: bool
    log_e: float
    """Natural logarithm of the e-value against "comparable": it does not hold from log(1000)."""
    text: str
    """What was compared, or why it could not be, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricScore:
    """One metric of the canary against the baseline's.

    Effects are shares: 0.031 is the canary's 3.1 % above the baseline. They are None, and the
    e-values 1, as long as `reason` says why nothing can be told.
    """

    metric: str
    weight: float
    effect: float | None
    """Since the trial's start, corrected by the devices' own past."""
    low: float | None
    high: float | None
    """The confidence sequence: at all looks together it misses the effect in a
    share alpha of trials at most."""
    log_e_fail: float
    """Natural logarithm of the e-value against "worse by the tolerance at most"."""
    log_e_pass: float
    """The same against "worse by the margin at least"."""
    since: int
    """Hour of the restart that says most against the canary; 0 is the trial's start."""
    since_effect: float | None
    """The effect since that hour."""
    windows: int
    """Restarts that have evidence of their own."""
    canary_events: int
    baseline_events: int
    """Of this metric; of crashes, the episodes."""
    canary_devices: int
    baseline_devices: int
    theta: float
    """Share of the devices' own past that was taken off; 0 where there was none."""
    placebo: Check
    """The same test on the time before the trial."""
    reason: str
    """Why nothing can be told yet, in one sentence; empty when something can."""

    @property
    def text(self) -> str:
        """As people read it: "+3.1 % [0.4, 5.9]", or the reason."""
        if self.effect is None or self.low is None or self.high is None:
            return self.reason
        effect, low, high = (100 * each for each in (self.effect, self.low, self.high))
        return f"{effect:+.1f} % [{low:.1f}, {high:.1f}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one look says."""

    verdict: Verdict
    reason: str
    """Why, in one sentence."""
    metrics: tuple[MetricScore, ...]
    log_e: float
    """Natural logarithm of E = Σ weight · e-value: FAIL from log(1/alpha)."""
    log_e_pass: float
    """The least of the metrics' e-values for PASS, as logarithm: PASS from log(1/beta)."""
    sample_ratio: Check
    display: int
    """0 (certainly worse) to 100 (certainly not), for a person's eye only: nothing is decided by
    it. 50 says that there is no evidence either way."""
    canary_devices: int
    baseline_devices: int
    canary_events: int
    baseline_events: int
    elapsed_seconds: int
