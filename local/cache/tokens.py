"""Whether a password is a request that AWS's IAM would let a user connect with.

What is checked is everything but the signature: the local AWS knows no secret of who calls, and
enforces no permissions.
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

LONGEST = 900
"""Seconds that a token is valid."""
SKEW = timedelta(minutes=5)
"""How far ahead a clock may be."""
CREDENTIAL = re.compile(
    r"[\w-]+/(?P<date>\d{8})/(?P<region>[\w-]+)/(?P<service>[\w-]+)/aws4_request"
)
FIXED = {
    "Action": "connect",
    "ResourceType": "ServerlessCache",
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-SignedHeaders": "host",
}


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache that somebody wants to connect to; `name` is in lower case."""

    name: str
    region: str


def wrong(text: str, *, user: str, cache: Cache, now: datetime) -> str | None:
    """What is wrong with a token, in a sentence; None when nothing is."""
    if "://" in text:
        return "it starts with a scheme, which must be cut off"
    parts = urlsplit(f"//{text}")
    given = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if parts.netloc != cache.name or parts.path != "/":
        return f"it is no request to {cache.name}/, the cache's name in lower case"
    for name, value in (FIXED | {"User": user}).items():
        if given.get(name) != value:
            return f"{name} is {given.get(name)!r}, but must be {value!r}"
    if not re.fullmatch("[0-9a-f]{64}", given.get("X-Amz-Signature", "")):
        return "it is not signed"
    return _scope(given, cache) or _time(given, now)


def _scope(given: dict[str, str], cache: Cache) -> str | None:
    found = CREDENTIAL.fullmatch(given.get("X-Amz-Credential", ""))
    if found is None:
        return "X-Amz-Credential is missing or of a wrong form"
    if found["service"] != "elasticache" or found["region"] != cache.region:
        return f"it is signed for {found['service']} in {found['region']}"
    if found["date"] != given.get("X-Amz-Date", "")[:8]:
        return "the dates of its credential and its signature differ"
    return None


def _time(given: dict[str, str], now: datetime) -> str | None:
    try:
        signed = datetime.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        seconds = int(given["X-Amz-Expires"])
    except (KeyError, ValueError):
        return "X-Amz-Date or X-Amz-Expires is missing or of a wrong form"
    if not 0 < seconds <= LONGEST:
        return f"it is valid for {seconds} s, but must be for at most {LONGEST}"
    if not signed - SKEW <= now <= signed + timedelta(seconds=seconds):
        return f"it is valid for {seconds} s from {signed:%Y-%m-%d %H:%M:%S} on, not now"
    return None
