"""Errors in the shape in which the protocol of the asked service has them.

A client reads an error by its protocol: JSON when the operation was named in a header, XML
when it came as a form, and so on. Whatever goes wrong, no client gets a page of HTML.
"""

import uuid
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import msgspec
from moto.core.request import Request as MotoRequest
from moto.core.routing import get_service_router
from werkzeug.exceptions import NotFound

from local import routes
from local.http import Request, Response
from local.routes import AWSError

REST_XML = {"cloudfront", "route53"}
FORM = "application/x-www-form-urlencoded"


def refuse(request: Request, error: AWSError) -> Response:
    """The error as an answer to this request."""
    request_id = str(uuid.uuid4())
    signed = routes.scope(request)
    service = "s3" if signed is None else signed.service
    if "x-amz-target" in request.header:
        return _json(error, request_id, routes.JSON)
    if service == "s3":
        return _xml(error, request_id, f"<Error>{_described(error)}</Error>")
    if service in REST_XML or request.header.get("content-type", "").startswith(FORM):
        inner = f"<Error><Type>Sender</Type>{_described(error)}</Error>"
        return _xml(error, request_id, f"<ErrorResponse>{inner}</ErrorResponse>")
    return _json(error, request_id, "application/json")


def unsupported(request: Request) -> AWSError:
    """AWS may have the operation; the local AWS has not, and says so by name."""
    signed = routes.scope(request)
    service = "this service" if signed is None else signed.service
    return AWSError(
        "UnsupportedOperation",
        f"The local AWS does not support the operation {operation(request)} of {service}.",
        501,
    )


def operation(request: Request) -> str:
    """The name of what is asked for, as far as it can be told."""
    target = request.header.get("x-amz-target")
    if target is not None:
        return target.rpartition(".")[2]
    if request.header.get("content-type", "").startswith(FORM):
        action = parse_qs(request.body.decode(errors="replace")).get("Action")
        if action is not None:
            return action[0]
    return _routed(request) or f"{request.method} {request.path}"


def _routed(request: Request) -> str | None:
    """The operation that a method and a path stand for in the service's model."""
    signed = routes.scope(request)
    if signed is None:
        return None
    url = f"http://localhost{request.target}"
    plain = MotoRequest.from_primitives(request.method, url, request.header, b"")
    try:
        name: str = get_service_router(signed.service).match(plain)[0].name
    except (NotFound, NotImplementedError, LookupError, ValueError):
        return None
    return name


def _json(error: AWSError, request_id: str, content_type: str) -> Response:
    headers = [
        ("Content-Type", content_type),
        ("x-amzn-RequestId", request_id),
        ("x-amzn-ErrorType", error.code),
    ]
    body = msgspec.json.encode({"__type": error.code, "message": error.message})
    return Response(error.status, headers, body)


def _xml(error: AWSError, request_id: str, text: str) -> Response:
    headers = [("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id)]
    return Response(error.status, headers, f'<?xml version="1.0"?>{text}'.encode())


def _described(error: AWSError) -> str:
    return f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
