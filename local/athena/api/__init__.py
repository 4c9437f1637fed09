"""Athena's API: every operation of the service model is answered or refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import botocore.session
import msgspec

from local import routes
from local.athena import state
from local.athena.api import metadata, named, queries, workgroups
from local.athena.errors import InvalidRequest
from local.athena.state import Region
from local.http import Request, Response

Operation = Callable[[Region, dict[str, Any]], dict[str, Any]]

MOTO = {"ListTagsForResource", "TagResource", "UntagResource"}
"""Operations that moto does as they should be."""

OPERATIONS: dict[str, Operation] = {
    **queries.OPERATIONS,
    **workgroups.OPERATIONS,
    **named.OPERATIONS,
    **metadata.OPERATIONS,
}


def register() -> None:
    """Answer all of Athena's operations."""
    model = botocore.session.get_session().get_service_model("athena")
    for name in model.operation_names:
        if name in OPERATIONS:
            routes.register("athena", name, partial(_answered, OPERATIONS[name]))
        elif name not in MOTO:
            routes.register("athena", name, partial(_refused, name))


def _answered(operation: Operation, request: Request) -> Response:
    scope = routes.scope(request)
    region = state.region(scope.region if scope else None)
    try:
        return routes.answer(operation(region, routes.parameters(request)))
    except InvalidRequest as error:
        return refusal(error)


def _refused(name: str, _: Request) -> Response:
    message = f"{name} is not supported by the local Athena"
    return refusal(InvalidRequest(message, "UNSUPPORTED_OPERATION"))


def refusal(error: InvalidRequest) -> Response:
    """An error as Athena sends it; InvalidRequestException has a code of its own besides."""
    body = {"__type": error.exception, "Message": error.message}
    if error.exception == "InvalidRequestException" and error.code:
        body["AthenaErrorCode"] = error.code
    headers = [("Content-Type", routes.JSON), ("x-amzn-ErrorType", error.exception)]
    return Response(400, headers, msgspec.json.encode(body))
