"""The operations of Firehose, each of them answered here, done or refused by name."""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from urllib.parse import urlsplit

from local import model, routes
from local.delivery import attributes, control, putting, validation
from local.delivery.streams import Call, Operation, find
from local.http import Request, Response

DIRECT: dict[str, putting.Put] = {"PutRecord": putting.record, "PutRecordBatch": putting.batch}
"""These decode their records themselves, because they are many."""
OPERATIONS: dict[str, Operation] = {**control.OPERATIONS, **attributes.OPERATIONS}


def register() -> None:
    """Answer every operation that Firehose has."""
    for name in model.service("firehose").operations:
        routes.register("firehose", name, _handler(name))


def _handler(name: str) -> routes.Handler:
    if name in DIRECT:
        return lambda request: DIRECT[name](request, find)
    operation = OPERATIONS[name]

    def handle(request: Request) -> Response:
        parameters = routes.parameters(request)
        model.service("firehose").check(name, _secured(parameters))
        return routes.answer(operation(Call(routes.region(request), parameters)))

    return handle


def _secured(parameters: dict[str, Any]) -> dict[str, Any]:
    """What is checked against AWS's model, which knows no receiver on this machine."""
    result = deepcopy(parameters)
    for name, value in result.items():
        if name.startswith("HttpEndpointDestination") and isinstance(value, dict):
            endpoint = value.get("EndpointConfiguration") or {}
            url = urlsplit(str(endpoint.get("Url")))
            if url.scheme == "http" and url.hostname in validation.LOOPBACK:
                endpoint["Url"] = url._replace(scheme="https").geturl()
    return result
