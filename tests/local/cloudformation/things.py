"""A world of things for the engine: one resource type that can be made to fail at any step."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, cast

from local.cloudformation.aws import Aws
from local.cloudformation.errors import Failure, Invalid
from local.cloudformation.parameters import pseudo
from local.cloudformation.preparation import prepare
from local.cloudformation.provider import Properties, Provider, names
from local.cloudformation.runner import Runner
from local.cloudformation.schema import Schema
from local.cloudformation.stacks import Stack, Target
from local.cloudformation.template import parse

TEXT = {"type": "string"}


class Things(Provider):
    """Things have a label (the logical id), a value, a key that replaces them, and links."""

    type = "Test::Thing"
    properties = names("Label Value Key Links Name")
    named: ClassVar[str | None] = "Name"

    def __init__(self) -> None:
        self.alive: dict[str, Properties] = {}
        self.failing: dict[str, str] = {}
        """The deed that fails, by the label of the thing it fails for."""
        self.deeds: list[tuple[str, str]] = []
        self._numbers = itertools.count()

    @cached_property
    def schema(self) -> Schema:
        links = {"type": "array", "items": TEXT}
        known = {"Label": TEXT, "Value": TEXT, "Key": TEXT, "Name": TEXT, "Links": links}
        return Schema(known, ("Label",), (("Key",), ("Name",)), frozenset(), {})

    def create(self, aws: Aws, name: str, new: Properties) -> str:  # noqa: ARG002
        self._do("create", new)
        physical_id = f"{new['Label']}-{next(self._numbers)}"
        self.alive[physical_id] = new
        return physical_id

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:  # noqa: ARG002
        self._do("finish", new)

    def update(
        self,
        aws: Aws,  # noqa: ARG002
        physical_id: str,
        old: Properties,  # noqa: ARG002
        new: Properties,
    ) -> None:
        self.alive[physical_id] = new
        self._do("update", new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:  # noqa: ARG002
        self._do("delete", old)
        if physical_id not in self.alive:
            raise Failure("gone", "ResourceNotFoundException")
        del self.alive[physical_id]

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:  # noqa: ARG002
        return {"Value": new.get("Value", ""), "Id": physical_id}

    def _do(self, deed: str, properties: Properties) -> None:
        label = properties["Label"]
        if self.failing.get(label) == deed:
            if deed == "update":
                del self.failing[label]  # the way back can do it
            raise Failure(f"{label} cannot {deed}")
        self.deeds.append((deed, label))


@dataclass
class World:
    """A stack of things, and the stacks around it."""

    things: Things = field(default_factory=Things)
    others: dict[str, list[str]] = field(default_factory=dict)
    """The stacks that import an export, by its name."""
    exports: dict[str, str] = field(default_factory=dict)
    stack: Stack = field(
        default_factory=lambda: Stack(id="arn:stack", name="stack", created=datetime.now(UTC))
    )

    @property
    def providers(self) -> Mapping[str, Provider]:
        return {self.things.type: self.things}

    @property
    def aws(self) -> Aws:
        return cast(Aws, None)

    def importers(self, name: str) -> list[str]:
        return self.others.get(name, [])

    def exporter(self, name: str) -> str | None:
        return "other" if name in self.exports else None

    def imported(self, name: str) -> str:
        if name not in self.exports:
            raise Invalid(f"No export named {name} found.")
        return self.exports[name]

    def deploy(self, resources: dict[str, Any], **sections: Any) -> str:
        """Create or update the stack; its status then."""
        template = parse(json.dumps({"Resources": resources} | sections))
        known = pseudo("1", "us-east-1", "stack", "arn:stack")
        prepared = prepare(template, {}, known, self.imported, _no_lookup)
        self._run(lambda runner: runner.deploy(Target(template=template), prepared))
        return self.stack.status

    def delete(self, *retained: str) -> str:
        self._run(lambda runner: runner.delete(frozenset(retained)))
        return self.stack.status

    def roll_back(self, *skipped: str) -> str:
        self._run(lambda runner: runner.roll_back(skipped=frozenset(skipped)))
        return self.stack.status

    def history(self) -> list[tuple[str, str]]:
        """The events so far, oldest first, and forgets them."""
        found = [(it.logical_id, it.status) for it in self.stack.events]
        self.stack.events.clear()
        return found

    def _run(self, work: Callable[[Runner], None]) -> None:
        self.stack.begin(None)
        work(Runner(self.stack, self))


def thing(label: str, *links: str, **properties: Any) -> dict[str, Any]:
    """The declaration of a thing that refers to others."""
    given = {"Label": label, "Links": [{"Ref": it} for it in links]} | properties
    return {"Type": "Test::Thing", "Properties": given}


def _no_lookup(service: str, key: str) -> str:
    raise Invalid(f"nothing is stored under {service}:{key}")
