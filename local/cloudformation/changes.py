"""What happens to a stack's resources: the values that a plan is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from local.cloudformation.intrinsics import Later


class Action(StrEnum):
    """What happens to one resource."""

    KEEP = "Keep"
    CREATE = "Add"
    UPDATE = "Modify"
    REPLACE = "Replace"
    DELETE = "Remove"


@dataclass(frozen=True, slots=True)
class Difference:
    """A property that differs; `cause` is the resource whose new value is still unknown."""

    property: str
    before: Any
    after: Any
    recreates: bool
    cause: Later | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happens to the resource `logical_id`; `scope` names which parts of it differ."""

    logical_id: str
    type: str
    action: Action
    physical_id: str | None = None
    retained: bool = False
    """Whether a policy keeps what is removed or replaced."""
    differences: tuple[Difference, ...] = ()
    scope: tuple[str, ...] = ()
