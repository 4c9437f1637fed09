"""Failed batches as rescue archives them, and an S3 in memory that can be killed."""

import io
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from events.failure import Batch, Record, identified, objects

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:late"
STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/flights"
SHARD = "shardId-000000000000"
FAILED_AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
FIRST = 49590338271490256608559692538361571095921575989136588898
"""A sequence number as long as they are: its neighbours are the same float."""


def record(number: int, data: bytes = b"{}", shard: str = SHARD) -> Record:
    """The record with the number-th sequence number, in the shape recorded from AWS."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": f"N{number}",
            "sequenceNumber": str(FIRST + number),
            "data": b64encode(data).decode(),
            "approximateArrivalTimestamp": 1_760_000_000.123 + number,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{FIRST + number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/late",
        "awsRegion": "us-east-1",
        "eventSourceARN": STREAM,
    }


def batch(of: Sequence[Record], **given: Any) -> Batch:
    """A batch of these records, which are of one shard."""
    numbers = [one["kinesis"]["sequenceNumber"] for one in of]
    shard = of[0]["eventID"].partition(":")[0]
    arrivals = [one["kinesis"]["approximateArrivalTimestamp"] for one in of]
    facts: dict[str, Any] = {
        "failure_id": identified("late", shard, numbers[0], numbers[-1]),
        "processor": "late",
        "function_arn": FUNCTION,
        "event_type": "flight",
        "stream_arn": STREAM,
        "shard_id": shard,
        "condition": "RetryAttemptsExhausted",
        "request_id": "b980b8a8-7fb1-4bb3-9ca1-6b5e5c1a6c11",
        "invocations": 4,
        "start_sequence_number": numbers[0],
        "end_sequence_number": numbers[-1],
        "batch_size": len(of),
        "failed_at": FAILED_AT,
        "rescued_at": FAILED_AT,
        "first_arrived_at": datetime.fromtimestamp(arrivals[0], UTC),
        "last_arrived_at": datetime.fromtimestamp(arrivals[-1], UTC),
        "log_group": "/aws/lambda/late",
        "records": list(of),
    }
    return Batch(**(facts | given))


class NoSuchKey(Exception):
    """What S3 answers when there is no object."""


class MemoryS3:
    """The calls of S3 that the archive makes; `step` is called before and after each change."""

    class exceptions:  # noqa: N801  the client's name for it
        NoSuchKey = NoSuchKey

    def __init__(self, step: Callable[[], None] = lambda: None) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.step = step
        self._versions = 0

    def fill(self, *batches: Batch) -> None:
        for one in batches:
            for key, body in objects(one):
                self.put_object(Key=key, Body=body)

    def put_object(self, *, Key: str, Body: bytes, IfMatch: str = "", **_: Any) -> Any:  # noqa: N803
        self.step()
        if IfMatch and self.objects.get(Key, (b"", "gone"))[1] != IfMatch:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self._versions += 1
        self.objects[Key] = Body, f'"{self._versions}"'
        self.step()
        return {"ETag": f'"{self._versions}"'}

    def get_object(self, *, Key: str, **_: Any) -> Any:  # noqa: N803
        if Key not in self.objects:
            raise NoSuchKey
        body, etag = self.objects[Key]
        return {"Body": io.BytesIO(body), "ETag": etag}

    def delete_objects(self, *, Delete: Any, **_: Any) -> Any:  # noqa: N803
        for one in Delete["Objects"]:
            self.step()
            self.objects.pop(one["Key"], None)
        self.step()
        return {}

    def get_paginator(self, _: str) -> "MemoryS3":
        return self

    def paginate(self, *, Prefix: str, **_: Any) -> Any:  # noqa: N803
        keys = [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)]
        return [{"Contents": keys}] if keys else [{}]
