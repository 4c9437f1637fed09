"""The event that a function gets of a queue, in the shape recorded from AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.sqs import models

VALUES = {
    "StringValue": "stringValue",
    "BinaryValue": "binaryValue",
    "DataType": "dataType",
}


def record(message: models.Message, *, arn: str, region: str) -> dict[str, Any]:
    """One member of `Records`."""
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    if trace := message.system_attributes.get("AWSTraceHeader"):
        attributes["AWSTraceHeader"] = trace["StringValue"]
    own = message.message_attributes
    digest = {"md5OfMessageAttributes": message.attribute_md5} if own else {}
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {name: _attribute(given) for name, given in own.items()},
        **digest,
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": region,
    }


def _attribute(given: dict[str, Any]) -> dict[str, Any]:
    known = {ours: given[name] for name, ours in VALUES.items() if given.get(name) is not None}
    return {"stringListValues": [], "binaryListValues": []} | known
