"""`headrace release`: whether a new release is worse than the one that runs."""

from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import NoVerdict, WorseRelease, WrongUsage
from cli.options import AsJson, Environment
from cli.terminal import counted, say, show, write

if TYPE_CHECKING:
    from cli.on_trial import OnTrial
    from cli.report import Report

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Put a new release on trial beside the one that runs, and ask for the verdict.\n\n"
    "\b\nExamples\n  headrace release start 2.4.1 --baseline 2.4.0"
    "\n  headrace release status 2.4.1 --wait      in CI: 0 is PASS, 5 is FAIL"
    "\n  headrace release report 2.4.1 --html 2.4.1.html"
    "\n  headrace release stop 2.4.1",
)

Release = Annotated[str, typer.Argument(metavar="RELEASE", help="The release on trial.")]
TRIAL, DETAIL = "What is compared", "How it is counted"


@app.callback()
def release() -> None:
    """A group of commands."""


@app.command("start")
def start(
    canary: Annotated[str, typer.Argument(metavar="CANARY", help="The new release, as 2.4.1.")],
    *,
    baseline: Annotated[
        str, typer.Option(metavar="B", help="The release that runs beside it, as 2.4.0.")
    ],
    at: Annotated[
        str | None,
        typer.Option(metavar="T", help="When: +30min, 2026-11-21T08:30; else as soon as can be."),
    ] = None,
    preparation: Annotated[
        str, typer.Option(metavar="SPAN", help="Before: it makes the devices' own past.")
    ] = "10min",
    soak: Annotated[
        str, typer.Option(metavar="SPAN", help="No PASS sooner, by the events' own time.")
    ] = "30min",
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="M",
            help="NAME:WORSE:WEIGHT:TOLERANCE:MARGIN; repeatable.",
            rich_help_panel=TRIAL,
        ),
    ] = None,
    alpha: Annotated[
        float, typer.Option(help="Share of healthy releases that may fail.", rich_help_panel=TRIAL)
    ] = 0.05,
    beta: Annotated[
        float, typer.Option(help="Share of worse releases that may pass.", rich_help_panel=TRIAL)
    ] = 0.05,
    share: Annotated[
        float | None,
        typer.Option(
            help="Of the devices that are to run the canary: kept an eye on.",
            rich_help_panel=TRIAL,
        ),
    ] = None,
    grace: Annotated[
        str,
        typer.Option(
            metavar="SPAN",
            help="How much events may come out of order.",
            rich_help_panel=DETAIL,
        ),
    ] = "60s",
    skew: Annotated[
        str,
        typer.Option(
            metavar="SPAN",
            help="A device's clock that is further off is not believed.",
            rich_help_panel=DETAIL,
        ),
    ] = "2h",
    devices: Annotated[
        int, typer.Option(help="How many report, roughly.", rich_help_panel=DETAIL)
    ] = 10_000,
    backdate: Annotated[
        bool,
        typer.Option(
            "--backdate",
            help="It may begin in the past; what came before now is not in it until a rebuild.",
            rich_help_panel=DETAIL,
        ),
    ] = False,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Put CANARY on trial against the release that runs.

    What devices report of the metrics is compared while both releases run: FAIL
    when the canary is certainly worse by more than the tolerance, PASS when it
    is certainly not worse by the margin and the soak is over. It is looked at
    about once a second, as long as you like, and still at most --alpha of all
    healthy releases fail. Devices are compared with their own past, which is
    what they report with the baseline in the preparation before.

    Metrics are heap_bytes, channel_change_ms, cpu and crashed; WORSE is higher
    or lower, weights sum to 1. Without --metric: heap_bytes:higher:0.5:1%:5%,
    channel_change_ms:higher:0.3:2%:10%, crashed:higher:0.2:0:100%:1%, where the
    last 1% are crashes per device-hour that do not matter at all.

    \b
    Examples
      headrace release start 2.4.1 --baseline 2.4.0
      headrace release start 2.4.1 --baseline 2.4.0 --at +2h --soak 6h
      headrace release start 2.4.1 --baseline 2.4.0 --alpha 0.01 \\
        --metric heap_bytes:higher:0.8:2%:5% --metric cpu:higher:0.2:5%:20%
    """
    import msgspec

    from cli.aws import Account
    from cli.moments import at as instant
    from cli.moments import length, minutes
    from cli.releases import Releases, health_of, metrics_of
    from cli.stacks import find
    from events import release as registry

    now = datetime.now(UTC)
    metrics = metrics_of(metric) if metric else registry.DEFAULT_METRICS
    starts = instant(at, now) if at else None
    before, grace_seconds = length(preparation), round(length(grace).total_seconds())
    soak_minutes, skew_minutes = minutes(soak), minutes(skew)
    account = Account()
    deployed = find(account.cloudformation, environment)
    health_of(account.functions, deployed)
    releases = Releases(account.s3, deployed.lake().bucket_name)
    changed = releases.change(
        lambda one: registry.start(
            one,
            canary=canary,
            baseline=baseline,
            now=now,
            at=starts,
            preparation=before,
            backdate=backdate,
            metrics=metrics,
            grace_seconds=grace_seconds,
            skew_minutes=skew_minutes,
            alpha=alpha,
            beta=beta,
            soak_minutes=soak_minutes,
            share=share,
            devices=devices,
        )
    )
    trial = changed.trials[-1]
    if as_json:
        write(msgspec.json.format(msgspec.json.encode(trial)).decode())
        return
    write(
        f"{canary} is on trial against {baseline} from {trial.started_at:%Y-%m-%d %H:%M:%S} UTC; "
        f"devices' own past is from {trial.prepares_at:%H:%M:%S}."
    )
    say(f"`headrace release status {canary} --wait` waits for the verdict.")


@app.command("stop")
def stop(
    canary: Release,
    *,
    at: Annotated[
        str | None, typer.Option(metavar="T", help="When: +30min; else as soon as can be.")
    ] = None,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """End the trial of a release. What is known of it stays.

    \b
    Examples
      headrace release stop 2.4.1
      headrace release stop 2.4.1 --at +1h
    """
    import msgspec

    from cli.aws import Account
    from cli.moments import at as instant
    from cli.releases import Releases
    from cli.stacks import find
    from events import release as registry

    now = datetime.now(UTC)
    ends = instant(at, now) if at else None
    account = Account()
    lake = find(account.cloudformation, environment).lake()
    changed = Releases(account.s3, lake.bucket_name).change(
        lambda one: registry.stop(one, canary, now=now, at=ends)
    )
    trial = registry.find(changed, canary)
    if trial is None or trial.stopped_at is None:  # nobody else can undo what was just put
        raise AssertionError(canary)
    if as_json:
        write(msgspec.json.format(msgspec.json.encode(trial)).decode())
    else:
        write(f"The trial of {canary} ends at {trial.stopped_at:%Y-%m-%d %H:%M:%S} UTC.")


@app.command("status")
def status(
    release: Annotated[
        str | None, typer.Argument(metavar="[RELEASE]", help="One release; otherwise all.")
    ] = None,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Until there is a verdict.")] = False,
    timeout: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Wait so long at most: 2h.")
    ] = None,
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
    import msgspec

    from cli.moments import length
    from cli.on_trial import OnTrial

    longest = length(timeout).total_seconds() if timeout else None
    if release is None:
        if wait:
            raise WrongUsage("--wait waits for one release: name it.")
        found = OnTrial.find(environment).all(datetime.now(UTC))
        if as_json:
            write(msgspec.json.format(msgspec.json.encode(found)).decode())
        elif found:
            from cli.report_text import trials

            show(trials(found))
        if not as_json:
            for one in found:
                if one.problem:
                    say(f"{one.trial.canary}: {one.problem}")
            say(f"{counted(len(found), 'trial')} in environment {environment!r}.")
        return
    standing = OnTrial.find(environment)
    report = _waited(standing, release, longest, quiet=as_json) if wait else standing.now(release)
    if as_json:
        write(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        from cli.report_text import checks, verdict

        show(*verdict(report))
        show("", *checks(report))
    _judge(report, waited=wait)


def _waited(standing: "OnTrial", release: str, longest: float | None, *, quiet: bool) -> "Report":
    """The first report that has a verdict, or the last one within the time."""
    from cli.report_text import Watching

    with Watching(shown=not quiet) as watching:
        for report in standing.watch(release, longest):
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


@app.command("report")
def report_(
    release: Release,
    *,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As one page that needs nothing else.")
    ] = None,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Tell the whole trial of a release: verdict, effects over time, fleet.

    On the terminal, or with --html as a page for people who were not there.
    The looks and the fleet's history come from the lake, so they are as late as
    delivery is; where it stands now comes from the function.

    \b
    Examples
      headrace release report 2.4.1
      headrace release report 2.4.1 --html 2.4.1.html
      headrace release report 2.4.1 --json | jq '.looks[-1]'
    """
    import msgspec

    from cli.on_trial import OnTrial

    if html is not None and not html.parent.is_dir():
        raise WrongUsage(f"--html {html}: there is no folder {html.parent}.")
    found = OnTrial.find(environment).report(release)
    if html is not None:
        from cli.report_html import page

        html.write_text(page(found, made_at=datetime.now(UTC)), encoding="utf-8")
        say(f"{html}: {found.verdict}, {counted(len(found.looks), 'look')}.")
    if as_json:
        write(msgspec.json.format(msgspec.json.encode(found)).decode())
    elif html is None:
        from cli.report_text import checks, history, verdict

        show(*verdict(found), *history(found))
        show("", *checks(found))


