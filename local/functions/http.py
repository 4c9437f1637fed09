"""The Invoke API over HTTP: bytes in, bytes out."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from moto.utilities.utils import get_partition

from local import routes, settings
from local.functions import definition, dispatch
from local.functions.dispatch import Asked, Dispatcher, Invocation
from local.http import Request, Response

if TYPE_CHECKING:
    from local.functions.asynchronous import Queue

PATH = re.compile(r"/[\d-]+/functions/(?P<name>.+)/(?P<api>invocations|invoke-async)/?")

_json = msgspec.json.Decoder(msgspec.Raw)


class InvokeApi:
    """Answers Invoke; InvokeAsync, which AWS has deprecated, is refused by its name."""

    def __init__(self, dispatcher: Dispatcher, queue: Queue) -> None:
        self._dispatcher = dispatcher
        self._queue = queue

    def install(self) -> None:
        routes.register_path("lambda", "POST", PATH, self.answer)

    def answer(self, request: Request) -> Response:
        parts = urlsplit(request.target)
        called = PATH.fullmatch(parts.path)
        name, api = (called["name"], called["api"]) if called else ("", "")
        qualifier = parse_qs(parts.query).get("Qualifier", [None])[0]
        account, region = settings.current().account, routes.region(request)
        arn = function_arn(account, region, unquote(name), qualifier)
        kind = request.header.get("x-amz-invocation-type") or "RequestResponse"
        found = self._invoke(arn, kind if api == "invocations" else "InvokeAsync", request)
        return _response(found, tail=request.header.get("x-amz-log-type") == "Tail")

    def _invoke(self, arn: str, kind: str, request: Request) -> Invocation:
        number = str(uuid.uuid4())
        try:
            asked = _asked(number, request.header)
            if request.body:
                _json.decode(request.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error) as error:
            words = f"Could not parse request body into json: {error}"
            return dispatch.refusal(number, 400, "InvalidRequestContentException", words)
        match kind:
            case "RequestResponse":
                return self._dispatcher.invoke(arn, request.body, asked)
            case "Event":
                return self._queue.submit(arn, request.body, asked)
        words = f"Invocation type {kind} is not supported by the local AWS."
        return dispatch.refusal(number, 400, "InvalidParameterValueException", words)


def function_arn(account: str, region: str, name: str, qualifier: str | None) -> str:
    """The ARN that a caller means by a name, a partial ARN or an ARN."""
    if not name.startswith("arn:"):
        name = name.rpartition("function:")[2]  # 123456789012:function:name
        name = f"arn:{get_partition(region)}:lambda:{region}:{account}:function:{name}"
    found = definition.parse(name)
    return f"{name}:{qualifier}" if found and qualifier and not found.qualifier else name


def _response(found: Invocation, *, tail: bool) -> Response:
    """An invocation as the API sends it."""
    headers = [("Content-Type", "application/json"), ("x-amzn-RequestId", found.request_id)]
    if found.error:
        headers.append(("x-amzn-ErrorType", found.error))
    if found.function_error:
        headers.append(("X-Amz-Function-Error", found.function_error))
    if found.executed_version:
        headers.append(("X-Amz-Executed-Version", found.executed_version))
    if tail and found.status == 200:
        log = base64.b64encode(found.log_tail.encode()).decode()
        headers.append(("X-Amz-Log-Result", log))
    if found.throttled:
        headers.append(("Retry-After", "0"))
    return Response(found.status, headers, found.payload)


def _asked(number: str, header: dict[str, str]) -> Asked:
    context = header.get("x-amz-client-context")
    text = base64.b64decode(context, validate=True).decode() if context else None
    if text:
        _json.decode(text)
    return Asked(request_id=number, client_context=text, trace=header.get("x-amzn-trace-id"))
