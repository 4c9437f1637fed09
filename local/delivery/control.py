"""Delivery streams through the API: creating, describing, listing, changing and deleting them."""

from __future__ import annotations

from typing import Any

from local.delivery import (
    attributes,
    configuration,
    destination,
    refusal,
    streams,
    validation,
    world,
)
from local.delivery.destination import Described
from local.delivery.stream import DIRECT, KINESIS, DeliveryStream
from local.delivery.streams import Call, Operation
from local.kinesis import streams as kinesis
from local.routes import AWSError

LISTED = 10
DELETION_SECONDS = 10.0
"""How long DeleteDeliveryStream waits for what was put to be delivered."""


def create(call: Call) -> dict[str, Any]:
    """Create a delivery stream; it is ACTIVE at once and starts at LATEST."""
    name, region = call.parameters["DeliveryStreamName"], call.region
    kind, described = destination.created(_destinations(call.parameters))
    validation.check(kind, described)
    source, stream = _source(call)
    _require_schema(kind, described, region)
    made = DeliveryStream(name, region, kind, described, source, stream)
    made.tags = attributes.tags(call.get("Tags", []))
    if call.get("DeliveryStreamEncryptionConfigurationInput"):
        attributes.encrypt(made, call.get("DeliveryStreamEncryptionConfigurationInput"))
    streams.add(made)
    return {"DeliveryStreamARN": made.arn}


def _destinations(parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in parameters.items()
        if name.endswith(("DestinationConfiguration", "DestinationUpdate"))
    }


def _source(call: Call) -> tuple[dict[str, Any] | None, Any]:
    """The source's configuration and the live stream, None and None for direct puts."""
    kind = call.get("DeliveryStreamType", DIRECT)
    source = call.get("KinesisStreamSourceConfiguration")
    if kind not in (DIRECT, KINESIS):
        raise refusal.unsupported(f"the source {kind}")
    if call.get("DirectPutSourceConfiguration"):
        raise refusal.unsupported("the throughput hint of direct puts")
    if kind == DIRECT:
        if source:
            raise refusal.invalid(
                "KinesisSourceStreamConfig is only applicable for KinesisStreamAsSource stream type"
            )
        return None, None
    if source is None:
        raise refusal.invalid(
            "KinesisSourceStreamConfig is mandatory for KinesisStreamAsSource stream type."
        )
    try:
        return source, kinesis.find(source["KinesisStreamARN"])
    except AWSError as error:
        raise refusal.invalid(error.message) from error


def _require_schema(kind: str, described: Described, region: str) -> None:
    """The table of a conversion has to be there, and its columns readable."""
    conversion = configuration.compiled(kind, described).conversion
    if conversion is None:
        return
    try:
        world.schema(conversion, region)
    except world.Unavailable as error:
        raise refusal.invalid(error.reason.message) from error


def describe(call: Call) -> dict[str, Any]:
    return {"DeliveryStreamDescription": call.stream.description()}


def list_streams(call: Call) -> dict[str, Any]:
    kind, after = call.get("DeliveryStreamType"), call.get("ExclusiveStartDeliveryStreamName", "")
    names = sorted(
        one.name
        for one in streams.every()
        if one.region == call.region and one.name > after and kind in (None, one.type)
    )
    limit = call.get("Limit", LISTED)
    return {
        "DeliveryStreamNames": names[:limit],
        "HasMoreDeliveryStreams": len(names) > limit,
    }


def update(call: Call) -> dict[str, Any]:
    """Change the destination; the running stream goes on with the new one."""
    stream = attributes.active(call)
    current, wanted = stream.version, call.parameters["CurrentDeliveryStreamVersionId"]
    if wanted != current:
        raise AWSError(
            "ConcurrentModificationException",
            f"Cannot update firehose: {stream.name} since the current version id: {current} and "
            f"specified version id: {wanted} do not match",
        )
    if call.parameters["DestinationId"] != destination.DESTINATION_ID:
        raise refusal.invalid(f"Destination Id {call.parameters['DestinationId']} not found")
    changes = _destinations(call.parameters)
    described = destination.updated(stream.kind, stream.described, changes)
    validation.check(stream.kind, described)
    validation.check_update(stream.described, described)
    _require_schema(stream.kind, described, call.region)
    stream.update(described)
    return {}


def delete(call: Call) -> dict[str, Any]:
    """Deliver what was put, then forget the stream."""
    streams.end(call.stream, DELETION_SECONDS)
    return {}


OPERATIONS: dict[str, Operation] = {
    "CreateDeliveryStream": create,
    "DeleteDeliveryStream": delete,
    "DescribeDeliveryStream": describe,
    "ListDeliveryStreams": list_streams,
    "UpdateDestination": update,
}
