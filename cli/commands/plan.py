"""`headrace plan`: what a pipeline will cost, and where it will break."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import WrongUsage
from cli.options import AsJson, Environment
from cli.terminal import write_json

if TYPE_CHECKING:
    from cli.plan.measured import Measured
    from cli.plan.pipeline import Mode

BUSIEST = "the busiest hour where measured"


def plan(
    *,
    rate: Annotated[
        float | None, typer.Option(metavar="R", help="Events per second, in the mean.")
    ] = None,
    size: Annotated[
        float | None,
        typer.Option(metavar="B", help="Bytes of an event, as they go over the wire."),
    ] = None,
    from_stream: Annotated[
        str | None, typer.Option(metavar="NAME", help="Measure a stream of the account.")
    ] = None,
    from_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Measure a deployed event type.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=455, help="… over the last N days.")] = 14,
    peak: Annotated[
        float | None,
        typer.Option(min=1, metavar="X", help=f"Peak over mean; {BUSIEST}, else 1."),
    ] = None,
    retention: Annotated[
        int | None, typer.Option(metavar="H", help="Hours that the stream keeps records; 24.")
    ] = None,
    consumers: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Processors with fan-out; 1.")
    ] = None,
    polling: Annotated[
        int, typer.Option(min=0, metavar="N", help="Processors that poll beside delivery.")
    ] = 0,
    producers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes that put events.")
    ] = 4,
    linger: Annotated[
        float, typer.Option(min=0, metavar="S", help="Seconds an event waits to share a record.")
    ] = 0.1,
    aggregate: Annotated[
        bool, typer.Option(help="Which of the two the mode and the growth are of.")
    ] = True,
    mode: Annotated[
        str, typer.Option(help="provisioned, on-demand, advantage, or the cheapest.")
    ] = "cheapest",
    devices: Annotated[
        int, typer.Option(min=0, metavar="N", help="Devices whose state is kept in Valkey.")
    ] = 0,
    http: Annotated[
        float, typer.Option(min=0, metavar="R", help="Events per second that come over HTTP.")
    ] = 0,
    queries: Annotated[
        int, typer.Option(min=0, metavar="N", help="Queries a day, of one date each.")
    ] = 10,
    months: Annotated[int, typer.Option(min=1, metavar="N", help="The bill of the Nth month.")] = 1,
    explain: Annotated[bool, typer.Option("--explain", help="Print what is assumed.")] = False,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Say what a pipeline costs a month, item by item, and what breaks first as it grows.

    Aggregated and not side by side, the modes of a stream and where one becomes
    cheaper than another, and the load × 1, 10, 100 and 1,000. Nothing need be
    deployed; with --from-stream or --from-type the load is what CloudWatch counted.
    Prices are those of one dated file, without free tiers.

    \b
    Examples
      headrace plan --rate 3000 --size 1024
      headrace plan --rate 20000 --size 300 --retention 168 --consumers 2
      headrace plan --rate 50 --size 700 --peak 8 --mode on-demand --json
      headrace plan --from-type flight --days 30
      headrace plan --rate 3000 --size 1024 --explain
    """
    from cli.plan.load import Assumptions, Load
    from cli.plan.planning import planned
    from cli.plan.telling import tell
    from cli.prices import prices

    chosen = _mode(mode)
    found = _measured(rate, size, from_stream, from_type, days, environment)
    key = Assumptions().key_bytes.value
    load = Load(
        rate=found.rate if found else rate or 0,
        size=max(1.0, found.size - key) if found else size or 0,
        peak=peak or (found.peak if found else 1.0),
        retention_hours=(
            retention if retention is not None else found.retention_hours if found else 24
        ),
        fan_out=consumers if consumers is not None else found.fan_out if found else 1,
        polling=polling,
        producers=producers,
        linger=linger,
        aggregated=aggregate,
        devices=devices,
        http=http,
        queries=queries,
        months=months,
    ).checked()
    result = planned(load, prices(), mode=chosen, measured=found)
    if as_json:
        write_json(result)
        return
    tell(result, explained=explain)


def _mode(given: str) -> "Mode | None":
    from cli.plan.pipeline import MODES

    if given == "cheapest":
        return None
    for mode in MODES:
        if mode == given:
            return mode
    raise WrongUsage(f"There is no mode {given!r}: choose {', '.join(MODES)} or cheapest.")


def _measured(
    rate: float | None,
    size: float | None,
    stream: str | None,
    event_type: str | None,
    days: int,
    environment: str,
) -> "Measured | None":
    ways = (rate is not None or size is not None, stream is not None, event_type is not None)
    if sum(ways) != 1:
        raise WrongUsage("Give one of --rate with --size, --from-stream NAME or --from-type TYPE.")
    if ways[0]:
        if rate is None or size is None:
            raise WrongUsage("Give both --rate and --size: how many events, and how large.")
        return None
    from cli.aws import Account
    from cli.plan.measured import measure, of_type
    from cli.stacks import find

    account, now = Account(), datetime.now(UTC)
    deployed = find(account.cloudformation, environment)
    if stream is not None:
        return measure(account, stream, deployed, now=now, days=days)
    return of_type(account, deployed, event_type or "", now=now, days=days)
