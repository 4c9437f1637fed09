"""The demo's last chapter: two canaries of one fleet, one that leaks and one that is healthy.

The trials are backdated, and what the fleet would have reported by now is put at once: an hour of
the devices' lives in seconds. The rest is the pipeline as it is deployed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cli.errors import Unbalanced
from cli.fleet import Fleet, Release, Rollout
from cli.on_trial import OnTrial
from cli.report.model import Look, Report, interval
from events import release as registry
from events.device_telemetry.event import DeviceTelemetry
from events.release import DEFAULT_METRICS, Metric, Registry, Trial

if TYPE_CHECKING:
    from cli.aws import Account

MINUTE = timedelta(minutes=1)
DEVICES = 900
SHARE = 0.4
INTERVAL = 2 * MINUTE
PREPARATION, TRIAL = 10 * MINUTE, 66 * MINUTE
SOAK = 30
LEAK, LEAK_AFTER = 0.05, 15 * MINUTE
CRASHES = 0.1
"""Of the fleet's rate: a crash an hour among ten thousand devices."""
LAST = 3 * INTERVAL
"""Reports that are put when the others are counted, as a fleet goes on reporting: a trial is looked
at when something comes."""
PATIENCE = 60.0
PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Pair:
    """The two trials."""

    leaking: Trial
    healthy: Trial

    @property
    def both(self) -> tuple[Trial, Trial]:
        return self.leaking, self.healthy


def metrics() -> tuple[Metric, ...]:
    """The default ones, but that an hour of so few devices does not tell channel changes apart
    that differ by a tenth."""
    from msgspec.structs import replace

    return tuple(
        replace(one, margin=0.2) if one.name == "channel_change_ms" else one
        for one in DEFAULT_METRICS
    )


def begin(on: OnTrial, now: datetime) -> Pair:
    """Put two releases on trial that never were, against the same baseline."""
    started = now.replace(microsecond=0) - TRIAL

    def both(before: Registry) -> Registry:
        taken = {one.canary for one in before.trials}
        minor = next(n for n in range(4, 10_000) if f"2.{n}.1" not in taken)
        after = before
        for patch in (1, 2):
            after = registry.start(
                after,
                canary=f"2.{minor}.{patch}",
                baseline=f"2.{minor}.0",
                now=now,
                at=started,
                preparation=PREPARATION,
                backdate=True,
                metrics=metrics(),
                soak_minutes=SOAK,
                devices=DEVICES,
            )
        return after

    leaking, healthy = on.releases.change(both).trials[-2:]
    return Pair(leaking, healthy)


def end(on: OnTrial, pair: Pair, now: datetime) -> None:
    """Stop both."""

    def stopped(before: Registry) -> Registry:
        after = before
        for trial in pair.both:
            after = registry.stop(after, trial.canary, now=now)
        return after

    on.releases.change(stopped)


def fleet(pair: Pair) -> Fleet:
    """Its devices run the baseline until the trials begin; the same seed, the same evidence."""
    leaking, healthy = (
        Release(pair.leaking.canary, leak=LEAK, leak_after=LEAK_AFTER, crashes=CRASHES),
        Release(pair.healthy.canary, crashes=CRASHES),
    )
    return Fleet(
        devices=DEVICES,
        baseline=Release(pair.leaking.baseline, crashes=CRASHES),
        rollouts=[Rollout(one, SHARE, after=PREPARATION) for one in (leaking, healthy)],
        start=pair.leaking.prepares_at,
        interval=INTERVAL,
        prefix="demo",
    )


def reported(pair: Pair) -> tuple[list[DeviceTelemetry], list[DeviceTelemetry]]:
    """What the fleet reports until now, and the last of it apart."""
    devices = fleet(pair)
    events = list(devices.events(PREPARATION + TRIAL))
    last = devices.start + PREPARATION + TRIAL - LAST
    return (
        [event for event in events if event.event_time < last],
        [event for event in events if event.event_time >= last],
    )


def counted(on: OnTrial, pair: Pair, events: Sequence[DeviceTelemetry]) -> None:
    """Wait until both trials have counted all of these events. Raises Unbalanced."""
    for trial in pair.both:
        own = sum(
            one.event_time >= trial.started_at and one.release in (trial.canary, trial.baseline)
            for one in events
        )

        def missing(trial: Trial = trial, own: int = own) -> str:
            look = on.health.look(trial.canary)
            found = look.arm_canary.events + look.arm_baseline.events
            return "" if found >= own else f"{trial.canary} has counted {found:,} of {own:,} events"

        _until(missing)


def verdicts(on: OnTrial, pair: Pair) -> list[Report]:
    """Both reports, once the table has their verdicts. Raises Unbalanced."""
    source, found = on.source(), []
    for trial in pair.both:
        looks: list[Look] = []

        def missing(trial: Trial = trial, looks: list[Look] = looks) -> str:
            looks[:] = source.looks(trial)
            there = any(one.changed and one.verdict != "CONTINUE" for one in looks)
            return "" if there else f"the table of verdicts has none on {trial.canary}"

        _until(missing)
        found.append(source.report(trial, on.health.look(trial.canary)))
    return found


def _until(missing: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while said := missing():
        if time.monotonic() > deadline:
            raise Unbalanced(f"The trials are stuck: {said}; the log of release_health says why.")
        time.sleep(PAUSE)


def sentences(reports: Sequence[Report]) -> list[str]:
    """What came out, a line each."""
    lines = []
    for report in reports:
        decided, last = report.decided, report.last
        if decided is None or last is None:
            raise Unbalanced(f"Nobody came to the verdict on {report.canary}.")
        looks = f"{decided.number:,} {'look' if decided.number == 1 else 'looks'}"
        lines.append(
            f"{report.canary}  {report.verdict} after {looks:9}  heap "
            f"{interval(last.of('heap_bytes'))}  {last.devices.canary:,} devices against "
            f"{last.devices.baseline:,}"
        )
    for report, wanted in zip(reports, ("FAIL", "PASS"), strict=True):
        if report.verdict != wanted:
            raise Unbalanced(
                f"{report.canary} should {wanted}, and the verdict is {report.verdict}: "
                f"{report.last.reason if report.last else 'nobody looked'}"
            )
    return lines


def alerts(account: "Account", environment: str, began: datetime) -> int:
    """Messages to the people who asked for verdicts, in the hours since `began`, by the function's
    own count."""
    from cli.metrics import Metric as Counted
    from cli.metrics import sums

    metric = Counted("Headrace", "VerdictAlerts", "Function", "release_health", environment)
    found = sums(account.cloudwatch, {"sent": metric}, start=began, end=datetime.now(began.tzinfo))
    return found["sent"]
