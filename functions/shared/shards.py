"""Asking a stream what a range reader wants to know."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from functions.shared.ranges import Answer, Fetch, Page, Position, Reader, Refused

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

THROTTLED = (
    "ProvisionedThroughputExceededException",
    "LimitExceededException",
    "ThrottlingException",
)


class OutOfTime(Exception):
    """There is no time left to read on; nothing is wrong with the range."""


def read(
    client: KinesisClient,
    stream_arn: str,
    reader: Reader,
    *,
    sleep: Callable[[float], None] = time.sleep,
    seconds_left: Callable[[], float] = lambda: float("inf"),
) -> Iterator[list[Any]]:
    """The records of the reader's range, page by page, as GetRecords gives them.

    Raises OutOfTime before the next call would begin too late, and what the client raises when an
    error says nothing about the range: no permission, no network.
    """
    while (request := reader.request) is not None:
        if seconds_left() <= request.wait:
            raise OutOfTime(f"{reader.shard_id} was read to {reader.last}")
        if request.wait:
            sleep(request.wait)
        if found := reader.take(_ask(client, stream_arn, request)):
            yield found


def _ask(client: KinesisClient, stream_arn: str, request: Position | Fetch) -> Answer:
    try:
        if isinstance(request, Position):
            return _iterator(client, stream_arn, request)
        answer = client.get_records(
            StreamARN=stream_arn, ShardIterator=request.iterator, Limit=request.limit
        )
    except ClientError as error:
        if refused := _refused(error, request):
            return refused
        raise
    return Page(answer["Records"], answer.get("NextShardIterator"), answer["MillisBehindLatest"])


def _iterator(client: KinesisClient, stream_arn: str, request: Position) -> str:
    number = {} if request.number is None else {"StartingSequenceNumber": str(request.number)}
    return client.get_shard_iterator(
        StreamARN=stream_arn,
        ShardId=request.shard_id,
        ShardIteratorType=request.kind,  # type: ignore[arg-type]
        **number,  # type: ignore[arg-type]
    )["ShardIterator"]


def _refused(error: ClientError, request: Position | Fetch) -> Refused | None:
    code = error.response["Error"]["Code"]
    if code in THROTTLED:
        return Refused.THROTTLED
    if code == "ExpiredIteratorException":
        return Refused.EXPIRED
    if code == "ResourceNotFoundException":
        return Refused.MISSING
    # A number of another shard, or of a stream of this name that was deleted.
    if code == "InvalidArgumentException" and isinstance(request, Position):
        return Refused.MISSING
    return None
