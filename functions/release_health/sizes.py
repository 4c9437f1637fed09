"""How much the canary's sizes differ from the baseline's: bucket by bucket, corrected by the past.

Reports of one device are alike, so the unit is the bucket of devices and not the event: what the
64 buckets' means say against each other is the variance. From each device's y its own past p is
taken off, by as much as p explains y (CUPED: Deng, Xu, Kohavi, Walker, "Improving the sensitivity
of online controlled experiments by utilizing pre-experiment data", 2013).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import add

from functions.release_health.evidence import BUCKETS, MICRO, MILLI, Row, Window

LEAST_BUCKETS = BUCKETS // 2
"""Buckets with devices in both arms before anything is told."""
LEAST_VARIANCE = 1 / MICRO**2
"""A standard error below the unit of y says that nothing varies, and not that all is known."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean y of the canary minus mean y of the baseline, in log, and its variance."""

    mean: float
    variance: float
    theta: float = 0.0


class Untold(Exception):
    """There is no difference to tell yet; the text is a sentence that says why."""


def restarts(
    canary: Sequence[Window], baseline: Sequence[Window]
) -> Iterator[tuple[int, Window | None, Window | None]]:
    """Every hour at which the comparison can start anew, latest first, with all that each arm has
    from it on: the hours at which a window of both arms begins, and the trial's start."""
    hours = {0} | {one.hour for one in canary} & {one.hour for one in baseline}
    arms = list(canary), list(baseline)
    totals: list[Window | None] = [None, None]
    for hour in sorted(hours, reverse=True):
        for arm, windows in enumerate(arms):
            while windows and windows[-1].hour >= hour:
                one, later = windows.pop(), totals[arm]
                totals[arm] = added(one, later) if later else one
        yield hour, totals[0], totals[1]


def added(one: Window, other: Window) -> Window:
    """Both together, from the hour of the first on."""
    return Window(
        hour=one.hour,
        events=_rows(one.events, other.events),
        y=_rows(one.y, other.y),
        known=_rows(one.known, other.known),
        p=_rows(one.p, other.p),
        known_y=one.known_y + other.known_y,
        pp=one.pp + other.pp,
        py=one.py + other.py,
    )


def _rows(one: Row, other: Row) -> Row:
    return tuple(map(add, one, other))


def difference(canary: Window | None, baseline: Window | None) -> Difference:
    """What the two arms' sums say. Raises Untold."""
    if canary is None or baseline is None:
        which = "canary" if canary is None else "baseline"
        raise Untold(f"The {which} has not reported it yet.")
    centre = _mean((canary, baseline))
    theta = _theta((canary, baseline), centre)
    arms = []
    for one in (canary, baseline):
        corrected = [
            y / MICRO - theta * (p - centre * known) / MILLI
            for y, p, known in zip(one.y, one.p, one.known, strict=True)
        ]
        arms.append((one.events, corrected))
    mean, variance = compared(*arms)
    return Difference(mean, variance, theta)


def before(canary: Window | None, baseline: Window | None) -> Difference:
    """The same of the devices' own past instead of y: the placebo. Raises Untold."""
    if canary is None or baseline is None:
        raise Untold("One arm has not reported it yet.")
    arms = [(one.known, [p / MILLI for p in one.p]) for one in (canary, baseline)]
    mean, variance = compared(*arms)
    return Difference(mean, variance)


Arm = tuple[Sequence[int], Sequence[float]]
"""Per bucket, n and the sum over these n."""


def compared(canary: Arm, baseline: Arm) -> tuple[float, float]:
    """The difference of the means and its variance. Raises Untold."""
    both = sum(1 for c, b in zip(canary[0], baseline[0], strict=True) if c and b)
    if both < LEAST_BUCKETS:
        raise Untold(
            f"{both} of {BUCKETS} buckets of devices have data of both releases, {LEAST_BUCKETS}"
            " are needed: more devices have to report."
        )
    (mean_c, variance_c), (mean_b, variance_b) = _arm(*canary), _arm(*baseline)
    variance = variance_c + variance_b
    if not variance > LEAST_VARIANCE:
        raise Untold("All buckets of devices have the same mean: without spread nothing is told.")
    return mean_c - mean_b, variance


def _arm(counts: Sequence[int], sums: Sequence[float]) -> tuple[float, float]:
    """R = ΣS/Σn and its variance, linearised: the buckets' residuals S - R·n, squared.

    B/(B-1) is by the buckets that have any event: an empty one has no residual.
    """
    total = sum(counts)
    ratio = sum(sums) / total
    filled = sum(1 for count in counts if count)
    squares = sum((s - ratio * n) ** 2 for n, s in zip(counts, sums, strict=True))
    return ratio, filled / (filled - 1) * squares / total / total


def _mean(arms: tuple[Window, Window]) -> int:
    """The fleet's mean p, in whole thousandths: what a device without a past is taken to have."""
    known = sum(sum(one.known) for one in arms)
    return (2 * sum(sum(one.p) for one in arms) + known) // (2 * known) if known else 0


def _theta(arms: tuple[Window, Window], centre: int) -> float:
    """Σ(S_xy - S_x·S_y/n) / Σ(S_xx - S_x²/n) over the arms, with x = p - centre, and 0 for a device
    without a past. In integers, so that nothing cancels; 0 when all x are alike."""
    covariance = spread = 0.0
    for one in arms:
        n, known, p, y = sum(one.events), sum(one.known), sum(one.p), sum(one.y)
        if not n:
            continue
        x = p - centre * known
        xx = one.pp - 2 * centre * p + centre * centre * known
        xy = one.py - centre * one.known_y
        covariance += (n * xy - x * y) / n
        spread += (n * xx - x * x) / n
    return covariance / spread * MILLI / MICRO if spread > 0.0 else 0.0
