"""What several providers need: tags in their several forms, and waiting for a state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from local.cloudformation.errors import Failure
from local.cloudformation.provider import Properties

Found = TypeVar("Found")
Tags = list[dict[str, str]]
PATIENCE = 60.0
"""Seconds after which a resource that does not get ready is a failure."""
POLL = 0.02


def tag_map(tags: Tags | None) -> dict[str, str] | None:
    """Tags as the services have them that take a map; None when there are none."""
    return {it["Key"]: it["Value"] for it in tags} if tags else None


def tag_list(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> Tags:
    return [{key: name, value: text} for name, text in tags.items()]


def tag_changes(old: Properties, new: Properties) -> tuple[dict[str, str], list[str]]:
    """The tags to set, and the names of those to remove."""
    before, after = tag_map(old.get("Tags")) or {}, tag_map(new.get("Tags")) or {}
    changed = {name: text for name, text in after.items() if before.get(name) != text}
    return changed, [name for name in before if name not in after]


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
