"""Templates: from text to a checked value, and what in them depends on what.

Pure: text in, `Template` or `Invalid` out. The grammar is AWS's template anatomy:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

import yaml

from local.cloudformation.errors import Invalid

Tree = Any
"""A JSON value: what a template and its properties are made of."""

SECTIONS = {
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
}
ATTRIBUTES = {
    "Condition",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdateReplacePolicy",
}
POLICIES = ("Delete", "Retain", "RetainExceptOnCreate")
VARIABLE = re.compile(r"\$\{(?P<literal>!)?(?P<name>[^}!]+)\}")
"""A variable in Fn::Sub; `${!Name}` stands for the text `${Name}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A resource as the template declares it."""

    type: str
    properties: dict[str, Tree]
    condition: str | None = None
    depends_on: tuple[str, ...] = ()
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    metadata: Tree = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template whose form is right; `body` is the text as it was sent."""

    body: str
    description: str | None
    parameters: dict[str, dict[str, Any]]
    mappings: dict[str, Tree]
    conditions: dict[str, Tree]
    rules: dict[str, Tree]
    resources: dict[str, Declaration]
    outputs: dict[str, dict[str, Any]]
    metadata: Tree


EMPTY = Template(
    body="{}",
    description=None,
    parameters={},
    mappings={},
    conditions={},
    rules={},
    resources={},
    outputs={},
    metadata=None,
)


def parse(body: str) -> Template:
    """The template in `body`, JSON or YAML; `Invalid` says what is wrong with its form."""
    document = _document(body)
    unknown = [key for key in document if key not in SECTIONS]
    if unknown:
        raise Invalid(f"Invalid template property or properties [{', '.join(unknown)}]")
    if document.get("Transform"):
        raise Invalid(f"Transform {document['Transform']} is not supported by the local AWS")
    if not document.get("Resources"):
        raise Invalid("Template format error: At least one Resources member must be defined.")
    return Template(
        body=body,
        description=document.get("Description"),
        parameters=document.get("Parameters") or {},
        mappings=document.get("Mappings") or {},
        conditions=document.get("Conditions") or {},
        rules=document.get("Rules") or {},
        resources={name: _declaration(name, it) for name, it in document["Resources"].items()},
        outputs=document.get("Outputs") or {},
        metadata=document.get("Metadata"),
    )


def _document(body: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        try:
            document = yaml.load(body, Loader=_Loader)  # noqa: S506  a subclass of SafeLoader
        except yaml.YAMLError as error:
            raise Invalid(f"Template format error: YAML not well-formed. ({error})") from None
    if not isinstance(document, dict):
        raise Invalid("Template format error: unsupported structure.")
    return document


def _declaration(name: str, given: Tree) -> Declaration:
    if not isinstance(given, dict) or not isinstance(given.get("Type"), str):
        raise Invalid(
            f"Template format error: [/Resources/{name}] Every Resources object must "
            "contain a Type member."
        )
    if unknown := [key for key in given if key not in ATTRIBUTES]:
        raise Invalid(f"Invalid template resource property '{unknown[0]}' of resource {name}")
    wanted = given.get("DependsOn", [])
    retained = {"Delete": "Delete"} | {key: key for key in POLICIES}
    for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
        if given.get(policy, "Delete") not in retained:
            raise Invalid(
                f"Template format error: {policy} {given[policy]} of resource {name} "
                "is not supported by the local AWS"
            )
    return Declaration(
        type=given["Type"],
        properties=given.get("Properties") or {},
        condition=given.get("Condition"),
        depends_on=(wanted,) if isinstance(wanted, str) else tuple(wanted),
        deletion_policy=given.get("DeletionPolicy", "Delete"),
        update_replace_policy=given.get("UpdateReplacePolicy", "Delete"),
        metadata=given.get("Metadata"),
    )


def graph(template: Template, conditions: Mapping[str, bool]) -> dict[str, set[str]]:
    """What each declared resource waits for; those whose condition is false are left out."""
    active = {
        name: it
        for name, it in template.resources.items()
        if it.condition is None or conditions[it.condition]
    }
    known = set(template.parameters)
    result: dict[str, set[str]] = {}
    unresolved: set[str] = set()
    for name, declaration in active.items():
        named = set(references(declaration.properties, conditions)) - known
        unresolved |= named - set(active)
        waits = named | {it for it in declaration.depends_on if it in template.resources}
        unresolved |= set(declaration.depends_on) - set(template.resources)
        result[name] = waits & set(active)
    if unresolved:
        raise Invalid(
            f"Template format error: Unresolved resource dependencies "
            f"[{', '.join(sorted(unresolved))}] in the Resources block of the template"
        )
    return result


def references(tree: Tree, conditions: Mapping[str, bool]) -> Iterator[str]:
    """The names of resources and parameters that a value refers to, pseudo ones left out.

    Of an Fn::If only the branch that is taken counts.
    """
    if isinstance(tree, list):
        for item in tree:
            yield from references(item, conditions)
    elif isinstance(tree, dict):
        match list(tree.items()):
            case [("Ref", str(name))]:
                if "::" not in name:
                    yield name
            case [("Fn::GetAtt", target)]:
                yield target.partition(".")[0] if isinstance(target, str) else target[0]
            case [("Fn::If", [str(condition), then, other])] if condition in conditions:
                yield from references(then if conditions[condition] else other, conditions)
            case [("Fn::Sub", argument)]:
                yield from _substituted(argument, conditions)
            case _:
                yield from references(list(tree.values()), conditions)


def _substituted(argument: Tree, conditions: Mapping[str, bool]) -> Iterator[str]:
    text, own = (argument, {}) if isinstance(argument, str) else argument
    yield from references(list(own.values()), conditions)
    for found in VARIABLE.finditer(text):
        name = found["name"].strip().partition(".")[0]
        if not found["literal"] and name not in own and "::" not in name:
            yield name


def order(waits: Mapping[str, set[str]]) -> list[str]:
    """Names such that each comes after all it waits for; `Invalid` when there is a circle."""
    try:
        return list(TopologicalSorter(waits).static_order())
    except CycleError as error:
        circle = sorted(set(error.args[1]))
        raise Invalid(f"Circular dependency between resources: [{', '.join(circle)}]") from None


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]  # PyYAML has no types here
    """YAML as CloudFormation reads it: short forms of functions, and dates stay text."""

    yaml_implicit_resolvers = {  # noqa: RUF012  the name and the form are PyYAML's
        first: [(tag, form) for tag, form in found if tag != "tag:yaml.org,2002:timestamp"]
        for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


def _short_form(loader: Any, suffix: str, node: Any) -> Tree:
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
