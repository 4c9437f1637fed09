"""Runs a producer: a thread reads the source, a thread per lane makes calls, one loop decides.

Memory stays bounded: the reader is at most `AHEAD` chunks before the producer, which says when
it has room.
"""

import random
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from cli.kinesis import passing
from cli.pace import Pace
from cli.producer import Answer, Call, Entry, Producer
from cli.shards import Shards

Put = Callable[[Call], Sequence[Answer]]
"""Makes the call: what became of each entry; raises what no repetition can mend."""
AHEAD = 4
GRACE = 5.0
"""Seconds that calls in flight get to be answered after Ctrl-C."""
TICK = 0.1
INTERRUPTED = "Interrupted"
STOPPED = "Stopped"


@contextmanager
def on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C calls this meanwhile, instead of raising KeyboardInterrupt."""
    before = signal.signal(signal.SIGINT, lambda *_: stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


LOOKS, PAUSE = 40, 0.25
"""A stream that is being resharded is asked for its shards so often, every so many seconds."""


def follow(producer: Producer, shards: Callable[[], Shards]) -> None:
    """Ask for the shards until they are those that the stream puts records on. Raises what asking
    again would not mend, and the last answer when none was better."""
    for look in range(1, LOOKS + 1):
        try:
            found = shards()
        except Exception as error:
            if look == LOOKS or not passing(error):
                raise
        else:
            if producer.reshard(found, time.monotonic(), last=look == LOOKS):
                return
        time.sleep(PAUSE)


@dataclass(frozen=True, slots=True)
class Read:
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class ReadEnd:
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class Answered:
    call: Call
    answer: Sequence[Answer] | BaseException


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Ctrl-C came."""


Message = Read | ReadEnd | Answered | Interrupt


@dataclass(slots=True)
class Outcome:
    """How a run ended; the producer's tally has the numbers."""

    interrupted: bool = False
    error: BaseException | None = None
    """Why the source could not be read to its end, or why putting was stopped."""
    unknown: int = 0
    """Entries whose call was not answered before the end: they may be on the stream or not."""


class Sender:
    """Puts every entry at `pace`, and calls `progress` about ten times a second."""

    def __init__(
        self,
        *,
        producer: Producer,
        put: Put,
        pace: Pace,
        lanes: int,
        progress: Callable[[], None],
        shards: Callable[[], Shards] | None = None,
    ) -> None:
        """`shards` asks the stream for those that are open now, when they have changed."""
        self._producer = producer
        self._shards = shards
        self._put = put
        self._pace = pace
        self._progress = progress
        self._pool = ThreadPoolExecutor(lanes, thread_name_prefix="put")
        self._inbox: SimpleQueue[Message] = SimpleQueue()
        self._chunks: deque[list[Entry]] = deque()
        self._waiting: deque[Entry] = deque()
        self._due: float | None = None
        self._reading = True
        self._in_flight = 0
        self._ahead = threading.Semaphore(AHEAD)
        self._over = threading.Event()
        self._outcome = Outcome()

    def interrupt(self) -> None:
        """Stop soon, accounted for; safe in a signal handler, where raising would not be."""
        self._inbox.put(Interrupt())

    def run(self, chunks: Iterator[list[Entry]]) -> Outcome:
        """Return when everything is accounted for, also after an error or Ctrl-C."""
        threading.Thread(target=self._read, args=(chunks,), daemon=True).start()
        try:
            self._drive()
        finally:
            self._over.set()
            self._ahead.release()
            self._pool.shutdown(wait=not self._outcome.unknown, cancel_futures=True)
        return self._outcome

    def _read(self, chunks: Iterator[list[Entry]]) -> None:
        """The reading thread: waits here, not the loop, when the source is slow."""
        error: BaseException | None = None
        try:
            for entries in chunks:
                self._ahead.acquire()
                if self._over.is_set():
                    return
                self._inbox.put(Read(entries))
        except Exception as failure:  # whatever a source raises ends the command, told there
            error = failure
        self._inbox.put(ReadEnd(error))

    def _drive(self) -> None:
        while True:
            now = time.monotonic()
            self._offer(now)
            for call in self._producer.calls(now):
                self._in_flight += 1
                self._pool.submit(self._make, call)
            self._progress()
            if not (self._reading or self._chunks or self._waiting or self._producer.pending):
                return
            if not self._receive(self._patience(now)):
                self._wind_down()
                return

    def _offer(self, now: float) -> None:
        while self._producer.room:
            if not self._waiting:
                if not self._chunks:
                    break
                self._waiting.extend(self._chunks.popleft())
                self._ahead.release()
                continue
            if self._due is None:
                self._due = self._pace.due(self._waiting[0].when, now)
            if self._due > now:
                break
            self._producer.offer(self._waiting.popleft(), now)
            self._due = None
        if not (self._reading or self._chunks or self._waiting):
            self._producer.close()

    def _make(self, call: Call) -> None:
        """In a thread of the pool."""
        try:
            self._inbox.put(Answered(call, self._put(call)))
        except Exception as failure:  # it stops the run, and is raised where the command ends
            self._inbox.put(Answered(call, failure))

    def _patience(self, now: float) -> float:
        times = [now + TICK]
        if self._producer.room and self._due is not None:
            times.append(self._due)
        if (due := self._producer.due()) is not None:
            times.append(due)
        return max(0.0, min(times) - now)

    def _receive(self, patience: float) -> bool:
        """Take what has happened; False when nothing more can be put."""
        try:
            message = self._inbox.get(timeout=patience)
        except Empty:
            return True
        match message:
            case Read(entries):
                self._chunks.append(entries)
            case ReadEnd(error):
                self._reading = False
                self._outcome.error = error
            case Answered(call, answer):
                return self._settle(call, answer)
            case Interrupt():
                self._outcome.interrupted = True
                return False
        return True

    def _settle(self, call: Call, answer: Sequence[Answer] | BaseException) -> bool:
        self._in_flight -= 1
        if isinstance(answer, BaseException):
            self._outcome.error = answer
            self._producer.refuse(call, STOPPED)
            return False
        self._producer.settle(call, answer, time.monotonic(), random.random())  # noqa: S311  jitter
        if self._producer.stale and not self._producer.in_flight and self._shards is not None:
            try:
                follow(self._producer, self._shards)
            except Exception as failure:  # as when a call fails
                self._outcome.error = failure
                return False
        return True

    def _wind_down(self) -> None:
        """Account for what was read: calls in flight get `GRACE`, the rest is not put.

        A second Ctrl-C does not wait for their answers.
        """
        self._over.set()
        end = time.monotonic() + GRACE
        while self._in_flight and (left := end - time.monotonic()) > 0:
            if not self._receive(left) and self._outcome.interrupted:
                break
        for entries in self._chunks:
            self._waiting.extend(entries)
        for entry in self._waiting:
            self._producer.offer(entry, 0.0)
        self._producer.abandon(INTERRUPTED if self._outcome.interrupted else STOPPED)
        self._outcome.unknown = self._producer.pending