@app.command("rebuild")
def rebuild(
    release: Release,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Make the state of a trial anew from the lake.

    For a trial that was backdated, or whose state was lost. Without --yes it
    says what it would do. The function's event source mapping is paused, what
    it has handled is waited for in the lake, the state of this trial is deleted
    and fed again in the order of devices and counters; then the mapping goes on
    where it was. Other trials, and the alerts that were sent, stay as they are.
    It can be stopped and repeated at any point.

    \b
    Examples
      headrace release rebuild 2.4.1
      headrace release rebuild 2.4.1 --yes
    """
    import msgspec

    from cli.progress import bar
    from cli.rebuilding import Rebuilding

    running = Rebuilding.of(release, environment)
    if not yes:
        planned = running.plan()
        if as_json:
            write(msgspec.json.format(msgspec.json.encode(planned)).decode())
        else:
            write(planned.sentence())
            say("Nothing was changed: --yes does it.")
        return
    with bar(
        release, put=lambda: running.fed, position=running.position, shown=not as_json, word="fed"
    ) as draw:
        done = running.run(draw)
    if as_json:
        write(msgspec.json.format(msgspec.json.encode(done)).decode())
    else:
        write(done.sentence())


def _number(value: float) -> float:
    """Bounds let nan through, which is neither below nor above."""
    if isnan(value):
        raise typer.BadParameter("nan is no number.")
    return value


@app.command("simulate")
def simulate(
    release: Annotated[str, typer.Argument(metavar="CANARY", help="A release on trial.")],
    *,
    devices: Annotated[int, typer.Option(min=2, max=200_000, help="Of the fleet.")] = 500,
    share: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, callback=_number, help="Of the devices that get the canary."
        ),
    ] = 0.5,
    heap: Annotated[
        float,
        typer.Option(
            metavar="X", min=0.01, max=100, callback=_number, help="The canary's heap, times X."
        ),
    ] = 1.0,
    latency: Annotated[
        float,
        typer.Option(
            metavar="X",
            min=0.01,
            max=100,
            callback=_number,
            help="Its channel changes take X times as long.",
        ),
    ] = 1.0,
    crashes: Annotated[
        float,
        typer.Option(
            metavar="X", min=0, max=1000, callback=_number, help="It crashes X times as often."
        ),
    ] = 1.0,
    leak: Annotated[
        float,
        typer.Option(
            metavar="X",
            min=-0.9,
            max=100,
            callback=_number,
            help="0.1: its heap grows by 10 % within 2 hours.",
        ),
    ] = 0.0,
    span: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Of event time; else up to now.")
    ] = None,
    interval: Annotated[
        str, typer.Option(metavar="SPAN", help="Between a device's reports.")
    ] = "60s",
    seed: Annotated[int, typer.Option(help="The same seed, the same devices.")] = 1,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Put what a simulated fleet reports during a trial on the telemetry stream.

    A fleet of its own that runs the baseline, and of which a share gets the
    canary when the trial starts: to see what a trial does, or whether it would
    find what you fear. Event times are the trial's, from its preparation on, so
    a backdated trial is simulated at once. Not for an environment whose table
    of telemetry is to be believed.

    \b
    Examples
      headrace release start 9.0.1 --baseline 9.0.0 --at -1h --backdate
      headrace release simulate 9.0.1 --heap 1.05
      headrace release status 9.0.1 --wait
    """
    import msgspec

    from cli.fleet import Release as Simulated
    from cli.moments import length
    from cli.replaying import judge
    from cli.simulating import simulated

    summary, error = simulated(
        Simulated(release, heap=heap, latency=latency, crashes=crashes, leak=leak),
        environment,
        devices=devices,
        share=share,
        span=length(span) if span else None,
        interval=length(interval),
        seed=seed,
        quiet=as_json,
    )
    if as_json:
        write(msgspec.json.encode(summary).decode())
    else:
        for sentence in summary.sentences():
            write(sentence)
    judge(summary, error)
