"""`headrace replay`: put events on their stream."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import WrongUsage
from cli.options import AsJson, Environment, EventType

if TYPE_CHECKING:
    from cli.pace import Pace

MAX = "max"
LAKE = "From the lake"


def replay(
    event_type: EventType,
    *,
    source: Annotated[
        str | None,
        typer.Option(metavar="FILE|-", help="JSON lines, gzip or not; - is standard input."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Put the first N events only.")] = None,
    rate: Annotated[str, typer.Option(metavar="N|max", help="Events a second at most.")] = MAX,
    speed: Annotated[
        float | None,
        typer.Option(metavar="X", help="Follow event times, X times as fast (1: as it was)."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop before the first line that does not validate.")
    ] = False,
    aggregate: Annotated[
        bool,
        typer.Option("--aggregate/--no-aggregate", help="Many events in a record, or one."),
    ] = True,
    from_lake: Annotated[
        bool,
        typer.Option("--from-lake", help="Put archived events again.", rich_help_panel=LAKE),
    ] = False,
    where: Annotated[
        str | None,
        typer.Option(metavar="SQL", help="Which: a condition.", rich_help_panel=LAKE),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="On the stream of this environment.", rich_help_panel=LAKE
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Choose and count, put nothing.", rich_help_panel=LAKE),
    ] = False,
    run: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Go on with this run.", rich_help_panel=LAKE),
    ] = None,
    after: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="... after its first N.", rich_help_panel=LAKE),
    ] = 0,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Put events of TYPE on its stream, many in one record, in full PutRecords calls.

    Without --source: the event type's built-in data. Lines are sent as they
    are: one that does not validate is sent too, counted, and rejected by
    delivery with its reason.

    Records are aggregated as the Kinesis Producer Library does it, each for one
    shard; delivery, processors and the audit take them apart. --no-aggregate is
    for consumers that do not: Kinesis then takes 1,000 events a second per
    shard. Each shard is written as fast as it takes records, and no faster.

    What Kinesis refuses is sent again, that alone, with backoff. The events of
    one partition key keep their order; with --no-aggregate, except within a
    call that Kinesis took in part only. After a lost answer (NoAnswer in the
    account), and where the shards change meanwhile (WrongShard), an event may
    be on the stream twice, with the same event id.

    With --from-lake: the events of the lake for which the condition holds, each
    once, those of one partition key exactly in the order in which they arrived,
    also with --no-aggregate: then no call holds two of a key. They are marked
    as replayed: the lake that has them does not write them a second time,
    processors process them, and another environment's lake takes them. What was
    chosen stays chosen: --run goes on with it, without a second query.

    \b
    Examples
      headrace replay flight                           a year of departures
      headrace replay flight --limit 1000 --rate 50    smoothly, 20 seconds
      headrace replay flight --speed 3600              an hour each second
      headrace replay device_telemetry --source today.jsonl.gz
      tail -f app.log | headrace replay device_telemetry --source - --strict
      headrace replay flight --from-lake --to stage \\
        --where "event_date = '2013-07-04' AND carrier = 'UA'" --dry-run
    """
    from cli.pace import Pace

    pace = Pace(
        rate=None if rate == MAX else _positive("--rate", rate, f" or {MAX!r}"),
        speed=None if speed is None else _positive("--speed", speed),
    )
    if not from_lake:
        if where is not None or to is not None or run is not None or after or dry_run:
            raise WrongUsage("--where, --to, --run, --after and --dry-run go with --from-lake.")
        _from_source(
            event_type,
            source,
            limit,
            pace,
            environment,
            strict=strict,
            as_json=as_json,
            aggregate=aggregate,
        )
        return
    from cli.again import Wanted, replay_from_lake

    _check(source, where, run, after)
    wanted = Wanted(
        event_type=event_type,
        environment=environment,
        to=to,
        where=where,
        run=run,
        after=after,
        limit=limit,
        strict=strict,
        rate=None if rate == MAX else rate,
        speed=speed,
        aggregate=aggregate,
    )
    replay_from_lake(wanted, pace, dry_run=dry_run, as_json=as_json)


def _from_source(
    event_type: str,
    source: str | None,
    limit: int | None,
    pace: "Pace",
    environment: str,
    *,
    strict: bool,
    as_json: bool,
    aggregate: bool,
) -> None:
    from cli.aws import Account
    from cli.feeds import Feed
    from cli.replaying import judge, put, tell
    from cli.stacks import find

    timed = pace.speed is not None
    with Feed(event_type, source=source, limit=limit, strict=strict, timed=timed) as feed:
        account = Account()
        stream = find(account.cloudformation, environment).flow(event_type).stream_name
        summary, error = put(
            account.kinesis,
            feed,
            event_type=event_type,
            stream=stream,
            pace=pace,
            quiet=as_json,
            aggregate=aggregate,
        )
    tell(summary, as_json=as_json)
    judge(summary, error)


def _check(source: str | None, where: str | None, run: str | None, after: int) -> None:
    """What --from-lake goes with."""
    if source is not None:
        raise WrongUsage("Give one of --source and --from-lake.")
    if (where is None) == (run is None):
        raise WrongUsage(
            "With --from-lake, give --where \"event_date = '2013-07-04'\", a condition in SQL, or "
            "--run ID to go on with a run."
        )
    if where is not None and not where.strip():
        raise WrongUsage("--where takes a condition in SQL; to choose everything it is true.")
    if after and run is None:
        raise WrongUsage("--after goes with --run: numbers are those of a run's events.")


def _positive(option: str, text: str | float, otherwise: str = "") -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise WrongUsage(f"{option} takes a number above 0{otherwise}, not {text}.")
    return number
