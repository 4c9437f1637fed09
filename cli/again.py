"""A replay from the lake, from the choice of the events to the account of them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from cli.athena import Database, Execution
from cli.aws import Account
from cli.errors import Interrupted
from cli.history import History
from cli.pace import Pace
from cli.progress import bar
from cli.replaying import Summary, by_reason, judge, put
from cli.stacks import find
from cli.terminal import say, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.feeds import Feed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A replay from the lake as it was typed; of `where` and `run`, one is given."""

    event_type: str
    environment: str
    to: str | None = None
    where: str | None = None
    run: str | None = None
    after: int = 0
    limit: int | None = None
    strict: bool = False
    rate: str | None = None
    speed: float | None = None
    aggregate: bool = True

    @property
    def target(self) -> str:
        """The environment whose stream takes the events."""
        return self.to or self.environment

    def then(self, run: str, after: int) -> str | None:
        """The command that puts what comes after so many events of a run, or None."""
        limit = None
        if self.run is not None and self.limit is not None:
            limit = self.limit - (after - self.after)
        # Without --run, the answer to the query itself ends where the limit is.
        if limit == 0:
            return None
        options = {
            "--run": run,
            "--after": after or None,
            "--to": self.to,
            "--limit": limit,
            "--rate": self.rate,
            "--speed": None if self.speed is None else f"{self.speed:g}",
            "--env": self.environment,
        }
        words = [f"{name} {value}" for name, value in options.items() if value is not None]
        flags = {"--strict": self.strict, "--no-aggregate": not self.aggregate}
        words += [name for name, given in flags.items() if given]
        return " ".join(["headrace replay", self.event_type, "--from-lake", *words])


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What every account of a replay from the lake says of where its events come from."""

    lake: str
    run: str
    after: int
    scanned_bytes: int
    cost: float


class Rehearsal(msgspec.Struct, kw_only=True):
    """What would be put; `bytes` with the marks, `first` and `last` by event time."""

    event_type: str
    stream: str
    events: int = 0
    bytes: int = 0
    first: datetime | None = None
    last: datetime | None = None
    invalid: dict[str, int] = {}

    def sentences(self) -> "Iterator[str]":
        """The account for a person, a sentence a line."""
        times = f", event times {_text(self.first)} to {_text(self.last)}" if self.first else ""
        yield (
            f"{self.events:,} {self.event_type} events ({self.bytes / 1e6:,.1f} MB{times}) would "
            f"be put on {self.stream}."
        )
        if self.invalid:
            yield f"Do not validate, and delivery will reject them: {by_reason(self.invalid)}."


def _text(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M}"


def replay_from_lake(wanted: Wanted, pace: Pace, *, dry_run: bool, as_json: bool) -> None:
    """Choose events, or go on with those of a run, and put them, or count them only."""
    account = Account()
    deployed = find(account.cloudformation, wanted.environment)
    away = wanted.target != wanted.environment
    target = find(account.cloudformation, wanted.target) if away else deployed
    stream = target.flow(wanted.event_type).stream_name
    lake = deployed.lake()
    history = History(
        database=Database(account.athena, lake),
        s3=account.s3,
        lake=lake,
        flow=deployed.flow(wanted.event_type),
    )
    run = _choose(history, wanted)
    say(f"Run {run.id}: {run.footer if wanted.run is None else 'chosen before.'}")
    origin = Origin(
        lake=lake.bucket_name,
        run=run.id,
        after=wanted.after,
        scanned_bytes=run.scanned_bytes if wanted.run is None else 0,
        cost=run.cost if wanted.run is None else 0.0,
    )
    timed = dry_run or wanted.speed is not None
    with history.feed(
        run.id,
        run.location,
        limit=wanted.limit,
        after=wanted.after,
        strict=wanted.strict,
        timed=timed,
    ) as feed:
        if dry_run:
            _rehearse(
                feed,
                Rehearsal(event_type=wanted.event_type, stream=stream),
                origin,
                wanted,
                as_json=as_json,
            )
            return
        summary, error = put(
            account.kinesis,
            feed,
            event_type=wanted.event_type,
            stream=stream,
            pace=pace,
            quiet=as_json,
            apart=True,
            aggregate=wanted.aggregate,
        )
    _tell(summary, origin, as_json=as_json)
    after = _done(summary, wanted.after, stopped=error is not None)
    then = None if after is None else wanted.then(run.id, after)
    judge(summary, error, f" Go on with: {then}" if then else "")


def _choose(history: History, wanted: Wanted) -> Execution:
    if wanted.run is not None:
        return history.run(wanted.run)
    try:
        return history.choose(wanted.where or "", wanted.limit)
    except KeyboardInterrupt:
        raise Interrupted(
            "Interrupted: the query is stopped in Athena too, nothing was put."
        ) from None


def _rehearse(
    feed: "Feed", rehearsal: Rehearsal, origin: Origin, wanted: Wanted, *, as_json: bool
) -> None:
    with bar(
        wanted.event_type,
        put=lambda: rehearsal.events,
        position=lambda: feed.position(rehearsal.events),
        shown=not as_json,
    ) as progress:
        for entries in feed.chunks():
            for entry in entries:
                rehearsal.events += 1
                rehearsal.bytes += len(entry.data)
                if entry.when is not None:
                    when = datetime.fromtimestamp(entry.when, UTC)
                    rehearsal.first = min(rehearsal.first or when, when)
                    rehearsal.last = max(rehearsal.last or when, when)
            progress()
    rehearsal.invalid = dict(feed.invalid)
    _tell(rehearsal, origin, as_json=as_json)
    say(f"Put them without another query: {wanted.then(origin.run, wanted.after)}")


def _tell(told: Summary | Rehearsal, origin: Origin, *, as_json: bool) -> None:
    if as_json:
        account = msgspec.to_builtins(told) | {"from_lake": origin}
        write(msgspec.json.encode(account).decode())
        return
    for sentence in told.sentences():
        write(sentence)


def _done(summary: Summary, after: int, *, stopped: bool) -> int | None:
    """The number of the event up to which all are put; None when there is none to put again."""
    if summary.first_to_repeat is not None:
        return summary.first_to_repeat - 1
    return after + summary.read if summary.interrupted or stopped else None
