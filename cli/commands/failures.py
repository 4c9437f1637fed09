"""`headrace failures`: what processors failed, with its payload."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import WrongUsage
from cli.options import AsJson, Environment, Function, Since
from cli.terminal import aged, counted, printable, say, show, write, write_json, written

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import IO

    from rich.text import Text

    from cli.standing import Failed, Standing
    from events.failure import Batch

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="What processors failed and gave up, kept with its payload.\n\n"
    "\b\nExamples\n  headrace failures list\n  headrace failures show 3f9c2a"
    "\n  headrace failures export --to failed.jsonl\n  headrace redrive",
)

STANDARD = "-"


@app.callback()
def failures() -> None:
    """A group of commands."""


@app.command("list")
def list_(
    *,
    function: Function = None,
    since: Since = None,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """List the batches that processors failed and gave up.

    Each with what is known of why, how many of its records are kept and how
    many were gone before they could be, and how long the stream still has them;
    the archive keeps them longer. `headrace redrive` processes them again.

    \b
    Examples
      headrace failures list
      headrace failures list --function delay_alerts --since 2d
      headrace failures list --json
    """
    from cli.standing import standing

    found = standing(environment, function=function, since=since)
    if as_json:
        write_json(found)
        return
    if found.batches:
        _print(found.batches)
    _sum_up(found)


@app.command("show")
def show_(
    failure_id: Annotated[str, typer.Argument(metavar="ID", help="Or how it begins.")],
    *,
    limit: Annotated[int, typer.Option(min=0, help="Show the first N records.")] = 10,
    whole: Annotated[bool, typer.Option("--payload", help="Payloads in full length.")] = False,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Show all that is known of a failed batch: why, where its log is, its records.

    An aggregated record is shown as the records in it. --json prints the batch as
    it is archived, all records in the shape in which the function received them.

    \b
    Examples
      headrace failures show 3f9c2a
      headrace failures show 3f9c2a --limit 1 --payload
      headrace failures show 3f9c2a --json
    """
    from cli.standing import archive_of

    [stored] = archive_of(environment).find([failure_id])
    batch = stored.batch()
    if as_json:
        write_json(batch)
    else:
        _describe(batch, limit, whole=whole)


@app.command("export")
def export(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Failed batches; otherwise all.")
    ] = None,
    *,
    to: Annotated[str, typer.Option(metavar="FILE", help="A file; it is there whole.")] = STANDARD,
    function: Function = None,
    since: Since = None,
    environment: Environment = "dev",
) -> None:
    """Write failed records as JSON lines, one for each record with its payload.

    An aggregated record is a line for each record in it, and what the stream had
    forgotten before the rescue is a line that says which sequence numbers. The
    archive stays as it is.

    \b
    Examples
      headrace failures export | jq -r .payload
      headrace failures export --function delay_alerts --to failed.jsonl
      headrace failures export 3f9c2a 81d0b7 --to two.jsonl
    """
    from cli.standing import archive_of, choose, exported

    if ids and (function or since):
        raise WrongUsage("Name batches, or choose them with --function and --since, not both.")
    batches = choose(archive_of(environment), ids or [], function=function, since=since)
    lines = exported(one.batch() for one in batches)
    number = _write_file(to, lines) if to != STANDARD else _write_lines(lines, sys.stdout.buffer)
    chosen = counted(len(batches), "failed batch", "failed batches")
    say(f"{counted(number, 'line')} of {chosen}.")


def _write_lines(lines: "Iterable[bytes]", file: "IO[bytes]") -> int:
    number = 0
    for line in lines:
        file.write(line)
        number += 1
    file.flush()
    return number


def _write_file(to: str, lines: "Iterable[bytes]") -> int:
    """All of it under its name, or nothing: it is written beside it and then renamed. Where the
    name is a device or a pipe, which a file must not replace, it is written to."""
    import os
    from pathlib import Path
    from tempfile import NamedTemporaryFile

    path = Path(to).resolve()
    if not path.parent.is_dir():
        raise WrongUsage(f"--to {to}: there is no folder {path.parent}.")
    with written(path, "--to"):
        if path.exists() and not path.is_file():
            with path.open("wb") as there:
                return _write_lines(lines, there)
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                number = _write_lines(lines, file)
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    return number


