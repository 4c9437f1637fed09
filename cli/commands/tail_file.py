"""`headrace tail-file`: follow log files onto streams."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from cli.errors import Interrupted, WrongUsage
from cli.options import AsJson, Environment
from cli.terminal import counted, write

if TYPE_CHECKING:
    from cli.tail.command import Outcome

READING = "How lines are read (of PATH; with --config, in the file)"
FOLLOWING = "What is followed"


def tail_file(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Files or quoted patterns: 'app*.log*'."),
    ] = None,
    *,
    event_type: Annotated[
        str | None, typer.Option("--type", metavar="T", help="The event type of PATH's lines.")
    ] = None,
    flow: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH:TYPE", help="Follow these, too.", rich_help_panel=FOLLOWING),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="And what FILE says.", rich_help_panel=FOLLOWING),
    ] = None,
    begin: Annotated[
        Literal["start", "end"],
        typer.Option("--from", help="Where the first start begins.", rich_help_panel=FOLLOWING),
    ] = "start",
    once: Annotated[
        bool,
        typer.Option("--once", help="Stop where the files end.", rich_help_panel=FOLLOWING),
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where it keeps its place.", rich_help_panel=FOLLOWING),
    ] = None,
    form: Annotated[
        Literal["json", "csv", "pattern"],
        typer.Option("--format", help="JSON lines, or values.", rich_help_panel=READING),
    ] = "json",
    columns: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help="Of csv without a header.", rich_help_panel=READING),
    ] = None,
    separator: Annotated[
        str, typer.Option(metavar="C", help="Of csv.", rich_help_panel=READING)
    ] = ",",
    pattern: Annotated[
        str,
        typer.Option(metavar="REGEX", help="With named groups.", rich_help_panel=READING),
    ] = "",
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=NAME", help="Read FIELD from NAME.", rich_help_panel=READING),
    ] = None,
    time: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=FORMAT", help="Its strptime form.", rich_help_panel=READING),
    ] = None,
    constant: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", help="Where a line has none.", rich_help_panel=READING),
    ] = None,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Follow growing log files onto the streams of their event types.

    Files are followed through rotation by renaming and by copying and truncating;
    files that match later are found. Name the rotated ones too ('app.log*'), so
    that two rotations during a stop lose nothing; compressed files are left out.

    How far each file is put is saved after Kinesis has taken it, so a kill at any
    time loses nothing. A line that is put twice has the same event id both times:
    its own, or one made of its file and place where it has none.

    A line that is no event is put as it is: delivery rejects it with its reason.

    \b
    Examples
      headrace tail-file '/var/log/boxes/*.log*' --type device_telemetry
      headrace tail-file export.csv --type flight --format csv --once
      headrace tail-file --flow 'a.log*:flight' --flow 'b.log*:device_telemetry'
      headrace tail-file 'access.log*' --type request --format pattern \\
        --pattern '(?P<host>\\S+) \\S+ \\S+ .(?P<at>[^]]+). "(?P<line>[^"]*)".*' \\
        --field event_time=at --time 'event_time=%d/%b/%Y:%H:%M:%S %z'
      headrace tail-file --config tail.toml
    """
    from cli.tail.command import follow
    from cli.tail.flows import Flow, configured, flow_of, pairs

    flows: list[Flow] = [flow_of(one) for one in flow or ()]
    if config is not None:
        flows += configured(config)
    if bool(paths) != (event_type is not None):
        raise WrongUsage("Give files and --type, or --flow, or --config.")
    if paths and event_type:
        flows.append(
            Flow(
                paths=tuple(paths),
                type=event_type,
                format=form,
                columns=tuple(columns.split(",")) if columns else (),
                separator=separator,
                pattern=pattern,
                fields=pairs("--field", field or []),
                times=pairs("--time", time or []),
                constants={**pairs("--constant", constant or [])},
            )
        )
    if not flows:
        raise WrongUsage("Give files and --type, or --flow, or --config.")
    outcome = follow(
        flows,
        environment=environment,
        folder=state,
        from_end=begin == "end",
        once=once,
        quiet=as_json,
    )
    _print(outcome, as_json=as_json)


def _print(outcome: "Outcome", *, as_json: bool) -> None:
    """The account; then what ended it."""
    if as_json:
        write(msgspec.json.encode(outcome.accounts).decode())
    for account in () if as_json else outcome.accounts:
        write(
            f"Put {counted(account.put, f'{account.event_type} event')} "
            f"({account.put_bytes / 1e6:,.1f} MB) from {counted(account.files, 'file')}."
        )
        for what, counts in (
            ("Sent again", account.retried),
            ("Do not validate, and delivery will reject them", account.invalid),
        ):
            if counts:
                reasons = (f"{reason} {count:,}" for reason, count in sorted(counts.items()))
                write(f"{what}: {', '.join(reasons)}.")
    if outcome.error is not None:
        raise outcome.error
    if outcome.interrupted:
        raise Interrupted("Interrupted: what is put is saved; the next start goes on there.")
