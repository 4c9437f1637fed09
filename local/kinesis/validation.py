"""Checks a request against AWS's own model of the operation, which botocore carries.

The constraints (required, length, range, pattern, enumeration) and so the sentences are
AWS's: "1 validation error detected: Value '' at 'streamName' failed to satisfy constraint:
Member must have length greater than or equal to 1".
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.loaders import Loader

from local import routes
from local.http import Request
from local.kinesis import errors
from local.routes import AWSError

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "blob": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "timestamp": (int, float),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}


@cache
def model() -> dict[str, Any]:
    """The service model of Kinesis."""
    loaded: dict[str, Any] = Loader().load_service_model("kinesis", "service-2")
    return loaded


def operations() -> list[str]:
    """Every operation that Kinesis has."""
    return list(model()["operations"])


def check(operation: str, parameters: dict[str, Any]) -> None:
    """Raise `ValidationException` with every broken constraint, in the model's order."""
    shape = model()["operations"][operation]["input"]["shape"]
    problems = list(_structure(model()["shapes"][shape], parameters, ""))
    if problems:
        raise errors.validation(*problems)


def checked(request: Request, operation: str) -> dict[str, Any]:
    """The parameters of a request, when they keep the constraints."""
    parameters = routes.parameters(request)
    check(operation, parameters)
    return parameters


def _structure(shape: dict[str, Any], value: dict[str, Any], path: str) -> Iterator[str]:
    for name, member in shape["members"].items():
        where = f"{path}{name[0].lower()}{name[1:]}"
        if value.get(name) is not None:
            yield from _value(member["shape"], value[name], where)
        elif name in shape.get("required", ()):
            yield _problem("Value null", where, "Member must not be null")


def _value(name: str, value: Any, where: str) -> Iterator[str]:
    shape = model()["shapes"][name]
    kind = shape["type"]
    if type(value) not in TYPES[kind]:
        raise AWSError("SerializationException", f"{where} is no {kind}.")
    shown = "Value" if kind in ("blob", "list", "map") else f"Value '{value}'"
    for constraint in _broken(shape, value):
        yield _problem(shown, where, constraint)
    if kind == "structure":
        yield from _structure(shape, value, f"{where}.")
    elif kind == "list":
        for position, item in enumerate(value, 1):
            yield from _value(shape["member"]["shape"], item, f"{where}.{position}.member")
    elif kind == "map":
        for key, item in value.items():
            yield from _value(shape["key"]["shape"], key, f"{where}.key")
            yield from _value(shape["value"]["shape"], item, f"{where}.{key}.member")


def _broken(shape: dict[str, Any], value: Any) -> Iterator[str]:
    kind = shape["type"]
    sized = kind in ("string", "blob", "list", "map")
    measure, word = (_length(kind, value), "length") if sized else (value, "value")
    if "min" in shape and measure < shape["min"]:
        yield f"Member must have {word} greater than or equal to {shape['min']}"
    if "max" in shape and measure > shape["max"]:
        yield f"Member must have {word} less than or equal to {shape['max']}"
    if "pattern" in shape and not re.fullmatch(shape["pattern"], value):
        yield f"Member must satisfy regular expression pattern: {shape['pattern']}"
    if "enum" in shape and value not in shape["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]"


def _length(kind: str, value: str | list[Any] | dict[str, Any]) -> int:
    if kind == "blob" and isinstance(value, str):  # as sent, in base64
        return len(value) // 4 * 3 - value.endswith("=") - value.endswith("==")
    return len(value)


def _problem(shown: str, where: str, constraint: str) -> str:
    return f"{shown} at '{where}' failed to satisfy constraint: {constraint}"
