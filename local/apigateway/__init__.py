"""API Gateway of the local AWS: what REST APIs answer. moto keeps what they are made of.

An API is called at `<endpoint>/_aws/execute-api/<api id>/<stage>/<path>`, or at
`<endpoint>/<stage>/<path>` with the host that AWS gives it,
`<api id>.execute-api.<region>.amazonaws.com`. Request validation (JSON Schema draft 4), API keys,
usage plans with rate, burst and quota, mapping templates and overrides of the status are AWS's, for
integrations of the type AWS with Kinesis.

What differs from AWS: a stage serves the API as it is now, not as it was when it was deployed;
nobody's permission is checked, an integration's role neither; access logs hold the variables of
`$context` that are known here, and a quota's day begins with the first call. Everything else, such
as Lambda, HTTP and MOCK integrations, authorizers, binary media types and caches, is refused by
name.
"""

import re

from local import routes
from local.http import Request, Response

PATH = re.compile(r"/_aws/execute-api/(?P<api>[a-z0-9]+)/(?P<stage>[\w-]+)(?P<path>/.*)?")
HOST = re.compile(r"(?P<api>[a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(:\d+)?")
STAGE = re.compile(r"/(?P<stage>[\w-]+)(?P<path>/.*)?")
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def install() -> None:
    """Answer calls of APIs; what that needs is imported with the first of them."""
    for method in METHODS:
        routes.register_path("execute-api", method, PATH, _by_path)
    routes.register_host(HOST, _by_host)


def _by_path(request: Request) -> Response:
    found = PATH.fullmatch(request.path)
    assert found is not None  # noqa: S101  it was the route
    return _call(request, found["api"], found["stage"], found["path"])


def _by_host(request: Request) -> Response:
    host = HOST.fullmatch(request.header.get("host", ""))
    found = STAGE.fullmatch(request.path)
    assert host is not None  # noqa: S101  it was the route
    stage, path = (found["stage"], found["path"]) if found else ("", None)
    return _call(request, host["api"], stage, path)


def _call(request: Request, api: str, stage: str, path: str | None) -> Response:
    from local.apigateway import execution

    return execution.call(request, api, stage, path or "/")
