"""Where a report of a trial comes from: the registry, the looks in the table of verdicts, the fleet
in the table of telemetry, and the function for how it stands now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cli.report.model import METRICS, Arms, Check, Estimate, Level, Look, Measured, Report
from cli.report.svg import STEPS
from events.release import Trial
from events.release_verdict.event import ReleaseVerdict

if TYPE_CHECKING:
    from cli.athena import Database

POINTS = 72
"""Spans of event time, at most, into which the fleet's history is cut."""


@dataclass(frozen=True, slots=True)
class Source:
    """The lake of an environment; `verdicts` and `telemetry` are names of tables."""

    database: "Database"
    verdicts: str
    telemetry: str
    environment: str

    def report(self, trial: Trial, now: ReleaseVerdict | None) -> Report:
        """Everything; `now` is what the function says at this moment, where it can."""
        looks = self.looks(trial)
        if now is not None and now.look and (not looks or _newer(look_of(now), looks[-1])):
            looks.append(look_of(now))
        through = looks[-1].through if looks else trial.started_at
        return report_of(
            trial, looks, self.levels(trial, through), now, environment=self.environment
        )

    def looks(self, trial: Trial) -> list[Look]:
        """The looks that were emitted, each once, in their order."""
        names = [one.name for one in trial.metrics]
        per_metric = "".join(
            f", metrics[{n}].name, metrics[{n}].effect, metrics[{n}].low, metrics[{n}].high,"
            f" metrics[{n}].log_e_fail, metrics[{n}].log_e_pass"
            for n in range(1, len(names) + 1)
        )
        answer = self.database.ask(
            "SELECT look, to_unixtime(looked_at), verdict, reason, score, log_e, log_e_pass,"  # noqa: S608  of our own
            " elapsed_seconds, arm_canary.devices, arm_baseline.devices, arm_canary.events,"
            f" arm_baseline.events, changed{per_metric} FROM {self.verdicts}"
            f" WHERE event_date >= '{trial.registered_at:%Y-%m-%d}'"
            f" AND canary = '{trial.canary}' AND trial = {trial.number}"
        )
        found = {row[0]: _look(row, trial) for row in answer.rows}
        return [found[number] for number in sorted(found)]

    def levels(self, trial: Trial, through: datetime) -> list[Level]:
        """Both releases over the event time of the trial and of its preparation."""
        first, last = trial.prepares_at, max(through, trial.started_at)
        step = step_of(last - first)
        answer = self.database.ask(
            "SELECT at, release, count(*), count(DISTINCT device), approx_percentile(heap_bytes,"  # noqa: S608  of our own
            " 0.5) FROM (SELECT release, device, heap_bytes,"
            f" floor((to_unixtime(event_time) - {first.timestamp():.0f}) / {step:.0f}) AS at"
            f" FROM {self.telemetry} WHERE {chosen(trial, first, last)})"
            " GROUP BY at, release ORDER BY at, release"
        )
        return [
            Level(
                at=first + timedelta(seconds=step * float(at)),
                release=str(release),
                events=int(events),
                devices=int(devices),
                heap=None if heap is None else float(heap),
            )
            for at, release, events, devices, heap in answer.rows
        ]


def step_of(span: timedelta) -> float:
    """Seconds of a round span, of which `span` has POINTS at most."""
    return next((one for one in STEPS if span / one <= POINTS), STEPS[-1]).total_seconds()


def chosen(trial: Trial, first: datetime, last: datetime) -> str:
    """SQL: the telemetry of a trial's two releases between two event times; only the files of
    these dates are read."""
    return (
        f"event_date BETWEEN '{first:%Y-%m-%d}' AND '{last:%Y-%m-%d}'"
        f" AND release IN ('{trial.canary}', '{trial.baseline}')"
        f" AND event_time >= TIMESTAMP '{sql_instant(first)}'"
        f" AND event_time <= TIMESTAMP '{sql_instant(last)}'"
    )


