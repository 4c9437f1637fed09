"""PutRecord and PutRecordBatch: many and large, so they are decoded in one pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from local import model, routes
from local.delivery import refusal
from local.delivery.stream import DeliveryStream
from local.http import Request, Response
from local.routes import AWSError

MOST_RECORDS = 500
MOST_BYTES = 4 << 20
MOST_RECORD_BYTES = 1000 << 10

THROTTLED = "ServiceUnavailableException"
SLOW_DOWN = "Slow down."

Find = Callable[[str, str], DeliveryStream]
Put = Callable[[Request, Find], Response]


class _Data(Struct):
    Data: bytes


class _One(Struct):
    DeliveryStreamName: str
    Record: _Data


class _Batch(Struct):
    DeliveryStreamName: str
    Records: list[_Data]


_decode = msgspec.json.Decoder(_One).decode
_decode_batch = msgspec.json.Decoder(_Batch).decode


def record(request: Request, find: Find) -> Response:
    """PutRecord."""
    put: _One = _decoded(request, _decode, "PutRecord")
    stream = _open(find(routes.region(request), put.DeliveryStreamName))
    _check_sizes([put.Record.Data])
    (taken,) = _put(stream, [put.Record.Data])
    if taken is None:
        raise AWSError(THROTTLED, SLOW_DOWN, 503)
    return routes.answer({"RecordId": taken, "Encrypted": _encrypted(stream)})


def batch(request: Request, find: Find) -> Response:
    """PutRecordBatch; records that there is no room for come back as failed."""
    put: _Batch = _decoded(request, _decode_batch, "PutRecordBatch")
    stream = _open(find(routes.region(request), put.DeliveryStreamName))
    data = [one.Data for one in put.Records]
    _check_sizes(data)
    if sum(map(len, data)) > MOST_BYTES:
        raise refusal.invalid("Records size exceeds 4 MB limit")
    taken = _put(stream, data)
    answers = [
        {"RecordId": one} if one else {"ErrorCode": THROTTLED, "ErrorMessage": SLOW_DOWN}
        for one in taken
    ]
    return routes.answer(
        {
            "FailedPutCount": taken.count(None),
            "Encrypted": _encrypted(stream),
            "RequestResponses": answers,
        }
    )


def _decoded(request: Request, decode: Callable[[bytes], Any], operation: str) -> Any:
    try:
        put = decode(request.body)
        if not isinstance(put, _Batch) or 1 <= len(put.Records) <= MOST_RECORDS:
            return put
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        model.service("firehose").check(operation, routes.parameters(request))
        raise AWSError("SerializationException", str(error)) from error
    model.service("firehose").check(operation, routes.parameters(request))
    raise AWSError("SerializationException", "The records cannot be read.")


def _check_sizes(data: list[bytes]) -> None:
    for one in data:
        if len(one) > MOST_RECORD_BYTES:
            raise AWSError(
                "ValidationException",
                "1 validation error detected: Value at 'record.data' failed to satisfy "
                "constraint: Member must have length less than or equal to 1024000",
            )


def _open(stream: DeliveryStream) -> DeliveryStream:
    if stream.runner.direct is None:
        raise refusal.invalid(
            "This operation is not permitted on KinesisStreamAsSource delivery stream type."
        )
    if stream.status != "ACTIVE":
        raise refusal.not_active(stream.name)
    return stream


def _put(stream: DeliveryStream, data: list[bytes]) -> list[str | None]:
    assert stream.runner.direct is not None  # noqa: S101  see _open
    return stream.runner.direct.put(data)


def _encrypted(stream: DeliveryStream) -> bool:
    return bool(stream.encryption["Status"] == "ENABLED")
