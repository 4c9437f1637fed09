"""The event source mappings that exist, and Lambda's API for them."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from moto.awslambda.models import lambda_backends

from local import settings
from local.kinesis import streams
from local.kinesis.stream import Stream
from local.mapping import parameters
from local.mapping.destinations import Outbox
from local.mapping.parameters import InvalidParameter, Parameters
from local.mapping.runner import Job, Runner
from local.routes import AWSError

USER_ACTION = "User action"
SETTLED = ("Enabled", "Disabled")
PATIENCE_SECONDS = 3.0
"""How long the end of the local AWS waits for functions that are at work."""


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
    outbox: Outbox = field(default_factory=Outbox)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self) -> None:
        """Run, or rest, as it is enabled or not."""
        with self.lock:
            self.outbox.destination = self.job.parameters.destination
            if self.enabled:
                self.runner = Runner(
                    self.job, self.outbox, self.positions, self.finished, self.result
                )
                self.runner.start()
            self.state = "Enabled" if self.enabled else "Disabled"

    def stop(self, patience: float | None = None) -> None:
        """Rest; the positions stay. See `Runner.stop`."""
        with self.lock:
            if self.runner:
                self.runner.stop(patience)
                self.result = self.runner.result
                self.runner = None

    def end(self, patience: float | None = None) -> None:
        """Stop for good."""
        self.stop(patience)
        self.outbox.close()

    def describe(self, job: Job | None = None) -> dict[str, Any]:
        """The mapping as the API shows it, with every default spelled out.

        `job` is what it is being updated to.
        """
        job = job or self.job
        asked = job.parameters
        shown: dict[str, Any] = {
            "UUID": job.uuid,
            "EventSourceMappingArn": f"arn:aws:lambda:{job.stream.region}:{settings.ACCOUNT}"
            f":event-source-mapping:{job.uuid}",
            "EventSourceArn": job.consumer_arn or job.stream.arn,
            "FunctionArn": job.function_arn,
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
    with _lock:
        if mapping.state not in SETTLED:
            raise AWSError(
                "ResourceInUseException",
                f"Cannot update the event source mapping: it is in state {mapping.state}.",
            )
        old = mapping.job
        asked = checked(lambda: old.parameters.updated(request))
        name = request.get("FunctionName")
        function_arn, role = function(name, region) if name else (old.function_arn, old.role)
        job = replace(old, function_arn=function_arn, role=role, parameters=asked)
        enabled = request.get("Enabled", mapping.enabled)
        mapping.state = "Updating"
        if enabled != mapping.enabled:
            mapping.state = "Enabling" if enabled else "Disabling"
        mapping.modified = time.time()

    def change() -> None:
        with mapping.lock:
            mapping.stop()
            mapping.job, mapping.enabled = job, enabled
            if identifier in _mappings:
                mapping.start()

    shown = mapping.describe(job)
    threading.Thread(target=change, daemon=True).start()
    return shown


def delete(identifier: str) -> dict[str, Any]:
    """DeleteEventSourceMapping. Raises AWSError."""
    mapping = find(identifier)
    with _lock:
        _mappings.pop(identifier, None)
    mapping.state = "Deleting"
    threading.Thread(target=mapping.end, daemon=True).start()
    return mapping.describe()


def stop() -> None:
    """Stop every mapping; what is in flight is waited for, but not for long."""
    ending = [
        threading.Thread(target=mapping.end, args=(PATIENCE_SECONDS,))
        for mapping in list(_mappings.values())
    ]
    for thread in ending:
        thread.start()
    for thread in ending:
        thread.join()
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
    """The ARN, with the qualifier asked for, and the role of a function. Raises AWSError.

    `name` is a name, a partial ARN or an ARN, any of them with a version or an alias: an alias is
    followed at each invocation.
    """
    backend: Any = lambda_backends[settings.ACCOUNT][region]
    qualified = name.split(":function:")[-1]
    try:
        found = backend.get_function(*qualified.split(":", 1))
    except Exception as error:
        raise AWSError("ResourceNotFoundException", f"Function not found: {name}", 404) from error
    return f"arn:aws:lambda:{region}:{settings.ACCOUNT}:function:{qualified}", found.role


def checked(make: Any) -> Parameters:
    """The parameters, or AWS's refusal of them."""
    try:
        asked: Parameters = make()
    except InvalidParameter as error:
        raise AWSError("InvalidParameterValueException", str(error)) from error
    return asked
