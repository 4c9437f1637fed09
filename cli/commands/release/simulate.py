"""`headrace release simulate`: what a fleet would report, to try a trial without devices."""

from math import isnan
from typing import Annotated

import typer

from cli.options import AsJson, Environment


def _number(value: float) -> float:
    """Bounds let nan through, which is neither below nor above."""
    if isnan(value):
        raise typer.BadParameter("nan is no number.")
    return value


Canary = Annotated[str, typer.Argument(metavar="CANARY", help="A release on trial.")]
Devices = Annotated[int, typer.Option(min=2, max=200_000, help="Of the fleet.")]
Share = Annotated[
    float,
    typer.Option(min=0.0, max=1.0, callback=_number, help="Of the devices that get the canary."),
]
Heap = Annotated[
    float,
    typer.Option(
        metavar="X", min=0.01, max=100, callback=_number, help="The canary's heap, times X."
    ),
]
Latency = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=0.01,
        max=100,
        callback=_number,
        help="Its channel changes take X times as long.",
    ),
]
Crashes = Annotated[
    float,
    typer.Option(
        metavar="X", min=0, max=1000, callback=_number, help="It crashes X times as often."
    ),
]
Leak = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=-0.9,
        max=100,
        callback=_number,
        help="0.1: its heap grows by 10 % within 2 hours.",
    ),
]
Span = Annotated[str | None, typer.Option(metavar="SPAN", help="Of event time; else up to now.")]
Interval = Annotated[str, typer.Option(metavar="SPAN", help="Between a device's reports.")]
Seed = Annotated[int, typer.Option(help="The same seed, the same devices.")]


def simulate(
    release: Canary,
    *,
    devices: Devices = 500,
    share: Share = 0.5,
    heap: Heap = 1.0,
    latency: Latency = 1.0,
    crashes: Crashes = 1.0,
    leak: Leak = 0.0,
    span: Span = None,
    interval: Interval = "60s",
    seed: Seed = 1,
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
    from cli.fleet import Release as Simulated
    from cli.moments import length
    from cli.replaying import judge, tell
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
    tell(summary, as_json=as_json)
    judge(summary, error)
