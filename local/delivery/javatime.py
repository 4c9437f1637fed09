"""Java's DateTimeFormatter patterns, as far as an S3 prefix needs them.

Letters outside single quotes are fields, text inside is literal, '' is a quote, [ ] is optional.
https://docs.oracle.com/javase/8/docs/api/java/time/format/DateTimeFormatter.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

REFUSED = frozenset("CIJPRTUVbfijloprt'")
"""Letters that AWS refuses too, as "Invalid conversion character", and an open quote."""

TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|([^A-Za-z'])|(')")

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


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
    return _text(MONTHS[moment.month - 1], width) or str(moment.month).zfill(width)


def _day_name(moment: datetime, width: int) -> str:
    name = DAYS[moment.weekday()]
    return _text(name, max(width, 3))


def _text(name: str, width: int) -> str:
    return {3: name[:3], 4: name, 5: name[0]}.get(width, "")


def _quarter(moment: datetime, width: int) -> str:
    quarter = (moment.month + 2) // 3
    ordinal = ("1st", "2nd", "3rd", "4th")[quarter - 1]
    return {3: f"Q{quarter}", 4: f"{ordinal} quarter"}.get(width, str(quarter).zfill(width))


def _fraction(moment: datetime, width: int) -> str:
    return f"{moment.microsecond:06d}000"[:width].ljust(width, "0")


def _offset(moment: datetime, *, colon: bool, zulu: bool, short: bool = False) -> str:
    offset = moment.utcoffset() or timedelta()
    if zulu and not offset:
        return "Z"
    minutes = int(offset.total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"
    if short and not rest:
        return f"{sign}{hours:02d}"
    return f"{sign}{hours:02d}{':' if colon else ''}{rest:02d}"


def _iso_offset(*, zulu: bool) -> Callable[[datetime, int], str]:
    return lambda moment, width: _offset(moment, colon=width in (3, 5), zulu=zulu, short=width == 1)


def _rfc_offset(moment: datetime, width: int) -> str:
    if width == 4:
        return f"GMT{_offset(moment, colon=True, zulu=False)}" if moment.utcoffset() else "GMT"
    return _offset(moment, colon=width == 5, zulu=width == 5)


FIELDS: dict[str, Callable[[datetime, int], str]] = {
    "G": lambda _, width: "Anno Domini" if width == 4 else "AD",
    "y": _year,
    "u": _year,
    "M": _month,
    "L": _month,
    "d": _number(lambda moment: moment.day),
    "D": _number(lambda moment: moment.timetuple().tm_yday),
    "E": _day_name,
    "Q": _quarter,
    "q": _quarter,
    "a": lambda moment, _: "AM" if moment.hour < 12 else "PM",
    "h": _number(lambda moment: moment.hour % 12 or 12),
    "K": _number(lambda moment: moment.hour % 12),
    "k": _number(lambda moment: moment.hour or 24),
    "H": _number(lambda moment: moment.hour),
    "m": _number(lambda moment: moment.minute),
    "s": _number(lambda moment: moment.second),
    "S": _fraction,
    "z": lambda moment, _: moment.tzname() or "",
    "Z": _rfc_offset,
    "X": _iso_offset(zulu=True),
    "x": _iso_offset(zulu=False),
}
"""The fields that are evaluated; week-based and localized ones are refused by their letter."""
