"""Where things are printed: data on standard output, everything said about it on standard error.

rich honours NO_COLOR, and colours nothing that is not a terminal.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def output() -> "Console":
    """What is known of standard output; print with `show`."""
    from rich.console import Console

    return Console(highlight=False)


def errors() -> "Console":
    """Standard error, for what is drawn and removed again."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def show(*renderables: "RenderableType", width: int | None = None) -> None:
    """Data, laid out by rich; `width` is what it needs where nothing may be cut.

    It is written here, not by rich, which ends the program itself when nobody reads.
    """
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, width=width)
    with console.capture() as written:
        for renderable in renderables:
            console.print(renderable)
    sys.stdout.write(written.get())


def write(text: str) -> None:
    """Data: one line on standard output, as it is."""
    sys.stdout.write(text + "\n")


def say(text: str) -> None:
    """A remark: one line on standard error."""
    sys.stderr.write(text + "\n")
