"""The message an on-failure destination receives, in the shape recorded from AWS."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.mapping.lane import Condition

if TYPE_CHECKING:
    from local.mapping.lane import GiveUp


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a batch came from and who failed it."""

    mapping: str
    function_arn: str
    stream_arn: str
    shard_id: str


def message(origin: Origin, given_up: GiveUp, *, request_id: str, now: float) -> dict[str, Any]:
    """What is known of a batch that was given up: a range of the shard, never its records.

    A batch that grew too old has no `responseContext`: its last invocation, if there was one,
    is not why it ends here.
    """
    first, last = given_up.entries[0], given_up.entries[-1]
    context: dict[str, Any] = {
        "requestId": request_id,
        "functionArn": origin.function_arn,
        "condition": given_up.condition,
        "approximateInvokeCount": given_up.invocations,
    }
    body: dict[str, Any] = {"requestContext": context}
    if given_up.condition is not Condition.RECORD_AGE_EXCEEDED:
        body["responseContext"] = {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": given_up.error,
        }
    return body | {
        "version": "1.0",
        "timestamp": instant(now),
        "KinesisBatchInfo": {
            "shardId": origin.shard_id,
            "startSequenceNumber": str(first.sequence_number),
            "endSequenceNumber": str(last.sequence_number),
            "approximateArrivalOfFirstRecord": instant(first.arrival),
            "approximateArrivalOfLastRecord": instant(last.arrival),
            "batchSize": len(given_up.entries),
            "streamArn": origin.stream_arn,
        },
    }


def object_key(origin: Origin, *, now: float, unique: str) -> str:
    """The key under which an S3 destination keeps the message."""
    moment = datetime.fromtimestamp(now, UTC)
    return (
        f"aws/lambda/{origin.mapping}/{origin.shard_id}/"
        f"{moment:%Y/%m/%d}/{moment:%Y-%m-%dT%H.%M.%S}-{unique}"
    )


def instant(seconds: float) -> str:
    """ISO 8601 with milliseconds and a Z."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
