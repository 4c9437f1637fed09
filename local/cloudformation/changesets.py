"""Change sets: deployments that are described first and executed later, or never."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.cloudformation.changes import Change
from local.cloudformation.errors import Failure, Invalid
from local.cloudformation.preparation import Prepared
from local.cloudformation.stacks import Stack, Target

if TYPE_CHECKING:
    from local.cloudformation.backend import Backend

UNCHANGED = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)


@dataclass(slots=True, kw_only=True)
class ChangeSet:
    """A deployment that was described and may be executed once."""

    id: str
    name: str
    stack: Stack
    kind: str
    target: Target
    prepared: Prepared | None = None
    changes: list[Change] = field(default_factory=list)
    created: datetime
    description: str | None = None
    reason: str | None = None
    """Why it cannot be executed; None when it can."""


class ChangeSets:
    """The change sets of one backend; the stacks are the backend's."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._known: dict[str, ChangeSet] = {}

    def of(self, stack: Stack) -> list[ChangeSet]:
        return [it for it in self._known.values() if it.stack is stack]

    def find(self, name: str, stack_name: str | None) -> ChangeSet:
        """A change set by its id, or by its name and the stack's."""
        if name in self._known:
            return self._known[name]
        for change_set in self._known.values():
            stack = change_set.stack
            if change_set.name == name and stack_name in (stack.name, stack.id):
                return change_set
        raise Invalid(f"ChangeSet [{name}] does not exist", "ChangeSetNotFound")

    def propose(self, stack_name: str, target: Target, **details: Any) -> ChangeSet:
        """Describe a deployment; `details` are fields of `ChangeSet`.

        A stack that is to be created exists from now on, in review.
        """
        backend = self._backend
        with backend.lock:
            stack = self._subject(stack_name, details["kind"], details["name"])
            change_set = ChangeSet(
                id=backend.arn(f"changeSet/{details['name']}/{uuid.uuid4()}"),
                stack=stack,
                target=target,
                created=datetime.now(UTC),
                **details,
            )
            self._describe(change_set)
            if stack.id not in backend.stacks:
                backend.stacks[stack.id] = stack
                stack.enter("REVIEW_IN_PROGRESS", "User Initiated")
            self._known[change_set.id] = change_set
        return change_set

    def execute(self, change_set: ChangeSet, **options: Any) -> None:
        """Deploy it; `options` as `Backend.deploy` has them."""
        stack, prepared = change_set.stack, change_set.prepared
        if change_set.reason is not None or prepared is None:
            raise Invalid(
                f"ChangeSet [{change_set.id}] cannot be executed in its current status of [FAILED]",
                "InvalidChangeSetStatus",
            )
        if change_set.kind == "UPDATE":
            self._backend.check_updatable(stack)
        self.forget(stack)
        self._backend.deploy(stack, change_set.target, prepared, **options)

    def discard(self, change_set: ChangeSet) -> None:
        del self._known[change_set.id]

    def forget(self, stack: Stack) -> None:
        """Discard all of a stack: it is being changed, or deleted."""
        for change_set in self.of(stack):
            self.discard(change_set)

    def _subject(self, stack_name: str, kind: str, name: str) -> Stack:
        """The stack that a change set is for; a new one for the first of kind CREATE."""
        backend = self._backend
        if kind == "UPDATE":
            stack = backend.find(stack_name, "Stack [{}] does not exist")
            backend.check_updatable(stack)
            return stack
        for stack in backend.alive():
            if stack_name in (stack.name, stack.id):
                if stack.status == "REVIEW_IN_PROGRESS":
                    return stack
                raise Invalid(
                    f"Stack [{stack_name}] already exists and cannot be created again "
                    f"with the changeSet [{name}]."
                )
        return backend.new(stack_name)

    def _describe(self, change_set: ChangeSet) -> None:
        """Fill in what would happen, or why it cannot."""
        backend, stack, target = self._backend, change_set.stack, change_set.target
        prepared = backend.prepare(stack, target)
        try:
            change_set.changes = backend.plan(stack, prepared)
            changed = backend.changed(stack, target, prepared, change_set.changes)
        except (Failure, Invalid) as error:
            change_set.reason = error.message
            return
        if change_set.kind == "UPDATE" and not changed:
            change_set.reason = UNCHANGED
        change_set.prepared = prepared
