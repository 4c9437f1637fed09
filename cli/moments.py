"""Instants as a person types them."""

import re
from datetime import UTC, datetime, timedelta

from cli.errors import WrongUsage

UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


def since(text: str, now: datetime) -> datetime:
    """The instant that `text` means: so long ago (90min, 6h, 2d), or a date or time, in UTC unless
    it says otherwise. Raises WrongUsage."""
    if found := re.fullmatch(r"(\d{1,6})(s|min|h|d)", text):
        return now - timedelta(**{UNITS[found[2]]: int(found[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage(
            f"--since takes how long ago (90min, 6h, 2d) or a time (2026-11-21T08:30), not {text}."
        ) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
