"""Where things are printed: data on standard output, everything said about it on standard error.

rich honours NO_COLOR, and colours nothing that is not a terminal.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def output(width: int | None = None) -> "Console":
    """`width` is what the text needs where it must not be cut; usually the terminal's."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, width=width)


def errors() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def write(text: str) -> None:
    """Data: one line on standard output, as it is."""
    sys.stdout.write(text + "\n")


def say(text: str) -> None:
    """A remark: one line on standard error."""
    sys.stderr.write(text + "\n")
