"""Instants as a person types them."""

import re
from datetime import UTC, datetime, timedelta
from math import ceil

from cli.errors import WrongUsage

UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}
LENGTH = r"(\d{1,6})(s|min|h|d)"


def since(text: str, now: datetime, option: str = "--since") -> datetime:
    """The instant that `text` means: so long ago (90min, 6h, 2d), or a date or time, in UTC unless
    it says otherwise. Raises WrongUsage, which names the option."""
    try:
        if re.fullmatch(LENGTH, text):
            return now - length(text)
        return _instant(text)
    except (ValueError, OverflowError):
        raise WrongUsage(
            f"{option} takes how long ago (90min, 6h, 2d) or a time (2026-11-21T08:30), not {text}."
        ) from None


def at(text: str, now: datetime) -> datetime:
    """The instant that `text` means: in so long (+10min), so long ago (-2h), or a date or time, in
    UTC unless it says otherwise. Raises WrongUsage."""
    try:
        if text[:1] in ("+", "-") and re.fullmatch(LENGTH, text[1:]):
            return now + length(text[1:]) * (1 if text[0] == "+" else -1)
        return _instant(text)
    except (ValueError, OverflowError):
        raise WrongUsage(
            "--at takes in how long (+10min), how long ago (-2h) or a time (2026-11-21T08:30), "
            f"not {text}."
        ) from None


def _instant(text: str) -> datetime:
    """In UTC, where the year may be another: beyond the years that there are is an overflow."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def length(text: str) -> timedelta:
    """The span that `text` means: 90s, 30min, 2h, 1d. Raises WrongUsage."""
    if not (found := re.fullmatch(LENGTH, text)):
        raise WrongUsage(f"{text} is no length of time: give one such as 90s, 30min, 2h or 1d.")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def minutes(text: str) -> int:
    """The whole minutes that last as long as the span, at least: 30s is one. Raises WrongUsage."""
    return ceil(length(text) / timedelta(minutes=1))
