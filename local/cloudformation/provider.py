"""What a resource type must be able to do to be part of a stack.

A new type is a subclass in `providers/` and its line in `providers/__init__.py`. AWS's schema
of the type decides which properties exist, which change in place and which replace; the
subclass says which of them it carries out, and with which API calls.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from local.cloudformation import schema
from local.cloudformation.aws import Aws
from local.cloudformation.errors import Failure
from local.cloudformation.schema import Schema

Properties = dict[str, Any]


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


class Provider:
    """One resource type. The methods raise `Failure`."""

    type: ClassVar[str]
    properties: ClassVar[frozenset[str]]
    """The properties it carries out; any other that AWS has is refused by its name."""
    fixed: ClassVar[frozenset[str]] = frozenset()
    """Properties that cannot be changed once it exists, though AWS could or refuses to."""
    replacing: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Paths of properties that replace it beyond those that AWS's schema names."""
    named: ClassVar[str | None] = None
    """The property with the physical name, if the template may give it."""
    adoptable: ClassVar[bool] = False
    """Whether ImportExistingResources takes over one that `exists` (its name is its id)."""
    longest: ClassVar[int] = 64
    """How long a generated name may be."""
    lower: ClassVar[bool] = False
    """Whether a generated name is in lower case."""

    @cached_property
    def schema(self) -> Schema:
        found = schema.load(self.type)
        if found is None:
            raise Failure(f"AWS has no resource type {self.type}")
        return replace(found, create_only=found.create_only + self.replacing)

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        """Make it and return its physical id; when this raises, nothing of it remains."""
        raise NotImplementedError

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        """What is left to do after `create`; when this raises, the resource is deleted."""

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        """Change it in place; also called to go back when an update failed half way."""
        raise NotImplementedError

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        """Delete it; a `Failure` that says it is missing counts as done."""
        raise NotImplementedError

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:  # noqa: ARG002  a default
        """What Fn::GetAtt answers."""
        return {}

    def exists(self, aws: Aws, name: str) -> bool:  # noqa: ARG002  a default
        """Whether there is one of that name; for types whose creation does not refuse that."""
        return False

    def check(self, name: str, given: Properties, tags: dict[str, str]) -> Properties:
        """The wanted properties as AWS's schema types them, the stack's tags among them.

        `Failure` when a property is unknown, wrong or unsupported.
        """
        fitted = schema.fitted(self.schema, name, self._tagged(given, tags))
        if foreign := sorted(fitted.keys() - self.properties):
            raise Failure(f"Property {foreign[0]} of {self.type} is not supported by the local AWS")
        return fitted

    def _tagged(self, given: Properties, tags: dict[str, str]) -> Properties:
        """`given` with the stack's tags, which the resource's own override."""
        fixed = ("Tags",) in self.schema.create_only
        if not tags or fixed or "Tags" not in self.properties:
            return given
        if self.schema.properties["Tags"].get("type") == "object":
            return given | {"Tags": tags | given.get("Tags", {})}
        own = given.get("Tags", [])
        taken = {it.get("Key") for it in own}
        added = [{"Key": key, "Value": value} for key, value in tags.items() if key not in taken]
        return given | {"Tags": added + own}
