"""A simulated fleet put on the telemetry stream, in the event time of a trial."""

from datetime import UTC, datetime, timedelta

from cli.entries import Entries
from cli.errors import WrongUsage
from cli.feeds import kind_of
from cli.fleet import Fleet, Release, Rollout
from cli.on_trial import OnTrial
from cli.pace import Pace
from cli.progress import bar
from cli.releases import TELEMETRY
from cli.replaying import Replay, Summary
from events.release import Trial


def fleet_of(
    trial: Trial,
    canary: Release,
    *,
    devices: int,
    share: float,
    interval: timedelta,
    seed: int,
) -> Fleet:
    """Devices that run the baseline in the preparation, and a share of them the canary since the
    trial began; named by the trial, so that another trial's are others."""
    return Fleet(
        devices=devices,
        seed=seed,
        baseline=Release(trial.baseline),
        rollouts=[Rollout(canary, share, after=trial.started_at - trial.prepares_at)],
        # Whole seconds, as devices have them.
        start=trial.prepares_at.replace(microsecond=0) + timedelta(seconds=1),
        interval=interval,
        prefix=f"trial{trial.number}-{seed}",
    )


def simulated(
    canary: Release,
    environment: str,
    *,
    devices: int,
    share: float,
    span: timedelta | None,
    interval: timedelta,
    seed: int,
    quiet: bool,
) -> tuple[Summary, BaseException | None]:
    """Put it; the account of it, and what ended it early. Raises NotOnTrial and WrongUsage."""
    if interval <= timedelta(0):
        raise WrongUsage("--interval is the time between a device's reports: give some, as 60s.")
    on = OnTrial.find(environment)
    trial = on.releases.trial(canary.name)
    fleet = fleet_of(
        trial,
        canary,
        devices=devices,
        share=share,
        interval=interval,
        seed=seed,
    )
    past = datetime.now(UTC) - fleet.start
    if span is None and past <= interval:
        raise WrongUsage(
            f"The trial of {canary.name} has no past to simulate: start it with --at -1h "
            "--backdate, or say with --span how long the fleet reports."
        )
    entries = Entries(kind_of(TELEMETRY))
    running = Replay(
        on.account.kinesis, event_type=TELEMETRY, stream=on.deployed.flow(TELEMETRY).stream_name
    )
    with bar(
        TELEMETRY,
        put=lambda: running.tally.put,
        position=lambda: (running.tally.put, None),
        shown=not quiet,
    ) as draw:
        return running.run(
            entries.of_events(fleet.events(span or past), None),
            pace=Pace(),
            invalid=entries.invalid,
            progress=draw,
        )
