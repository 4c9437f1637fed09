"""AWS's own model of a service, which botocore carries: what a request must look like.

The constraints (required, length, range, pattern, enumeration) and so the sentences are AWS's:
"1 validation error detected: Value '' at 'deliveryStreamName' failed to satisfy constraint:
Member must have length greater than or equal to 1".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.loaders import Loader

from local import routes
from local.http import Request
from local.routes import AWSError

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "blob": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "double": (int, float),
    "timestamp": (int, float),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}

UNICODE = {r"\p{L}": r"\w", r"\p{Z}": r"\s", r"\p{N}": r"\d"}


@cache
def service(name: str) -> Model:
    """The model of a service by its boto3 name."""
    return Model(Loader().load_service_model(name, "service-2"))


class Model:
    """The operations and shapes of one service."""

    def __init__(self, model: dict[str, Any]) -> None:
        self.operations: dict[str, Any] = model["operations"]
        self.shapes: dict[str, Any] = model["shapes"]

    def check(self, operation: str, parameters: dict[str, Any]) -> None:
        """Raise `ValidationException` with every broken constraint, in the model's order."""
        shape = self.operations[operation]["input"]["shape"]
        problems = list(self._structure(self.shapes[shape], parameters, ""))
        if problems:
            raise invalid(*problems)

    def checked(self, operation: str, request: Request) -> dict[str, Any]:
        """The parameters of a request, when they keep the constraints."""
        parameters = routes.parameters(request)
        self.check(operation, parameters)
        return parameters

    def _structure(self, shape: dict[str, Any], value: dict[str, Any], path: str) -> Iterator[str]:
        for name, member in shape["members"].items():
            where = f"{path}{name[0].lower()}{name[1:]}"
            if value.get(name) is not None:
                yield from self._value(member["shape"], value[name], where)
            elif name in shape.get("required", ()):
                yield _problem("Value null", where, "Member must not be null")

    def _value(self, name: str, value: Any, where: str) -> Iterator[str]:
        shape = self.shapes[name]
        kind = shape["type"]
        if type(value) not in TYPES[kind]:
            raise AWSError("SerializationException", f"{where} is no {kind}.")
        hidden = kind in ("blob", "list", "map") or shape.get("sensitive")
        shown = "Value" if hidden else f"Value '{value}'"
        for constraint in _broken(shape, value):
            yield _problem(shown, where, constraint)
        if kind == "structure":
            yield from self._structure(shape, value, f"{where}.")
        elif kind == "list":
            for position, item in enumerate(value, 1):
                inner = f"{where}.{position}.member"
                yield from self._value(shape["member"]["shape"], item, inner)
        elif kind == "map":
            for key, item in value.items():
                yield from self._value(shape["key"]["shape"], key, f"{where}.key")
                yield from self._value(shape["value"]["shape"], item, f"{where}.{key}.member")


def invalid(*problems: str) -> AWSError:
    """Parameters break the constraints of the service's model."""
    count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
    return AWSError("ValidationException", count + "; ".join(problems))


def _broken(shape: dict[str, Any], value: Any) -> Iterator[str]:
    kind = shape["type"]
    sized = kind in ("string", "blob", "list", "map")
    measure, word = (_length(kind, value), "length") if sized else (value, "value")
    if "min" in shape and measure < shape["min"]:
        yield f"Member must have {word} greater than or equal to {shape['min']}"
    if "max" in shape and measure > shape["max"]:
        yield f"Member must have {word} less than or equal to {shape['max']}"
    if "pattern" in shape and not _pattern(shape["pattern"]).fullmatch(value):
        yield f"Member must satisfy regular expression pattern: {shape['pattern']}"
    if "enum" in shape and value not in shape["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]"


@cache
def _pattern(java: str) -> re.Pattern[str]:
    """Python's form of a Java pattern: classes of Unicode characters have other names."""
    for name, ours in UNICODE.items():
        java = java.replace(name, ours)
    return re.compile(java)


def _length(kind: str, value: str | list[Any] | dict[str, Any]) -> int:
    if kind == "blob" and isinstance(value, str):  # as sent, in base64
        return len(value) // 4 * 3 - value.endswith("=") - value.endswith("==")
    return len(value)


def _problem(shown: str, where: str, constraint: str) -> str:
    return f"{shown} at '{where}' failed to satisfy constraint: {constraint}"
