"""A stack and what it remembers: its resources, its events, how to go back."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from local.cloudformation.template import EMPTY, Template

STACK = "AWS::CloudFormation::Stack"
TICK = timedelta(milliseconds=1)


@dataclass(slots=True, kw_only=True)
class Resource:
    """A resource that was made (or failed to be); `properties` are those it was made with."""

    logical_id: str
    type: str
    properties: dict[str, Any] = field(default_factory=dict)
    physical_id: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    waits_for: frozenset[str] = frozenset()
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    metadata: Any = None
    status: str = ""
    reason: str | None = None
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))

    def copy(self) -> Resource:
        return replace(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """One step that was taken: a resource as it was before (None: new) and as it is now."""

    before: Resource | None
    after: Resource
    made: bool = False
    """Whether `after` was made anew: without a `before`, or to replace it."""

    @property
    def changed(self) -> bool:
        before = self.before
        return before is not None and (before.properties, before.metadata) != (
            self.after.properties,
            self.after.metadata,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a stack is deployed from: everything a request brings along."""

    template: Template = EMPTY
    given: dict[str, str] = field(default_factory=dict)
    """Parameter values as they were sent (an SSM parameter's is its name)."""
    tags: dict[str, str] = field(default_factory=dict)
    role: str | None = None
    notifications: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    imports: bool = False
    """Whether a retained resource with a name of its own is taken over where it exists."""


@dataclass(frozen=True, slots=True)
class Output:
    """A stack's output; under `export` other stacks import it."""

    key: str
    value: str
    description: str | None
    export: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a stack's history, with the API's names."""

    event_id: str
    operation_id: str
    logical_id: str
    physical_id: str
    type: str
    at: datetime
    status: str
    reason: str | None
    properties: str | None
    token: str | None


@dataclass(slots=True, kw_only=True)
class Stack:
    """A stack, alive or deleted."""

    id: str
    name: str
    created: datetime
    updated: datetime | None = None
    deleted: datetime | None = None
    status: str = "REVIEW_IN_PROGRESS"
    reason: str | None = None
    target: Target = field(default_factory=Target)
    parameters: dict[str, Any] = field(default_factory=dict)
    """The parameters' values as the template sees them."""
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    imports: frozenset[str] = frozenset()
    events: list[Event] = field(default_factory=list)
    undo: list[Undo] = field(default_factory=list)
    """The steps of the last operation, oldest first, while they can still be taken back."""
    pending: list[Resource] = field(default_factory=list)
    """What a way back has yet to delete."""
    stable: bool = False
    """Whether an operation has ever succeeded: there is a state to go back to."""
    protected: bool = False
    disable_rollback: bool = False
    operation: str = field(default_factory=lambda: str(uuid.uuid4()))
    token: str | None = None

    @property
    def in_progress(self) -> bool:
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def existing(self) -> list[Resource]:
        """Every resource that may exist, those of unfinished steps among them."""
        steps = [it for step in self.undo for it in (step.before, step.after) if it]
        known = [*self.resources.values(), *self.pending, *steps]
        found = [it for it in known if it.status not in ("DELETE_COMPLETE", "DELETE_SKIPPED")]
        return list({(it.logical_id, it.type, it.physical_id): it for it in found}.values())

    def begin(self, token: str | None) -> None:
        """A new operation begins: events carry its id and the client's token from now on."""
        self.operation, self.token = str(uuid.uuid4()), token

    def enter(self, status: str, reason: str | None = None) -> None:
        """The stack is in `status` from now on, and an event says so."""
        now = self._next_instant()
        self.status, self.reason = status, reason
        if status == "DELETE_COMPLETE":
            self.deleted = now
        self._record(str(uuid.uuid4()), self.name, self.id, STACK, now, status, reason, None)

    def note(self, resource: Resource, status: str, reason: str | None = None) -> None:
        """The resource is in `status` from now on, and an event says so."""
        now = self._next_instant()
        resource.status, resource.reason, resource.changed = status, reason, now
        name = f"{resource.logical_id}-{status}-{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000}Z"
        properties = json.dumps(resource.properties, default=str)
        self._record(
            name,
            resource.logical_id,
            resource.physical_id,
            resource.type,
            now,
            status,
            reason,
            properties,
        )

    def _record(
        self,
        event_id: str,
        logical_id: str,
        physical_id: str,
        kind: str,
        at: datetime,
        status: str,
        reason: str | None,
        properties: str | None,
    ) -> None:
        self.events.append(
            Event(
                event_id=event_id,
                operation_id=self.operation,
                logical_id=logical_id,
                physical_id=physical_id,
                type=kind,
                at=at,
                status=status,
                reason=reason,
                properties=properties,
                token=self.token,
            )
        )

    def _next_instant(self) -> datetime:
        """Now, but after the last event: clients sort events by milliseconds."""
        now = datetime.now(UTC)
        return max(now, self.events[-1].at + TICK) if self.events else now
