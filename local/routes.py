"""Which operation of which service is ours; everything else is moto's.

A part registers a handler per operation. Handlers get the whole request and answer with a
`Response`; an `AWSError` they raise is sent in the shape in which AWS sends it.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from local import settings
from local.http import Request, Response

TARGETS = {
    "athena": "AmazonAthena",
    "cloudwatch": "GraniteServiceVersion20100801",
    "firehose": "Firehose_20150804",
    "glue": "AWSGlue",
    "kinesis": "Kinesis_20131202",
    "kms": "TrentService",
    "logs": "Logs_20140328",
    "sqs": "AmazonSQS",
    "ssm": "AmazonSSM",
}
"""Services that name their operation in the X-Amz-Target header, with its first half."""

SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
JSON = "application/x-amz-json-1.1"
CBOR = "application/x-amz-cbor"


class AWSError(Exception):
    """An error as AWS reports it: a code that clients know, a sentence, an HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True)
class Scope:
    """The region and service that a signed request names."""

    region: str
    service: str


@dataclass(frozen=True, slots=True)
class Call:
    """A validated request: the region that the client signed for and the parameters."""

    region: str
    parameters: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        """A required parameter."""
        return self.parameters[name]

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter; null counts as left out."""
        value = self.parameters.get(name)
        return default if value is None else value


Handler = Callable[[Request], Response]
_handlers: dict[str, Handler] = {}
_paths: dict[tuple[str, str, re.Pattern[str]], Handler] = {}
_hosts: dict[re.Pattern[str], Handler] = {}


def register(service: str, operation: str, handler: Handler) -> None:
    """Answer `operation` of `service` (its boto3 name) with `handler`, in place of moto."""
    _handlers[f"{TARGETS[service]}.{operation}"] = handler


def register_path(service: str, method: str, path: re.Pattern[str], handler: Handler) -> None:
    """Answer a call of a service that names its operations by method and path."""
    _paths[service, method, path] = handler


def register_host(host: re.Pattern[str], handler: Handler) -> None:
    """Answer every call of a host."""
    _hosts[host] = handler


def find(request: Request) -> Handler | None:
    """The handler that was registered for what the request asks for."""
    for host, handler in _hosts.items():
        if host.fullmatch(request.header.get("host", "")):
            return handler
    target = request.header.get("x-amz-target")
    return _by_path(request) if target is None else _handlers.get(target)


def _by_path(request: Request) -> Handler | None:
    for (service, method, path), handler in _paths.items():
        if request.method == method and path.fullmatch(request.path):
            signed = scope(request)
            if signed is None or signed.service == service:
                return handler
    return None


def scope(request: Request) -> Scope | None:
    """Region and service out of the request's signature, None when it is not signed."""
    found = SCOPE.search(request.header.get("authorization", ""))
    return Scope(found["region"], found["service"]) if found else None


def region(request: Request) -> str:
    """The region that the request was signed for."""
    signed = scope(request)
    return settings.current().region if signed is None else signed.region


def parameters(request: Request) -> dict[str, Any]:
    """The JSON object that was sent; `SerializationException` when it is none."""
    if request.header.get("content-type", "").startswith(CBOR):
        raise AWSError(
            "UnsupportedOperation",
            "The local AWS does not support the CBOR protocol; set AWS_CBOR_DISABLE=true.",
        )
    try:
        return msgspec.json.decode(request.body or b"{}", type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise AWSError("SerializationException", str(error)) from error


def answer(result: Any) -> Response:
    """A successful answer of a service that speaks JSON; None is an empty body."""
    body = b"" if result is None else msgspec.json.encode(result)
    return Response(200, _headers(), body)


def _headers() -> list[tuple[str, str]]:
    return [("Content-Type", JSON), ("x-amzn-RequestId", str(uuid.uuid4()))]
