"""Schedule expressions of EventBridge rules, and the instants they mean. Pure.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html; where it
says nothing a constant or a refusal does, marked [open]. Instants are epoch seconds, always UTC.
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime

UNITS = {"minute": 60, "hour": 3_600, "day": 86_400}
RATE = re.compile(r"rate\((?P<count>[1-9]\d*) (?P<unit>minute|hour|day)(?P<plural>s?)\)")
CRON = re.compile(r"cron\(([^()]*)\)")
MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
WEEKDAYS = dict(zip(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), range(1, 8), strict=True))
YEARS = (1970, 2199)


class InvalidExpression(ValueError):
    """AWS's sentence, whatever is wrong with it."""

    def __init__(self) -> None:
        super().__init__("Parameter ScheduleExpression is not valid.")


@dataclass(frozen=True, slots=True)
class Rate:
    """Every so many seconds from when the rule is made (or made to fire again): the first time
    one period later. [open: AWS says only that it starts then]"""

    seconds: int

    def after(self, moment: float, start: float) -> float:
        """The first instant later than `moment`, for a rule that started at `start`."""
        return start + (max(moment - start, 0) // self.seconds + 1) * self.seconds


@dataclass(frozen=True, slots=True)
class Days:
    """Days of a month: of the month itself or of weeks (1 is Sunday)."""

    numbers: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    last: bool = False
    """L: the last day of the month."""
    nearest: int = 0
    """3W: the weekday closest to the 3rd."""
    nth: tuple[int, int] | None = None
    """3#2, the second Tuesday; 6L, the last Friday, is (6, -1)."""

    def of(self, year: int, month: int) -> list[int]:
        """The days it means, in order."""
        length = calendar.monthrange(year, month)[1]
        by_weekday: dict[int, list[int]] = {number: [] for number in WEEKDAYS.values()}
        for day in range(1, length + 1):
            by_weekday[date(year, month, day).isoweekday() % 7 + 1].append(day)
        found = {day for day in self.numbers if day <= length}
        found.update(day for weekday in self.weekdays for day in by_weekday[weekday])
        if self.last:
            found.add(length)
        if 0 < self.nearest <= length:
            found.add(_nearest(year, month, self.nearest, length))
        if self.nth:
            weekday, place = self.nth
            same = by_weekday[weekday]
            found.update(same[-1:] if place < 0 else same[place - 1 : place])
        return sorted(found)


@dataclass(frozen=True, slots=True)
class Cron:
    """The fields of a cron expression, each as its values in order."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    years: tuple[int, ...]

    def after(self, moment: float, start: float) -> float | None:  # noqa: ARG002  as Rate
        """The first instant later than `moment`; None when there is none any more."""
        now = datetime.fromtimestamp(moment, UTC)
        for year in self.years[bisect_left(self.years, now.year) :]:
            for month in self.months:
                if (year, month) < (now.year, now.month):
                    continue
                for day in self.days.of(year, month):
                    if date(year, month, day) < now.date():
                        continue
                    for hour in self.hours:
                        for minute in self.minutes:
                            found = datetime(year, month, day, hour, minute, tzinfo=UTC)
                            if found > now:
                                return found.timestamp()
        return None


def parse(text: str) -> Rate | Cron:
    """The schedule of an expression. Raises InvalidExpression."""
    if found := RATE.fullmatch(text):
        count = int(found["count"])
        if (count == 1) == bool(found["plural"]):
            raise InvalidExpression
        return Rate(count * UNITS[found["unit"]])
    cron = CRON.fullmatch(text)
    fields = cron[1].split() if cron else []
    if len(fields) != 6:
        raise InvalidExpression
    minutes, hours, of_month, months, of_week, years = fields
    if (of_month == "?") == (of_week == "?"):
        raise InvalidExpression
    return Cron(
        _values(minutes, 0, 59),
        _values(hours, 0, 23),
        _of_month(of_month) if of_week == "?" else _of_week(of_week),
        _values(months, 1, 12, MONTHS),
        _values(years, *YEARS),
    )


def _values(
    text: str, least: int, most: int, names: dict[str, int] | None = None
) -> tuple[int, ...]:
    """The values of a field with , - * and /, in order.

    Ranges that run backwards are refused. [open]
    """
    values: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        start = least if span == "*" else _number(first, least, most, names)
        end = most if span == "*" or (slash and not dash) else start
        if dash:
            end = _number(last, start, most, names)
        every = _number(step, 1, most, None) if slash else 1
        values.update(range(start, end + 1, every))
    return tuple(sorted(values))


def _number(text: str, least: int, most: int, names: dict[str, int] | None) -> int:
    value = (names or {}).get(text.upper())
    if value is None:
        if not (text.isascii() and text.isdigit()):
            raise InvalidExpression
        value = int(text)
    if not least <= value <= most:
        raise InvalidExpression
    return value


def _of_month(text: str) -> Days:
    if text == "L":
        return Days(last=True)
    if text.endswith("W"):
        return Days(nearest=_number(text[:-1], 1, 31, None))
    return Days(numbers=frozenset(_values(text, 1, 31)))


def _of_week(text: str) -> Days:
    if "#" in text:
        weekday, _, place = text.partition("#")
        return Days(nth=(_number(weekday, 1, 7, WEEKDAYS), _number(place, 1, 5, None)))
    if text == "L":
        return Days(weekdays=frozenset({7}))
    if text.endswith("L"):
        return Days(nth=(_number(text[:-1], 1, 7, WEEKDAYS), -1))
    if "/" in text:
        raise InvalidExpression
    return Days(weekdays=frozenset(_values(text, 1, 7, WEEKDAYS)))


def _nearest(year: int, month: int, day: int, length: int) -> int:
    """The weekday closest to a day, within its month. [open: AWS says nothing of its ends]"""
    match date(year, month, day).isoweekday():
        case 6:
            return day - 1 if day > 1 else 3
        case 7:
            return day + 1 if day < length else day - 2
    return day
