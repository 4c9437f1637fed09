"""`headrace release`: whether a new release is worse than the one that runs."""

import typer

from cli.commands.release import rebuild, report, simulate, start, status, stop

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Put a new release on trial beside the one that runs, and ask for the verdict.\n\n"
    "\b\nExamples\n  headrace release start 2.4.1 --baseline 2.4.0"
    "\n  headrace release status 2.4.1 --wait      in CI: 0 is PASS, 5 is FAIL"
    "\n  headrace release report 2.4.1 --html 2.4.1.html"
    "\n  headrace release stop 2.4.1",
)


@app.callback()
def release() -> None:
    """A group of commands."""


app.command("start")(start.start)
app.command("stop")(stop.stop)
app.command("status")(status.status)
app.command("report")(report.report)
app.command("rebuild")(rebuild.rebuild)
app.command("simulate")(simulate.simulate)
