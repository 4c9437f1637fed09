"""`headrace release status`: what is known now, and the exit code that gates a rollout."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import NoVerdict, WorseRelease, WrongUsage
from cli.options import AsJson, Environment
from cli.terminal import counted, say, show, write_json

if TYPE_CHECKING:
    from cli.on_trial import OnTrial, Standing
    from cli.report.model import Report

Release = Annotated[
    str | None, typer.Argument(metavar="[RELEASE]", help="One release; otherwise all.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Until there is a verdict.")]
Timeout = Annotated[str | None, typer.Option(metavar="SPAN", help="Wait so long at most: 2h.")]


def status(
    release: Release = None,
    *,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Show the releases on trial, the newest 20, and what is known of them now.

    With RELEASE, its exit code is the verdict, for a rollout that goes on only
    with a PASS; --wait waits for one. A trial is watched after its PASS too: a
    later FAIL is told by `release status` and by the alert.

    \b
    Examples
      headrace release status
      headrace release status 2.4.1
      headrace release status 2.4.1 --wait --timeout 2h && ./roll-out 2.4.1

    \b
    Exit codes with RELEASE
      0    PASS
      5    FAIL
      6    no verdict yet, or within the timeout, or ever: the trial has ended
    """
    from cli.moments import length
    from cli.on_trial import OnTrial

    longest = length(timeout).total_seconds() if timeout else None
    if release is None and wait:
        raise WrongUsage("--wait waits for one release: name it.")
    on = OnTrial.find(environment)
    if release is None:
        found = on.all(datetime.now(UTC))
        if as_json:
            write_json(found)
        else:
            _list(found, environment)
        return
    report = _waited(on, release, longest, quiet=as_json) if wait else on.now(release)
    if as_json:
        write_json(report)
    else:
        from cli.report.text import checks, verdict

        show(*verdict(report))
        show("", *checks(report))
    _judge(report, waited=wait)


def _list(found: "list[Standing]", environment: str) -> None:
    """A line for each trial."""
    from cli.report.text import trials

    if found:
        show(trials(found))
    for one in found:
        if one.problem:
            say(f"{one.trial.canary}: {one.problem}")
    say(f"{counted(len(found), 'trial')} in environment {environment!r}.")


def _waited(on: "OnTrial", release: str, longest: float | None, *, quiet: bool) -> "Report":
    """The first report that has a verdict, or the last one within the time."""
    from cli.report.text import Watching

    with Watching(shown=not quiet) as watching:
        for report in on.watch(release, longest):
            watching.tell(report)
    return report


def _judge(report: "Report", *, waited: bool) -> None:
    """The exit code for a verdict."""
    if report.verdict == "FAIL":
        raise WorseRelease(f"The verdict on {report.canary} is FAIL: do not roll it out further.")
    if report.verdict == "CONTINUE":
        raise NoVerdict(_none_yet(report, datetime.now(UTC), waited=waited))


def _none_yet(report: "Report", now: datetime, *, waited: bool) -> str:
    """What to do without a verdict."""
    release, ends = report.canary, report.stopped_at
    if ends is not None and ends <= now:
        return (
            f"The trial of {release} ended at {ends:%Y-%m-%d %H:%M:%S} UTC without a verdict: "
            f"`headrace release report {release}` tells what was found."
        )
    until = "" if ends is None else f", and its trial ends at {ends:%Y-%m-%d %H:%M:%S} UTC"
    if waited:
        return (
            f"There is no verdict on {release} yet, though it was waited for{until}: let the trial "
            "go on, and ask again."
        )
    return (
        f"There is no verdict on {release} yet{until}: let the trial go on, or wait for it with "
        "--wait."
    )
