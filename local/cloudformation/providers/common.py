"""What several providers need: parts of properties, and waiting for a state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from local.cloudformation.errors import Failure
from local.cloudformation.provider import Properties

Found = TypeVar("Found")
PATIENCE = 60.0
"""Seconds after which a resource that does not get ready is a failure."""
POLL = 0.02


def differ(old: Properties, new: Properties, *properties: str) -> bool:
    """Whether any of the properties differs."""
    return any(old.get(name) != new.get(name) for name in properties)


def pick(properties: Properties, wanted: Iterable[str]) -> Properties:
    return {name: properties[name] for name in wanted if name in properties}


def drop(properties: Properties, *unwanted: str) -> Properties:
    return {name: value for name, value in properties.items() if name not in unwanted}


def found(look: Callable[[], object]) -> bool:
    """Whether `look` finds something."""
    try:
        look()
    except Failure:
        return False
    return True


def wait(look: Callable[[], Found], ready: Callable[[Found], bool], what: str) -> Found:
    """What `look` finds, once it is `ready`."""
    end = time.monotonic() + PATIENCE
    while not ready(seen := look()):
        if time.monotonic() > end:
            raise Failure(f"{what} did not stabilize", "NotStabilized")
        time.sleep(POLL)
    return seen


def wait_gone(look: Callable[[], Any], what: str) -> None:
    """Wait until `look` fails because there is nothing any more."""

    def gone() -> bool:
        try:
            look()
        except Failure as failure:
            if failure.missing:
                return True
            raise
        return False

    wait(gone, bool, f"The deletion of {what}")
