"""`headrace release start`: a trial begins."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.options import AsJson, Environment
from cli.terminal import say, write, write_json

TRIAL, DETAIL = "What is compared", "How it is counted"

Canary = Annotated[str, typer.Argument(metavar="CANARY", help="The new release, as 2.4.1.")]
Baseline = Annotated[
    str, typer.Option(metavar="B", help="The release that runs beside it, as 2.4.0.")
]
At = Annotated[
    str | None,
    typer.Option(metavar="T", help="When: +30min, 2026-11-21T08:30; else as soon as can be."),
]
Preparation = Annotated[
    str, typer.Option(metavar="SPAN", help="Before: it makes the devices' own past.")
]
Soak = Annotated[str, typer.Option(metavar="SPAN", help="No PASS sooner, by the events' own time.")]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        metavar="M",
        help="NAME:WORSE:WEIGHT:TOLERANCE:MARGIN; repeatable.",
        rich_help_panel=TRIAL,
    ),
]
Alpha = Annotated[
    float, typer.Option(help="Share of healthy releases that may fail.", rich_help_panel=TRIAL)
]
Beta = Annotated[
    float, typer.Option(help="Share of worse releases that may pass.", rich_help_panel=TRIAL)
]
Share = Annotated[
    float | None,
    typer.Option(
        help="Of the devices that are to run the canary: kept an eye on.", rich_help_panel=TRIAL
    ),
]
Grace = Annotated[
    str,
    typer.Option(
        metavar="SPAN", help="How much events may come out of order.", rich_help_panel=DETAIL
    ),
]
Skew = Annotated[
    str,
    typer.Option(
        metavar="SPAN",
        help="A device's clock that is further off is not believed.",
        rich_help_panel=DETAIL,
    ),
]
Devices = Annotated[int, typer.Option(help="How many report, roughly.", rich_help_panel=DETAIL)]
Backdate = Annotated[
    bool,
    typer.Option(
        "--backdate",
        help="It may begin in the past; what came before now is not in it until a rebuild.",
        rich_help_panel=DETAIL,
    ),
]


def start(
    canary: Canary,
    *,
    baseline: Baseline,
    at: At = None,
    preparation: Preparation = "10min",
    soak: Soak = "30min",
    metric: Metrics = None,
    alpha: Alpha = 0.05,
    beta: Beta = 0.05,
    share: Share = None,
    grace: Grace = "60s",
    skew: Skew = "2h",
    devices: Devices = 10_000,
    backdate: Backdate = False,
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
    from functools import partial

    from cli import moments
    from cli.on_trial import OnTrial
    from cli.releases import metrics_of
    from events import release as registry

    now = datetime.now(UTC)
    how = partial(
        registry.start,
        canary=canary,
        baseline=baseline,
        now=now,
        at=moments.at(at, now) if at else None,
        preparation=moments.length(preparation),
        backdate=backdate,
        metrics=metrics_of(metric) if metric else registry.DEFAULT_METRICS,
        grace_seconds=round(moments.length(grace).total_seconds()),
        skew_minutes=moments.minutes(skew),
        alpha=alpha,
        beta=beta,
        soak_minutes=moments.minutes(soak),
        share=share,
        devices=devices,
    )
    trial = OnTrial.find(environment).releases.change(how).trials[-1]
    if as_json:
        write_json(trial)
        return
    write(
        f"{canary} is on trial against {baseline} from {trial.started_at:%Y-%m-%d %H:%M:%S} UTC; "
        f"devices' own past is from {trial.prepares_at:%H:%M:%S}."
    )
    say(f"`headrace release status {canary} --wait` waits for the verdict.")
