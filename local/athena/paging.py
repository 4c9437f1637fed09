"""Pages of lists: MaxResults and NextToken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from local.athena.errors import InvalidRequest

T = TypeVar("T")


def page(
    items: Sequence[T], wanted: dict[str, Any], largest: int = 50
) -> tuple[list[T], dict[str, str]]:
    """One page of a list, and the token of the next one if there is one."""
    size = limit(wanted, largest)
    token = wanted.get("NextToken") or "0"
    if not token.isdigit():
        raise InvalidRequest(f"Invalid NextToken: {token}")
    start = int(token)
    following = start + size
    return list(items[start:following]), (
        {"NextToken": str(following)} if following < len(items) else {}
    )


def limit(wanted: dict[str, Any], largest: int) -> int:
    """MaxResults, which AWS bounds."""
    size = wanted.get("MaxResults", largest)
    if not isinstance(size, int) or not 1 <= size <= largest:
        message = f"MaxResults is more than maximum allowed length {largest}."
        raise InvalidRequest(message)
    return size
