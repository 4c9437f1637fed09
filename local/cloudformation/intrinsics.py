"""Intrinsic functions: a template's values with everything they refer to put in.

Pure: what is looked up comes from a `Scope`. A value that cannot be known yet, because the
resource it comes from is still to be made, is a `Later`; so is everything made out of one.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from local.cloudformation.errors import Invalid
from local.cloudformation.template import VARIABLE, Tree

NOTHING = object()
"""What AWS::NoValue stands for: the key or the list item is left out."""

DYNAMIC = re.compile(r"\{\{resolve:(?P<service>[^:}]+):(?P<key>[^}]+)\}\}")


@dataclass(frozen=True, slots=True)
class Later:
    """A value known only when `resource` has been made; of its Ref when `attribute` is None."""

    resource: str
    attribute: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where values come from. The functions raise `Invalid` or `Failure` for what is not there."""

    parameters: Mapping[str, Any]
    """By name, pseudo parameters such as AWS::Region among them."""
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)
    reference: Callable[[str], Any]
    attribute: Callable[[str, str], Any]
    imported: Callable[[str], str]
    dynamic: Callable[[str, str], str]


def resolve(tree: Tree, scope: Scope) -> Any:
    """`tree` with its functions carried out."""
    if isinstance(tree, dict):
        if len(tree) == 1:
            [(name, argument)] = tree.items()
            if name == "Ref" or name.startswith("Fn::"):
                return _call(name, argument, scope)
        found = {key: resolve(value, scope) for key, value in tree.items()}
        return {key: value for key, value in found.items() if value is not NOTHING}
    if isinstance(tree, list):
        items = [resolve(item, scope) for item in tree]
        return [item for item in items if item is not NOTHING]
    if isinstance(tree, str) and "{{resolve:" in tree:
        return DYNAMIC.sub(lambda it: scope.dynamic(it["service"], it["key"]), tree)
    return tree


def laters(value: Any) -> Iterator[Later]:
    """Every unknown within `value`."""
    if isinstance(value, Later):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from laters(item)
    elif isinstance(value, list):
        for item in value:
            yield from laters(item)


def holds(tree: Tree, scope: Scope) -> bool:
    """Whether a condition is true."""
    match tree:
        case {"Condition": str(name)}:
            return _named(name, scope)
        case {"Fn::Equals": [left, right]}:
            return bool(_text(resolve(left, scope)) == _text(resolve(right, scope)))
        case {"Fn::Not": [inner]}:
            return not holds(inner, scope)
        case {"Fn::And": list(parts)}:
            return all(holds(part, scope) for part in parts)
        case {"Fn::Or": list(parts)}:
            return any(holds(part, scope) for part in parts)
        case {"Fn::Contains": [items, item]}:
            return bool(resolve(item, scope) in resolve(items, scope))
    raise Invalid(f"Template format error: Unrecognized condition function {tree}")


def _named(name: str, scope: Scope) -> bool:
    if name not in scope.conditions:
        raise Invalid(f"Template format error: Unresolved condition dependency {name}")
    return scope.conditions[name]


def _call(name: str, argument: Tree, scope: Scope) -> Any:
    function = FUNCTIONS.get(name)
    if function is None:
        raise Invalid(f"Template error: {name} is not supported by the local AWS")
    try:
        return function(argument, scope)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise Invalid(f"Template error: {name} cannot be resolved: {error!r}") from error


def _ref(name: Tree, scope: Scope) -> Any:
    if name == "AWS::NoValue":
        return NOTHING
    if name in scope.parameters:
        return scope.parameters[name]
    return scope.reference(name)


def _get_att(argument: Tree, scope: Scope) -> Any:
    resource, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
    return scope.attribute(resource, resolve(attribute, scope))


def _sub(argument: Tree, scope: Scope) -> Any:
    text, given = (argument, {}) if isinstance(argument, str) else argument
    own = resolve(given, scope)
    pieces: list[Any] = []
    end = 0
    for found in VARIABLE.finditer(text):
        pieces.append(text[end : found.start()])
        end = found.end()
        pieces.append(_variable(found["literal"], found["name"].strip(), own, scope))
    return _joined("", [*pieces, text[end:]])


def _variable(literal: str | None, name: str, own: dict[str, Any], scope: Scope) -> Any:
    if literal:
        return f"${{{name}}}"
    if name in own:
        return own[name]
    return _get_att(name, scope) if "." in name else _ref(name, scope)


def _join(argument: Tree, scope: Scope) -> Any:
    separator, items = argument
    return _joined(separator, resolve(items, scope))


def _joined(separator: str, items: Any) -> Any:
    if unknown := next(laters(items), None):
        return unknown
    return separator.join(_text(item) for item in items)


def _split(argument: Tree, scope: Scope) -> Any:
    separator, text = argument[0], resolve(argument[1], scope)
    return text if isinstance(text, Later) else text.split(separator)


def _select(argument: Tree, scope: Scope) -> Any:
    index, items = resolve(argument[0], scope), resolve(argument[1], scope)
    return items if isinstance(items, Later) else items[int(index)]


def _if(argument: Tree, scope: Scope) -> Any:
    condition, then, other = argument
    return resolve(then if _named(condition, scope) else other, scope)


def _find_in_map(argument: Tree, scope: Scope) -> Any:
    name, first, second = resolve(argument, scope)
    return scope.mappings[name][first][second]


def _import_value(argument: Tree, scope: Scope) -> Any:
    name = resolve(argument, scope)
    return name if isinstance(name, Later) else scope.imported(name)


def _base64(argument: Tree, scope: Scope) -> Any:
    text = resolve(argument, scope)
    return text if isinstance(text, Later) else base64.b64encode(text.encode()).decode()


def _get_azs(argument: Tree, scope: Scope) -> Any:
    region = resolve(argument, scope) or scope.parameters["AWS::Region"]
    return [f"{region}{zone}" for zone in "abc"]


def _cidr(argument: Tree, scope: Scope) -> Any:
    """So many blocks of a network, each with so many bits for its hosts."""
    block, count, *bits = resolve(argument, scope)
    if isinstance(block, Later):
        return block
    network = ip_network(block)
    size = 1 << int(bits[0] if bits else 8)
    if int(count) * size > network.num_addresses:
        raise ValueError(f"{block} has no {count} blocks of {size} addresses")
    prefix = network.max_prefixlen - size.bit_length() + 1
    return [f"{network[number * size]}/{prefix}" for number in range(int(count))]


def _text(value: Any) -> Any:
    """A scalar as CloudFormation writes it within text."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


FUNCTIONS: dict[str, Callable[[Tree, Scope], Any]] = {
    "Ref": _ref,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
}
