"""`headrace replay`: put events on their stream."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.errors import WrongUsage
from cli.options import AsJson, Environment, EventType
from cli.terminal import write

if TYPE_CHECKING:
    from cli.feeds import Feed
    from cli.pace import Pace
    from cli.replaying import Summary

MAX = "max"


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
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Put events of TYPE on its stream, in full PutRecords calls.

    Without --source: the event type's built-in data. Lines are sent as they
    are: one that does not validate is sent too, counted, and rejected by
    delivery with its reason.

    What Kinesis refuses is sent again, that alone, with backoff. The events of
    one partition key keep their order, except within a call that Kinesis took
    in part only. After a lost answer (NoAnswer in the account) an event may be
    on the stream twice, with the same event id.

    \b
    Examples
      headrace replay flight                           a year of departures
      headrace replay flight --limit 1000 --rate 50    smoothly, 20 seconds
      headrace replay flight --speed 3600              an hour each second
      headrace replay device_telemetry --source today.jsonl.gz
      tail -f app.log | headrace replay device_telemetry --source - --strict
    """
    from cli.feeds import Feed
    from cli.pace import Pace
    from cli.replaying import judge

    pace = Pace(
        rate=None if rate == MAX else _positive("--rate", rate, f" or {MAX!r}"),
        speed=None if speed is None else _positive("--speed", speed),
    )
    with Feed(
        event_type, source=source, limit=limit, strict=strict, timed=speed is not None
    ) as feed:
        summary, error = _put(feed, event_type, environment, pace, quiet=as_json)
    if as_json:
        write(msgspec.json.encode(summary).decode())
    else:
        for sentence in summary.sentences():
            write(sentence)
    judge(summary, error)


def _put(
    feed: "Feed", event_type: str, environment: str, pace: "Pace", *, quiet: bool
) -> tuple["Summary", BaseException | None]:
    from cli.aws import Account
    from cli.progress import bar
    from cli.replaying import Replay
    from cli.stacks import find

    account = Account()
    stream = find(account.cloudformation, environment).flow(event_type).stream_name
    replay = Replay(account.kinesis, event_type=event_type, stream=stream)
    with bar(
        event_type,
        put=lambda: replay.tally.put,
        position=lambda: feed.position(replay.tally.put),
        shown=not quiet,
    ) as progress:
        return replay.run(feed.chunks(), pace=pace, invalid=feed.invalid, progress=progress)


def _positive(option: str, text: str | float, otherwise: str = "") -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise WrongUsage(f"{option} takes a number above 0{otherwise}, not {text}.")
    return number
