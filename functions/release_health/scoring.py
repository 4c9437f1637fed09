"""The canary score: PASS, FAIL or CONTINUE from integers, at any look, without crying wolf. Pure.

**One metric.** Its e-value against "no worse than the tolerance" is that of `sizes` or `episodes`,
from the start of the trial and again from every hour on, since a slow leak is diluted in a mean
from the start. Each restart j is an e-process of what happens from its hour on, but not given what
happened before: a device keeps its level, so the first hour foretells the third, and somebody who
saw it could stop where the third looks worst. Hence the restarts are not averaged, which needs one
history for all of them; the error is spent over them instead. With shares v_j that sum to 1,

    P(any E_j ever reaches 1/(v_j·alpha)) <= Σ_j P(E_j ever reaches it) <= Σ_j v_j·alpha = alpha,

under any dependence, so max_j v_j·E_j >= 1/alpha fails a healthy release with chance alpha at most,
and max_j v_j·E_j has an expectation of 1 at most at any one time. v_0 is 1/2, v_h = 1/(2h(h+1)).

**All metrics.** FAIL when E = Σ w_k·E_k, with weights w_k that sum to 1, reaches 1/alpha. The
expectation of E is 1 at most at every look, whatever the metrics have to do with each other. That E
hardly ever reaches 1/alpha at any look needs a little more: that no metric's past foretells
another's future beyond that other's own. The benchmark measures it on metrics of the same devices.

PASS when for every metric the e-value against "worse by the margin at least" has reached 1/beta:
then, if any metric is that much worse, its own test has been wrong, which has chance beta at most.
So the bound for PASS needs no weights (Berger, 1982: a union of null hypotheses is rejected when
each is). For sizes it has to hold twice: from the start, and over the last one to two hours.

**In between** CONTINUE, with the reason; so it is before the soak is over, and as long as the arms
are not comparable, whatever the e-values say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, log1p

from events.release import Metric, Trial
from functions.release_health.comparable import placebo, sample_ratio
from functions.release_health.episodes import effect, hours, interval, more, not_more, total
from functions.release_health.eprocess import above, log_sum, percent, radius
from functions.release_health.evidence import (
    Arm,
    Check,
    Evidence,
    MetricScore,
    Score,
    Verdict,
)
from functions.release_health.sizes import (
    LEAST_BUCKETS,
    Difference,
    Untold,
    difference,
    restarts,
)

CRASHED = "crashed"
HOUR = 3600
MINUTE = 60
_NO_PAST = Check(holds=True, log_e=0.0, text="Crashes before the trial are not compared.")


def score(trial: Trial, evidence: Evidence) -> Score:
    """What the evidence says about the trial's canary. Never raises, whatever the sums are."""
    metrics = tuple(_metric(one, trial, evidence) for one in trial.metrics)
    log_e = log_sum(log(one.weight) + one.log_e_fail for one in metrics)
    log_e_pass = min(one.log_e_pass for one in metrics)
    ratio = sample_ratio(evidence, trial.share)
    verdict, reason = _verdict(trial, evidence, metrics, log_e, ratio)
    return Score(
        verdict=verdict,
        reason=reason,
        metrics=metrics,
        log_e=log_e,
        log_e_pass=log_e_pass,
        sample_ratio=ratio,
        display=_display(verdict, log_e / -log(trial.alpha), log_e_pass / -log(trial.beta)),
        canary_devices=evidence.canary.devices,
        baseline_devices=evidence.baseline.devices,
        canary_events=evidence.canary.events,
        baseline_events=evidence.baseline.events,
        elapsed_seconds=evidence.elapsed_seconds,
    )


def standing(before: Verdict, now: Verdict) -> Verdict:
    """The verdict that stands after a look: FAIL is final, PASS is watched until it fails."""
    if before == Verdict.FAIL or now == Verdict.CONTINUE:
        return before
    return now


def share_of(hour: int) -> float:
    """v: the part of alpha that the restart at this hour may use; all hours' sum is 1."""
    return 0.5 / (hour * (hour + 1)) if hour else 0.5


def _verdict(
    trial: Trial, evidence: Evidence, metrics: Sequence[MetricScore], log_e: float, ratio: Check
) -> tuple[Verdict, str]:
    for name, arm in ((trial.canary, evidence.canary), (trial.baseline, evidence.baseline)):
        if not arm.devices:
            return Verdict.CONTINUE, f"No device has reported with {name} since the trial began."
    if doubt := _doubt(metrics, ratio):
        return Verdict.CONTINUE, doubt
    if log_e >= -log(trial.alpha):
        worst = max(metrics, key=lambda one: log(one.weight) + one.log_e_fail)
        return Verdict.FAIL, _accused(worst)
    minutes = evidence.elapsed_seconds // MINUTE
    if minutes < trial.soak_minutes:
        soaking = f"Soaking: {minutes} of {trial.soak_minutes} minutes have passed."
        return Verdict.CONTINUE, soaking
    least = min(metrics, key=lambda one: one.log_e_pass)
    if least.log_e_pass >= -log(trial.beta):
        return Verdict.PASS, "No metric is worse by its margin."
    return Verdict.CONTINUE, f"{least.metric}: {least.reason or _open(least)}"


def _doubt(metrics: Sequence[MetricScore], ratio: Check) -> str:
    """Why the arms are not comparable; empty when they are."""
    if not ratio.holds:
        return f"The arms are not comparable. {ratio.text}"
    for one in metrics:
        if not one.placebo.holds:
            return f"{one.metric}: the arms are not comparable. {one.placebo.text}"
    return ""


