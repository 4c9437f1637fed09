"""Delivery to an HTTP endpoint: the request, what a response means, when to try again.

Pure but for `send`, which trusts the certificates that `SSL_CERT_FILE` names, where it is set, or
those of the machine. https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable

import msgspec
import urllib3
from msgspec import Struct

from local.delivery.configuration import Endpoint
from local.delivery.failure import Reason

MOST_RECORDS = 10_000
"""Records of one request."""
RESPONSE_LIMIT = 1 << 20
ANSWER_SECONDS = 180.0
"""How long an endpoint may take to answer."""
FIRST_BACKOFF, LONGEST_BACKOFF, JITTER = 1.0, 120.0, 0.15
TOO_LARGE = 413

TIMED_OUT = Reason(
    "HttpEndpoint.RequestTimeout",
    "The delivery timed out before a response was received and will be retried. If this error "
    "persists, contact the AWS Firehose service team.",
)
UNREACHABLE = Reason(
    "HttpEndpoint.ConnectionFailed",
    "Unable to connect to the destination endpoint. Contact the owner of the endpoint to resolve "
    "this issue.",
)
RESPONSE_TOO_LARGE = Reason(
    "HttpEndpoint.ResponseTooLarge",
    "The response received from the endpoint is too large. Contact the owner of the endpoint to "
    "resolve this issue.",
)
INVALID = (
    "The response received from the specified endpoint is invalid. Contact the owner of the "
    "endpoint to resolve the issue. Response for request {request} is not recognized as valid "
    "JSON or has unexpected fields. Raw response received: {status} {body}"
)
EXCEPTION = "The following response was received from the endpoint destination. {status}: {body}"
SHOWN = 1_000
"""Characters of a response that are quoted."""


class Response(Struct, frozen=True):
    """What came back."""

    status: int
    content_type: str = ""
    content_encoding: str = ""
    body: bytes = b""


class _Record(Struct):
    data: bytes


class _Body(Struct):
    requestId: str  # noqa: N815  AWS's name
    timestamp: int
    records: list[_Record]


class _Answer(Struct):
    requestId: str  # noqa: N815  AWS's name
    timestamp: int | str


def request(
    endpoint: Endpoint, arn: str, request_id: str, now: int, records: Iterable[bytes]
) -> tuple[dict[str, str], bytes]:
    """Headers and body of one attempt; `now` in epoch milliseconds."""
    body = msgspec.json.encode(_Body(request_id, now, [_Record(data) for data in records]))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Amazon Kinesis Data Firehose Agent/1.0",
        "X-Amz-Firehose-Protocol-Version": "1.0",
        "X-Amz-Firehose-Request-Id": request_id,
        "X-Amz-Firehose-Source-Arn": arn,
    }
    if endpoint.access_key:
        headers["X-Amz-Firehose-Access-Key"] = endpoint.access_key
    if endpoint.attributes:
        headers["X-Amz-Firehose-Common-Attributes"] = json.dumps(
            {"commonAttributes": endpoint.attributes}
        )
    if endpoint.gzip:
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, compresslevel=6)
    return headers, body


def problem(response: Response, request_id: str) -> Reason | None:
    """Why a response is no delivery, None when it is one: status 200 and the request's id."""
    if len(response.body) > RESPONSE_LIMIT:
        return RESPONSE_TOO_LARGE
    body = response.body[:SHOWN].decode(errors="replace")
    if response.status != 200:
        message = EXCEPTION.format(status=response.status, body=body)
        return Reason("HttpEndpoint.DestinationException", message)
    if _well_formed(response, request_id):
        return None
    message = INVALID.format(request=request_id, status=response.status, body=body)
    return Reason("HttpEndpoint.InvalidResponseFromDestination", message)


def _well_formed(response: Response, request_id: str) -> bool:
    if response.content_encoding or not response.content_type.startswith("application/json"):
        return False
    try:
        answer = msgspec.json.decode(response.body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return answer.requestId == request_id


def backoff(retry: int) -> float:
    """Seconds before the `retry`th retry (from 0): doubled each time, up to two minutes."""
    seconds: float = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2**retry)
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  no secret


_pool = urllib3.PoolManager(
    retries=False, timeout=urllib3.Timeout(connect=10, read=ANSWER_SECONDS), maxsize=4
)


def send(url: str, headers: dict[str, str], body: bytes) -> Response | Reason:
    """Post once; what the endpoint answered, or why there is no answer. Redirects are answers."""
    try:
        answer = _pool.request(
            "POST", url, body=body, headers=headers, redirect=False, decode_content=False
        )
    except urllib3.exceptions.ReadTimeoutError:
        return TIMED_OUT
    except urllib3.exceptions.HTTPError:
        return UNREACHABLE
    return Response(
        answer.status,
        answer.headers.get("Content-Type", ""),
        answer.headers.get("Content-Encoding", ""),
        answer.data,
    )
