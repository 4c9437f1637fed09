"""`headrace rejected`: what is not in a table, why, and how it gets there after all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cli.errors import WrongUsage
from cli.options import AsJson, Environment, EventType
from cli.terminal import printable, say, show, sized, write, write_json

if TYPE_CHECKING:
    from rich.table import Table

    from cli.athena import Database
    from cli.aws import Account
    from cli.rejections import Choice, Line, Reason
    from cli.stacks import Flow, Lake

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Records that delivery rejected, or Firehose gave up, kept with their payload.\n\n"
    "\b\nExamples\n  headrace rejected list flight\n  headrace rejected show flight --limit 1"
    "\n  headrace rejected resubmit flight --reason unknown_field --yes",
)

Why = Annotated[
    str | None,
    typer.Option(
        "--reason", metavar="R", help="A reason of the list, or Firehose's: processing-failed, …"
    ),
]
Since = Annotated[
    str | None, typer.Option(metavar="T", help="Arrived since then: 6h, 2d, 2026-11-21T08:30.")
]
LONGEST = 300


@app.callback()
def rejected() -> None:
    """A group of commands."""


@app.command("list")
def list_(
    event_type: EventType,
    *,
    reason: Why = None,
    since: Since = None,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Count the records of TYPE that are not in its table, by reason.

    A record counts once, with the reason of its newest rejection; `resubmitted`
    are those that were put on delivery again and not rejected since. What an
    HTTP endpoint did not take is in the table: --reason http-endpoint-failed.

    \b
    Examples
      headrace rejected list flight
      headrace rejected list flight --since 2d --json
    """
    from cli.rejections import counted, reasons

    account, flow, lake = _found(event_type, environment)
    answer = _database(account, lake).ask(counted(flow, _choice(reason, since)))
    found = reasons(answer)
    if as_json:
        write_json(found)
        return
    if found:
        _print(found)
    waiting = sum(one.waiting for one in found)
    resubmitted = sum(one.resubmitted for one in found)
    say(f"{waiting:,} records wait, {resubmitted:,} were resubmitted. {answer.footer}")


@app.command("show")
def show_(
    event_type: EventType,
    *,
    reason: Why = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="Show the newest N.")] = 10,
    whole: Annotated[bool, typer.Option("--payload", help="Payloads in full length.")] = False,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Show rejected records of TYPE, the newest first: why, where from, payload.

    With --json an array of objects, with the payload's bytes in base64.

    \b
    Examples
      headrace rejected show flight --reason unknown_field
      headrace rejected show flight --limit 1 --payload
      headrace rejected show flight --json | jq -r '.[].payload | @base64d'
    """
    from cli.rejections import lines, listed

    account, flow, lake = _found(event_type, environment)
    answer = _database(account, lake).ask(listed(flow, _choice(reason, since), limit))
    found = list(lines(answer))
    if as_json:
        write_json(found)
        return
    for line in found:
        _describe(line, whole=whole)
    say(f"{len(found):,} records. {answer.footer}")


@app.command("resubmit")
def resubmit(
    event_type: EventType,
    *,
    reason: Why = None,
    since: Since = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what was resubmitted and not rejected since.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; otherwise say what would be.")] = False,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Put rejected records of TYPE on delivery again, after what was wrong is fixed.

    They go through the type's transform into its table, on a delivery stream
    of their own: processors do not see them, and they keep the place and the
    arrival of the first time. What still does not fit is rejected again. It
    can be stopped and repeated at any point: what has a receipt is left out,
    and what was put without one is put twice, and shown once by TYPE_unique.

    With --reason http-endpoint-failed, what the HTTP endpoint did not take is
    sent to it again, and only to it.

    \b
    Examples
      headrace rejected resubmit flight
      headrace rejected resubmit flight --reason unknown_field --since 2d --yes
    """
    account, flow, lake = _found(event_type, environment)
    choice = _choice(reason, since, pending=not again)
    job = Job(_stream(flow, choice), choice, flow, lake, as_json)
    if yes:
        _run(account, job)
    else:
        _plan(account, job)


class Job(NamedTuple):
    """What is to be put, and where."""

    stream: str
    choice: "Choice"
    flow: "Flow"
    lake: "Lake"
    as_json: bool


def _found(event_type: str, environment: str) -> tuple["Account", "Flow", "Lake"]:
    from cli.aws import Account
    from cli.stacks import find

    account = Account()
    deployed = find(account.cloudformation, environment)
    return account, deployed.flow(event_type), deployed.lake()


def _database(account: "Account", lake: "Lake") -> "Database":
    from cli.athena import Database

    return Database(account.athena, lake)


def _choice(reason: str | None, since: str | None, *, pending: bool = False) -> "Choice":
    from datetime import UTC, datetime

    from cli import moments
    from cli.rejections import Choice

    if reason is not None and not reason:
        raise WrongUsage("--reason takes a word of `headrace rejected list`, not an empty one.")
    moment = moments.since(since, datetime.now(UTC)) if since else None
    return Choice(reason=reason or "", since=moment, pending=pending)