def _print(batches: list["Failed"]) -> None:
    """A line per batch, and why below it, which may be long."""
    from rich.table import Table
    from rich.text import Text

    from cli.terminal import laid_out

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("batch", "failed at", "processor"):
        table.add_column(name, no_wrap=True)
    for name in ("records", "gone", "on the stream"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in batches:
        table.add_row(
            one.failure_id,
            f"{one.failed_at:%m-%d %H:%M:%S}",
            one.processor,
            f"{one.records:,}",
            f"{one.lost:,}",
            _remaining(one.forgotten_in_seconds),
        )
    head, *lines = laid_out(table).splitlines()
    write(head)
    for one, line in zip(batches, lines, strict=True):
        write(line)
        show(Text(f"  {one.shard_id}  {printable(one.why)}", style="dim"))


def _remaining(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{aged(seconds)} more" if seconds > 0 else "no more"


def _sum_up(found: "Standing") -> None:
    records, gone = (
        sum(one.records for one in found.batches),
        sum(one.lost for one in found.batches),
    )
    lost = f", {gone:,} more gone" if gone else ""
    batches = counted(len(found.batches), "failed batch", "failed batches")
    say(f"{batches}, {counted(records, 'record')} kept{lost}.")
    for name, number in found.waiting.items():
        if number:
            say(f"Not rescued yet, of {name}: {counted(number, 'message')}.")
    if found.unreadable_messages:
        say(
            f"What came to a failure queue and was no failure lies in failures/unreadable/ of the "
            f"lake: {counted(found.unreadable_messages, 'message')}."
        )
    for key in found.unreadable_objects:
        say(f"{key} holds no batch, and was left as it is.")


def _describe(batch: "Batch", limit: int, *, whole: bool) -> None:
    from itertools import islice

    from rich.text import Text

    from events.failure import lines

    first, last = batch.first_arrived_at, batch.last_arrived_at
    command = (
        f"aws logs filter-log-events --log-group-name {batch.log_group} "
        f"--filter-pattern '\"{batch.request_id}\"'"
    )
    facts = {
        "batch": batch.failure_id,
        "processor": batch.processor,
        "function": batch.function_arn,
        "stream": batch.stream_arn,
        "shard": batch.shard_id,
        "sequence numbers": f"{batch.start_sequence_number} to {batch.end_sequence_number}",
        "failed at": _utc(batch.failed_at),
        "rescued at": _utc(batch.rescued_at),
        "arrived": f"{_utc(first)} to {_utc(last)}" if first and last else "not known",
        "why": f"{batch.condition} after {counted(batch.invocations, 'invocation')}"
        + (f": {batch.error}" if batch.error else ""),
        "request": batch.request_id,
        "log": command,
        "records": f"{len(batch.records):,} of {batch.batch_size:,}"
        + ("" if batch.exact else f", perhaps not exactly these: {batch.note}"),
    }
    for name, value in facts.items():
        show(Text(f"{name:16}  ", style="dim") + Text(printable(value)))
    for one in batch.gone:
        where = f"{one.from_sequence_number} to {one.to_sequence_number}"
        show(Text(f"{'gone':16}  ", style="red") + Text(f"{where}: {printable(one.why)}"))
    for reason in batch.history:
        said = f"{_utc(reason.failed_at)} {reason.error or reason.condition}"
        which = f" (record {reason.sequence_number})" if reason.sequence_number else ""
        show(
            Text(f"{'failed again':16}  ", style="dim")
            + Text(printable(f"{said}{which}, request {reason.request_id}"))
        )
    found = [line for line in lines(batch) if line.payload is not None]
    for line in islice(found, limit):
        place = f"{line.sequence_number}.{line.subsequence_number}"
        show(Text(f"\n{place}  key {printable(line.partition_key or '')}", style="dim"))
        show(_payload(line.payload or "", whole=whole))
    if len(found) > limit:
        say(
            f"{counted(len(found) - limit, 'more record')}: --limit, or `headrace failures export`."
        )


LONGEST = 300


def _payload(encoded: str, *, whole: bool) -> "Text":
    """As text where it is text, else as the base64 that it is archived in."""
    from base64 import b64decode

    from rich.text import Text

    data = b64decode(encoded)
    try:
        text = printable(data.decode())
    except UnicodeDecodeError:
        text = f"{len(data):,} bytes that are no text: {encoded}"
    short = whole or len(text) <= LONGEST
    return Text(text if short else f"{text[:LONGEST]}… ({len(data):,} bytes: --payload)")


def _utc(moment: "datetime") -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
