"""moto's services that write to a stream find ours in place of moto's own.

CloudWatch Logs subscription filters ask moto's Kinesis backend for a stream and send it log
events. Everything else in moto that would touch a stream of its own is refused.
"""

import gzip
import json
import secrets
from typing import Any

from moto.kinesis.exceptions import StreamNotFoundError
from moto.kinesis.models import KinesisBackend

from local.kinesis import streams
from local.kinesis.stream import Entry, Stream
from local.routes import AWSError


def describe_stream(
    backend: KinesisBackend, stream_arn: str | None, stream_name: str | None
) -> Stream:
    """Our stream where moto looks for its own; it has `arn`."""
    try:
        if stream_arn is not None:
            return streams.find(stream_arn)
        return streams.find_by_name(backend.region_name, str(stream_name))
    except AWSError as error:
        name = stream_name or str(stream_arn).rpartition("/")[2]
        raise StreamNotFoundError(name, backend.account_id) from error


def send_log_event(
    backend: KinesisBackend,
    delivery_stream_arn: str,
    filter_name: str,
    log_group_name: str,
    log_stream_name: str,
    log_events: list[dict[str, Any]],
) -> None:
    """What a subscription filter of CloudWatch Logs puts on a stream: gzipped JSON."""
    message = {
        "messageType": "DATA_MESSAGE",
        "owner": backend.account_id,
        "logGroup": log_group_name,
        "logStream": log_stream_name,
        "subscriptionFilters": [filter_name],
        "logEvents": log_events,
    }
    data = gzip.compress(json.dumps(message, separators=(",", ":")).encode())
    streams.find(delivery_stream_arn).put([Entry(data, secrets.token_hex(16))])


def install() -> None:
    for method in (describe_stream, send_log_event):
        setattr(KinesisBackend, method.__name__, method)
