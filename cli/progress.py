"""A progress bar, on a terminal only."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cli.terminal import errors

EVERY = 0.1
Position = Callable[[], tuple[float, float | None]]
"""How much is done, of how much (None: not known)."""


@contextmanager
def bar(
    name: str, *, put: Callable[[], int], position: Position, shown: bool, word: str = "put"
) -> Iterator[Callable[[], None]]:
    """Yield the function that draws it anew, at most ten times a second."""
    console = errors()
    if not (shown and console.is_terminal):
        yield lambda: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[put]:,} " + word),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeElapsedColumn(),
    )
    started = last = time.monotonic()
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task(name, total=None, put=0, rate=0.0)

        def draw() -> None:
            nonlocal last
            now = time.monotonic()
            if now - last < EVERY:
                return
            last = now
            done, total = position()
            rate = put() / (now - started)
            progress.update(task, completed=done, total=total, put=put(), rate=rate)
            progress.refresh()

        yield draw
