"""`headrace release report`: the whole trial, for who was not there."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.errors import WrongUsage
from cli.options import AsJson, Environment, Release
from cli.terminal import counted, say, show, write_json, written

Html = Annotated[
    Path | None, typer.Option(metavar="FILE", help="As one page that needs nothing else.")
]


def report(
    release: Release,
    *,
    html: Html = None,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Tell the whole trial of a release: verdict, effects over time, fleet.

    On the terminal, or with --html as a page for people who were not there.
    The looks and the fleet's history come from the lake, so they are as late as
    delivery is; where it stands now comes from the function.

    \b
    Examples
      headrace release report 2.4.1
      headrace release report 2.4.1 --html 2.4.1.html
      headrace release report 2.4.1 --json | jq '.looks[-1]'
    """
    from cli.on_trial import OnTrial

    if html is not None and not html.parent.is_dir():
        raise WrongUsage(f"--html {html}: there is no folder {html.parent}.")
    found = OnTrial.find(environment).report(release)
    if html is not None:
        from cli.report.page import page

        text = page(found, made_at=datetime.now(UTC))
        with written(html, "--html"):
            html.write_text(text, encoding="utf-8")
        say(f"{html}: {found.verdict}, {counted(len(found.looks), 'look')}.")
    if as_json:
        write_json(found)
    elif html is None:
        from cli.report.text import checks, history, verdict

        show(*verdict(found), *history(found))
        show("", *checks(found))
