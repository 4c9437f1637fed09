"""`headrace contracts diff`: what deploying the contracts would change."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import ForbiddenChange, WrongUsage
from cli.options import AsJson, Environment
from cli.terminal import say, show, write_json

if TYPE_CHECKING:
    from cli.differences import Difference

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="The contracts in this repository against those that are deployed.\n\n"
    "\b\nExamples\n  headrace contracts diff\n  headrace contracts diff flight --json",
)


@app.callback()
def contracts() -> None:
    """A group, even of one command."""


@app.command("diff")
def diff(
    event_type: Annotated[
        str | None, typer.Argument(metavar="[TYPE]", help="One event type; otherwise all.")
    ] = None,
    *,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Show what deploying the contracts would change, and what to do about it.

    Compares each contract with the deployed table and stream. A change is
    compatible, needs an action, or is forbidden because rows that are there
    would become unreadable, hidden or wrong. `make deploy` runs this first.
    Narrower bounds of a value (ge, max_length, pattern) leave no trace in a
    table and are not compared.

    \b
    Examples
      headrace contracts diff
      headrace contracts diff flight
      headrace contracts diff --env prod --json

    \b
    Exit codes
      0  deploy: nothing differs, or no difference is forbidden
      3  do not deploy: a change is forbidden
    """
    from cli.aws import Account
    from cli.differences import differences
    from cli.stacks import find
    from events import registry

    if event_type is not None and event_type not in registry.names():
        raise WrongUsage(
            f"There is no event type {event_type!r}; there are: {', '.join(registry.names())}."
        )
    account = Account()
    found = differences(account, find(account.cloudformation, environment), only=event_type)
    if as_json:
        write_json(found)
    else:
        _print(found)
    forbidden = sum(one.verdict == "forbidden" for one in found)
    if forbidden:
        raise ForbiddenChange(
            f"{forbidden} change{'s are' if forbidden > 1 else ' is'} forbidden in environment "
            f"{environment!r}: do what is said instead, then deploy."
        )
    if not found:
        say(f"The contracts are those deployed in environment {environment!r}.")


def _print(found: list["Difference"]) -> None:
    """Each difference in two lines: what, and below it what to do."""
    if not found:
        return
    from rich.table import Table
    from rich.text import Text

    colours = {"compatible": "green", "action": "yellow", "forbidden": "red"}
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("what")
    for one in found:
        where = one.type if one.where == one.type else f"{one.type}: {one.where}"
        verdict = Text(one.verdict, style=colours[one.verdict])
        table.add_row(verdict, Text(f"{where} {one.what}.\n{one.then}"))
    show(table)
