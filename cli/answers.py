"""An answer printed: as a table, as JSON, as CSV. Rows are written as they come."""

import csv
import sys
from collections.abc import Sequence
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from cli.terminal import output, printable, show
from cli.values import NUMBERS, Value

if TYPE_CHECKING:
    from rich.text import Text

    from cli.athena import Answer, Column

SHOWN = 1000
"""Rows of a table: it is measured as a whole before its first line, and nobody reads more."""
WIDEST = 100_000


def as_table(answer: "Answer", rows: int = SHOWN) -> bool:
    """Print a table of so many rows, numbers to the right and nulls dim, or on a terminal that
    is too narrow for it, a line per value. False when rows were left out.
    """
    from rich.table import Table
    from rich.text import Text

    cells = [[_cell(value) for value in row] for row in islice(answer.rows, rows)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in answer.columns:
        right = column.type in NUMBERS
        table.add_column(Text(column.name), justify="right" if right else "left", no_wrap=True)
    for row in cells:
        table.add_row(*row)
    console = output()
    needed = console.measure(table, options=console.options.update(width=WIDEST)).maximum
    if console.is_terminal and needed > console.width:
        _print_values(answer.columns, cells)
    else:
        show(table, width=needed)
    return next(answer.rows, None) is None


def _print_values(columns: Sequence["Column"], rows: list[list["Text"]]) -> None:
    """What `psql` calls expanded: for rows that are wider than the terminal."""
    from rich.text import Text

    longest = max(len(column.name) for column in columns)
    for number, row in enumerate(rows, 1):
        show(Text(f"row {number}", style="bold"))
        cells = zip(columns, row, strict=True)
        show(*(Text(f"  {column.name:{longest}}  ") + value for column, value in cells))


def _cell(value: Value) -> "Text":
    """Text that cannot steer the terminal, whatever a payload holds."""
    from rich.text import Text

    if value is None:
        return Text("null", style="dim")
    return Text(printable(plain(value)))


def as_json(answer: "Answer") -> None:
    """One JSON array, an object a line."""
    encode = msgspec.json.Encoder(decimal_format="number").encode
    names = unique([column.name for column in answer.columns])
    before = "["
    for row in answer.rows:
        sys.stdout.write(before + encode(dict(zip(names, row, strict=True))).decode())
        before = ",\n "
    sys.stdout.write("[]\n" if before == "[" else "]\n")


def as_csv(answer: "Answer") -> None:
    """CSV with a header; null is an empty field, as text that is empty is too."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.name for column in answer.columns])
    for row in answer.rows:
        writer.writerow([plain(value) for value in row])


def unique(names: Sequence[str]) -> list[str]:
    """Names as keys: the second `a` of `SELECT a, a` is `a_2`."""
    keys: list[str] = []
    for name in names:
        key, number = name, 2
        while key in keys:
            key, number = f"{name}_{number}", number + 1
        keys.append(key)
    return keys


def plain(value: Value) -> str:
    """A value as text; null is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float | Decimal):
        return str(value)
    return msgspec.json.encode(value).decode()
