"""The stacks of one account and region, and the operations that run on them.

An operation runs in a thread of its own. The call that starts it waits for it a little: most
are done by then, and the client's first look finds the final state.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.cloudformation import urls
from moto.core.base_backend import BaseBackend

from local.cloudformation import plan, preparation
from local.cloudformation.aws import Aws
from local.cloudformation.changes import Change
from local.cloudformation.errors import Failure, Invalid
from local.cloudformation.preparation import Prepared
from local.cloudformation.provider import Provider
from local.cloudformation.providers import PROVIDERS
from local.cloudformation.runner import Runner
from local.cloudformation.schema import Schema
from local.cloudformation.stacks import Output, Stack, Target
from local.cloudformation.template import Declaration

LOG = logging.getLogger(__name__)
PATIENCE = 5.0
"""Seconds that a call waits for the operation it started."""
UNCHANGED = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)
UPDATABLE = {
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
}


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


class Backend(BaseBackend):
    """Everything CloudFormation knows in one account and region."""

    _url_module = urls

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.aws = Aws(account_id, region_name)
        self.providers: Mapping[str, Provider] = PROVIDERS
        self.stacks: dict[str, Stack] = {}
        self.change_sets: dict[str, ChangeSet] = {}
        self._lock = threading.RLock()

    # Stacks -------------------------------------------------------------------------------

    def alive(self) -> list[Stack]:
        return [it for it in self.stacks.values() if it.status != "DELETE_COMPLETE"]

    def find(self, name: str, told: str = "Stack with id {} does not exist") -> Stack:
        """A stack by its id, or one that is not deleted by its name."""
        if name in self.stacks:
            return self.stacks[name]
        for stack in self.alive():
            if stack.name == name:
                return stack
        raise Invalid(told.format(name))

    def create(self, name: str, target: Target, **options: Any) -> Stack:
        """A new stack, on its way; `options` are fields of `Stack`."""
        with self._lock:
            if any(it.name == name for it in self.alive()):
                raise Invalid(f"Stack [{name}] already exists", "AlreadyExistsException")
            stack = self._new(name, **options)
            prepared = self._prepare(stack, target)
            self.stacks[stack.id] = stack
        self._start(stack, lambda runner: runner.deploy(target, prepared))
        return stack

    def update(self, stack: Stack, target: Target, **options: Any) -> None:
        """Bring a stack to `target`; `Invalid` when nothing would change."""
        self._check_updatable(stack)
        prepared = self._prepare(stack, target)
        if not self._changed(stack, target, prepared, self._plan(stack, prepared)):
            raise Invalid("No updates are to be performed.")
        self._deploy(stack, target, prepared, **options)

    def delete(self, stack: Stack, retained: frozenset[str], token: str | None) -> None:
        if stack.status == "DELETE_COMPLETE":
            return
        if stack.protected:
            raise Invalid(
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        if retained and stack.status != "DELETE_FAILED":
            raise Invalid(
                "Invalid operation on stack. RetainResources can only be specified for a stack "
                "in the DELETE_FAILED state"
            )
        with self._lock:
            self._check_idle(stack, "deleted")
            stack.begin(token)
        for change_set in [it for it in self.change_sets.values() if it.stack is stack]:
            del self.change_sets[change_set.id]
        self._start(stack, lambda runner: runner.delete(retained))

    def roll_back(self, stack: Stack, states: set[str], skipped: frozenset[str]) -> None:
        """Go back, or go on going back, from one of `states`."""
        if stack.status not in states:
            raise Invalid(
                f"Stack:{stack.id} is in {stack.status} state and can not be rolled back."
            )
        self._start(stack, lambda runner: runner.roll_back(skipped=skipped))

    # Change sets --------------------------------------------------------------------------

    def propose(self, stack_name: str, target: Target, **details: Any) -> ChangeSet:
        """Describe a deployment; `details` are fields of `ChangeSet`."""
        with self._lock:
            stack = self._subject(stack_name, details["kind"], details["name"])
            change_set = ChangeSet(
                id=self._arn(f"changeSet/{details['name']}/{uuid.uuid4()}"),
                stack=stack,
                target=target,
                created=datetime.now(UTC),
                **details,
            )
            self._describe(change_set)
            self.stacks[stack.id] = stack
            if stack.status == "REVIEW_IN_PROGRESS" and not stack.events:
                stack.enter("REVIEW_IN_PROGRESS", "User Initiated")
            self.change_sets[change_set.id] = change_set
        return change_set

    def change_set(self, name: str, stack_name: str | None) -> ChangeSet:
        """A change set by its id, or by its name and the stack's."""
        if name in self.change_sets:
            return self.change_sets[name]
        for change_set in self.change_sets.values():
            stack = change_set.stack
            if change_set.name == name and stack_name in (stack.name, stack.id):
                return change_set
        raise Invalid(f"ChangeSet [{name}] does not exist", "ChangeSetNotFound")

    def execute(self, change_set: ChangeSet, **options: Any) -> None:
        if change_set.reason is not None or change_set.prepared is None:
            raise Invalid(
                f"ChangeSet [{change_set.id}] cannot be executed in its current status of [FAILED]",
                "InvalidChangeSetStatus",
            )
        stack = change_set.stack
        if change_set.kind == "UPDATE":
            self._check_updatable(stack)
        for other in [it for it in self.change_sets.values() if it.stack is stack]:
            del self.change_sets[other.id]
        self._deploy(stack, change_set.target, change_set.prepared, **options)

    def _subject(self, stack_name: str, kind: str, name: str) -> Stack:
        """The stack that a change set is for; a new one for the first of kind CREATE."""
        if kind == "UPDATE":
            stack = self.find(stack_name, "Stack [{}] does not exist")
            self._check_updatable(stack)
            return stack
        for stack in self.alive():
            if stack_name in (stack.name, stack.id):
                if stack.status == "REVIEW_IN_PROGRESS":
                    return stack
                raise Invalid(
                    f"Stack [{stack_name}] already exists and cannot be created again "
                    f"with the changeSet [{name}]."
                )
        return self._new(stack_name)

    def _describe(self, change_set: ChangeSet) -> None:
        """Fill in what would happen, or why it cannot."""
        stack, target = change_set.stack, change_set.target
        prepared = self._prepare(stack, target)
        try:
            change_set.changes = self._plan(stack, prepared)
            changed = self._changed(stack, target, prepared, change_set.changes)
        except (Failure, Invalid) as error:
            change_set.reason = error.message
            return
        if change_set.kind == "UPDATE" and not changed:
            change_set.reason = UNCHANGED
        change_set.prepared = prepared

    # Exports ------------------------------------------------------------------------------

    def exports(self) -> Iterator[tuple[Stack, Output]]:
        for stack in self.alive():
            yield from ((stack, output) for output in stack.outputs if output.export)

    def imported(self, name: str) -> str:
        for _, output in self.exports():
            if output.export == name:
                return output.value
        raise Invalid(f"No export named {name} found.")

    def importers(self, name: str) -> list[str]:
        return [stack.name for stack in self.alive() if name in stack.imports]

    # Within -------------------------------------------------------------------------------

    def _new(self, name: str, **options: Any) -> Stack:
        identity = self._arn(f"stack/{name}/{uuid.uuid4()}")
        return Stack(id=identity, name=name, created=datetime.now(UTC), **options)

    def _arn(self, resource: str) -> str:
        return self.aws.arn("cloudformation", resource)

    def _prepare(self, stack: Stack, target: Target) -> Prepared:
        pseudo = preparation.pseudo(self.account_id, self.region_name, stack.name, stack.id)
        pseudo["AWS::NotificationARNs"] = list(target.notifications)
        prepared = preparation.prepare(
            target.template, target.given, pseudo, self.imported, self._stored
        )
        declared = target.template.resources
        moved = [
            name
            for name, it in stack.resources.items()
            if name in prepared.waits and declared[name].type != it.type
        ]
        if moved:
            raise Invalid(
                "Update of resource type is not permitted. The new template modifies resource "
                f"type of the following resources: [{', '.join(moved)}]"
            )
        return prepared

    def _stored(self, service: str, key: str) -> str:
        """A value from the parameter store."""
        if service != "ssm":
            raise Invalid(f"Dynamic reference to {service} is not supported by the local AWS")
        try:
            return str(self.aws("ssm:GetParameter", Name=key)["Parameter"]["Value"])
        except Failure:
            raise Invalid(
                f"Unable to fetch parameters [{key}] from parameter store for this account."
            ) from None

    def _plan(self, stack: Stack, prepared: Prepared) -> list[Change]:
        return plan.changes(stack.resources, prepared, self._fit)

    def _fit(
        self, name: str, declared: Declaration, given: dict[str, Any]
    ) -> tuple[Schema | None, dict[str, Any]]:
        """What is wrong with properties shows when the resource's turn comes, not in a plan."""
        provider = self.providers.get(declared.type)
        if provider is None:
            return None, given
        try:
            return provider.schema, provider.check(name, given)
        except Failure:
            return provider.schema, given

    def _changed(
        self, stack: Stack, target: Target, prepared: Prepared, changes: list[Change]
    ) -> bool:
        """Whether a deployment would make any difference."""
        if changes or target.tags != stack.target.tags or stack.status.endswith("_FAILED"):
            return True
        scope = plan.scope(stack.resources, prepared)
        return preparation.outputs(prepared.template, scope) != stack.outputs

    def _check_idle(self, stack: Stack, deed: str) -> None:
        if stack.in_progress:
            raise Invalid(f"Stack:{stack.id} is in {stack.status} state and can not be {deed}.")

    def _check_updatable(self, stack: Stack) -> None:
        if stack.status not in UPDATABLE:
            raise Invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")

    def _deploy(self, stack: Stack, target: Target, prepared: Prepared, **options: Any) -> None:
        with self._lock:
            self._check_idle(stack, "updated")
            stack.begin(options.pop("token", None))
            stack.disable_rollback = options.pop("disable_rollback", False)
            if stack.status != "REVIEW_IN_PROGRESS":
                stack.updated = datetime.now(UTC)
        self._start(stack, lambda runner: runner.deploy(target, prepared))

    def _start(self, stack: Stack, work: Callable[[Runner], None]) -> None:
        def run() -> None:
            try:
                work(Runner(stack, self))
            except Exception:
                LOG.exception("an operation on stack %s failed", stack.name)
                verb = stack.status.partition("_")[0]
                stack.enter(f"{verb}_FAILED", "Internal failure of the local AWS")

        thread = threading.Thread(target=run, name=f"stack {stack.name}", daemon=True)
        thread.start()
        thread.join(PATIENCE)
