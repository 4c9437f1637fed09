"""`headrace audit`: the proof that nothing is missing."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import Interrupted, NotProven, WrongUsage
from cli.options import AsJson, Environment, EventType
from cli.terminal import say, show, write, write_json

if TYPE_CHECKING:
    from rich.table import Table

    from cli.auditing import Audit, Plan, Report
    from cli.consumers import Consumer

SHOWN = 20
"""Missing records that are named; --json names them all."""


def audit(
    event_type: EventType,
    *,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="From then on: 6h, 2d, 2026-11-21T08:30.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="T", help="Up to then; by default what is due.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Up to now, waiting for what is on its way.")
    ] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare every record by name, not ranges first.")
    ] = False,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Prove that every record of a stream is in the lake, or accounted for.

    Reads the stream back, aggregated records taken apart, and compares it with
    the lake, shard by shard: first ranges by count and checksum, then record by
    record where they differ. A record is in the lake, or rejected, or dropped
    by rule (replayed out of this lake), or repeated (its event has another
    row), or too young to be there yet; or it is missing, and named. Processors
    are compared by their counts. Nothing is changed.

    Without --since it is everything that the stream still has; what it has
    forgotten, and what is not due yet, cannot be proven, and asking for it is
    answered so.

    \b
    Examples
      headrace audit flight
      headrace audit flight --wait
      headrace audit flight --since 6h --json

    \b
    Exit codes
      0    nothing is missing
      4    records are missing, or a processor has not acknowledged all of them,
           or what was asked for cannot be proven
      130  interrupted; nothing is to be undone
    """
    from cli.athena import Database
    from cli.auditing import Audit, Steps
    from cli.aws import Account
    from cli.consumers import consumers
    from cli.errors import MissingStack
    from cli.moments import since as instant
    from cli.progress import bar
    from cli.stacks import find

    now = datetime.now(UTC)
    first = _milliseconds(instant(since, now)) if since else None
    last = _milliseconds(instant(until, now, "--until")) if until else None
    if last is not None and first is not None and last <= first:
        raise WrongUsage("--until is not after --since: there is nothing between them.")
    account = Account()
    deployed = find(account.cloudformation, environment)
    flow, lake = deployed.flow(event_type), deployed.lake()
    if not flow.audit_function_name:
        raise MissingStack(
            f"The stack of {event_type} has no audit yet: deploy it again with "
            f"`cdk deploy --all -c env={environment}`."
        )
    database = Database(account.athena, lake)
    steps = Steps(account.functions, flow.audit_function_name)
    plan = steps.plan()
    last = _end(plan, first, last, wait=wait)
    running = Audit(steps=steps, plan=plan, since=first, until=last, exact=exact)
    try:
        with bar(
            event_type,
            put=lambda: running.read,
            position=running.position,
            shown=not as_json,
            word="read",
        ) as draw:
            running.run(wait=wait, tell=draw)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted: {running.read:,} records were read, and nothing is proven. Nothing is "
            "to be undone."
        ) from None
    began = datetime.fromtimestamp((first or plan.answers_from) / 1000, UTC)
    report = running.report(
        consumers(
            account, deployed, database, event_type=event_type, since=began, now=datetime.now(UTC)
        )
    )
    if as_json:
        write_json(report)
    else:
        _print(report)
        say(_told(report, running))
    if not report.proven:
        raise NotProven(_wrong(report, environment))


def _end(plan: "Plan", first: int | None, last: int | None, *, wait: bool) -> int:
    """Up to when is audited. Raises NotProven where nothing lies before it: that nothing is missing
    of no records proves nothing."""
    if last is None:
        last = plan.now if wait else plan.due
    last = min(last, plan.now)
    if last <= plan.answers_from:
        raise NotProven(
            f"The stream of {plan.event_type} keeps nothing from before "
            f"{_time(plan.answers_from)} UTC, and what came before cannot be proven: give a later "
            "--until."
        )
    if first is not None and last <= first:
        raise NotProven(
            f"Nothing that arrived after {_time(last)} UTC can be proven yet, and --since is "
            f"{_time(first)}: give an earlier --since, or --wait for what is on its way."
        )
    return last


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _time(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d %H:%M:%S}"


COLUMNS = ("stream", "lake", "rejected", "dropped", "repeated", "on its way", "missing")


def _print(report: "Report") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("shard", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for name, tally in [*report.shards.items(), ("all", report.total)]:
        figures = [getattr(tally, word.replace(" ", "_")) for word in COLUMNS]
        table.add_row(_short(name), *(f"{figure:,}" for figure in figures))
    show(table)
    if report.consumers:
        write("")
        show(_processors(report.consumers))
    if report.missing:
        write("")
        for one in report.missing[:SHOWN]:
            event = f"  {one.event_id}" if one.event_id else "  no event of the contract"
            part = f".{one.subsequence_number}" if one.subsequence_number else ""
            name = f"{_short(one.shard_id)}  {one.sequence_number}{part}"
            show(Text(f"missing  {name}  {_time(one.arrived_at)}{event}"))


def _processors(consumers: list["Consumer"]) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("processor (at least once)", no_wrap=True)
    for name in ("processed", "rescued", "lost", "failed batches"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in consumers:
        figures = (one.processed, one.rescued, one.lost, one.waiting)
        table.add_row(one.processor, *(f"{figure:,}" for figure in figures))
    return table


def _short(shard_id: str) -> str:
    """A shard's number without its leading zeros."""
    number = shard_id.removeprefix("shardId-")
    return number.lstrip("0") or "0" if number.isdigit() else shard_id


def _told(report: "Report", running: "Audit") -> str:
    total = report.total
    since = _time(report.answers_from if report.since is None else report.since)
    beside = [
        (total.twice, "rows delivered twice"),
        (total.resubmitted, "rejected first and resubmitted"),
        (total.strange, "rows that the stream does not have"),
    ]
    more = "".join(f" {number:,} {what}." for number, what in beside if number)
    short = [
        f" {one.processor} has acknowledged {one.short(total.stream):,} fewer."
        for one in report.consumers
        if one.short(total.stream)
    ]
    return (
        f"Records that arrived from {since} to {_time(report.until)} UTC; "
        f"{running.compared_by_name:,} compared by name.{more}{''.join(short)}"
    )


def _wrong(report: "Report", environment: str) -> str:
    total = report.total
    if total.missing:
        left = len(report.missing) - SHOWN
        more = f" ({left:,} more are named by --json)" if left > 0 else ""
        return (
            f"{total.missing:,} {'records' if total.missing > 1 else 'record'} of "
            f"{report.event_type} missing in environment {environment!r}{more}: put what is "
            "missing again before the stream forgets it."
        )
    if report.gaps or total.gone:
        return (
            f"The stream of {report.event_type} forgot records while it was read, and what became "
            "of them cannot be proven: lengthen the contract's retention, or audit more often."
        )
    if report.since is not None and report.since < report.answers_from:
        return (
            f"The stream of {report.event_type} keeps nothing from before "
            f"{_time(report.answers_from)} UTC: nothing is missing since, and what came before "
            "cannot be proven."
        )
    short = ", ".join(
        one.processor for one in report.consumers if one.certainly_short(total.stream)
    )
    return (
        f"Every record of {report.event_type} is in the lake or accounted for, but {short} has not "
        "acknowledged all of them, or lost some: it is behind (`headrace status`), or its alarms "
        "say why."
    )
