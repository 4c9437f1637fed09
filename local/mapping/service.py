"""The event source mappings that exist, and Lambda's API for them."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from moto.awslambda.models import lambda_backends

from local import settings
from local.kinesis import streams
from local.kinesis.stream import Stream
from local.mapping import parameters
from local.mapping.parameters import InvalidParameter, Parameters
from local.mapping.runner import Job, Runner
from local.routes import AWSError

USER_ACTION = "User action"


@dataclass(eq=False)
class Mapping:
    """One event source mapping: what was asked for, and where it is."""

    job: Job
    enabled: bool
    positions: dict[str, int | None]
    finished: set[str]
    tags: dict[str, str] = field(default_factory=dict)
    state: str = "Creating"
    modified: float = field(default_factory=time.time)
    result: str = "No records processed"
    runner: Runner | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self) -> None:
        """Run, or rest, as it is enabled or not."""
        with self.lock:
            if self.enabled:
                self.runner = Runner(self.job, self.positions, self.finished, self.result)
                self.runner.start()
            self.state = "Enabled" if self.enabled else "Disabled"

    def stop(self) -> None:
        """Rest; the positions stay."""
        with self.lock:
            if self.runner:
                self.runner.stop()
                self.result = self.runner.result
                self.runner = None

    def describe(self) -> dict[str, Any]:
        """The mapping as the API shows it, with every default spelled out."""
        asked = self.job.parameters
        shown: dict[str, Any] = {
            "UUID": self.job.uuid,
            "EventSourceMappingArn": f"arn:aws:lambda:{self.job.stream.region}:{settings.ACCOUNT}"
            f":event-source-mapping:{self.job.uuid}",
            "EventSourceArn": self.job.consumer_arn or self.job.stream.arn,
            "FunctionArn": self.job.function_arn,
            "StartingPosition": asked.starting_position,
            "BisectBatchOnFunctionError": asked.bisect,
            "FunctionResponseTypes": ["ReportBatchItemFailures"] if asked.report else [],
            "DestinationConfig": {
                "OnFailure": {"Destination": asked.destination} if asked.destination else {}
            },
            "State": self.state,
            "StateTransitionReason": USER_ACTION,
            "LastModified": self.modified,
            "LastProcessingResult": self.runner.result if self.runner else self.result,
        }
        if asked.starting_timestamp is not None:
            shown["StartingPositionTimestamp"] = asked.starting_timestamp
        if asked.patterns:
            filters = [{"Pattern": pattern} for pattern in asked.patterns]
            shown["FilterCriteria"] = {"Filters": filters}
        if asked.metrics:
            shown["MetricsConfig"] = {"Metrics": list(asked.metrics)}
        return shown | asked.numbers


_mappings: dict[str, Mapping] = {}
_lock = threading.Lock()


def create(request: dict[str, Any], region: str) -> dict[str, Any]:
    """CreateEventSourceMapping. Raises AWSError."""
    asked = checked(lambda: parameters.create(request))
    function_arn, role = function(request.get("FunctionName") or "", region)
    stream, consumer_arn = source(request.get("EventSourceArn") or "")
    positions, finished = start(stream, asked)
    job = Job(str(uuid.uuid4()), stream, consumer_arn, function_arn, role, asked)
    mapping = Mapping(
        job, request.get("Enabled", True), positions, finished, dict(request.get("Tags") or {})
    )
    with _lock:
        for other in _mappings.values():
            if (other.job.function_arn, other.job.stream) == (function_arn, stream) and (
                other.job.consumer_arn == consumer_arn
            ):
                raise AWSError(
                    "ResourceConflictException",
                    'The event source arn (" '
                    f'{consumer_arn or stream.arn} ") and function (" {function_arn} ") '
                    "provided mapping already exists. Please update or delete the existing "
                    f"mapping with UUID {other.job.uuid}",
                    409,
                )
        _mappings[job.uuid] = mapping
    shown = mapping.describe()
    threading.Thread(target=mapping.start, daemon=True).start()
    return shown


def find(identifier: str) -> Mapping:
    """The mapping with this UUID. Raises AWSError."""
    mapping = _mappings.get(identifier)
    if mapping is None:
        raise AWSError(
            "ResourceNotFoundException", "The resource you requested does not exist.", 404
        )
    return mapping


def listed(source_arn: str | None, function_name: str | None, region: str) -> list[dict[str, Any]]:
    """The mappings of a source, of a function, or all. Raises AWSError."""
    function_arn = function(function_name, region)[0] if function_name else None
    return [
        shown
        for mapping in list(_mappings.values())
        if (shown := mapping.describe())
        and source_arn in (None, shown["EventSourceArn"])
        and function_arn in (None, shown["FunctionArn"])
    ]


def update(identifier: str, request: dict[str, Any], region: str) -> dict[str, Any]:
    """UpdateEventSourceMapping: stop, change, go on from the positions reached. Raises AWSError."""
    mapping = find(identifier)
    asked = checked(lambda: mapping.job.parameters.updated(request))
    function_arn, role = mapping.job.function_arn, mapping.job.role
    if name := request.get("FunctionName"):
        function_arn, role = function(name, region)
    mapping.state = "Updating"
    if request.get("Enabled") is not None and request["Enabled"] != mapping.enabled:
        mapping.state = "Enabling" if request["Enabled"] else "Disabling"
    mapping.modified = time.time()
    shown = mapping.describe()

    def change() -> None:
        with mapping.lock:
            mapping.stop()
            old = mapping.job
            mapping.job = Job(old.uuid, old.stream, old.consumer_arn, function_arn, role, asked)
            mapping.enabled = request.get("Enabled", mapping.enabled)
            if old.uuid in _mappings:
                mapping.start()

    threading.Thread(target=change, daemon=True).start()
    return shown | asked.numbers


def delete(identifier: str) -> dict[str, Any]:
    """DeleteEventSourceMapping. Raises AWSError."""
    mapping = find(identifier)
    with _lock:
        _mappings.pop(identifier, None)
    mapping.state = "Deleting"
    threading.Thread(target=mapping.stop, daemon=True).start()
    return mapping.describe()


def stop() -> None:
    """Stop every mapping; what is in flight is waited for."""
    for mapping in list(_mappings.values()):
        mapping.stop()
    _mappings.clear()


def start(stream: Stream, asked: Parameters) -> tuple[dict[str, int | None], set[str]]:
    """Where each shard is read from, and which need not be read at all."""
    if asked.starting_position == "TRIM_HORIZON":
        return {}, set()
    shards = stream.shards()
    if asked.starting_timestamp is not None:
        moment = asked.starting_timestamp
        return {shard.shard_id: shard.before(moment) for shard in shards}, set()
    latest: dict[str, int | None] = {shard.shard_id: shard.latest() for shard in shards}
    return latest, {shard.shard_id for shard in shards if shard.closed}


def source(arn: str) -> tuple[Stream, str | None]:
    """The stream of an event source ARN, and the consumer's ARN if it names one."""
    if ":kinesis:" not in arn:
        kind = arn.split(":")[2] if arn.count(":") > 2 else arn
        raise AWSError(
            "InvalidParameterValueException",
            f"The local AWS has event source mappings for Kinesis streams, not for '{kind}'.",
        )
    stream_arn, _, consumer = arn.partition("/consumer/")
    try:
        stream = streams.find(stream_arn)
    except AWSError as error:
        raise AWSError(
            "InvalidParameterValueException", f"Stream not found: {stream_arn}"
        ) from error
    if not consumer:
        return stream, None
    if not any(known.arn == arn for known in stream.consumers.values()):
        raise AWSError("InvalidParameterValueException", f"Consumer not found: {arn}")
    return stream, arn


def function(name: str, region: str) -> tuple[str, str]:
    """The ARN and the role of a function given by name, partial ARN or ARN. Raises AWSError."""
    backend: Any = lambda_backends[settings.ACCOUNT][region]
    try:
        found = backend.get_function(name.split(":function:")[-1])
    except Exception as error:
        raise AWSError("ResourceNotFoundException", f"Function not found: {name}", 404) from error
    return found.function_arn, found.role


def checked(make: Any) -> Parameters:
    """The parameters, or AWS's refusal of them."""
    try:
        asked: Parameters = make()
    except InvalidParameter as error:
        raise AWSError("InvalidParameterValueException", str(error)) from error
    return asked