def _stream(flow: "Flow", choice: "Choice") -> str:
    """The delivery stream that what is chosen is put on."""
    from cli.errors import MissingStack
    from cli.rejections import DEPLOY

    if choice.endpoint:
        stream = flow.endpoint_resubmission_stream_name
        what = "no delivery stream that sends to its HTTP endpoint again"
    else:
        stream = flow.resubmission_stream_name
        what = "no delivery stream that takes rejected records"
    if not stream:
        raise MissingStack(f"The stack of {flow.event_type} has {what}: {DEPLOY}.")
    return stream


def _plan(account: "Account", job: Job) -> None:
    """Say what would be put."""
    from cli.rejections import totalled, totals

    answer = _database(account, job.lake).ask(totalled(job.flow, job.choice))
    found = totals(answer)
    if job.as_json:
        plan = {"delivery_stream": job.stream, "reasons": found}
        write_json(plan)
        return
    if found:
        rows = [(one.reason, f"{one.records:,}", sized(one.bytes)) for one in found]
        _table(("reason", "records", "payload"), rows)
    records, size = sum(one.records for one in found), sum(one.bytes for one in found)
    if not records:
        say("Nothing waits to be resubmitted; --again puts also what was resubmitted before.")
        return
    say(f"{records:,} records ({sized(size)}) would be put on {job.stream}: repeat with --yes.")


def _run(account: "Account", job: Job) -> None:
    import uuid
    from functools import partial

    from cli.firehose import PutRecordBatch
    from cli.progress import bar
    from cli.receipting import Receipts
    from cli.rejections import lines, listed
    from cli.resubmission import original, resubmitted
    from cli.resubmitting import Resubmission, judge

    run, name = uuid.uuid4().hex, job.flow.event_type
    bucket = job.lake.bucket_name
    record = original if job.choice.endpoint else partial(resubmitted, lake=bucket, run=run)
    resubmission = Resubmission(
        PutRecordBatch(account.firehose, job.stream),
        Receipts(account.s3, bucket, f"resubmitted/{name}/", run),
        record,
    )
    answer = _database(account, job.lake).ask(listed(job.flow, job.choice))
    with bar(
        name,
        put=lambda: resubmission.put_so_far,
        position=lambda: (resubmission.put_so_far, None),
        shown=not job.as_json,
    ) as progress:
        summary, error = resubmission.run(
            lines(answer), run=run, event_type=name, stream=job.stream, progress=progress
        )
    if job.as_json:
        write_json(summary)
    else:
        write(f"Put {summary.put:,} {name} records on {job.stream}, as run {run}.")
        for key in summary.receipts:
            write(f"Receipt: s3://{bucket}/{key}")
    if summary.put and not job.choice.endpoint:
        say(
            "Delivery buffers them before it writes them. What does not fit yet is rejected again: "
            f"`headrace rejected list {name}`."
        )
    judge(summary, error)


def _print(found: list["Reason"]) -> None:
    """A line per reason, and below it what it says and the newest record, which may be long."""
    from rich.text import Text

    from cli.terminal import laid_out

    rows = [
        (
            one.reason,
            f"{one.waiting:,}",
            f"{one.resubmitted:,}",
            f"{one.newest:%Y-%m-%d %H:%M:%S}",
        )
        for one in found
    ]
    names = ("reason", "waiting", "resubmitted", "newest (UTC)")
    head, *told = laid_out(_laid(names, rows)).splitlines()
    write(head)
    for one, line in zip(found, told, strict=True):
        write(line)
        such = f"such as {one.example}" if one.example else "Firehose does not say where"
        show(
            Text(f"  {printable(one.detail)}", style="dim"),
            Text(f"  {such}", style="dim"),
        )


def _table(names: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    show(_laid(names, rows))


def _laid(names: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> "Table":
    """Numbers to the right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        right = name in ("waiting", "resubmitted", "records", "payload")
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(printable(cell) for cell in row))
    return table


def _describe(line: "Line", *, whole: bool) -> None:
    from base64 import b64decode

    from rich.text import Text

    from events.compression import readable

    where = "Firehose does not say where it stood"
    if line.sequence_number:
        place = f"{line.sequence_number}.{line.subsequence_number or 0}"
        where = f"{line.shard_id or 'shard not known'} {place}"
    show(
        Text(printable(line.reason), style="bold"),
        Text(f"  {printable(line.detail)}"),
        Text(f"  arrived {_utc(line.arrived_at)}, rejected {_utc(line.rejected_at)}", style="dim"),
        Text(f"  {where}", style="dim"),
    )
    if line.run:
        show(Text(f"  resubmitted by run {line.run}", style="dim"))
    data = readable(b64decode(line.payload))
    try:
        text = printable(data.decode())
    except UnicodeDecodeError:
        text = f"{len(data):,} bytes that are no text: {line.payload}"
    short = whole or len(text) <= LONGEST
    show(Text("  " + (text if short else f"{text[:LONGEST]}… ({len(data):,} bytes: --payload)")))


def _utc(milliseconds: int) -> str:
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