def _accused(worst: MetricScore) -> str:
    if not worst.since or worst.since_effect is None:
        return f"{worst.metric} is worse: {worst.text}."
    later = f"{100 * worst.since_effect:+.1f} % since hour {worst.since}"
    return f"{worst.metric} is worse: {later}, {worst.text} since the start."


def _open(one: MetricScore) -> str:
    return f"{one.text} neither clears nor accuses the canary yet."


def _display(verdict: Verdict, against: float, cleared: float) -> int:
    """50 without evidence; up by the part of the evidence for PASS that is there, down by that for
    FAIL."""
    if verdict == Verdict.FAIL:
        return 0
    return round(50 + 50 * min(max(cleared, 0.0), 1.0) - 50 * min(max(against, 0.0), 1.0))


def _metric(metric: Metric, trial: Trial, evidence: Evidence) -> MetricScore:
    canary, baseline = evidence.canary, evidence.baseline
    if metric.name == CRASHED:
        return _crashes(metric, trial.alpha, canary, baseline)
    return _size(metric, trial.alpha, evidence)


@dataclass(frozen=True, slots=True)
class _Restart:
    hour: int
    log_e: float
    """Of its own, without its share."""
    effect: float

    @property
    def spent(self) -> float:
        return self.log_e + log(share_of(self.hour))


def _size(metric: Metric, alpha: float, evidence: Evidence) -> MetricScore:
    worse = 1.0 if metric.direction == "higher" else -1.0
    canary = evidence.canary.windows.get(metric.name, ())
    baseline = evidence.baseline.windows.get(metric.name, ())
    found: list[_Restart] = []
    recent: Difference | None = None
    whole: Difference | Untold = Untold("Neither release has reported it yet.")
    latest = max(evidence.elapsed_seconds // HOUR - 1, 0)
    check = placebo(None, None)
    for hour, one, other in restarts(canary, baseline):
        try:
            whole = difference(one, other)
        except Untold as untold:
            whole = untold
        else:
            log_e = above(worse * whole.mean - log1p(metric.tolerance), whole.variance)
            found.append(_Restart(hour, log_e, percent(whole.mean)))
        if hour >= latest:
            recent = whole if isinstance(whole, Difference) else None
        if not hour:
            check = placebo(one, other)
    events = sum(sum(one.events) for one in canary), sum(sum(one.events) for one in baseline)
    if isinstance(whole, Untold):
        return _untold(metric, evidence.canary, evidence.baseline, events, str(whole), check)
    most = max(found, key=lambda one: one.spent)
    passes = [_cleared(metric, worse, each) for each in (whole, recent)]
    half = radius(whole.variance, alpha)
    return MetricScore(
        metric=metric.name,
        weight=metric.weight,
        effect=percent(whole.mean),
        low=percent(whole.mean - half),
        high=percent(whole.mean + half),
        log_e_fail=most.spent,
        log_e_pass=min(passes),
        since=most.hour,
        since_effect=most.effect,
        windows=len(found),
        canary_events=events[0],
        baseline_events=events[1],
        canary_devices=evidence.canary.devices,
        baseline_devices=evidence.baseline.devices,
        theta=whole.theta,
        placebo=check,
        reason="",
    )


def _cleared(metric: Metric, worse: float, seen: Difference | None) -> float:
    """log E against "worse by the margin at least"; 0 when there is too little of late."""
    if seen is None:
        return 0.0
    return above(log1p(metric.margin) - worse * seen.mean, seen.variance)


def _crashes(metric: Metric, alpha: float, canary: Arm, baseline: Arm) -> MetricScore:
    seen = hours(canary.crashes, baseline.crashes)
    whole = total(seen)
    counts = whole.canary, whole.baseline
    least = min(canary.devices, baseline.devices)
    if least < LEAST_BUCKETS or not seen:
        reason = "There is no hour in which both releases reported."
        if least < LEAST_BUCKETS:
            reason = f"One arm has {least} devices: {LEAST_BUCKETS} are needed to compare crashes."
        return _untold(metric, canary, baseline, counts, reason, _NO_PAST)
    found = [
        _Restart(late.hour, log_e, percent(effect(late)))
        for late, log_e in more(seen, metric.tolerance)
    ]
    most = max(found, key=lambda one: one.spent)
    low, high = interval(whole, alpha)
    return MetricScore(
        metric=metric.name,
        weight=metric.weight,
        effect=percent(effect(whole)),
        low=percent(low),
        high=percent(high),
        log_e_fail=most.spent,
        log_e_pass=not_more(seen, metric.margin, metric.negligible),
        since=most.hour,
        since_effect=most.effect,
        windows=len(found),
        canary_events=counts[0],
        baseline_events=counts[1],
        canary_devices=canary.devices,
        baseline_devices=baseline.devices,
        theta=0.0,
        placebo=_NO_PAST,
        reason="",
    )


def _untold(
    metric: Metric, canary: Arm, baseline: Arm, events: tuple[int, int], reason: str, check: Check
) -> MetricScore:
    return MetricScore(
        metric=metric.name,
        weight=metric.weight,
        effect=None,
        low=None,
        high=None,
        log_e_fail=0.0,
        log_e_pass=0.0,
        since=0,
        since_effect=None,
        windows=0,
        canary_events=events[0],
        baseline_events=events[1],
        canary_devices=canary.devices,
        baseline_devices=baseline.devices,
        theta=0.0,
        placebo=check,
        reason=reason,
    )
