"""Java's DateTimeFormatter patterns, as far as an S3 prefix needs them.

Letters outside single quotes are fields, text inside is literal, '' is a quote, [ ] is optional.
https://docs.oracle.com/javase/8/docs/api/java/time/format/DateTimeFormatter.html
"""

from __future__ import annotations

import re
from calendar import day_name, month_name
from collections.abc import Callable
from datetime import datetime

REFUSED = frozenset("CIJPRTUVbfijloprt'")
"""Letters that AWS refuses too, as "Invalid conversion character", and an open quote."""

TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|([^A-Za-z'])|(')")


class UnknownLetter(ValueError):
    """A letter that is no field, one that the local AWS does not evaluate, or an open quote."""

    def __init__(self, letter: str) -> None:
        super().__init__(letter)
        self.letter = letter


def check(pattern: str) -> None:
    """Raise `UnknownLetter` for what `format_time` would not evaluate."""
    format_time(pattern, datetime.fromisoformat("2013-01-01T00:00:00+00:00"))


def format_time(pattern: str, moment: datetime) -> str:
    """`moment` (with its zone) by `pattern`; raises `UnknownLetter`."""
    return "".join(_piece(token, moment) for token in TOKEN.finditer(pattern))


def _piece(token: re.Match[str], moment: datetime) -> str:
    quoted, letter, literal, _ = token.groups()
    if quoted is not None:
        return quoted.replace("''", "'") or "'"
    if literal is not None:
        return "" if literal in "[]" else literal
    if letter not in FIELDS:
        raise UnknownLetter(letter or "'")
    return FIELDS[letter](moment, len(token[0]))


def _number(read: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda moment, width: str(read(moment)).zfill(width)


def _year(moment: datetime, width: int) -> str:
    return f"{moment.year % 100:02d}" if width == 2 else str(moment.year).zfill(width)


def _month(moment: datetime, width: int) -> str:
    return _text(month_name[moment.month], width) or str(moment.month).zfill(width)


def _day_name(moment: datetime, width: int) -> str:
    return _text(day_name[moment.weekday()], max(width, 3))


def _text(name: str, width: int) -> str:
    return {3: name[:3], 4: name, 5: name[0]}.get(width, "")


FIELDS: dict[str, Callable[[datetime, int], str]] = {
    "y": _year,
    "u": _year,
    "M": _month,
    "L": _month,
    "d": _number(lambda moment: moment.day),
    "D": _number(lambda moment: moment.timetuple().tm_yday),
    "E": _day_name,
    "a": lambda moment, _: "AM" if moment.hour < 12 else "PM",
    "h": _number(lambda moment: moment.hour % 12 or 12),
    "H": _number(lambda moment: moment.hour),
    "m": _number(lambda moment: moment.minute),
    "s": _number(lambda moment: moment.second),
}
"""The fields that are evaluated: of a calendar and a clock. Quarters, fractions, zones, week-based
and localized ones are refused by their letter."""
