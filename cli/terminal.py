"""Where things are printed: data on standard output, everything said about it on standard error.

rich honours NO_COLOR, and colours nothing that is not a terminal.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import Failure

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


def laid_out(*renderables: "RenderableType", width: int | None = None) -> str:
    """What rich makes of them for standard output; `width` is what they need where nothing may
    be cut.

    It is not printed by rich, which ends the program itself when nobody reads.
    """
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, width=width)
    with console.capture() as captured:
        for renderable in renderables:
            console.print(renderable)
    return captured.get()


def show(*renderables: "RenderableType", width: int | None = None) -> None:
    """Data, laid out by rich."""
    write(laid_out(*renderables, width=width).removesuffix("\n"))


def write(text: str) -> None:
    """Data: a line on standard output, as it is."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def write_json(value: object) -> None:
    """Data, as JSON that a person can read too."""
    import msgspec

    write(msgspec.json.format(msgspec.json.encode(value)).decode())


def printable(text: str) -> str:
    """Text that cannot steer the terminal, whatever a payload holds."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def say(text: str) -> None:
    """A remark: a line on standard error, after the data that it is about."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")


@contextmanager
def written(file: Path, option: str) -> Iterator[None]:
    """The body writes the file that `option` names. Raises Failure where that does not go."""
    try:
        yield
    except OSError as error:
        raise Failure(
            f"Cannot write {file}: {error.strerror}. Choose another file with {option}."
        ) from error


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: 1 record, 2,000 records."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def sized(number: float) -> str:
    """Bytes for a person: 812 B, 24.1 MB."""
    for unit in ("B", "KB", "MB", "GB"):
        if number < 1000:
            return f"{number:,.0f} {unit}" if unit == "B" else f"{number:,.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def aged(seconds: float) -> str:
    """An age in its largest unit: 12 s, 3 min, 5 h, 9 d."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
