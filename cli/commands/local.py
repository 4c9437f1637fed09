"""`headrace local`: the local AWS, alone or around a command."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from cli.companion import become_local_aws, local_aws
from cli.errors import WrongUsage
from cli.isolation import HOST, exports, pointed_at
from cli.terminal import say, write

if TYPE_CHECKING:
    from typer._click.core import Context

COMMAND = "command"
NOT_FOUND = 127
NOT_EXECUTABLE = 126
SIGNALLED = 128
LAST_PORT = 65535


def _scale(value: float | None) -> float | None:
    """What `python -m local` takes; bounds would let 0 and nan through."""
    if value is not None and not 0 < value <= 1:
        raise typer.BadParameter("must be above 0 and at most 1.")
    return value


Port = Annotated[
    int, typer.Option(min=0, max=LAST_PORT, help="Port to listen on; 0 picks a free one.")
]


class Local(TyperGroup):
    """Takes what follows `--` as a command, even one that is named like a subcommand."""

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            ctx.meta[COMMAND] = args[at + 1 :]
            args = args[:at]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=Local,
    invoke_without_command=True,
    rich_markup_mode="rich",
    subcommand_metavar="[env | -- COMMAND ...]",
)


@app.callback()
def local(
    ctx: typer.Context,
    *,
    port: Port = 4566,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = HOST,
    buffering_scale: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            callback=_scale,
            help="Delivery streams' buffering intervals, times X (1: as on AWS).",
        ),
    ] = None,
    shard_limits: Annotated[
        bool, typer.Option("--shard-limits", help="Refuse what is above a shard's rates.")
    ] = False,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"] | None,
        typer.Option(metavar="LEVEL", help="How much it tells: debug, info, warning or error."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where it tells, the functions too; else stderr."),
    ] = None,
) -> None:
    """Run the local AWS: one process, one port, no account.

    Alone, it runs until Ctrl-C. With a command after --, it is started, the
    command runs with its environment pointed at it and cut off from real
    accounts, and it is stopped. The exit code is the command's, or 127 when
    there is no such command.

    \b
    Examples
      headrace local
      headrace local --port 5000 --buffering-scale 0.01
      headrace local --log local.log -- make deploy
      headrace local --port 0 -- pytest tests/pipeline
      eval "$(headrace local env)"      point this shell at a running one
    """
    if ctx.invoked_subcommand is not None:
        ctx.obj = (host, port)
        return
    options = _options(
        port=port,
        host=host,
        buffering_scale=buffering_scale,
        shard_limits=shard_limits,
        log_level=log_level,
    )
    if COMMAND not in ctx.meta:
        become_local_aws(options, log)
    raise typer.Exit(run(ctx.meta[COMMAND], options, log))


@app.command("env")
def env(
    ctx: typer.Context,
    *,
    port: Annotated[
        int | None, typer.Option(min=1, max=LAST_PORT, help="Port of the local AWS.")
    ] = None,
) -> None:
    """Print what points a shell at the local AWS, for eval.

    It also unsets what could reach a real account.

    \b
    Examples
      eval "$(headrace local env)"
      eval "$(headrace local env --port 5000)"
    """
    host, usual = ctx.obj
    chosen = usual if port is None else port
    if not chosen:
        raise WrongUsage("Which port it picked, the local AWS says when it is ready: give that.")
    write(exports(f"http://{host}:{chosen}", os.environ))


def _options(**values: Any) -> list[str]:
    """Command line options of the local AWS; what was not given is its own default."""
    options = []
    for name, value in values.items():
        if value is None or value is False:
            continue
        options.append(f"--{name.replace('_', '-')}")
        if value is not True:
            options.append(str(value))
    return options


def run(line: Sequence[str], options: Sequence[str], log: Path | None = None) -> int:
    """Run a command within a local AWS; its exit code, as a shell would give it."""
    if not line:
        raise WrongUsage("No command follows --: for example `headrace local -- make deploy`.")
    if shutil.which(line[0]) is None:
        say(f"headrace: There is no command {line[0]!r}.")
        return NOT_FOUND
    with local_aws(options, log) as endpoint:
        try:
            code = _run(line, pointed_at(endpoint, os.environ))
        except OSError as error:
            say(f"headrace: {line[0]!r} cannot be run: {error.strerror}.")
            return NOT_EXECUTABLE
    return code if code >= 0 else SIGNALLED - code


def _run(line: Sequence[str], environment: dict[str, str]) -> int:
    """Until the command ends. Ctrl-C reaches it by itself, and it decides what that means; a
    request to us to end is passed on, also one that comes before the command has started."""
    requests: list[int] = []
    process: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _: FrameType | None) -> None:
        if process is None:
            requests.append(number)
        else:
            process.send_signal(number)

    def nothing(_number: int, _frame: FrameType | None) -> None:
        """Not SIG_IGN, which the command would inherit."""

    handlers = {signal.SIGINT: nothing, signal.SIGTERM: pass_on, signal.SIGHUP: pass_on}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        process = subprocess.Popen(line, env=environment)  # noqa: S603  what was asked for
        for number in requests:
            process.send_signal(number)
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
