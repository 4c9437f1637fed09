"""`headrace`: all commands."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from cli.commands import (
    audit,
    compact,
    contracts,
    failures,
    local,
    plan,
    query,
    redrive,
    rejected,
    release,
    replay,
    status,
    tail_file,
    types,
)
from cli.telling import failures_told

if TYPE_CHECKING:
    from typer._click.core import Context


class Commands(TyperGroup):
    """Every command fails in one sentence; `--debug` shows where it came from."""

    def list_commands(self, ctx: "Context") -> list[str]:
        """In the order in which a person meets them."""
        return sorted(super().list_commands(ctx), key=lambda name: name != "local")

    def invoke(self, ctx: "Context") -> Any:
        with failures_told(debug=ctx.params["debug"]):
            return super().invoke(ctx)


app = typer.Typer(
    name="headrace",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def headrace(
    *,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="HEADRACE_DEBUG", help="Show tracebacks.")
    ] = False,
) -> None:
    """Bring events into the lake, and ask it.

    Works on whatever AWS the environment names: an account, or the local AWS.

    \b
    Examples
      headrace plan --rate 50 --size 700   what it will cost, where it breaks
      headrace local -- make deploy        deploy to a local AWS, then stop it
      headrace local                       run one; in another shell:
      eval "$(headrace local env)"         ... and point every AWS client at it
      headrace replay flight               put a year of flights on their stream
      headrace tail-file app.log --type t  follow a log file onto a stream
      headrace status                      what came in, was delivered, rejected
      headrace query --name worst_carriers ask the lake
      headrace compact flight              few large files of many small ones
      headrace audit flight                prove that nothing is missing
      headrace failures list               what processors failed, with its payload
      headrace redrive                     process it again: what, and then --yes
      headrace rejected list flight        what is not in the lake, and why
      headrace release status 2.4.1 --wait is the new release worse?

    \b
    Exit codes
      0    done
      1    it did not work; one sentence on standard error says what to do
      2    wrong usage
      3    a contract must not be deployed as it is
      4    records are missing, or what was asked for cannot be proven
      5    `release status`: the release is worse, FAIL
      6    `release status`: there is no verdict on it
      130  interrupted
    """


app.command("replay")(replay.replay)
app.command("tail-file")(tail_file.tail_file)
app.command("query")(query.query)
app.command("status")(status.status)
app.command("types")(types.types)
app.command("compact")(compact.compact)
app.command("audit")(audit.audit)
app.command("redrive")(redrive.redrive)
app.command("plan")(plan.plan)
app.add_typer(contracts.app, name="contracts")
app.add_typer(failures.app, name="failures")
app.add_typer(local.app, name="local")
app.add_typer(rejected.app, name="rejected")
app.add_typer(release.app, name="release")


def main() -> None:
    """The entry point of the `headrace` command."""
    app()


if __name__ == "__main__":
    main()
