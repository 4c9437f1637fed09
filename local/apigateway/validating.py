"""Request validation: the parameters that a method requires, and the body by its model."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from local.apigateway import errors
from local.apigateway.templates import Input
from local.http import Request


def validate(api: Any, method: Any, media: str, given: Input) -> None:
    """Raises Refused, as the method's validator says."""
    if method.request_validator_id is None:
        return
    validator = api.get_request_validator(method.request_validator_id)
    if _on(validator.validate_request_parameters):
        _parameters(method.request_parameters or {}, given.parameters)
    if _on(validator.validate_request_body):
        name = (method.request_models or {}).get(media)
        if name is not None:
            _body(model(api, name).schema, given)


def media_type(request: Request) -> str:
    """Without its parameters; a request that names none has JSON, as on AWS."""
    return request.header.get("content-type", "").partition(";")[0].strip() or "application/json"


def model(api: Any, name: str) -> Any:
    """The model of this name; raises Refused where there is none."""
    for one in api.models.values():
        if one.name == name:
            return one
    raise errors.defect()


def _on(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _parameters(wanted: dict[str, Any], parameters: dict[str, Any]) -> None:
    gone = []
    for name, required in wanted.items():
        _, _, place, key = name.split(".", 3)
        given = {it.lower() for it, value in parameters[place].items() if value}
        if _on(required) and key.lower() not in given:
            gone.append(key)
    if gone:
        raise errors.wrong_parameters(", ".join(gone))


def _body(schema: str, given: Input) -> None:
    try:
        valid = _validator(schema).is_valid(given.document)
    except (ValueError, RecursionError):
        valid = False
    if not valid:
        raise errors.wrong_body()


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    from jsonschema import Draft4Validator

    document = json.loads(schema)
    Draft4Validator.check_schema(document)
    return Draft4Validator(document)
