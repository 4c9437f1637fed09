"""Partition projection: which values a partition column has, from the table's properties alone.

Pure: text, times and properties in, answers out. A column's projection says whether a value
found in an object's key is one that Athena would look for.
https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

PLACEHOLDER = re.compile(r"\$\{([^}]+)\}")
NOW = re.compile(r"^NOW\s*(?:(?P<sign>[+-])\s*(?P<count>\d+)\s*(?P<unit>[A-Z]+?)S?)?$")
SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86400, "WEEK": 604800}
MONTHS = {"MONTH": 1, "YEAR": 12}
JAVA = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|([^A-Za-z'])")
LETTERS = {
    "y": ("year", r"(?P<year>\d{4})"),
    "M": ("month", r"(?P<month>\d{%d})"),
    "d": ("day", r"(?P<day>\d{%d})"),
    "H": ("hour", r"(?P<hour>\d{%d})"),
    "m": ("minute", r"(?P<minute>\d{%d})"),
    "s": ("second", r"(?P<second>\d{%d})"),
}
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  partition times have no zone


class Invalid(ValueError):
    """Properties that do not describe a projection."""


class Projected(Protocol):
    """The values of one partition column."""

    @property
    def injected(self) -> bool:
        """Whether a query has to say which values it wants."""

    @property
    def shape(self) -> str:
        """A regular expression, without groups, of how its values look in a key."""

    def contains(self, value: str, now: datetime) -> bool: ...


@dataclass(frozen=True, slots=True)
class Enumerated:
    values: frozenset[str]
    injected: bool = False

    @property
    def shape(self) -> str:
        return "|".join(map(re.escape, sorted(self.values)))

    def contains(self, value: str, now: datetime) -> bool:  # noqa: ARG002  one protocol
        return value in self.values


@dataclass(frozen=True, slots=True)
class Injected:
    """Any value; the query has to say which."""

    injected: bool = True
    shape: str = "[^/]+?"

    def contains(self, value: str, now: datetime) -> bool:  # noqa: ARG002  one protocol
        return value != ""


@dataclass(frozen=True, slots=True)
class Integers:
    """Whole numbers from `first` to `last`, `digits` wide when that is not 0."""

    first: int
    last: int
    interval: int = 1
    digits: int = 0
    injected: bool = False
    shape: str = r"-?\d+"

    def contains(self, value: str, now: datetime) -> bool:  # noqa: ARG002  one protocol
        if not re.fullmatch(r"-?\d+", value):
            return False
        number = int(value)
        if value != self.spelled(number):
            return False
        return self.first <= number <= self.last and (number - self.first) % self.interval == 0

    def spelled(self, number: int) -> str:
        sign = "-" if number < 0 else ""
        return sign + str(abs(number)).zfill(self.digits)


@dataclass(frozen=True, slots=True)
class Dates:
    """Times from `first` to `last` (a time in `pattern`, or NOW with a distance)."""

    first: str
    last: str
    pattern: str
    interval: int = 1
    unit: str = "DAY"
    injected: bool = False

    @property
    def shape(self) -> str:
        """A format may span folders: yyyy/MM/dd."""
        return re.sub(r"\?P<\w+>", "?:", expression(self.pattern).pattern)

    def contains(self, value: str, now: datetime) -> bool:
        at = read(self.pattern, value)
        if at is None:
            return False
        first, last = self.bound(self.first, now), self.bound(self.last, now)
        return first <= at <= last and on_grid(first, at, self.interval, self.unit)

    def bound(self, spelled: str, now: datetime) -> datetime:
        """An end of the range, in the precision of the pattern."""
        found = NOW.match(spelled.strip().upper())
        if found is None:
            at = read(self.pattern, spelled.strip())
            if at is None:
                raise Invalid(f"{spelled} does not have the format {self.pattern}")
            return at
        at = now.replace(tzinfo=None)
        if found["count"]:
            count = int(found["count"]) * (-1 if found["sign"] == "-" else 1)
            at = moved(at, count, found["unit"])
        return floor(self.pattern, at)


def projection(column: str, properties: Mapping[str, str]) -> Projected:
    """The projection of a column, from `projection.<column>.*`."""

    def prop(name: str) -> str | None:
        return properties.get(f"projection.{column}.{name}")

    def needed(name: str) -> str:
        value = prop(name)
        if value is None:
            raise Invalid(f"projection.{column}.{name} is required")
        return value

    kind = (prop("type") or "").lower()
    if kind == "enum":
        return Enumerated(frozenset(value.strip() for value in needed("values").split(",")))
    if kind == "injected":
        return Injected()
    interval = int(prop("interval") or 1)
    if kind == "integer":
        first, last = ends(column, needed("range"))
        return Integers(int(first), int(last), interval, int(prop("digits") or 0))
    if kind == "date":
        first, last = ends(column, needed("range"))
        pattern = needed("format")
        unit = (prop("interval.unit") or default_unit(column, pattern)).upper().rstrip("S")
        if unit not in SECONDS and unit not in MONTHS:
            raise Invalid(f"projection.{column}.interval.unit is not a unit: {unit}")
        return Dates(first, last, pattern, interval, unit)
    raise Invalid(f"projection.{column}.type must be enum, integer, date or injected: '{kind}'")


def ends(column: str, spelled: str) -> tuple[str, str]:
    parts = [part.strip() for part in spelled.split(",")]
    if len(parts) != 2:
        raise Invalid(f"projection.{column}.range must be two values: {spelled}")
    return parts[0], parts[1]


def default_unit(column: str, pattern: str) -> str:
    """Days or months go without saying; anything else does not."""
    fields = fields_of(pattern)
    if fields[-1:] == ["day"]:
        return "DAY"
    if fields[-1:] == ["month"]:
        return "MONTH"
    raise Invalid(f"projection.{column}.interval.unit is required for the format {pattern}")


def fields_of(pattern: str) -> list[str]:
    """The fields a Java date pattern has, from the coarsest to the finest."""
    order = [name for name, _ in LETTERS.values()]
    found = {
        LETTERS[letter][0] for _, letter, _ in JAVA.findall(pattern) if letter and letter in LETTERS
    }
    return [name for name in order if name in found]


def expression(pattern: str) -> re.Pattern[str]:
    """A Java date pattern as a regular expression."""
    pieces = []
    for found in JAVA.finditer(pattern):
        literal, letter, other = found.groups()
        if letter is None:
            pieces.append(re.escape((literal or "").replace("''", "'") or other or "'"))
            continue
        if letter not in LETTERS:
            raise Invalid(f"The letter {letter} of the format {pattern} is not supported")
        width = len(found[0])
        shape = LETTERS[letter][1]
        pieces.append(shape % width if "%d" in shape else shape)
    return re.compile("".join(pieces))


def read(pattern: str, value: str) -> datetime | None:
    """A time written in a Java pattern, None when it is not one."""
    found = expression(pattern).fullmatch(value)
    if found is None:
        return None
    fields = {name: int(text) for name, text in found.groupdict().items()}
    try:
        return EPOCH.replace(**fields)  # type: ignore[arg-type]
    except ValueError:
        return None


def floor(pattern: str, at: datetime) -> datetime:
    """A time in no more than the fields of a pattern."""
    fields = fields_of(pattern)
    least = {"year": 1970, "month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}
    kept = {name: int(getattr(at, name)) for name in least if name in fields}
    return EPOCH.replace(**{**least, **kept})  # type: ignore[arg-type]


def moved(at: datetime, count: int, unit: str) -> datetime:
    """A time so many units later; the last of a shorter month when its day does not exist."""
    if unit in SECONDS:
        return at + timedelta(seconds=count * SECONDS[unit])
    if unit not in MONTHS:
        raise Invalid(f"{unit} is not a unit of time")
    month = at.year * 12 + at.month - 1 + count * MONTHS[unit]
    year, month = divmod(month, 12)
    for day in range(at.day, 27, -1):
        try:
            return at.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    return at.replace(year=year, month=month + 1)


def on_grid(first: datetime, at: datetime, interval: int, unit: str) -> bool:
    """Whether `at` is a whole number of intervals after `first`."""
    if unit in SECONDS:
        step = timedelta(seconds=SECONDS[unit] * interval)
        return (at - first) % step == timedelta()
    months = (at.year - first.year) * 12 + at.month - first.month
    return months % (MONTHS[unit] * interval) == 0 and moved(first, months, "MONTH") == at


@dataclass(frozen=True, slots=True)
class Template:
    """Where each partition lies: a key with `${column}` in it."""

    bucket: str
    prefix: str
    pattern: re.Pattern[str]

    def match(self, key: str) -> dict[str, str] | None:
        """The partition values that a key has, None when it lies in no partition."""
        found = self.pattern.match(key)
        return found.groupdict() if found else None


def template(location: str, columns: Mapping[str, str]) -> Template:
    """A `storage.location.template`; every partition column must be in it. The values of
    `columns` are the shapes of the columns' values."""
    bucket, _, path = location.removeprefix("s3://").partition("/")
    missing = [name for name in columns if f"${{{name}}}" not in location]
    if missing:
        raise Invalid(f"storage.location.template has no ${{{missing[0]}}}")
    pieces, end, seen = [], 0, set()
    for found in PLACEHOLDER.finditer(path):
        pieces.append(re.escape(path[end : found.start()]))
        name = found[1]
        if name not in columns:
            raise Invalid(
                f"storage.location.template has ${{{name}}}, which is no partition column"
            )
        pieces.append(f"(?P={name})" if name in seen else f"(?P<{name}>{columns[name]})")
        seen.add(name)
        end = found.end()
    pieces.append(re.escape(path[end:].rstrip("/")) + "/")
    prefix = path[: path.index("${")] if "${" in path else path
    return Template(bucket, prefix, re.compile("".join(pieces)))
