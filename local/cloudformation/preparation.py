"""From a template and a request's parameters to everything a deployment resolves with.

Pure but for the two look-ups it is given: other stacks' exports and stored parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.cloudformation.errors import Invalid
from local.cloudformation.intrinsics import Later, Scope, holds, resolve
from local.cloudformation.parameters import Lookup, parameters
from local.cloudformation.stacks import Output, Resource
from local.cloudformation.template import Template, graph, order, references


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A template with its parameters' values, its conditions and its resources in order."""

    template: Template
    parameters: dict[str, Any]
    conditions: Mapping[str, bool]
    waits: dict[str, set[str]]
    order: list[str]
    exports: Callable[[str], str]
    lookup: Lookup
    tags: dict[str, str] = field(default_factory=dict)
    """The stack's tags, which its resources get, too."""
    imports: set[str] = field(default_factory=set)
    """The names of the exports that were used; complete when everything was resolved."""

    @property
    def shown(self) -> dict[str, Any]:
        """The template's own parameters, without the pseudo ones."""
        return {name: self.parameters[name] for name in self.template.parameters}

    def scope(self, reference: Callable[[str], Any], attribute: Callable[[str, str], Any]) -> Scope:
        """Everything to resolve with; the two functions answer for resources."""
        return Scope(
            parameters=self.parameters,
            mappings=self.template.mappings,
            conditions=self.conditions,
            reference=reference,
            attribute=attribute,
            imported=self._imported,
            dynamic=self.lookup,
        )

    def _imported(self, name: str) -> str:
        value = self.exports(name)
        self.imports.add(name)
        return value


def prepare(
    template: Template,
    given: Mapping[str, str],
    pseudo: Mapping[str, Any],
    exports: Callable[[str], str],
    lookup: Lookup,
) -> Prepared:
    """Check and resolve parameters, rules, conditions and dependencies; raises `Invalid`."""
    values = dict(pseudo) | parameters(template, given, lookup)
    bare = Scope(
        parameters=values,
        mappings=template.mappings,
        reference=_no_resource,
        attribute=_no_resource,
        imported=exports,
        dynamic=lookup,
    )
    conditions = Conditions(template.conditions, bare)
    for name, rule in template.rules.items():
        _keep(name, rule, bare)
    waits = graph(template, conditions)
    _check_outputs(template, conditions, set(waits))
    return Prepared(
        template=template,
        parameters=values,
        conditions=conditions,
        waits=waits,
        order=order(waits),
        exports=exports,
        lookup=lookup,
    )


class Conditions(Mapping[str, bool]):
    """The template's conditions; each is worked out when it is first asked for."""

    def __init__(self, declared: Mapping[str, Any], scope: Scope) -> None:
        self._declared = declared
        self._scope = Scope(
            parameters=scope.parameters,
            mappings=scope.mappings,
            conditions=self,
            reference=scope.reference,
            attribute=scope.attribute,
            imported=scope.imported,
            dynamic=scope.dynamic,
        )
        self._known: dict[str, bool | None] = {}

    def __getitem__(self, name: str) -> bool:
        if name not in self._declared:
            raise Invalid(f"Template format error: Unresolved condition dependency {name}")
        if name not in self._known:
            self._known[name] = None
            self._known[name] = holds(self._declared[name], self._scope)
        known = self._known[name]
        if known is None:
            raise Invalid(f"Template format error: Circular condition dependency {name}")
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self._declared)

    def __len__(self) -> int:
        return len(self._declared)


def _keep(name: str, rule: Mapping[str, Any], scope: Scope) -> None:
    if "RuleCondition" in rule and not holds(rule["RuleCondition"], scope):
        return
    for assertion in rule.get("Assertions", ()):
        if not holds(assertion["Assert"], scope):
            told = assertion.get("AssertDescription", "its assertion does not hold")
            raise Invalid(f"Template error: rule {name} is violated: {told}")


def _no_resource(name: str, *_: str) -> Any:
    raise Invalid(
        f"Template format error: Unresolved dependencies [{name}]. Cannot reference "
        "resources in the Conditions block of the template"
    )


def _check_outputs(template: Template, conditions: Mapping[str, bool], resources: set[str]) -> None:
    active = [
        it
        for it in template.outputs.values()
        if "Condition" not in it or conditions[it["Condition"]]
    ]
    named = {name for it in active for name in references(it.get("Value"), conditions)}
    if unknown := sorted(named - resources - template.parameters.keys()):
        raise Invalid(
            f"Template format error: Unresolved resource dependencies "
            f"[{', '.join(unknown)}] in the Outputs block of the template"
        )


def outputs(template: Template, scope: Scope) -> list[Output]:
    """The outputs' values; those whose condition is false are left out."""
    found = []
    for key, declared in template.outputs.items():
        if "Condition" in declared and not scope.conditions[declared["Condition"]]:
            continue
        value = resolve(declared.get("Value"), scope)
        export = resolve(declared.get("Export", {}).get("Name"), scope)
        if not isinstance(value, Later) and not isinstance(value, str | int | float):
            raise Invalid(
                f"Template format error: Output {key} is malformed. "
                "The Value field of every Outputs member must evaluate to a String."
            )
        text = "" if isinstance(value, Later) else str(value)
        found.append(Output(key, text, declared.get("Description"), export))
    return found


def attribute(resource: Resource, name: str) -> Any:
    """An attribute of a resource that exists, or part of one ("Data.key")."""
    if name not in resource.attributes:
        raise Invalid(
            f"Template error: resource {resource.logical_id} does not support "
            f"attribute type {name} in Fn::GetAtt"
        )
    return resource.attributes[name]


def latest_first(resources: list[Resource]) -> list[Resource]:
    """Each before everything it waits for; of two with one name the later one first."""
    by_name: dict[str, list[Resource]] = {}
    for resource in resources:
        by_name.setdefault(resource.logical_id, []).append(resource)
    done: list[Resource] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen or name not in by_name:
            return
        seen.add(name)
        for resource in by_name[name]:
            for other in sorted(resource.waits_for):
                visit(other)
        done.extend(by_name[name])

    for name in by_name:
        visit(name)
    return done[::-1]
