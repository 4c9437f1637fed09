"""One shard's way through a delivery stream: read, transform, partition, into the buffers.

A lane takes the next records only when the earlier ones are in the buffers, so that whatever
goes wrong in between is done again and nothing is lost or doubled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from local import functions, settings
from local.delivery import failure, transform
from local.delivery.buffer import Item, Key, Kind
from local.delivery.configuration import Destination, Transform
from local.delivery.failure import Line, Reason
from local.delivery.partition import ACTIVE_LIMIT, TOO_MANY, Partitions, Unpartitioned
from local.delivery.reader import Reader
from local.delivery.record import Row, Source
from local.delivery.transform import Batcher, Transformed
from local.delivery.world import LOGGER, Reporter

FIRST_RETRY_SECONDS = 1.0
"""Before the second invocation; doubled for each one after, and scaled like buffering. [open]"""
LONGEST_RETRY_SECONDS = 60.0
IDLE_SECONDS = 0.5
"""How long a lane waits before it looks again, unless it is woken."""
AFTER_FAULT_SECONDS = 1.0
PATIENCE_SECONDS = 3.0
"""How long a stop goes on with a function that fails: then its records are errors."""
LAST_RETRY_SECONDS = 0.2
"""Between the invocations of that time."""


class Stream(Protocol):
    """What a lane needs of its delivery stream."""

    arn: str
    region: str
    source_arn: str | None
    reporter: Reporter
    stopping: threading.Event

    @property
    def destination(self) -> Destination: ...

    @property
    def partitions(self) -> Partitions: ...

    def room(self, timeout: float) -> bool:
        """Wait while so much waits for delivery that nothing more must be read."""

    def active(self) -> set[Key]:
        """The partitions with records that are not delivered yet."""

    def add(self, groups: dict[Key, list[Item]]) -> None:
        """Put records into the buffers, all or none."""

    def report(self, reason: Reason, processor: str | None = None) -> None:
        """Log an error."""


class Lane:
    """Works one reader off, on a thread of its own (`run`), step by step in tests (`step`)."""

    def __init__(self, stream: Stream, reader: Reader, ended: Callable[[Lane], None]) -> None:
        self.reader = reader
        self._stream = stream
        self._ended = ended
        self._batcher = Batcher()
        self._batch: list[Source] | None = None
        self._abandoned = threading.Event()
        self._gives_up: float | None = None
        self.batches = 0
        """How many batches have arrived in the buffers."""
        self.thread = threading.Thread(target=self.run, name=f"delivery {reader.name}", daemon=True)

    def run(self) -> None:
        """Until the reader has ended, or the delivery stream stops and all was read."""
        while not self._abandoned.is_set():
            try:
                if not self.step():
                    if self._finished():
                        break
                    self.reader.wait(self._patience())
            except Exception:
                LOGGER.exception("%s: a fault, the records are tried again", self._stream.arn)
                self._abandoned.wait(AFTER_FAULT_SECONDS)
        self._ended(self)

    def abandon(self) -> int:
        """End without what is not in the buffers yet; how many records that were read it is."""
        self._abandoned.set()
        return len(self._batcher) + len(self._batch or [])

    def step(self) -> bool:
        """Do what can be done now; False when there is nothing but waiting."""
        stopping = self._stream.stopping.is_set()
        if not stopping and not self._stream.room(IDLE_SECONDS):
            return True
        batch = self._next_batch()
        if batch is not None:
            self.deliver(batch, self._transformed(batch))
            self._batch = None
            self.batches += 1
            return True
        records = self.reader.read()
        if records:
            megabytes = chosen.megabytes if (chosen := self._transform()) else 1.0
            self._batcher.add(records, time.monotonic(), megabytes)
            self._received(records)
        return bool(records)

    def _next_batch(self) -> list[Source] | None:
        """The batch in work, if a fault interrupted it, or the next one that is due."""
        if self._batch is None:
            self._batch = self._batcher.take(time.monotonic(), self._interval())
        return self._batch

    def _interval(self) -> float:
        chosen = self._transform()
        if chosen is None or self._stream.stopping.is_set():
            return 0.0
        return chosen.seconds * settings.current().buffering_scale

    def _transform(self) -> Transform | None:
        return self._stream.destination.transform

    def _finished(self) -> bool:
        """Called when nothing was read: so everything that was put before a stop is in."""
        return not self._batcher and (self._stream.stopping.is_set() or self.reader.ended())

    def _patience(self) -> float:
        due = self._batcher.due(self._interval())
        return IDLE_SECONDS if due is None else min(IDLE_SECONDS, max(0, due - time.monotonic()))

    def _received(self, records: list[Source]) -> None:
        size = sum(len(record.data) for record in records)
        counts = {"IncomingRecords": len(records), "IncomingBytes": size}
        if self._stream.source_arn:
            counts["DataReadFromKinesisStream.Records"] = len(records)
            counts["DataReadFromKinesisStream.Bytes"] = size
        self._stream.reporter.count(counts)
        behind = self.reader.behind()
        if behind is not None:
            self._stream.reporter.count({"KinesisMillisBehindLatest": behind}, "Milliseconds")

    def _transformed(self, batch: list[Source]) -> Transformed:
        chosen = self._transform()
        if chosen is None:
            return Transformed([(Row(record.data, record), {}) for record in batch], 0, [])
        attempts = 0
        while True:
            attempts += 1
            chosen = self._transform() or chosen
            result = self._attempt(chosen, batch)
            if isinstance(result, Transformed):
                return result
            self._stream.report(result, chosen.function)
            if attempts > chosen.retries or self._out_of_time():
                return transform.whole_batch(batch, result, attempts)
            if not self._stream.stopping.wait(retry_seconds(attempts)):
                continue
            self._abandoned.wait(LAST_RETRY_SECONDS)

    def _out_of_time(self) -> bool:
        """Whether a stop has waited long enough for a function that fails."""
        if not self._stream.stopping.is_set():
            return False
        self._gives_up = self._gives_up or time.monotonic() + PATIENCE_SECONDS
        return time.monotonic() > self._gives_up

    def _attempt(self, chosen: Transform, batch: list[Source]) -> Transformed | Reason:
        request = transform.request(
            batch,
            delivery_stream=self._stream.arn,
            region=self._stream.region,
            stream=self._stream.source_arn,
        )
        answer = functions.invoke(chosen.function, request)
        if answer.throttled:
            return transform.THROTTLED
        if answer.status == 404:
            return transform.NOT_FOUND
        if answer.status != 200:
            return Reason(f"Lambda.{answer.error}", answer.payload.decode(errors="replace"))
        if answer.function_error:
            return transform.FUNCTION_ERROR
        try:
            return transform.interpret(batch, answer.payload)
        except transform.BadAnswer:
            return transform.FUNCTION_ERROR

    def deliver(self, batch: list[Source], result: Transformed) -> None:
        """Into the buffers: rows by partition or shard, failures by type, sources as backup."""
        destination, now = self._stream.destination, int(time.time() * 1000)
        groups: dict[Key, list[Item]] = {}
        errors = [self._failed(source, reason, now) for source, reason in result.failed]
        if destination.partitioned:
            errors += self._partition(result, groups, now)
        else:
            groups[Key(Kind.DATA, self.reader.name)] = [row for row, _ in result.rows]
        for line in errors:
            groups.setdefault(Key(Kind.ERROR, line.kind), []).append(line)
        if destination.backup:
            groups[Key(Kind.BACKUP, self.reader.name)] = list(batch)
        self._stream.add(groups)
        if destination.transform:
            size = sum(len(row.source.data) for row, _ in result.rows)
            self._stream.reporter.count(
                {
                    "SucceedProcessing.Records": len(result.rows),
                    "SucceedProcessing.Bytes": size,
                }
            )

    def _failed(self, source: Source, reason: Reason, now: int) -> Line:
        chosen = self._transform()
        return failure.transform(source, reason, chosen.function if chosen else "", now)

    def _partition(
        self, result: Transformed, groups: dict[Key, list[Item]], now: int
    ) -> list[Line]:
        """Sort the rows into `groups`; the lines of those that no partition takes."""
        partitions, active = self._stream.partitions, self._stream.active()
        places: dict[tuple[str, ...], list[Item] | Reason] = {}
        errors: list[Line] = []
        exceeded = 0
        for row, keys in result.rows:
            try:
                values = partitions.values(row.data, keys)
            except Unpartitioned as unfit:
                errors.append(failure.partitioning(row.source, row.data, unfit.reason, now))
                continue
            place = places.get(values)
            if place is None:
                place = places[values] = self._place(values, groups, active)
            if isinstance(place, list):
                place.append(row)
            else:
                errors.append(failure.partitioning(row.source, row.data, place, now))
                exceeded |= place is TOO_MANY
        if errors:
            self._stream.report(TOO_MANY if exceeded else NOT_PARTITIONED)
        counts = {"PartitionCount": len(active), "PartitionCountExceeded": exceeded}
        self._stream.reporter.count(counts)
        return errors

    def _place(
        self, values: tuple[str, ...], groups: dict[Key, list[Item]], active: set[Key]
    ) -> list[Item] | Reason:
        """The group of the partition with these values, or why there is none."""
        try:
            key = Key(Kind.DATA, self._stream.partitions.template(values))
        except Unpartitioned as unfit:
            return unfit.reason
        if key not in active and len(active) >= ACTIVE_LIMIT:
            return TOO_MANY
        active.add(key)
        return groups.setdefault(key, [])


NOT_PARTITIONED = Reason(
    "DynamicPartitioning.MetadataExtractionFailed",
    "Records without partition keys were delivered to the error output.",
)


def retry_seconds(attempt: int) -> float:
    """The wait after the `attempt`th failed invocation."""
    seconds: float = min(FIRST_RETRY_SECONDS * 2 ** (attempt - 1), LONGEST_RETRY_SECONDS)
    return seconds * settings.current().buffering_scale
