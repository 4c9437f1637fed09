"""`headrace compact`: few large files instead of many small ones."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import Interrupted, NotCompacted, WrongUsage
from cli.options import AsJson, Environment, EventType
from cli.terminal import say, show, sized, write_json

if TYPE_CHECKING:
    from cli.compacting import Compacted, Compaction, Report


def compact(
    event_type: EventType,
    *,
    date: Annotated[
        list[str] | None,
        typer.Option(metavar="YYYY-MM-DD", help="Only this event date; repeatable."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is due, only.")] = False,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Make few large, sorted files of the many small ones of past event dates.

    The deployed function does it, as its schedule does: date by date, sorted by
    the contract's column, each event id once. Queries go on meanwhile and see
    every event once. Replaced files are deleted by a later run, when no query
    can read them any more. It can be stopped and repeated at any point.

    \b
    Examples
      headrace compact flight --dry-run
      headrace compact flight
      headrace compact flight --date 2013-07-04 --date 2013-07-05
    """
    from cli.aws import Account
    from cli.compacting import Compaction
    from cli.stacks import find

    dates = tuple(_checked(one) for one in date or ())
    account = Account()
    flow = find(account.cloudformation, environment).flow(event_type)
    compaction = Compaction(account.functions, flow.compaction_function_name)
    report = compaction.due(dates)
    due = report.compacted
    if not dry_run:
        report.compacted, report.dry_run = [], False
        _run(compaction, report, [one.event_date for one in due], quiet=as_json)
    if as_json:
        write_json(report)
    elif dry_run:
        _print(due)
        say(f"{len(due):,} event dates are due.{_why(report)}")
    else:
        _print(report.compacted)
        deleted = sum(one.objects for one in report.cleaned)
        done = len(report.compacted)
        say(
            f"{done:,} of {len(due):,} event dates compacted, {deleted:,} replaced files deleted."
            f"{_why(report)}"
        )
    if report.failed:
        (first, why), *_ = report.failed.items()
        raise NotCompacted(
            f"{len(report.failed)} event dates could not be compacted, {first} for one: {why}. "
            "Their rows are where they were; the function's log group says more."
        )


def _checked(text: str) -> str:
    from datetime import date

    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise WrongUsage(f"--date takes an event date such as 2013-07-04, not {text}.") from None


def _run(compaction: "Compaction", report: "Report", dates: list[str], *, quiet: bool) -> None:
    try:
        for number, done in enumerate(compaction.run(dates), start=1):
            report.add(done)
            report.waiting = report.waiting if dates else done.waiting
            if dates and not quiet:
                say(f"{dates[number - 1]}  {number:,} of {len(dates):,}")
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted: {len(report.compacted):,} of {len(dates):,} event dates are compacted; "
            "the one in progress is finished by its function. Repeat the command to go on."
        ) from None


def _why(report: "Report") -> str:
    """Dates that were left, counted by reason."""
    from collections import Counter

    counted = Counter(report.waiting.values()).most_common()
    left = ", ".join(f"{number:,} ({why})" for why, number in counted)
    return f" Left as they are: {left}." if left else ""


def _print(dates: list["Compacted"]) -> None:
    from rich.table import Table

    if not dates:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("date", no_wrap=True)
    for name in ("files", "size", "files after", "size after", "rows", "duplicates", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in dates:
        table.add_row(
            one.event_date,
            f"{one.objects_before:,}",
            sized(one.bytes_before),
            "-" if one.objects_after is None else f"{one.objects_after:,}",
            "-" if one.bytes_after is None else sized(one.bytes_after),
            "-" if one.rows is None else f"{one.rows:,}",
            "-" if one.duplicates is None else f"{one.duplicates:,}",
            "-" if one.seconds is None else f"{one.seconds:.1f}",
        )
    show(table)
