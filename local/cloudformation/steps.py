"""The steps an operation is made of: one resource made, changed, restored or deleted.

Each notes its events on the stack, and what was done in `stack.undo`.
"""

from __future__ import annotations

import logging
import secrets
import string
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from local.cloudformation.aws import Aws
from local.cloudformation.errors import Failure, Invalid
from local.cloudformation.provider import Provider
from local.cloudformation.stacks import Resource, Stack, Undo

LOG = logging.getLogger(__name__)
SUFFIX = string.ascii_uppercase + string.digits
SUFFIX_LENGTH = 12
INITIATED = "Resource creation Initiated"
REPLACES = "Requested update requires the creation of a new physical resource; hence creating one."
SKIPPED = "Resource skipped during UpdateRollback"


class World(Protocol):
    """What an operation needs of everything outside its stack."""

    @property
    def providers(self) -> Mapping[str, Provider]: ...

    @property
    def aws(self) -> Aws: ...

    def exporter(self, name: str) -> str | None:
        """The name of the stack that has an export."""

    def importers(self, name: str) -> list[str]:
        """The names of the stacks that import an export."""


class Steps:
    """Steps on the resources of `stack`; they raise `Failure`, `delete` and `restore` do not."""

    def __init__(self, stack: Stack, world: World) -> None:
        self._stack = stack
        self._aws = world.aws
        self._providers = world.providers

    def provider(self, resource_type: str) -> Provider:
        if resource_type not in self._providers:
            raise Failure(f"Resource type {resource_type} is not supported by the local AWS")
        return self._providers[resource_type]

    def create(self, wanted: Resource, replaced: Resource | None = None) -> None:
        """Make a resource, beside the one that it replaces."""
        provider = self.provider(wanted.type)
        verb = "UPDATE" if replaced else "CREATE"
        self._stack.note(wanted, f"{verb}_IN_PROGRESS", REPLACES if replaced else None)
        given = wanted.properties.get(provider.named or "")
        if replaced and given and given == replaced.properties.get(provider.named or ""):
            raise Failure(
                "CloudFormation cannot update a stack when a custom-named resource requires "
                f"replacing. Rename {given} and update the stack again."
            )
        if given and provider.exists(self._aws, given):
            message = f"Resource of type '{wanted.type}' with identifier '{given}' already exists."
            raise Failure(message, "AlreadyExists")
        wanted.physical_id = ""
        name = given or self._name(provider, wanted)
        wanted.physical_id = provider.create(self._aws, name, wanted.properties)
        self._stack.resources[wanted.logical_id] = wanted
        self._stack.undo.append(Undo(before=replaced, after=wanted, made=True))
        self._stack.note(wanted, f"{verb}_IN_PROGRESS", INITIATED)
        provider.finish(self._aws, wanted.physical_id, wanted.properties)
        self._learn(provider, wanted)
        self._stack.note(wanted, f"{verb}_COMPLETE")

    def adopt(self, wanted: Resource) -> bool:
        """Take over a resource that exists under its own name, if it is to be retained."""
        provider = self.provider(wanted.type)
        name = wanted.properties.get(provider.named or "")
        possible = provider.adoptable and wanted.deletion_policy == "Retain"
        if not name or not possible or not provider.exists(self._aws, name):
            return False
        wanted.physical_id = name
        self._stack.note(wanted, "IMPORT_IN_PROGRESS", "Resource import started.")
        self._learn(provider, wanted)
        self._stack.resources[wanted.logical_id] = wanted
        self._stack.undo.append(Undo(before=None, after=wanted, made=True))
        self._stack.note(wanted, "IMPORT_COMPLETE", "Resource import completed.")
        return True

    def update(self, current: Resource, wanted: Resource) -> None:
        """Change a resource in place."""
        provider = self.provider(wanted.type)
        self._stack.note(wanted, "UPDATE_IN_PROGRESS")
        for name in sorted(provider.fixed):
            if current.properties.get(name) != wanted.properties.get(name):
                raise Failure(f"Updates are not allowed for property - {name}.")
        self._stack.undo.append(Undo(before=current, after=wanted))
        provider.update(self._aws, current.physical_id, current.properties, wanted.properties)
        self._learn(provider, wanted)
        self._stack.resources[wanted.logical_id] = wanted
        self._stack.note(wanted, "UPDATE_COMPLETE")

    def keep(self, current: Resource, wanted: Resource) -> None:
        """Leave a resource as it is; only what the template says about it is taken over."""
        wanted.attributes, wanted.status = current.attributes, current.status
        wanted.changed = current.changed
        self._stack.undo.append(Undo(before=current, after=wanted))
        self._stack.resources[wanted.logical_id] = wanted
        if current.metadata != wanted.metadata:
            self._stack.note(wanted, "UPDATE_IN_PROGRESS")
            self._stack.note(wanted, "UPDATE_COMPLETE")

    def restore(self, step: Undo, *, skip: bool = False) -> bool:
        """Take back a step on a resource that was there before; whether that was possible."""
        assert step.before is not None  # noqa: S101  what was new is deleted, not restored
        restored = step.before.copy()
        if skip:
            self._stack.note(restored, "UPDATE_COMPLETE", SKIPPED)
        elif step.made or step.changed:
            self._stack.note(restored, "UPDATE_IN_PROGRESS")
            try:
                if not step.made:
                    self._turn_back(step.after, restored)
            except Failure as failure:
                self._stack.note(restored, "UPDATE_FAILED", told(failure))
                return False
            self._stack.note(restored, "UPDATE_COMPLETE")
        self._stack.resources[restored.logical_id] = restored
        return True

    def delete(self, resource: Resource) -> bool:
        """Delete a resource; whether it is gone."""
        if resource.physical_id:
            self._stack.note(resource, "DELETE_IN_PROGRESS")
            try:
                with reported():
                    self.provider(resource.type).delete(
                        self._aws, resource.physical_id, resource.properties
                    )
            except Failure as failure:
                if not failure.missing:
                    self._stack.note(resource, "DELETE_FAILED", told(failure))
                    return False
        self._stack.note(resource, "DELETE_COMPLETE")
        return True

    def _turn_back(self, after: Resource, before: Resource) -> None:
        with reported():
            self.provider(before.type).update(
                self._aws, before.physical_id, after.properties, before.properties
            )

    def _learn(self, provider: Provider, resource: Resource) -> None:
        resource.attributes = provider.attributes(
            self._aws, resource.physical_id, resource.properties
        )

    def _name(self, provider: Provider, resource: Resource) -> str:
        suffix = "".join(secrets.choice(SUFFIX) for _ in range(SUFFIX_LENGTH))
        prefix = f"{self._stack.name}-{resource.logical_id}"
        name = f"{prefix[: provider.longest - SUFFIX_LENGTH - 1].rstrip('-')}-{suffix}"
        return name.lower() if provider.lower else name


@contextmanager
def reported() -> Iterator[None]:
    """An error of our own fails the resource, too, instead of leaving a stack in progress."""
    try:
        yield
    except (Failure, Invalid):
        raise
    except Exception as error:
        LOG.exception("a resource provider failed")
        raise Failure(f"Internal failure of the local AWS: {error!r}", "Internal") from error


def told(error: Failure | Invalid) -> str:
    """A failure as a resource's status reason has it."""
    if "(Service: " not in error.message and error.code != "AlreadyExists":
        return error.message
    return (
        f'Resource handler returned message: "{error.message}" '
        f"(RequestToken: {uuid.uuid4()}, HandlerErrorCode: {error.code})"
    )
