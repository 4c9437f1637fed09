"""moto behind our HTTP server: everything that no part of the local AWS answers itself."""

import io
from typing import Any
from urllib.parse import unquote_to_bytes

from botocore.model import OperationNotFoundError
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local import refusals, routes
from local.http import Request, Response

PAGE = b"<!doctype html"
DROPPED = {"content-length", "transfer-encoding", "connection"}

_application = DomainDispatcherApplication(create_backend_app)


def answer(request: Request) -> Response:
    """What moto answers; `UnsupportedOperation` for what it does not implement."""
    try:
        response = _ask(request)
    except (NotImplementedError, OperationNotFoundError) as error:
        raise refusals.unsupported(request) from error
    if _is_page(response) or _is_nothing(request, response):
        raise refusals.unsupported(request)
    return response


def reset() -> None:
    """Forget everything that moto holds."""
    moto_api_backend.reset()


def _is_page(response: Response) -> bool:
    """Whether it is the web framework's own page: no route of moto's matched."""
    body = response.body
    return response.status in (404, 405) and isinstance(body, bytes) and body.startswith(PAGE)


def _is_nothing(request: Request, response: Response) -> bool:
    """Whether moto found no action; an S3 object may be missing without a word, too."""
    signed = routes.scope(request)
    elsewhere = signed is not None and signed.service != "s3"
    return elsewhere and response.status == 404 and not response.body and request.method != "HEAD"


def _ask(request: Request) -> Response:
    status = "500"
    headers: list[tuple[str, str]] = []

    def start(line: str, fields: list[tuple[str, str]], _: Any = None) -> None:
        nonlocal status, headers
        status, headers = line, fields

    pieces = _application(environ(request), start)
    try:
        body = b"".join(pieces)
    finally:
        if hasattr(pieces, "close"):
            pieces.close()
    if request.method != "HEAD":
        headers = [(name, value) for name, value in headers if name.lower() not in DROPPED]
    return Response(int(status.split()[0]), headers, body)


def environ(request: Request) -> dict[str, Any]:
    """The request as WSGI has it (PEP 3333), with what moto reads beyond that."""
    path, _, query = request.target.partition("?")
    preserved: dict[str, str] = {}
    result: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": request.target,
        "RAW_URI": request.target,
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": request.header.get("host", "").rpartition(":")[2] or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        PRESERVED_HEADER_NAMES_ENVIRON_KEY: preserved,
    }
    for name, value in request.headers:
        if name == "transfer-encoding":
            continue  # the body was read whole
        keep = should_preserve_original_header_name(name)
        if "_" in name and not keep:
            continue  # WSGI could not tell it from the one with dashes
        key = environ_key_for_header(name)
        if keep:
            preserved.setdefault(key, name)
        result[key] = f"{result[key]},{value}" if key in result else value
    result["CONTENT_LENGTH"] = str(len(request.body))
    return result
