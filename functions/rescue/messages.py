"""What comes to a failure queue, read: no client, no clock.

    a failure     which batch a mapping gave up, and why: shard and sequence numbers, no records
    objects       S3's notification that such a failure, with its records, was put into a bucket
    nothing       S3's test of the queue, when the notification was configured

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html#services-kinesis-errors
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NamedTuple
from urllib.parse import unquote_plus

import msgspec
from msgspec import Meta, Struct

from events.failure import Record, sequence_number

Number = Annotated[str, Meta(pattern=r"^\d{1,129}$")]
Instant = Annotated[datetime, Meta(tz=True)]


class Unreadable(ValueError):
    """This is no failure message; the text says why, without a value of the payload."""


class RequestContext(Struct, frozen=True, rename="camel"):
    request_id: str
    function_arn: str
    condition: str
    approximate_invoke_count: int = 0


class ResponseContext(Struct, frozen=True, rename="camel"):
    status_code: int | None = None
    executed_version: str | None = None
    function_error: str | None = None


class BatchInfo(Struct, frozen=True, rename="camel", kw_only=True):
    shard_id: str
    start_sequence_number: Number
    end_sequence_number: Number
    approximate_arrival_of_first_record: Instant | None = None
    approximate_arrival_of_last_record: Instant | None = None
    batch_size: Annotated[int, Meta(ge=1)]
    stream_arn: str

    @property
    def start(self) -> int:
        return int(self.start_sequence_number)

    @property
    def end(self) -> int:
        return int(self.end_sequence_number)


class Failure(Struct, frozen=True, rename="camel", kw_only=True):
    """`payload` is the whole event as JSON text, where the destination was a bucket."""

    request_context: RequestContext
    timestamp: Instant
    batch: BatchInfo = msgspec.field(name="KinesisBatchInfo")
    response_context: ResponseContext | None = None
    payload: str | None = None

    @property
    def error(self) -> str:
        answered = self.response_context
        return (answered.function_error or "") if answered else ""


class Place(NamedTuple):
    """An object that holds a failure with its records."""

    bucket: str
    key: str


class _Named(Struct):
    name: str


class _Keyed(Struct):
    key: str


class _Entity(Struct):
    bucket: _Named
    object: _Keyed


class _Put(Struct, rename="camel"):
    event_name: str
    s3: _Entity


class _Notification(Struct):
    puts: list[_Put] = msgspec.field(name="Records")


def read(body: str | bytes) -> Failure | list[Place]:
    """A message of the queue; a test of S3's is an empty list. Raises Unreadable."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from error
    if not isinstance(said, dict):
        raise Unreadable(f"not a JSON object but {type(said).__name__}")
    if said.get("Event") == "s3:TestEvent":
        return []
    try:
        if "Records" in said:
            return _places(said)
        failure = msgspec.convert(said, Failure)
    except msgspec.ValidationError as error:
        raise Unreadable(f"no failure message: {error}") from error
    if failure.batch.end < failure.batch.start:
        raise Unreadable("no failure message: the range ends before it starts")
    return failure


def stored(body: bytes) -> Failure:
    """The failure in an object. Raises Unreadable."""
    found = read(body)
    if not isinstance(found, Failure):
        raise Unreadable("no failure message: a notification")
    return found


def _places(said: dict[str, Any]) -> list[Place]:
    puts = msgspec.convert(said, _Notification).puts
    if other := next((put for put in puts if "ObjectCreated:" not in put.event_name), None):
        raise Unreadable(f"a notification of {other.event_name}, not of a new object")
    return [Place(put.s3.bucket.name, unquote_plus(put.s3.object.key)) for put in puts]


def payload(failure: Failure) -> list[Record] | None:
    """The batch's records, where the message has them all; None where they are to be read back."""
    try:
        records = msgspec.json.decode(failure.payload or "{}")["Records"]
        numbers = [sequence_number(record) for record in records]
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None
    batch = failure.batch
    whole = len(numbers) == batch.batch_size and numbers == sorted(set(numbers))
    if not whole or (numbers[0], numbers[-1]) != (batch.start, batch.end):
        return None
    found: list[Record] = records
    return found
