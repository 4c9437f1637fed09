"""Reports to draw: of a release that leaks, of a healthy one, of one that has hardly begun."""

from datetime import UTC, datetime, timedelta
from math import exp, inf, log, sin
from typing import Literal

from cli.report.model import Arms, Check, Estimate, Level, Look, Measured, Report, Verdict

BEGAN = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
METRICS = (
    Measured(metric="heap_bytes", bad="higher", weight=0.5, tolerance=0.01, margin=0.05),
    Measured(metric="channel_change_ms", bad="higher", weight=0.3, tolerance=0.02, margin=0.1),
    Measured(metric="crashed", bad="higher", weight=0.2, tolerance=0.0, margin=1.0),
)


def look(number: int, effect: float, verdict: Verdict, turn: int) -> Look:
    """The interval narrows and the evidence grows with every look."""
    half = 0.09 / number**0.6
    at = BEGAN + timedelta(minutes=1.5 * number)
    heap = effect * min(1.0, number / 9) + 0.006 * sin(1.7 * number) / number**0.5
    change = 0.004 + 0.02 * sin(0.9 * number) / number**0.5
    grown = number * (40 * (effect - 0.01) if verdict != "CONTINUE" or effect > 0.02 else -0.1)
    return Look(
        at=at + timedelta(seconds=2),
        through=at,
        number=number,
        verdict=verdict,
        reason=REASONS[verdict],
        changed=number in (1, turn),
        score=50 - 50 * min(1.0, grown / 10),
        log_fail=max(-3.0, grown * 0.4),
        log_pass=max(-6.0, 0.16 * number if effect < 0.02 else -0.3 * number),
        estimates=(
            Estimate(
                metric="heap_bytes",
                effect=heap,
                low=heap - half,
                high=heap + half,
                log_fail=max(-3.0, grown * 0.42),
                log_pass=0.16 * number if effect < 0.02 else -0.3 * number,
            ),
            Estimate(
                metric="channel_change_ms",
                effect=change,
                low=change - 1.3 * half,
                high=change + 1.3 * half,
                log_fail=-0.5,
                log_pass=0.2 * number,
            ),
            Estimate(
                metric="crashed",
                effect=-0.04,
                low=-inf if number < 12 else -0.5,
                high=inf if number < 12 else 0.7,
                log_fail=-0.9,
                log_pass=0.05 * number,
            ),
        ),
        devices=Arms(canary=200, baseline=1600),
        events=Arms(canary=300 * number, baseline=2400 * number),
    )


REASONS = {
    "FAIL": "heap_bytes is worse by more than 1 %.",
    "PASS": "Every metric is worse by less than its margin.",
    "CONTINUE": "The evidence does not suffice for either verdict yet.",
}


def report(verdict: Literal["PASS", "FAIL", "CONTINUE"], looks: int = 40) -> Report:
    """One that has come to this verdict; without looks, one that has just begun."""
    effect, turn = (0.05, 9) if verdict == "FAIL" else (0.002, 22)
    made = tuple(
        look(n, effect, verdict if n >= turn else "CONTINUE", turn) for n in range(1, looks + 1)
    )
    return Report(
        canary="2.4.1",
        baseline="2.4.0",
        environment="dev",
        started_at=BEGAN,
        stopped_at=None,
        alpha=0.05,
        beta=0.05,
        soak=timedelta(minutes=30),
        metrics=METRICS,
        looks=made,
        levels=tuple(levels(effect)) if looks else (),
        checks=(
            Check(name="Sample ratio", holds=True, says="200 of 1,800 devices, as at the start."),
            Check(
                name="Before the upgrade",
                holds=True,
                says="The arms were alike before the trial: heap_bytes +0.3 % [-2.1, 2.8].",
            ),
        ),
        counts={"counted": 108_000, "repeated": 12, "too late": 0, "of no trial": 40},
    )


def levels(effect: float) -> list[Level]:
    found = []
    for n in range(60):
        at = BEGAN + timedelta(minutes=n)
        for release, factor, devices in (
            ("2.4.0", 1.0, 1600 - 4 * n),
            ("2.4.1", exp(log(1 + effect) * min(1.0, n / 15)), 4 * n + 8),
        ):
            heap = 214e6 * factor * (1 + 0.006 * sin(n / 3))
            found.append(
                Level(
                    at=at,
                    release=release,
                    devices=devices,
                    events=devices,
                    heap=heap,
                )
            )
    return found
