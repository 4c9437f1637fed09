"""What AWS itself says about a resource type: its properties, and which of them replace it.

The resource provider schemas (https://github.com/aws-cloudformation/cloudformation-resource-schema)
are read from the data files of the cfn-lint package, without importing the package.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from local.cloudformation.errors import Failure
from local.cloudformation.intrinsics import Later

TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Schema:
    """One resource type; `create_only` are paths of properties that cannot change in place."""

    properties: dict[str, Any]
    required: tuple[str, ...]
    create_only: tuple[tuple[str, ...], ...]
    read_only: frozenset[str]
    definitions: dict[str, Any]


@cache
def load(resource_type: str) -> Schema | None:
    """The schema of a type, None for a type that AWS does not have."""
    name = _index().get(resource_type)
    if name is None:
        return None
    document = json.loads((_folder() / "resources" / f"{name}.json").read_bytes())
    paths = [_path(pointer) for pointer in document.get("createOnlyProperties", ())]
    read_only = [_path(pointer) for pointer in document.get("readOnlyProperties", ())]
    return Schema(
        properties=document["properties"],
        required=tuple(document.get("required", ())),
        create_only=tuple(paths),
        read_only=frozenset(path[0] for path in read_only if len(path) == 1),
        definitions=document.get("definitions", {}),
    )


@cache
def _index() -> dict[str, str]:
    index: dict[str, str] = json.loads((_folder() / "providers" / "us-east-1.json").read_bytes())
    return index


@cache
def _folder() -> Path:
    package = find_spec("cfnlint")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("the package cfn-lint, which holds AWS's schemas, is not installed")
    return Path(package.submodule_search_locations[0]) / "data" / "schemas"


def _path(pointer: str) -> tuple[str, ...]:
    return tuple(pointer.removeprefix("/properties/").split("/"))


def fitted(schema: Schema, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """`given` with scalars of the types that the schema asks for ("60" is a number, too).

    Raises `Failure` in AWS's words when a property is unknown, missing or of a wrong form.
    What is a `Later` passes: it is looked at again when it is known.
    """
    settable = {key: it for key, it in schema.properties.items() if key not in schema.read_only}
    whole = {"type": "object", "properties": settable, "required": schema.required}
    problems: list[str] = []
    result = _Fit(schema.definitions, problems).value(
        given, whole | {"additionalProperties": False}, "#"
    )
    if problems:
        raise Failure(
            f"Properties validation failed for resource {name} with message:\n"
            f"[{', '.join(problems)}]"
        )
    return dict(result)


@dataclass(frozen=True, slots=True)
class _Fit:
    """One walk over properties and schema side by side; notes every problem it meets."""

    definitions: dict[str, Any]
    problems: list[str]

    def value(self, value: Any, schema: dict[str, Any], path: str) -> Any:
        schema = self._resolved(schema)
        if isinstance(value, Later):
            return value
        types = schema.get("type", ())
        types = (types,) if isinstance(types, str) else types
        if isinstance(value, dict) and (not types or "object" in types):
            return self._object(value, schema, path)
        if isinstance(value, list) and (not types or "array" in types):
            return [
                self.value(item, schema.get("items", {}), f"{path}/{index}")
                for index, item in enumerate(value)
            ]
        if types:
            value = self._scalar(value, types, path)
        self._bounds(value, schema, path)
        return value

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            *_, name = schema["$ref"].split("/")
            schema = self.definitions.get(name, {}) | {
                key: it for key, it in schema.items() if key != "$ref"
            }
        return schema

    def _object(self, value: dict[str, Any], schema: dict[str, Any], path: str) -> dict[str, Any]:
        known = schema.get("properties", {})
        patterns = list(schema.get("patternProperties", {}).values())
        self.problems.extend(
            f"{path}: required key [{key}] not found"
            for key in schema.get("required", ())
            if key not in value
        )
        result = {}
        for key, item in value.items():
            if key in known:
                result[key] = self.value(item, known[key], f"{path}/{key}")
            elif patterns:
                result[key] = self.value(item, patterns[0], f"{path}/{key}")
            elif known and schema.get("additionalProperties") is False:
                self.problems.append(f"{path}: extraneous key [{key}] is not permitted")
            else:
                result[key] = item
        return result

    def _scalar(self, value: Any, types: tuple[str, ...], path: str) -> Any:
        for wanted in types:
            for found in _as(wanted, value):
                return found
        self.problems.append(f"{path}: expected type: {types[0].title()}, found: {_name(value)}")
        return value

    def _bounds(self, value: Any, schema: dict[str, Any], path: str) -> None:
        if "enum" in schema and value not in schema["enum"]:
            self.problems.append(f"{path}: {value} is not a valid enum value")
        if isinstance(value, int | float):
            if value < schema.get("minimum", value):
                self.problems.append(
                    f"{path}: {value} is not greater or equal to {schema['minimum']}"
                )
            if value > schema.get("maximum", value):
                self.problems.append(f"{path}: {value} is not less or equal to {schema['maximum']}")


def _as(wanted: str, value: Any) -> Iterator[Any]:
    """`value` as a scalar of the type `wanted`, nothing when it cannot be one."""
    match wanted, value:
        case ("string", bool()):
            yield str(value).lower()
        case ("string", str() | int() | float()):
            yield str(value)
        case ("boolean", bool()):
            yield value
        case ("boolean", str()) if value.lower() in TRUTH:
            yield TRUTH[value.lower()]
        case ("integer", int()) if not isinstance(value, bool):
            yield value
        case ("integer" | "number", str()):
            try:
                yield int(value) if wanted == "integer" else float(value)
            except ValueError:
                return
        case ("integer", float()) if value.is_integer():
            yield int(value)
        case ("number", int() | float()) if not isinstance(value, bool):
            yield value


def _name(value: Any) -> str:
    names = {dict: "JSONObject", list: "JSONArray", str: "String", bool: "Boolean"}
    return names.get(type(value), "Number")
