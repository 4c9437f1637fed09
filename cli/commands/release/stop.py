"""`headrace release stop`: a trial ends."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.options import AsJson, Environment, Release
from cli.terminal import write, write_json

At = Annotated[str | None, typer.Option(metavar="T", help="When: +30min; else as soon as can be.")]


def stop(
    canary: Release,
    *,
    at: At = None,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """End the trial of a release. What is known of it stays.

    \b
    Examples
      headrace release stop 2.4.1
      headrace release stop 2.4.1 --at +1h
    """
    from cli import moments
    from cli.on_trial import OnTrial
    from events import release as registry

    now = datetime.now(UTC)
    ends = moments.at(at, now) if at else None
    changed = OnTrial.find(environment).releases.change(
        lambda one: registry.stop(one, canary, now=now, at=ends)
    )
    trial = registry.find(changed, canary)
    if trial is None or trial.stopped_at is None:  # nobody else can undo what was just put
        raise AssertionError(canary)
    if as_json:
        write_json(trial)
    else:
        write(f"The trial of {canary} ends at {trial.stopped_at:%Y-%m-%d %H:%M:%S} UTC.")
