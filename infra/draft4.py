"""The contract as API Gateway validates it: JSON Schema draft 4, without references.

Of what API Gateway does not support, `additionalProperties` and `anyOf` are here all the same:
fields that nobody knows and nulls cannot be told without them. No real account has seen this yet.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""

from typing import Any

from events.contract import Event
from events.schema import json_schema

COPIED = frozenset(
    (
        *("additionalProperties", "anyOf", "enum", "items", "pattern", "properties", "required"),
        *("maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum", "multipleOf"),
        *("type", "uniqueItems"),
    )
)
"""Keywords that both drafts have in common; descriptions and defaults validate nothing, and of
formats API Gateway checks none."""


def model(kind: type[Event]) -> dict[str, Any]:
    """The schema of one event. What it cannot say (dates that are too early, a bound that is itself
    excluded) delivery rejects."""
    schema = json_schema(kind)
    found: dict[str, Any] = _converted(schema, schema["$defs"], ())
    return found


def array_model(kind: type[Event], most: int) -> dict[str, Any]:
    """The schema of an array of them."""
    return {"type": "array", "minItems": 1, "maxItems": most, "items": model(kind)}


def _converted(schema: dict[str, Any], known: dict[str, Any], inside: tuple[str, ...]) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in inside:
            return {}  # it holds itself: draft 4 without references cannot say so
        return _converted(known[name], known, (*inside, name))
    found = {key: value for key, value in schema.items() if key in COPIED}
    if "const" in schema:
        found["enum"] = [schema["const"]]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if exclusive in schema:
            found[bound] = schema[exclusive]  # API Gateway has no exclusive ones
    if "properties" in found:
        found["properties"] = {
            name: _converted(one, known, inside) for name, one in found["properties"].items()
        }
    if "anyOf" in found:
        found["anyOf"] = [_converted(one, known, inside) for one in found["anyOf"]]
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = _converted(found[key], known, inside)
    return found
