"""The stacks of one account and region, and the operations that run on them.

An operation runs in a thread of its own. The call that starts it waits for it a little: most
are done by then, and the client's first look finds the final state.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.core.base_backend import BaseBackend

from local.cloudformation import parameters, plan, preparation
from local.cloudformation.aws import Aws
from local.cloudformation.changes import Change
from local.cloudformation.changesets import ChangeSets
from local.cloudformation.errors import Failure, Invalid
from local.cloudformation.preparation import Prepared
from local.cloudformation.provider import Provider
from local.cloudformation.providers import PROVIDERS
from local.cloudformation.runner import Runner
from local.cloudformation.schema import Schema
from local.cloudformation.stacks import Output, Stack, Target
from local.cloudformation.template import Declaration

LOG = logging.getLogger(__name__)
PATIENCE = 20.0
"""Seconds that a call waits for the operation it started."""
UPDATABLE = {
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
}


class Backend(BaseBackend):
    """Everything CloudFormation knows in one account and region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.aws = Aws(account_id, region_name)
        self.providers: Mapping[str, Provider] = PROVIDERS
        self.stacks: dict[str, Stack] = {}
        self.change_sets = ChangeSets(self)
        self.lock = threading.RLock()

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
        with self.lock:
            if any(it.name == name for it in self.alive()):
                raise Invalid(f"Stack [{name}] already exists", "AlreadyExistsException")
            stack = self.new(name, **options)
            prepared = self.prepare(stack, target)
            self.stacks[stack.id] = stack
        self._start(stack, lambda runner: runner.deploy(target, prepared))
        return stack

    def update(self, stack: Stack, target: Target, **options: Any) -> None:
        """Bring a stack to `target`; `Invalid` when nothing would change."""
        self.check_updatable(stack)
        prepared = self.prepare(stack, target)
        if not self.changed(stack, target, prepared, self.plan(stack, prepared)):
            raise Invalid("No updates are to be performed.")
        self.deploy(stack, target, prepared, **options)

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
        with self.lock:
            self._check_idle(stack, "deleted")
            stack.begin(token)
        self.change_sets.forget(stack)
        self._start(stack, lambda runner: runner.delete(retained))

    def roll_back(self, stack: Stack, states: set[str], skipped: frozenset[str]) -> None:
        """Go back, or go on going back, from one of `states`."""
        if stack.status not in states:
            raise Invalid(
                f"Stack:{stack.id} is in {stack.status} state and can not be rolled back."
            )
        self._start(stack, lambda runner: runner.roll_back(skipped=skipped))

    # Exports ------------------------------------------------------------------------------

    def exports(self) -> Iterator[tuple[Stack, Output]]:
        for stack in self.alive():
            yield from ((stack, output) for output in stack.outputs if output.export)

    def imported(self, name: str) -> str:
        for _, output in self.exports():
            if output.export == name:
                return output.value
        raise Invalid(f"No export named {name} found.")

    def exporter(self, name: str) -> str | None:
        return next((stack.name for stack, it in self.exports() if it.export == name), None)

    def importers(self, name: str) -> list[str]:
        return [stack.name for stack in self.alive() if name in stack.imports]

    # Within -------------------------------------------------------------------------------

    def new(self, name: str, **options: Any) -> Stack:
        identity = self.arn(f"stack/{name}/{uuid.uuid4()}")
        return Stack(id=identity, name=name, created=datetime.now(UTC), **options)

    def arn(self, resource: str) -> str:
        return self.aws.arn("cloudformation", resource)

    def prepare(self, stack: Stack, target: Target) -> Prepared:
        pseudo = parameters.pseudo(self.account_id, self.region_name, stack.name, stack.id)
        pseudo["AWS::NotificationARNs"] = list(target.notifications)
        prepared = preparation.prepare(
            target.template, target.given, pseudo, self.imported, self._stored
        )
        prepared.tags.update(target.tags)
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

    def plan(self, stack: Stack, prepared: Prepared) -> list[Change]:
        def fit(
            name: str, declared: Declaration, given: dict[str, Any]
        ) -> tuple[Schema | None, dict[str, Any]]:
            """What is wrong with properties shows when a resource's turn comes, not in a plan."""
            provider = self.providers.get(declared.type)
            if provider is None:
                return None, given
            try:
                return provider.schema, provider.check(name, given, prepared.tags)
            except Failure:
                return provider.schema, given

        return plan.changes(stack.resources, prepared, fit)

    def changed(
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

    def check_updatable(self, stack: Stack) -> None:
        if stack.status not in UPDATABLE:
            raise Invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")

    def deploy(self, stack: Stack, target: Target, prepared: Prepared, **options: Any) -> None:
        with self.lock:
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
