"""A look in words and numbers: the event for the stream, the text for a person. Pure."""

from __future__ import annotations

from datetime import datetime
from math import exp, isfinite, isnan, log

from events.release import BANDS, Trial
from events.release import Metric as Rule
from events.release_verdict.event import Arm as ArmTold
from events.release_verdict.event import Check as CheckTold
from events.release_verdict.event import Metric, ReleaseVerdict, Side
from functions.release_health.evidence import (
    BUCKETS,
    MICRO,
    Arm,
    Check,
    Evidence,
    MetricScore,
    Score,
)
from functions.release_health.looks import Conclusion
from functions.release_health.state import Totals

MOST = 1e6
"""Of a logarithm of an e-value: JSON has no infinity."""
LONGEST = 1000
"""Characters of a text in an event."""
SUBJECT = 100
"""Characters that SNS takes in a subject."""


def verdict_of(
    trial: Trial,
    evidence: Evidence,
    totals: Totals,
    score: Score,
    *,
    look: int,
    stands: Conclusion,
    looked_at: datetime,
) -> ReleaseVerdict:
    """The look as an event. Its verdict is the one that stands, which this look may not have said:
    then the reason says both."""
    rules: dict[str, Rule] = {one.name: one for one in trial.metrics}
    held = totals.held
    return ReleaseVerdict(
        # Looks are counted in the cache, and begin again when it has lost what it held.
        event_id=f"verdict-{trial.canary}-{trial.number}-{look}-{_milliseconds(looked_at)}",
        looked_at=looked_at,
        trial=trial.number,
        canary=trial.canary,
        baseline=trial.baseline,
        look=look,
        verdict=stands.verdict.value,
        changed=stands.changed,
        reason=_reason(score, stands),
        score=score.display,
        log_e=_finite(score.log_e),
        log_e_pass=_finite(score.log_e_pass),
        alpha=trial.alpha,
        beta=trial.beta,
        soak_minutes=trial.soak_minutes,
        started_at=trial.started_at,
        elapsed_seconds=evidence.elapsed_seconds,
        arm_canary=_arm(evidence.canary),
        arm_baseline=_arm(evidence.baseline),
        switched=totals.switched,
        metrics=[
            _metric(
                rules[one.metric],
                one,
                _side(one.metric, one.canary_events, evidence.canary, held[0].clipped),
                _side(one.metric, one.baseline_events, evidence.baseline, held[1].clipped),
            )
            for one in score.metrics
        ],
        sample_ratio=_check(score.sample_ratio),
    )


def alert(told: ReleaseVerdict, first: int) -> tuple[str, str]:
    """Subject and text of the message to a person; the same whenever it is sent for this verdict,
    but for the numbers of the look that sends it."""
    subject = f"Release {told.canary}: {told.verdict}"
    lines = [
        f"{told.canary} against {told.baseline}: {told.verdict} at look {first}.",
        told.reason,
        "",
        *(f"{one.name}: {_effect(one)}" for one in told.metrics),
        "",
        f"{told.arm_canary.devices:,} devices run {told.canary}, {told.arm_baseline.devices:,}"
        f" {told.baseline}. Read more: headrace release report {told.canary}",
        f"Id: verdict-{told.canary}-{told.trial}-{told.verdict}",
    ]
    return subject[:SUBJECT], "\n".join(lines)


def _milliseconds(moment: datetime) -> int:
    return int(1000 * moment.timestamp())


def _reason(score: Score, stands: Conclusion) -> str:
    if score.verdict == stands.verdict:
        return score.reason[:LONGEST]
    return f"{stands.verdict} since look {stands.first}, which stands. Now: {score.reason}"[
        :LONGEST
    ]


def _metric(rule: Rule, one: MetricScore, canary: Side, baseline: Side) -> Metric:
    return Metric(
        name=rule.name,
        direction=rule.direction,
        weight=rule.weight,
        tolerance=rule.tolerance,
        margin=rule.margin,
        effect=_known(one.effect),
        low=_known(one.low),
        high=_known(one.high),
        log_e_fail=_finite(one.log_e_fail),
        log_e_pass=_finite(one.log_e_pass),
        since=one.since,
        since_effect=_known(one.since_effect),
        windows=one.windows,
        theta=_finite(one.theta),
        canary=canary,
        baseline=baseline,
        placebo=_check(one.placebo),
        reason=one.reason[:LONGEST],
    )


def _side(name: str, events: int, arm: Arm, clipped: dict[str, int]) -> Side:
    if name not in BANDS:
        exposure = sum(one.exposure for one in arm.crashes)
        return Side(
            devices=arm.devices,
            events=events,
            buckets=0,
            clipped=0,
            level=events / exposure if exposure else None,
        )
    windows = arm.windows.get(name, ())
    return Side(
        devices=arm.devices,
        events=events,
        buckets=sum(any(one.events[bucket] for one in windows) for bucket in range(BUCKETS)),
        clipped=clipped.get(name, 0),
        level=_level(
            name, sum(sum(one.y) for one in windows), sum(sum(one.events) for one in windows)
        ),
    )


def _level(name: str, y: int, events: int) -> float | None:
    if not events:
        return None
    low, high = BANDS[name]
    return exp(y / events / MICRO + 0.5 * (log(low) + log(high)))


def _arm(arm: Arm) -> ArmTold:
    return ArmTold(
        devices=arm.devices,
        events=arm.events,
        episodes=sum(one.episodes for one in arm.crashes),
        exposure=sum(one.exposure for one in arm.crashes),
    )


def _check(one: Check) -> CheckTold:
    return CheckTold(holds=one.holds, log_e=_finite(one.log_e), text=one.text[:LONGEST])


def _effect(one: Metric) -> str:
    if one.effect is None or one.low is None or one.high is None:
        return one.reason
    return f"{100 * one.effect:+.1f} % [{100 * one.low:.1f}, {100 * one.high:.1f}]"


def _known(value: float | None) -> float | None:
    return None if value is None or not isfinite(value) else value


def _finite(value: float) -> float:
    return 0.0 if isnan(value) else max(-MOST, min(MOST, value))
