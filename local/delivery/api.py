"""The operations of Firehose, each of them answered here, done or refused by name."""

from __future__ import annotations

import threading
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from local import model, routes
from local.delivery import destination, putting, refusal, validation, world
from local.delivery.stream import DIRECT, KINESIS, DeliveryStream
from local.http import Request, Response
from local.kinesis import streams as kinesis
from local.routes import AWSError
from local.settings import ACCOUNT

LISTED = 10
MOST_TAGS = 50
DELETION_SECONDS = 10.0
"""How long DeleteDeliveryStream waits for what was put to be delivered; then it goes on alone."""

_streams: dict[tuple[str, str], DeliveryStream] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Call:
    """A validated request: the region that the client signed for and the parameters."""

    region: str
    parameters: dict[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter; null counts as left out."""
        value = self.parameters.get(name)
        return default if value is None else value

    @property
    def stream(self) -> DeliveryStream:
        return find(self.region, self.parameters["DeliveryStreamName"])


def find(region: str, name: str) -> DeliveryStream:
    """The delivery stream of this name; `ResourceNotFoundException` when there is none."""
    with _lock:
        stream = _streams.get((region, name))
    if stream is None:
        raise refusal.not_found(name)
    return stream


def every() -> list[DeliveryStream]:
    with _lock:
        return list(_streams.values())


def create(call: Call) -> dict[str, Any]:
    """Create a delivery stream; it is ACTIVE at once and starts at LATEST."""
    name, region = call.parameters["DeliveryStreamName"], call.region
    kind, described = destination.created(_destinations(call.parameters))
    validation.check(kind, described)
    source, stream = _source(call)
    made = DeliveryStream(name, region, kind, described, source, stream)
    if made.destination.conversion:
        _require_schema(made)
    made.tags = _tags(call.get("Tags", []))
    if call.get("DeliveryStreamEncryptionConfigurationInput"):
        _encrypt(made, call.get("DeliveryStreamEncryptionConfigurationInput"))
    with _lock:
        if (region, name) in _streams:
            raise refusal.in_use(f"Firehose {name} under accountId {ACCOUNT} already exists")
        _streams[region, name] = made
        made.runner.start()
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


def _require_schema(stream: DeliveryStream) -> None:
    chosen = stream.destination.conversion
    try:
        world.schema(chosen, stream.region)  # type: ignore[arg-type]  # asked for only with one
    except world.Unavailable as error:
        raise refusal.invalid(error.reason.message) from error


def describe(call: Call) -> dict[str, Any]:
    return {"DeliveryStreamDescription": call.stream.description()}


def list_streams(call: Call) -> dict[str, Any]:
    kind, after = call.get("DeliveryStreamType"), call.get("ExclusiveStartDeliveryStreamName", "")
    names = sorted(
        one.name
        for one in every()
        if one.region == call.region and one.name > after and kind in (None, one.type)
    )
    limit = call.get("Limit", LISTED)
    return {
        "DeliveryStreamNames": names[:limit],
        "HasMoreDeliveryStreams": len(names) > limit,
    }


def update(call: Call) -> dict[str, Any]:
    """Change the destination; the running stream goes on with the new one."""
    stream = _active(call)
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
    stream.update(described)
    return {}


def delete(call: Call) -> dict[str, Any]:
    """Deliver what was put, then forget the stream; deleting again is no error."""
    stream = call.stream
    with _lock:
        first, stream.status = stream.status != "DELETING", "DELETING"
    if first:
        ending = threading.Thread(target=_end, args=(stream,), daemon=True)
        ending.start()
        ending.join(DELETION_SECONDS)
    return {}


def _end(stream: DeliveryStream) -> None:
    stream.close()
    with _lock:
        _streams.pop((stream.region, stream.name), None)


def close_all() -> None:
    """Deliver everything that was put to any delivery stream, all of them at the same time."""
    endings = [threading.Thread(target=_end, args=(stream,)) for stream in every()]
    for ending in endings:
        ending.start()
    for ending in endings:
        ending.join()


def tag(call: Call) -> dict[str, Any]:
    stream = call.stream
    stream.tags = _tags([*_listed(stream.tags), *call.parameters["Tags"]])
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


def _tags(tags: list[dict[str, str]]) -> dict[str, str]:
    result = {one["Key"]: one.get("Value", "") for one in tags}
    if len(result) > MOST_TAGS:
        raise AWSError("LimitExceededException", f"A delivery stream has at most {MOST_TAGS} tags.")
    return result


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def start_encryption(call: Call) -> dict[str, Any]:
    stream = _active(call)
    given = call.get("DeliveryStreamEncryptionConfigurationInput", {"KeyType": "AWS_OWNED_CMK"})
    _encrypt(stream, given)
    return {}


def stop_encryption(call: Call) -> dict[str, Any]:
    stream = _active(call)
    _require_direct(stream)
    stream.encryption = {"Status": "DISABLED"}
    return {}


def _encrypt(stream: DeliveryStream, given: dict[str, Any]) -> None:
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


def _active(call: Call) -> DeliveryStream:
    stream = call.stream
    if stream.status != "ACTIVE":
        raise refusal.in_use(f"Firehose {stream.name} is not in ACTIVE state")
    return stream


OPERATIONS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "CreateDeliveryStream": create,
    "DeleteDeliveryStream": delete,
    "DescribeDeliveryStream": describe,
    "ListDeliveryStreams": list_streams,
    "ListTagsForDeliveryStream": list_tags,
    "StartDeliveryStreamEncryption": start_encryption,
    "StopDeliveryStreamEncryption": stop_encryption,
    "TagDeliveryStream": tag,
    "UntagDeliveryStream": untag,
    "UpdateDestination": update,
}


def register() -> None:
    """Answer every operation that Firehose has."""
    for name in model.service("firehose").operations:
        routes.register("firehose", name, _handler(name))


def _handler(name: str) -> routes.Handler:
    if name in ("PutRecord", "PutRecordBatch"):
        put = putting.record if name == "PutRecord" else putting.batch
        return lambda request: put(request, find)
    operation = OPERATIONS[name]

    def handle(request: Request) -> Response:
        parameters = routes.parameters(request)
        model.service("firehose").check(name, _secured(parameters))
        return routes.answer(operation(Call(routes.region(request), parameters)))

    return handle


def _secured(parameters: dict[str, Any]) -> dict[str, Any]:
    """What is checked against AWS's model, which knows no receiver on this machine."""
    result = deepcopy(parameters)
    for name, value in result.items():
        if name.startswith("HttpEndpointDestination") and isinstance(value, dict):
            endpoint = value.get("EndpointConfiguration") or {}
            url = urlsplit(str(endpoint.get("Url")))
            if url.scheme == "http" and url.hostname in validation.LOOPBACK:
                endpoint["Url"] = url._replace(scheme="https").geturl()
    return result
