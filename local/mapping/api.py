"""Lambda's REST calls for event source mappings, in place of moto's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from moto.awslambda.responses import LambdaResponse

from local.mapping import service
from local.routes import AWSError

if TYPE_CHECKING:
    from collections.abc import Callable

MAPPING_ARN = ":event-source-mapping:"
Answer = tuple[int, dict[str, Any], str]


def install() -> None:
    """Serve the event source mapping operations from here."""
    for name, operation in {
        "create_event_source_mapping": create,
        "list_event_source_mappings": listed,
        "get_event_source_mapping": get,
        "update_event_source_mapping": update,
        "delete_event_source_mapping": delete,
    }.items():
        setattr(LambdaResponse, name, answered(operation))
    for name, operation in {
        "list_tags": list_tags,
        "tag_resource": tag,
        "untag_resource": untag,
    }.items():
        moto = getattr(LambdaResponse, name)
        setattr(LambdaResponse, name, for_mappings(answered(operation), moto))


def answered(operation: Callable[[Any], tuple[int, Any]]) -> Callable[[Any], Answer]:
    """An operation as moto calls it, its errors in the shape of Lambda's."""

    def call(request: Any) -> Answer:
        try:
            status, body = operation(request)
        except AWSError as error:
            kind = "User" if error.status < 500 else "Service"
            body = {"Type": kind, "Message": error.message, "message": error.message}
            return (
                error.status,
                {"x-amzn-ErrorType": error.code, "status": error.status},
                json.dumps(body),
            )
        return status, {"status": status}, json.dumps(body)

    return call


def create(request: Any) -> tuple[int, Any]:
    return 202, service.create(request.json_body, request.region)


def listed(request: Any) -> tuple[int, Any]:
    """All at once: a marker never comes back."""
    values = {name: found[0] for name, found in request.querystring.items()}
    arn, name = values.get("EventSourceArn"), values.get("FunctionName")
    return 200, {"EventSourceMappings": service.listed(arn, name, request.region)}


def get(request: Any) -> tuple[int, Any]:
    return 200, service.find(identifier(request)).describe()


def update(request: Any) -> tuple[int, Any]:
    return 202, service.update(identifier(request), request.json_body, request.region)


def delete(request: Any) -> tuple[int, Any]:
    return 202, service.delete(identifier(request))


def for_mappings(ours: Callable[[Any], Any], moto: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The tags of a mapping are ours, those of functions moto's: the ARN in the path tells."""
    return lambda request: ours(request) if MAPPING_ARN in unquote(request.path) else moto(request)


def list_tags(request: Any) -> tuple[int, Any]:
    return 200, {"Tags": tags(request)}


def tag(request: Any) -> tuple[int, Any]:
    tags(request).update(request.json_body["Tags"])
    return 204, None


def untag(request: Any) -> tuple[int, Any]:
    for key in request.querystring["tagKeys"]:
        tags(request).pop(key, None)
    return 204, None


def tags(request: Any) -> dict[str, str]:
    """The tags of the mapping whose ARN is in the path."""
    return service.find(unquote(request.path).rpartition(":")[2]).tags


def identifier(request: Any) -> str:
    return unquote(request.path.rstrip("/").rpartition("/")[2])
