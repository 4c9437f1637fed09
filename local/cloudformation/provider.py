"""What a resource type must be able to do to be part of a stack.

A new type is a subclass in `providers/` and its line in `providers/__init__.py`. AWS's schema
of the type decides which properties exist, which change in place and which replace; the
subclass says which of them it carries out, and with which API calls: as tables where a call is
its parameters and nothing else, as methods where it is more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

from local.cloudformation import schema
from local.cloudformation.aws import Aws
from local.cloudformation.errors import Failure
from local.cloudformation.schema import Schema

Properties = dict[str, Any]


Named = Mapping[str, str]
"""Parameters that name a resource, out of its physical id: {"Arn": "arn:…:{region}:…:{id}"}."""


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Setting:
    """A property that a call of its own sets on a resource that exists."""

    put: str
    given: Callable[[Any], Properties]
    """The parameters for a value, beside those that name the resource."""
    remove: str | None = None
    """The call that takes the property away; None: `put`, with None as the value."""
    subject: Named | None = None
    """What names the resource, if not what names it in other calls."""

    def apply(self, aws: Aws, subject: Properties, before: Any, after: Any) -> None:  # noqa: ARG002  as Tagging
        if after is None and self.remove:
            aws(self.remove, **subject)
        else:
            aws(self.put, **subject, **self.given(after))


@dataclass(frozen=True, slots=True)
class Tagging:
    """Tags, of which one call sets the changed ones and another removes those that are gone."""

    service: str
    subject: Named
    calls: tuple[str, str] = ("TagResource", "UntagResource")
    form: Callable[[dict[str, str]], Any] = dict
    """The API's form of tags."""

    def apply(self, aws: Aws, subject: Properties, before: Any, after: Any) -> None:
        old, new = tag_map(before), tag_map(after)
        if changed := {name: text for name, text in new.items() if old.get(name) != text}:
            aws(f"{self.service}:{self.calls[0]}", **subject, Tags=self.form(changed))
        if gone := [name for name in old if name not in new]:
            aws(f"{self.service}:{self.calls[1]}", **subject, TagKeys=gone)


def tag_map(tags: list[dict[str, str]] | None) -> dict[str, str]:
    return {it["Key"]: it["Value"] for it in tags or ()}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": text} for name, text in tags.items()]


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

    subject: ClassVar[Named] = {}
    """The parameters that name one in every call."""
    within: ClassVar[tuple[str, ...]] = ()
    """Properties that name what it is a part of, where its own id does not: for the deletion."""
    creation: ClassVar[str] = ""
    """The call that makes one: by its name, with all properties that are no settings."""
    deletion: ClassVar[str] = ""
    settings: ClassVar[Mapping[str, Setting | Tagging]] = {}
    """Properties that are set when it exists; `update` changes these and no others."""
    shown: ClassVar[Named] = {}
    """What Fn::GetAtt answers."""

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        """Make it and return its physical id; when this raises, nothing of it remains."""
        own = {key: it for key, it in new.items() if key not in (self.named, *self.settings)}
        aws(self.creation, **aws.filled(self.subject, name) | own)
        return name

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        """What is left to do after `create`; when this raises, the resource is deleted."""
        self.configure(aws, physical_id, {}, new)

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        """Change it in place; also called to go back when an update failed half way."""
        self.configure(aws, physical_id, old, new)

    def configure(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        """Set the settings that differ."""
        for name, setting in self.settings.items():
            if old.get(name) != new.get(name):
                subject = aws.filled(setting.subject or self.subject, physical_id)
                setting.apply(aws, subject, old.get(name), new.get(name))

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        """Delete it; a `Failure` that says it is missing counts as done."""
        whole = {name: old[name] for name in self.within}
        aws(self.deletion, **whole, **aws.filled(self.subject, physical_id))

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:  # noqa: ARG002  a default
        """What Fn::GetAtt answers."""
        return aws.filled(self.shown, physical_id)

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
