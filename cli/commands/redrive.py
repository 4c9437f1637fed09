"""`headrace redrive`: failed batches, processed again by the function that failed them."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import Interrupted, NotRecovered, Overtaken, WrongUsage
from cli.options import AsJson, Environment, Function, Since
from cli.terminal import counted, say, show, sized, write, write_json

if TYPE_CHECKING:
    from cli.aws import Account
    from cli.failures import Archive, Stored
    from cli.redrive.plan import Plan
    from cli.redrive.receipts import Receipt

SHOWN = 30
"""Batches that a dry run lists; --json lists them all."""
LEAVING = b"headrace: finishing the invocations that run; Ctrl-C again leaves them.\n"


def redrive(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Failed batches; otherwise all.")
    ] = None,
    *,
    function: Function = None,
    since: Since = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; otherwise only say what.")] = False,
    together: Annotated[int, typer.Option(min=1, max=50, help="Shards side by side.")] = 4,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Process failed batches again, from the failure archive.

    Invokes the function that failed, and nothing else, with the original
    records: same event ids, sequence numbers and arrival times, in the order of
    their shard. Nothing is put on a stream. What the function applied before it
    recognises itself, as it does when a batch is retried.

    A batch that fails again is cut in two, down to the record: that one stays in
    the archive with both reasons, the others go on. Throttling is waited out.
    Only what was processed is deleted. It can be stopped and repeated at any
    point; only one redrive runs at a time. The receipt is kept in the lake.

    \b
    Examples
      headrace redrive                            what would be done
      headrace redrive --function delay_alerts --yes
      headrace redrive --since 6h --yes --json
      headrace redrive 3f9c2a --yes               one batch, by its id

    \b
    Exit codes
      0    every record was recovered
      1    records failed again, or are gone, or it was stopped
      130  interrupted
    """
    from cli.aws import Account
    from cli.failures import Archive
    from cli.stacks import find
    from cli.standing import choose

    if ids and (function or since):
        raise WrongUsage("Name batches, or choose them with --function and --since, not both.")
    account = Account()
    bucket = find(account.cloudformation, environment).lake().bucket_name
    archive = Archive(account.s3, bucket)

    def selected() -> list["Stored"]:
        return choose(archive, ids or [], function=function, since=since)

    if yes:
        _run(account, archive, bucket, selected, together, quiet=as_json)
    else:
        _tell(account, selected(), together, as_json=as_json)
    for key in archive.unreadable:
        say(f"{key} holds no batch, and was left as it is.")


def _tell(account: "Account", stored: list["Stored"], together: int, *, as_json: bool) -> None:
    from cli.redrive.plan import plan

    planned = plan(stored, account.functions, account.kinesis, together=together)
    if as_json:
        write_json(planned)
        return
    _print_plan(planned)
    if planned.functions:
        say("Nothing was invoked. Repeat the command with --yes to do it.")


def _print_plan(planned: "Plan") -> None:
    from rich.table import Table
    from rich.text import Text

    for one in planned.functions:
        write(
            f"{one.processor}: {counted(one.records, 'record')} of "
            f"{counted(one.batches, 'failed batch', 'failed batches')}, in "
            f"{counted(one.invocations, 'invocation')} of at most "
            f"{counted(one.batch_size, 'record')}, {min(one.lanes, one.together)} at a time"
        )
        show(Text(f"  {one.function_arn}", style="dim"))
    if planned.batches:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("batch", "shard", "records", "gone", "size"):
            right = name in ("records", "gone", "size")
            table.add_column(name, justify="right" if right else "left", no_wrap=True)
        for found in planned.batches[:SHOWN]:
            table.add_row(
                found.failure_id,
                found.shard_id,
                f"{found.records:,}",
                f"{found.lost:,}",
                sized(found.size),
            )
        show(table)
        if len(planned.batches) > SHOWN:
            write(f"and {counted(len(planned.batches) - SHOWN, 'more batch', 'more batches')}")
        write("Each is failures/batches/<batch>.json.gz in the lake's bucket.")
    else:
        say("No failed batch of these has records to process again.")
    if planned.empty:
        empty = counted(planned.empty, "batch", "batches")
        say(f"Without records that could be processed, for all are gone or recovered: {empty}.")


def _run(
    account: "Account",
    archive: "Archive",
    bucket: str,
    selected: Callable[[], list["Stored"]],
    together: int,
    *,
    quiet: bool,
) -> None:
    """Do it, and account for it, however it ends."""
    from cli.redrive.run import Run

    run = Run(account, archive, bucket)
    with run.held(say), _on_interrupt(run.interrupt):
        receipt, error = run.redrive(selected(), together=together, shown=not quiet)
    if quiet:
        write_json(receipt)
    else:
        write(receipt.sentence())
        if receipt.totals.batches:
            write(f"Receipt: s3://{bucket}/{run.receipt_key}")
    _judge(receipt, error, overtaken=run.overtaken, interrupted=run.interrupted)


def _judge(
    receipt: "Receipt", error: BaseException | None, *, overtaken: bool, interrupted: bool
) -> None:
    """Raise what kept the redrive from recovering everything."""
    left = f"{counted(receipt.totals.left, 'record')} not tried, in the archive as before"
    if error is not None:
        say(f"headrace: Stopped: {left}.")
        raise error
    if overtaken and receipt.totals.left:
        raise Overtaken(f"Stopped, because another redrive has taken over: {left}.")
    if interrupted and receipt.totals.left:
        raise Interrupted(f"Interrupted: {left}; repeat the command to go on.")
    if again := receipt.totals.failed_again:
        raise NotRecovered(
            f"{counted(again, 'record')} failed again, in the archive with both reasons: "
            "`headrace failures list`."
        )
    if receipt.totals.lost:
        raise NotRecovered(
            f"Recovered all that the archive had, {counted(receipt.totals.recovered, 'record')}; "
            f"gone from the stream before the rescue: {receipt.totals.lost:,}. "
            "`headrace failures list` shows which."
        )


@contextmanager
def _on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C lets what runs be finished and written down. The second ends the program at
    once, which loses nothing either: what was not written down is processed again."""
    times = 0

    def interrupted(*_: object) -> None:
        nonlocal times
        times += 1
        if times > 1:
            os._exit(Interrupted.code)
        os.write(2, LEAVING)
        stop()

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
