"""The event a function is invoked with, as bytes built once per record.

The shape is recorded from AWS. A record's JSON is made when it is read, so its share of the 6 MB
payload is known exactly and a retried batch costs a join.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.mapping.lane import Window

FAN_OUT_SOURCE = "consumer"
"""Whose ARN is `eventSourceARN` under enhanced fan-out: "consumer" or "stream". [open]"""


def source_arn(stream_arn: str, consumer_arn: str | None) -> str:
    """What a mapping's events name as their source."""
    return consumer_arn if consumer_arn and FAN_OUT_SOURCE == "consumer" else stream_arn


def record(
    *,
    shard_id: str,
    sequence_number: int,
    partition_key: str,
    data: bytes,
    arrival: float,
    role: str,
    region: str,
    source: str,
) -> bytes:
    """One member of `Records`, as JSON; `arrival` is in epoch seconds."""
    return b"".join(
        (
            b'{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":',
            msgspec.json.encode(partition_key),
            b',"sequenceNumber":"%d","data":"' % sequence_number,
            b64encode(data),
            b'","approximateArrivalTimestamp":%.3f},' % arrival,
            b'"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"%s:%d",'
            % (shard_id.encode(), sequence_number),
            b'"eventName":"aws:kinesis:record","invokeIdentityArn":',
            msgspec.json.encode(role),
            b',"awsRegion":"%s","eventSourceARN":"%s"}' % (region.encode(), source.encode()),
        )
    )


def event(records: Iterable[bytes], window: Window | None, *, shard_id: str, source: str) -> bytes:
    """The whole payload; with a tumbling window its members follow the records."""
    body = b'{"Records":[' + b",".join(records) + b"]"
    if window is None:
        return body + b"}"
    return body + (
        b',"window":{"start":"%s","end":"%s"},"state":%s,"shardId":"%s","eventSourceARN":"%s",'
        b'"isFinalInvokeForWindow":%s,"isWindowTerminatedEarly":%s}'
        % (
            instant(window.start).encode(),
            instant(window.end).encode(),
            window.state,
            shard_id.encode(),
            source.encode(),
            b"true" if window.final else b"false",
            b"true" if window.early else b"false",
        )
    )


def instant(seconds: float) -> str:
    """ISO 8601 with a Z, whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
