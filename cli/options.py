"""Options that several commands share."""

from typing import Annotated

import typer

Environment = Annotated[
    str,
    typer.Option("--env", envvar="HEADRACE_ENV", metavar="NAME", help="Deployed environment."),
]
"""Which deployment of the account is meant."""
EventType = Annotated[str, typer.Argument(metavar="TYPE", help="Event type: `headrace types`.")]
Release = Annotated[str, typer.Argument(metavar="RELEASE", help="The release on trial.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Function = Annotated[
    str | None, typer.Option(metavar="F", help="Only this processor's, or function's.")
]
Since = Annotated[
    str | None, typer.Option(metavar="T", help="Only since then: 6h, 2d, 2026-11-21T08:30.")
]
