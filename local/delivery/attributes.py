"""Tags and server-side encryption of delivery streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.delivery import refusal
from local.delivery.streams import Call, Operation
from local.routes import AWSError

if TYPE_CHECKING:
    from local.delivery.stream import DeliveryStream

MOST_TAGS = 50


def tag(call: Call) -> dict[str, Any]:
    stream = call.stream
    stream.tags = tags([*_listed(stream.tags), *call.parameters["Tags"]])
    return {}


def untag(call: Call) -> dict[str, Any]:
    stream = call.stream
    gone = call.parameters["TagKeys"]
    stream.tags = {key: value for key, value in stream.tags.items() if key not in gone}
    return {}


def list_tags(call: Call) -> dict[str, Any]:
    after, limit = call.get("ExclusiveStartTagKey", ""), call.get("Limit", MOST_TAGS)
    found = [one for one in _listed(call.stream.tags) if one["Key"] > after]
    return {"Tags": found[:limit], "HasMoreTags": len(found) > limit}


def tags(given: list[dict[str, str]]) -> dict[str, str]:
    result = {one["Key"]: one.get("Value", "") for one in given}
    if len(result) > MOST_TAGS:
        raise AWSError("LimitExceededException", f"A delivery stream has at most {MOST_TAGS} tags.")
    return result


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def start_encryption(call: Call) -> dict[str, Any]:
    stream = active(call)
    given = call.get("DeliveryStreamEncryptionConfigurationInput", {"KeyType": "AWS_OWNED_CMK"})
    encrypt(stream, given)
    return {}


def stop_encryption(call: Call) -> dict[str, Any]:
    stream = active(call)
    _require_direct(stream)
    stream.encryption = {"Status": "DISABLED"}
    return {}


def encrypt(stream: DeliveryStream, given: dict[str, Any]) -> None:
    """Records rest in memory here, so it is the setting alone that is kept."""
    _require_direct(stream)
    owned = given["KeyType"] == "AWS_OWNED_CMK"
    if owned and given.get("KeyARN"):
        raise refusal.invalid("KeyARN cannot be specified when KeyType is AWS_OWNED_CMK")
    if not owned and not given.get("KeyARN"):
        raise refusal.invalid("KeyARN has to be specified when KeyType is CUSTOMER_MANAGED_CMK")
    stream.encryption = {**given, "Status": "ENABLED"}


def _require_direct(stream: DeliveryStream) -> None:
    if stream.source:
        raise refusal.invalid(
            "Server side encryption from firehose is only allowed for direct put delivery streams "
            "and database as a source delivery streams"
        )


def active(call: Call) -> DeliveryStream:
    stream = call.stream
    if stream.status != "ACTIVE":
        raise refusal.in_use(f"Firehose {stream.name} is not in ACTIVE state")
    return stream


OPERATIONS: dict[str, Operation] = {
    "ListTagsForDeliveryStream": list_tags,
    "StartDeliveryStreamEncryption": start_encryption,
    "StopDeliveryStreamEncryption": stop_encryption,
    "TagDeliveryStream": tag,
    "UntagDeliveryStream": untag,
}
