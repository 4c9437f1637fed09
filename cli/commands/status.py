"""`headrace status`: where every event type stands."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import MissingStack
from cli.options import AsJson, Environment
from cli.terminal import aged, laid_out, say, show, write, write_json

if TYPE_CHECKING:
    from cli.ledger import State, Unready


def status(
    *,
    days: Annotated[int, typer.Option(min=1, max=455, help="Count the last N days.")] = 14,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Show, per event type, its stream, its address where events are taken over
    HTTP, what came in, was delivered and was rejected.

    What is open is neither: it is on its way, or failed on it and lies below
    errors/ in the lake. All numbers are CloudWatch's, about a minute late on AWS;
    the newest delivery is told by the minute. Nothing is billed but the requests.

    \b
    Examples
      headrace status
      headrace status --days 1 --json
    """
    from cli.aws import Account
    from cli.ledger import State, states
    from cli.stacks import find

    account = Account()
    deployed = find(account.cloudformation, environment)
    now = datetime.now(UTC)
    found = states(account, deployed, now=now, window=timedelta(days=days))
    if not found:
        deployed.lake()
        raise MissingStack(
            f"Environment {environment!r} has a lake but no event type: deploy the event types "
            f"with `cdk deploy --all -c env={environment}`."
        )
    if as_json:
        write_json(found)
        return
    _print(found)
    ready = [one for one in found if isinstance(one, State)]
    if ready:
        say(f"Records since {ready[0].since:%Y-%m-%d %H:%M} UTC.")
    replayed = [f"{one.event_type} {one.replayed:,}" for one in ready if one.replayed]
    if replayed:
        say(f"Replayed from this lake, which does not take them again: {', '.join(replayed)}.")


def _print(found: list["State | Unready"]) -> None:
    """A line per type, and below what is too long to stand beside: its stream and its address."""
    from rich.table import Table
    from rich.text import Text

    from cli.ledger import State

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("type", no_wrap=True)
    table.add_column("shards", no_wrap=True)
    for name in ("in", "delivered", "rejected", "open", "newest"):
        table.add_column(name, justify="right", no_wrap=True)
    for state in found:
        if not isinstance(state, State):
            table.add_row(state.event_type, "not ready", *"-----")
            continue
        table.add_row(
            state.event_type,
            f"{state.shards} {state.mode}",
            f"{state.records_in:,}",
            f"{state.delivered:,}",
            f"{state.rejected:,}",
            f"{state.outstanding:,}",
            "-" if state.age_seconds is None else f"{aged(state.age_seconds)} ago",
        )
    head, *lines = laid_out(table).splitlines()
    write(head)
    for state, line in zip(found, lines, strict=True):
        write(line)
        if isinstance(state, State):
            trouble = "" if state.stream_status == "ACTIVE" else f" is {state.stream_status}"
            show(Text(f"  {state.stream}{trouble}", style="dim"))
            if state.http_url:
                show(Text(f"  {state.http_url}", style="dim"))
        else:
            show(Text(f"  {state.problem}", style="dim"))
