"""The thin runner around the state machines: reads, invokes, delivers failures, keeps positions.

One thread owns every machine of a mapping; invocations run in a pool and hand their answers back
through a queue, so the machines are never touched by two threads.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from local import functions
from local.mapping import answer, event, failure
from local.mapping.destinations import Message, Outbox
from local.mapping.filters import Filter
from local.mapping.lane import Answer, Failed, GiveUp, Invoke, NotExecuted
from local.mapping.meter import Meter
from local.mapping.reader import Reader, Source
from local.mapping.shard import Shard, ready

if TYPE_CHECKING:
    from local.kinesis.stream import Stream
    from local.mapping.parameters import Parameters

LOG = logging.getLogger(__name__)

IDLE_SECONDS = 0.25
"""The longest the runner sleeps when nothing tells it to wake up."""

LEAST_SECONDS = 0.002
"""The shortest, so that a wake-up time just missed does not spin."""

INVOCATIONS = 200
"""Invocations of one mapping at a time: a thread each, made when needed."""

TOO_LARGE = 413
"""One record can exceed what an invocation takes. It will never fit, so it counts as a failed
invocation and reaches the on-failure destination when the retries are used up. [open]"""


@dataclass(frozen=True, slots=True)
class Job:
    """What a runner works on: a stream, a function, and how; and where it is.

    `positions` maps shard ids to the sequence number that reading resumes after (None: from the
    start of the shard); `finished` are shards that need not be read again.
    """

    uuid: str
    stream: Stream
    consumer_arn: str | None
    function_arn: str
    role: str
    parameters: Parameters
    positions: dict[str, int | None]
    finished: set[str]

    @property
    def source_arn(self) -> str:
        return self.consumer_arn or self.stream.arn

    @property
    def region(self) -> str:
        return self.stream.region

    def updated(self, request: dict[str, Any]) -> Job:
        """This with what a request changes of its parameters. Raises InvalidParameter."""
        return replace(self, parameters=self.parameters.updated(request))

    def conflict(self) -> str:
        """How AWS refuses a second mapping of the same stream and function."""
        return (
            f'The event source arn (" {self.source_arn} ") and function (" {self.function_arn} ") '
            "provided mapping already exists. Please update or delete the existing mapping with "
            f"UUID {self.uuid}"
        )

    def shown(self, result: str) -> dict[str, Any]:
        """What the API shows of it and its last result."""
        reason = {"StateTransitionReason": "User action", "LastProcessingResult": result}
        return reason | self.parameters.shown()

    def runner(self, outbox: Outbox, result: str) -> Runner:
        """A runner that goes on from the positions reached."""
        outbox.destination = self.parameters.destination
        return Runner(self, outbox, result)


@dataclass(slots=True)
class Outcome:
    """An answered invocation, on its way back to the runner's thread."""

    reader: Reader
    lane: int
    invoke: Invoke
    answer: Answer
    request_id: str


