"""The event source mappings that exist, and Lambda's API for them."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from moto.awslambda.models import lambda_backends

from local import queues, settings
from local.kinesis import streams
from local.kinesis.stream import Stream
from local.mapping import parameters, queued
from local.mapping.destinations import Outbox
from local.mapping.parameters import InvalidParameter, Parameters
from local.mapping.poller import Poller, QueueJob
from local.mapping.runner import Job, Runner
from local.routes import AWSError

if TYPE_CHECKING:
    from collections.abc import Callable

Made = TypeVar("Made")

SETTLED = ("Enabled", "Disabled")
PATIENCE_SECONDS = 3.0
"""How long the end of the local AWS waits for functions that are at work."""


@dataclass(eq=False)
class Mapping:
    """One event source mapping: what was asked for, and where it is."""

    job: Job | QueueJob
    enabled: bool
    tags: dict[str, str] = field(default_factory=dict)
    state: str = "Creating"
    modified: float = field(default_factory=time.time)
    result: str = "No records processed"
    runner: Runner | Poller | None = None
    outbox: Outbox = field(default_factory=Outbox)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self) -> None:
        """Run, or rest, as it is enabled or not."""
        with self.lock:
            if self.enabled:
                self.runner = self.job.runner(self.outbox, self.result)
                self.runner.start()
            self.state = "Enabled" if self.enabled else "Disabled"

    def stop(self, patience: float | None = None) -> None:
        """Rest; where it is stays. See `Runner.stop`, `Poller.stop`."""
        with self.lock:
            if self.runner:
                self.runner.stop(patience)
                self.result = self.runner.result
                self.runner = None

    def end(self, patience: float | None = None) -> None:
        """Stop for good."""
        self.stop(patience)
        self.outbox.close()

    def describe(self, job: Job | QueueJob | None = None) -> dict[str, Any]:
        """The mapping as the API shows it; `job` is what it is being updated to."""
        job = job or self.job
        return {
            "UUID": job.uuid,
            "EventSourceMappingArn": f"arn:aws:lambda:{job.region}:{settings.ACCOUNT}"
            f":event-source-mapping:{job.uuid}",
            "EventSourceArn": job.source_arn,
            "FunctionArn": job.function_arn,
            "State": self.state,
            "LastModified": self.modified,
        } | job.shown(self.runner.result if self.runner else self.result)


_mappings: dict[str, Mapping] = {}
_lock = threading.Lock()


def create(request: dict[str, Any], region: str) -> dict[str, Any]:
    """CreateEventSourceMapping. Raises AWSError."""
    of_queue = ":sqs:" in (request.get("EventSourceArn") or "")
    job = checked(lambda: (queue_job if of_queue else stream_job)(request, region))
    mapping = Mapping(job, request.get("Enabled", True), dict(request.get("Tags") or {}))
    with _lock:
        for other in (mapping.job for mapping in _mappings.values()):
            if (other.function_arn, other.source_arn) == (job.function_arn, job.source_arn):
                raise AWSError("ResourceConflictException", other.conflict(), 409)
        _mappings[job.uuid] = mapping
    shown = mapping.describe()
    threading.Thread(target=mapping.start, daemon=True).start()
    return shown


def stream_job(request: dict[str, Any], region: str) -> Job:
    """What a mapping of a stream is to do. Raises InvalidParameter, AWSError."""
    asked = parameters.create(request)
    function_arn, found = function(request.get("FunctionName") or "", region)
    stream, consumer_arn = source(request.get("EventSourceArn") or "")
    return Job(
        str(uuid.uuid4()),
        stream,
        consumer_arn,
        function_arn,
        found.role,
        asked,
        *start(stream, asked),
    )


def queue_job(request: dict[str, Any], region: str) -> QueueJob:
    """What a mapping of a queue is to do. Raises InvalidParameter, AWSError."""
    asked = queued.create(request)
    function_arn, found = function(request.get("FunctionName") or "", region)
    arn = request["EventSourceArn"]
    visible(arn, found)
    return QueueJob(str(uuid.uuid4()), arn, function_arn, found.role, asked)


def visible(arn: str, found: Any) -> None:
    """Check that the queue exists and hides a message for as long as the function may run."""
    queue = queues.find(arn) if arn.count(":") == 5 else None
    if queue is None:
        raise InvalidParameter(
            "Error occurred while ReceiveMessage. SQS Error Code: "
            "AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does "
            "not exist."
        )
    if queue.fifo_queue:
        raise InvalidParameter("The local AWS has no event source mappings for FIFO queues")
    seconds, timeout = queue.attributes["VisibilityTimeout"], int(found.timeout)
    if seconds < timeout:
        raise InvalidParameter(
            f"Queue visibility timeout: {seconds} seconds is less than Function timeout: "
            f"{timeout} seconds"
        )


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
        job = checked(lambda: old.updated(request))
        if name := request.get("FunctionName"):
            function_arn, found = function(name, region)
            if isinstance(job, QueueJob):
                checked(lambda: visible(job.source_arn, found))
            job = replace(job, function_arn=function_arn, role=found.role)
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
            "The local AWS has event source mappings for Kinesis streams and SQS queues, not for "
            f"'{kind}'.",
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


def function(name: str, region: str) -> tuple[str, Any]:
    """The ARN, with the qualifier asked for, and moto's function. Raises AWSError.

    `name` is a name, a partial ARN or an ARN, any of them with a version or an alias: an alias is
    followed at each invocation.
    """
    backend: Any = lambda_backends[settings.ACCOUNT][region]
    qualified = name.split(":function:")[-1]
    try:
        found = backend.get_function(*qualified.split(":", 1))
    except Exception as error:
        raise AWSError("ResourceNotFoundException", f"Function not found: {name}", 404) from error
    return f"arn:aws:lambda:{region}:{settings.ACCOUNT}:function:{qualified}", found


def checked(make: Callable[[], Made]) -> Made:
    """What `make` makes, or AWS's refusal of it."""
    try:
        return make()
    except InvalidParameter as error:
        raise AWSError("InvalidParameterValueException", str(error)) from error
