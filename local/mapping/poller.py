"""Works a queue off for one mapping: receives, invokes, deletes what the function took.

One thread owns the machine and sleeps in SQS's own condition until a message or an answer comes;
invocations run in a pool. What was received and is not deleted becomes visible again, whatever
ends this: nothing is lost here.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import msgspec

from local import functions, queues
from local.mapping import answer, messages
from local.mapping.batches import Batch, Message
from local.mapping.filters import Filter
from local.mapping.meter import Meter

if TYPE_CHECKING:
    from moto.sqs import models

    from local.mapping.destinations import Outbox
    from local.mapping.queued import QueueParameters

LOG = logging.getLogger(__name__)

WAIT_SECONDS = 20.0
"""The longest wait for messages, as SQS's longest poll; a message ends it at once."""

GONE_SECONDS = 1.0
"""Between two looks for a queue that is missing."""

NO_QUEUE = "PROBLEM: Queue not found"


@dataclass(frozen=True, slots=True)
class QueueJob:
    """What a poller works on: a queue, a function, and how."""

    uuid: str
    source_arn: str
    function_arn: str
    role: str
    parameters: QueueParameters

    @property
    def region(self) -> str:
        return self.source_arn.split(":")[3]

    def updated(self, request: dict[str, Any]) -> QueueJob:
        """This with what a request changes of its parameters. Raises InvalidParameter."""
        return replace(self, parameters=self.parameters.updated(request))

    def conflict(self) -> str:
        """How AWS refuses a second mapping of the same queue and function."""
        name = self.function_arn.split(":function:")[1]
        return (
            f'An event source mapping with SQS arn (" {self.source_arn} ") and function '
            f'(" {name} ") already exists. Please update or delete the existing mapping with '
            f"UUID {self.uuid}"
        )

    def shown(self, result: str) -> dict[str, Any]:  # noqa: ARG002  AWS shows it of streams only
        return {"StateTransitionReason": "USER_INITIATED"} | self.parameters.shown()

    def runner(self, outbox: Outbox, result: str) -> Poller:  # noqa: ARG002  as a stream's job
        return Poller(self, result)


@dataclass(eq=False)
class Poller:
    """Runs from `start` to `stop`; `result` is LastProcessingResult."""

    job: QueueJob
    result: str = "No records processed"
    _outcomes: SimpleQueue[tuple[Batch, Collection[str] | None]] = field(
        default_factory=SimpleQueue
    )
    _stopping: bool = False
    _flights: int = 0

    def __post_init__(self) -> None:
        asked = self.job.parameters
        self._machine = asked.machine()
        self._filter = Filter(list(asked.patterns))
        self._meter = Meter(self.job.uuid, self.job.function_arn, asked.metrics)
        name = f"mapping-{self.job.uuid[:8]}"
        self._pool = ThreadPoolExecutor(self._machine.concurrency, name)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience: float | None = None) -> None:
        """Receive nothing more, wait for invocations in flight and delete what they took.

        After `patience` seconds (None: as long as they take) they are left to their end.
        """
        self._stopping = True
        queues.wake()
        self._thread.join()
        end = None if patience is None else time.monotonic() + patience
        while self._flights:
            try:
                left = None if end is None else max(0.0, end - time.monotonic())
                self._settle(*self._outcomes.get(timeout=left))
            except Empty:
                LOG.warning("mapping %s leaves %d invocations", self.job.uuid, self._flights)
                break
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._meter.flush()

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._turn()
            except Exception:
                # A defect here must not end the mapping silently: say so and go on.
                LOG.exception("mapping %s stumbled", self.job.uuid)
                time.sleep(GONE_SECONDS)

    def _turn(self) -> None:
        """One round: answers in, batches out, then wait for messages."""
        while not self._outcomes.empty():
            self._settle(*self._outcomes.get())
        queue = queues.find(self.job.source_arn)
        if queue is None:
            self._missing()
            return
        while batch := self._machine.step(time.time()):
            self._flights += 1
            self._pool.submit(self._invoke, batch)
        soonest = self._machine.wakeup()
        wait = WAIT_SECONDS if soonest is None else max(0.0, soonest - time.time())
        interrupted = lambda: self._interrupted(queue)  # noqa: E731
        found = queues.take(queue, self._machine.room, min(wait, WAIT_SECONDS), interrupted)
        if found:
            self._offer(queue, found)

    def _interrupted(self, queue: models.Queue) -> bool:
        gone = queues.find(self.job.source_arn) is not queue
        return self._stopping or gone or not self._outcomes.empty()

    def _missing(self) -> None:
        if self.result != NO_QUEUE:
            LOG.warning("mapping %s stands still: queue not found", self.job.uuid)
            self.result = NO_QUEUE
        with queues.CHANGED:
            queues.CHANGED.wait_for(lambda: self._stopping, GONE_SECONDS)

    def _offer(self, queue: models.Queue, found: list[models.Message]) -> None:
        """Hand messages to the machine; those that no filter lets through are deleted."""
        kept, filtered = [], set()
        for message in found:
            record = messages.record(message, arn=self.job.source_arn, region=self.job.region)
            if not self._filter.passes_message(record):
                filtered.add(message.id)
                continue
            text = msgspec.json.encode(record)
            kept.append(Message(message.id, text, message.visible_at / 1000))
        self._meter.counts.polled += len(found)
        self._meter.counts.filtered += len(filtered)
        if filtered:
            queues.delete(queue, filtered)
        self._machine.offer(time.time(), kept)

    def _invoke(self, batch: Batch) -> None:
        """In the pool: call the function and hand back which messages it did not take."""
        failed: Collection[str] | None = None
        try:
            found = functions.invoke(self.job.function_arn, batch.payload)
            if found.status == 200:
                failed = answer.of_messages(
                    found.payload,
                    found.function_error,
                    {message.id for message in batch.messages},
                    report=self.job.parameters.report,
                )
        except Exception:
            LOG.exception("%s did not run", self.job.function_arn)
        self._outcomes.put((batch, failed))
        queues.wake()

    def _settle(self, batch: Batch, failed: Collection[str] | None) -> None:
        self._flights -= 1
        done = set(self._machine.answered(time.time(), batch, failed))
        self.result = self._meter.processed(len(batch.messages), len(done))
        queue = queues.find(self.job.source_arn)
        if queue and done:
            queues.delete(queue, done)
