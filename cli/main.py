"""`headrace`: the commands, and the one place where an error becomes a sentence and a number."""

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from cli.commands import local, query, replay, status, types
from cli.errors import BROKEN_PIPE, Failure
from cli.terminal import say

if TYPE_CHECKING:
    from typer._click.core import Context


class Commands(TyperGroup):
    """Tells a failure in one sentence on standard error; `--debug` shows where it came from."""

    def list_commands(self, ctx: "Context") -> list[str]:
        """In the order in which a person meets them."""
        return sorted(super().list_commands(ctx), key=lambda name: name != "local")

    def invoke(self, ctx: "Context") -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            raise typer.Exit(_gone_reader()) from None
        except KeyboardInterrupt:
            say("headrace: Interrupted.")
            raise typer.Exit(130) from None
        except Exception as error:
            failure = error if isinstance(error, Failure) else _explained(error)
            if failure is None or ctx.params["debug"]:
                raise
            if str(failure):
                say(f"headrace: {failure}")
            raise typer.Exit(failure.code) from None
        return result


def _explained(error: Exception) -> Failure | None:
    if "botocore" not in sys.modules:
        return None
    from cli.aws import explain

    return explain(error)


def _gone_reader() -> int:
    """Nobody reads: say nothing, and let the interpreter's last flush go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


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
      headrace local -- make deploy        deploy to a local AWS, then stop it
      headrace local                       run one; in another shell:
      eval "$(headrace local env)"         ... and point every AWS client at it
      headrace replay flight               put a year of flights on their stream
      headrace status                      what came in, was delivered, rejected
      headrace query --name worst_carriers ask the lake

    \b
    Exit codes
      0    done
      1    it did not work; one sentence on standard error says what to do
      2    wrong usage
      130  interrupted
    """


app.command("replay")(replay.replay)
app.command("query")(query.query)
app.command("status")(status.status)
app.command("types")(types.types)
app.add_typer(local.app, name="local")


def main() -> None:
    """The entry point of the `headrace` command."""
    app()


if __name__ == "__main__":
    main()
