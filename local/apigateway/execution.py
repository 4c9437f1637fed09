"""One call of an API: method, key, validation, integration, and the answer that is made of its."""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from moto.apigateway.models import apigateway_backends

from local import logs, refusals, routes, settings
from local.apigateway import errors, templates, validating
from local.apigateway.errors import Refused
from local.apigateway.plans import Gate
from local.apigateway.templates import Input
from local.http import Request, Response
from local.routes import AWSError

JSON = "application/json"
LARGEST = 10 * 2**20
URI = re.compile(r"arn:aws:apigateway:(?P<region>[\w-]+):kinesis:action/(?P<action>PutRecords?)")
LITERAL = re.compile(r"'(?P<text>.*)'")
VARIABLE = re.compile(r"\$context\.([\w.]+)")

gate = Gate(time.monotonic)


def call(request: Request, api_id: str, stage_name: str, path: str) -> Response:
    """The answer of a deployed API."""
    account, region = settings.current().account, settings.current().region
    backend = apigateway_backends[account][region]
    api = backend.apis.get(api_id)
    stage = api.stages.get(stage_name) if api is not None else None
    if stage is None:
        return errors.answer(errors.missing())
    context = _context(request, api_id, stage_name, path)
    try:
        response = _answered(backend, api, stage, request, path, context)
    except Refused as refused:
        context["error"] = {"message": refused.message, "responseType": refused.error}
        response = errors.answer(refused)
    context["status"] = response.status
    context["responseLength"] = len(response.body) if isinstance(response.body, bytes) else 0
    _log(stage, context, account, region)
    return response


def _answered(
    backend: Any, api: Any, stage: Any, request: Request, path: str, context: dict[str, Any]
) -> Response:
    resource, method = _method(api, request.method, path)
    context["resourcePath"] = resource.get_path()
    if method.authorization_type not in (None, "NONE"):
        raise errors.unsupported(f"the authorization {method.authorization_type}")
    stage_settings = (stage.method_settings or {}).get("*/*", {})
    if method.api_key_required:
        key = request.header.get("x-api-key")
        found = gate.admit(backend, api.id, stage.name, key, stage_settings)
        context["identity"]["apiKeyId"] = found
    else:
        gate.throttle(api.id, stage.name, stage_settings)
    if len(request.body) > LARGEST:
        raise Refused(413, "Request Too Long", "RequestEntityTooLargeException")
    given, media = Input(request.body, _parameters(request)), validating.media_type(request)
    validating.validate(api, method, media, given)
    return _integrated(method, stage, media, given, context)


def _method(api: Any, name: str, path: str) -> tuple[Any, Any]:
    wanted = path.rstrip("/") or "/"
    for resource in api.resources.values():
        if resource.get_path() == wanted:
            for method in (name, "ANY"):
                if method in resource.resource_methods:
                    return resource, resource.resource_methods[method]
    if any("{" in resource.get_path() for resource in api.resources.values()):
        raise errors.unsupported("a path with parameters")
    raise errors.missing()


def _integrated(
    method: Any, stage: Any, media: str, given: Input, context: dict[str, Any]
) -> Response:
    integration = method.method_integration
    if integration is None or integration.integration_type != "AWS":
        kind = integration.integration_type if integration else "none"
        raise errors.unsupported(f"an integration of the type {kind}")
    uri = URI.fullmatch(integration.uri or "")
    if uri is None:
        raise errors.unsupported(f"the integration {integration.uri}")
    variables = stage.variables or {}
    payload = _mapped_request(integration, media, given, context, variables)
    status, said = _kinesis(uri["action"], payload)
    found = _integration_response(integration, status)
    answer = Input(said, given.parameters)
    text = (found.response_templates or {}).get(JSON)
    body = said if text is None else templates.render(text, answer, context, variables)
    override = context["responseOverride"]
    headers = {"Content-Type": JSON, "x-amzn-RequestId": context["requestId"]}
    for name, value in (found.response_parameters or {}).items():
        literal = LITERAL.fullmatch(value)
        if literal is None:
            raise errors.unsupported(f"the response parameter {value}")
        headers[name.removeprefix("method.response.header.")] = literal["text"]
    headers |= {name: str(value) for name, value in override["header"].items()}
    return Response(int(override.get("status") or found.status_code), list(headers.items()), body)


def _mapped_request(
    integration: Any,
    media: str,
    given: Input,
    context: dict[str, Any],
    variables: dict[str, str],
) -> bytes:
    """The body for the service; only JSON can be given to `$input`."""
    text = (integration.request_templates or {}).get(media)
    if text is None:
        if integration.passthrough_behaviour == "NEVER" or (
            integration.passthrough_behaviour == "WHEN_NO_TEMPLATES"
            and integration.request_templates
        ):
            raise errors.unsupported_media()
        return given.raw
    try:
        _ = given.document
    except (ValueError, RecursionError):
        raise Refused(400, "Could not parse request body", "BadRequestException") from None
    return templates.render(text, given, context, variables)


def _kinesis(action: str, payload: bytes) -> tuple[int, bytes]:
    """What the service answers."""
    header = {"x-amz-target": f"Kinesis_20131202.{action}", "content-type": routes.JSON}
    asked = Request("POST", "/", list(header.items()), payload, header)
    handler = routes.find(asked)
    assert handler is not None  # noqa: S101  Kinesis is always there
    try:
        response = handler(asked)
    except AWSError as error:
        response = refusals.refuse(asked, error)
    assert isinstance(response.body, bytes)  # noqa: S101  no stream
    return response.status, response.body


def _integration_response(integration: Any, status: int) -> Any:
    """The response whose pattern matches the status, or else the one without a pattern."""
    default = None
    for response in (integration.integration_responses or {}).values():
        if not response.selection_pattern:
            default = response
        elif re.fullmatch(response.selection_pattern, str(status)):
            return response
    if default is None:
        raise errors.defect()
    return default


def _parameters(request: Request) -> dict[str, dict[str, str]]:
    query = dict(parse_qsl(urlsplit(request.target).query, keep_blank_values=True))
    return {"path": {}, "querystring": query, "header": dict(request.header)}


def _context(request: Request, api_id: str, stage: str, path: str) -> dict[str, Any]:
    now = time.time()
    return {
        "accountId": settings.current().account,
        "apiId": api_id,
        "stage": stage,
        "path": f"/{stage}{path}",
        "resourcePath": path,
        "httpMethod": request.method,
        "protocol": "HTTP/1.1",
        "requestId": str(uuid.uuid4()),
        "extendedRequestId": uuid.uuid4().hex[:16],
        "requestTimeEpoch": int(now * 1000),
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "identity": {"sourceIp": "127.0.0.1", "userAgent": request.header.get("user-agent", "-")},
        "responseOverride": {"header": {}},
    }


def _log(stage: Any, context: dict[str, Any], account: str, region: str) -> None:
    """A line of the access log, as the stage has its form."""
    wanted = stage.access_log_settings or {}
    if not wanted.get("destinationArn") or not wanted.get("format"):
        return
    group = wanted["destinationArn"].split(":log-group:")[-1].removesuffix(":*")

    def known(found: re.Match[str]) -> str:
        value: Any = context
        for name in found[1].split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return "-" if value is None else json.dumps(str(value))[1:-1]

    text = VARIABLE.sub(known, wanted["format"])
    event = (context["requestTimeEpoch"], text)
    logs.write(account, region, group, context["apiId"], [event])