@dataclass(eq=False)
class Runner:
    """Works a stream off for one mapping, from its positions on, until stopped.

    The job's positions are live: where they are when the runner has stopped, another continues.
    """

    job: Job
    outbox: Outbox
    result: str = "No records processed"
    _readers: dict[str, Reader] = field(default_factory=dict)
    _outcomes: SimpleQueue[Outcome] = field(default_factory=SimpleQueue)
    _wake: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _flights: int = 0

    def __post_init__(self) -> None:
        parameters = self.job.parameters
        self._filter = Filter(list(parameters.patterns))
        self._meter = Meter(self.job.uuid, self.job.function_arn, parameters.metrics)
        self._pool = ThreadPoolExecutor(INVOCATIONS, f"mapping-{self.job.uuid[:8]}")
        self._threads = [
            threading.Thread(target=target, name=f"{name}-{self.job.uuid[:8]}", daemon=True)
            for name, target in (("mapping", self._run), ("watch", self._watch))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, patience: float | None = None) -> None:
        """Start nothing more, wait for invocations in flight and count their answers.

        After `patience` seconds (None: as long as they take) they are left to their end; what they
        were given is read again by the next runner.
        """
        self._stopping.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()
        end = None if patience is None else time.monotonic() + patience
        while self._flights:
            try:
                left = None if end is None else max(0.0, end - time.monotonic())
                self._settle(self._outcomes.get(timeout=left))
            except Empty:
                LOG.warning("mapping %s leaves %d invocations", self.job.uuid, self._flights)
                break
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._remember()
        self._meter.flush()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                more = self._turn()
            except Exception:
                # A defect here must not end the mapping silently: say so and go on.
                LOG.exception("mapping %s stumbled", self.job.uuid)
                more = False
            if not more:
                self._wake.wait(self._pause())

    def _watch(self) -> None:
        """Wake the runner when something is put on the stream: enhanced fan-out pushes."""
        version = -1
        while not self._stopping.is_set():
            seen = self.job.stream.wait(IDLE_SECONDS, version)
            if seen != version and self.job.consumer_arn:
                self._wake.set()
            version = seen

    def _turn(self) -> bool:
        """One round: answers in, records in, actions out. Whether more is to be read at once."""
        self._take()
        if not self._readable():
            return False
        self._open()
        now, more = time.time(), False
        for reader in list(self._readers.values()):
            more |= reader.poll(now)
            for lane, action in reader.machine.step(now):
                self._act(reader, lane, action)
        self._remember()
        return more and any(reader.machine.room for reader in self._readers.values())

    def _pause(self) -> float:
        now = time.time()
        times = [reader.machine.wakeup() for reader in self._readers.values()]
        if not self.job.consumer_arn:
            times += [reader.due for reader in self._readers.values() if reader.machine.room]
        soonest = min((moment for moment in times if moment is not None), default=now + 1)
        return min(max(soonest - now, LEAST_SECONDS), IDLE_SECONDS)

    def _readable(self) -> bool:
        """Whether the stream and the consumer still exist; says so once when they do not."""
        gone = None
        if self.job.stream.deleted:
            gone = "Stream not found"
        elif self.job.consumer_arn and not any(
            consumer.arn == self.job.consumer_arn for consumer in self.job.stream.consumers.values()
        ):
            gone = "Consumer not found"
        if gone is None:
            return True
        problem = f"PROBLEM: {gone}"
        if self.result != problem:
            LOG.warning("mapping %s stands still: %s", self.job.uuid, gone.lower())
            self.result = problem
        return False

    def _open(self) -> None:
        """Start reading every shard whose parents are done."""
        shards = {shard.shard_id: shard for shard in self.job.stream.shards()}
        parents = {name: shard.parents for name, shard in shards.items()}
        for name in ready(parents, self.job.finished) - self.job.finished - self._readers.keys():
            parameters = self.job.parameters
            machine = Shard(
                parameters.limits(self.job.stream.retention_hours * 3600),
                factor=parameters.factor,
                window=parameters.tumbling,
            )
            arn = event.source_arn(self.job.stream.arn, self.job.consumer_arn)
            self._readers[name] = Reader(
                shard=shards[name],
                machine=machine,
                source=Source(arn, self.job.stream.region, self.job.role),
                filter=self._filter,
                position=self.job.positions.get(name),
                fan_out=self.job.consumer_arn is not None,
                counts=self._meter.counts,
            )

    def _remember(self) -> None:
        """Keep the positions, and let go of shards that are done."""
        for name, reader in list(self._readers.items()):
            position = reader.machine.checkpoint.position
            if position is not None and position != self.job.positions.get(name):
                self.job.positions[name] = position
                reader.trim(position)
            if reader.machine.finished:
                self.job.finished.add(name)
                del self._readers[name]

    def _act(self, reader: Reader, lane: int, action: Invoke | GiveUp) -> None:
        if isinstance(action, GiveUp):
            self._give_up(reader, action, request_id="")
            return
        self._flights += 1
        payload = event.event(
            reader.payload(action.entries),
            action.window,
            shard_id=reader.shard.shard_id,
            source=reader.source.arn,
        )
        self._pool.submit(self._invoke, reader, lane, action, payload)

    def _invoke(self, reader: Reader, lane: int, action: Invoke, payload: bytes) -> None:
        """In the pool: call the function and hand back what its answer means."""
        meaning, request_id = self._call(action, payload)
        self._outcomes.put(Outcome(reader, lane, action, meaning, request_id))
        self._wake.set()

    def _call(self, action: Invoke, payload: bytes) -> tuple[Answer, str]:
        try:
            found = functions.invoke(self.job.function_arn, payload)
        except Exception as error:
            # Missing, being replaced, or not to be started: the function did not run.
            LOG.warning("%s did not run: %s", self.job.function_arn, error)
            return NotExecuted(), ""
        if found.status == TOO_LARGE:
            return Failed(error="Unhandled"), found.request_id
        if found.throttled or found.status >= 300:
            return NotExecuted(), found.request_id
        window = action.window
        meaning = answer.read(
            found.payload,
            found.function_error,
            action.entries,
            report=self.job.parameters.report,
            windowed=window is not None,
            final=window is not None and window.final,
        )
        return meaning, found.request_id

    def _take(self) -> None:
        """Give every answer that came to its machine."""
        while True:
            try:
                self._settle(self._outcomes.get_nowait())
            except Empty:
                return

    def _settle(self, outcome: Outcome) -> None:
        self._flights -= 1
        given_up = outcome.reader.machine.answered(time.time(), outcome.lane, outcome.answer)
        self.result = self._meter.answered(outcome.invoke, outcome.answer)
        if given_up:
            self._give_up(outcome.reader, given_up, outcome.request_id)

    def _give_up(self, reader: Reader, given_up: GiveUp, request_id: str) -> None:
        """Say so, and tell the destination if there is one."""
        first, last = given_up.entries[0], given_up.entries[-1]
        destination = self.job.parameters.destination
        LOG.warning(
            "%s gave up %d records of %s, %d to %d (%s): %s",
            self.job.function_arn.rpartition(":")[2],
            len(given_up.entries),
            reader.shard.shard_id,
            first.sequence_number,
            last.sequence_number,
            given_up.condition,
            destination or "no on-failure destination, they are only on the stream now",
        )
        if not destination:
            self._meter.dropped(len(given_up.entries))
            return
        now = time.time()
        origin = failure.Origin(
            self.job.uuid, self.job.function_arn, self.job.stream.arn, reader.shard.shard_id
        )
        payload = event.event(
            reader.payload(given_up.entries),
            None,
            shard_id=reader.shard.shard_id,
            source=reader.source.arn,
        )
        body = failure.message(origin, given_up, request_id=request_id, now=now)
        counted = "EventCount" in self.job.parameters.metrics
        self.outbox.put(Message(origin, body, payload.decode(), now, counted))