def sql_instant(moment: datetime) -> str:
    """To the millisecond, which is what the lake keeps."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond // 1000:03}"


def _look(row: Sequence[Any], trial: Trial) -> Look:
    look, at, verdict, reason, score, log_e, log_e_pass, elapsed = row[:8]
    estimates = []
    for n in range(len(trial.metrics)):
        name, effect, low, high, log_fail, log_pass = row[13 + 6 * n : 19 + 6 * n]
        estimates.append(
            Estimate(
                metric=str(name),
                effect=_number(effect),
                low=_number(low),
                high=_number(high),
                log_fail=float(log_fail),
                log_pass=float(log_pass),
            )
        )
    return Look(
        at=datetime.fromtimestamp(float(at), UTC),
        through=trial.started_at + timedelta(seconds=int(elapsed)),
        number=int(look),
        verdict=verdict,
        reason=str(reason),
        changed=bool(row[12]),
        score=float(score),
        log_fail=float(log_e),
        log_pass=float(log_e_pass),
        estimates=tuple(estimates),
        devices=Arms(canary=int(row[8]), baseline=int(row[9])),
        events=Arms(canary=int(row[10]), baseline=int(row[11])),
    )


def _newer(one: Look, other: Look) -> bool:
    """Whether a look saw more than the last that was told."""
    return (one.number, one.through, one.events) != (other.number, other.through, other.events)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def look_of(verdict: ReleaseVerdict) -> Look:
    """A look as an event tells it."""
    return Look(
        at=verdict.looked_at,
        through=verdict.started_at + timedelta(seconds=verdict.elapsed_seconds),
        number=verdict.look,
        verdict=verdict.verdict,
        reason=verdict.reason,
        changed=verdict.changed,
        score=float(verdict.score),
        log_fail=verdict.log_e,
        log_pass=verdict.log_e_pass,
        estimates=tuple(
            Estimate(
                metric=one.name,
                effect=one.effect,
                low=one.low,
                high=one.high,
                log_fail=one.log_e_fail,
                log_pass=one.log_e_pass,
                reason=one.reason,
            )
            for one in verdict.metrics
        ),
        devices=Arms(canary=verdict.arm_canary.devices, baseline=verdict.arm_baseline.devices),
        events=Arms(canary=verdict.arm_canary.events, baseline=verdict.arm_baseline.events),
    )


def report_of(
    trial: Trial,
    looks: Sequence[Look],
    levels: Sequence[Level],
    now: ReleaseVerdict | None,
    *,
    environment: str,
) -> Report:
    """Put together."""
    return Report(
        canary=trial.canary,
        baseline=trial.baseline,
        environment=environment,
        started_at=trial.started_at,
        stopped_at=trial.stopped_at,
        alpha=trial.alpha,
        beta=trial.beta,
        soak=timedelta(minutes=trial.soak_minutes),
        metrics=tuple(
            Measured(
                metric=one.name,
                bad=one.direction,
                weight=one.weight,
                tolerance=one.tolerance,
                margin=one.margin,
            )
            for one in trial.metrics
        ),
        looks=tuple(looks),
        levels=tuple(levels),
        checks=tuple(_checks(now)) if now is not None else (),
        counts=_counts(now) if now is not None else {},
    )


def _checks(now: ReleaseVerdict) -> list[Check]:
    ratio = now.sample_ratio
    return [
        Check(name="Sizes of the arms", holds=ratio.holds, says=ratio.text),
        *(
            Check(
                name=f"{METRICS[one.name][0]} before the trial",
                holds=one.placebo.holds,
                says=one.placebo.text,
            )
            for one in now.metrics
            if one.name != "crashed"
        ),
    ]


def _counts(now: ReleaseVerdict) -> dict[str, int]:
    clipped = sum(one.canary.clipped + one.baseline.clipped for one in now.metrics)
    return {
        f"events of {now.canary}": now.arm_canary.events,
        f"events of {now.baseline}": now.arm_baseline.events,
        "values outside of their band": clipped,
        "devices that reported both releases": now.switched,
        f"device-hours with a crash on {now.canary}": now.arm_canary.episodes,
        f"device-hours with a crash on {now.baseline}": now.arm_baseline.episodes,
    }
