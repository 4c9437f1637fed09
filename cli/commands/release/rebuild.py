"""`headrace release rebuild`: a state made anew from the lake."""

from typing import Annotated

import typer

from cli.options import AsJson, Environment, Release
from cli.terminal import say, write, write_json

Yes = Annotated[bool, typer.Option("--yes", help="Do it.")]


def rebuild(
    release: Release,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
    environment: Environment = "dev",
) -> None:
    """Make the state of a trial anew from the lake.

    For a trial that was backdated, or whose state was lost. Without --yes it
    says what it would do. First the stream is audited: what arrived must be in
    the lake. Then the function's event source mapping is paused, what came
    meanwhile is waited for, the state of this trial is deleted and fed again in
    the order of devices and counters, and the mapping goes on where it was.
    Other trials, and the alerts that were sent, stay as they are. It can be
    stopped and repeated at any point.

    \b
    Examples
      headrace release rebuild 2.4.1
      headrace release rebuild 2.4.1 --yes
    """
    from cli.progress import bar
    from cli.rebuilding import Rebuilding

    running = Rebuilding.of(release, environment)
    if not yes:
        planned = running.plan()
        if as_json:
            write_json(planned)
        else:
            write(planned.sentence())
            say("Nothing was changed: --yes does it.")
        return
    with bar(
        release, put=lambda: running.fed, position=running.position, shown=not as_json, word="fed"
    ) as draw:
        done = running.run(draw)
    if as_json:
        write_json(done)
    else:
        write(done.sentence())
