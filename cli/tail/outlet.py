"""Where lines go: records onto one stream, and word of each that is on it."""

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

from cli.producer import Call, Entry, Limits, Producer, Retry, Tally

Answer = Any
"""Of a record: its error code, a str, or anything else when it is put."""
Put = Callable[[Call], Sequence[Answer]]
Done = Callable[[], None]
FOR_EVER = Retry(attempts=2**62)
"""A line stays in its file until it is put, so there is no reason ever to give one up."""
LANES = 2


class Outlet:
    """Puts records in full calls, repeats what failed, and keeps the order of a partition key
    between calls. Everything but the calls themselves is done in the thread that uses it."""

    def __init__(self, put: Put, limits: Limits) -> None:
        self._put = put
        self._producer = Producer(limits=limits, lanes=LANES, retry=FOR_EVER)
        self._pool = ThreadPoolExecutor(LANES, thread_name_prefix="put")
        self._answers: SimpleQueue[tuple[Call, Sequence[Answer] | Exception] | None] = SimpleQueue()
        self._waiting: dict[int, Done] = {}
        self._number = 0

    @property
    def tally(self) -> Tally:
        return self._producer.tally

    @property
    def room(self) -> bool:
        """Whether another record may be offered now."""
        return self._producer.room

    @property
    def pending(self) -> int:
        """Records of which it is not known whether they are on the stream."""
        return self._producer.pending

    def offer(self, key: str, data: bytes, done: Done) -> None:
        """Put a record, and say so when it is on the stream."""
        self._number += 1
        self._waiting[self._number] = done
        self._producer.offer(Entry(self._number, key, data), time.monotonic())

    def wake(self) -> None:
        """End a `turn` early; for a signal handler or another thread."""
        self._answers.put(None)

    def turn(self, patience: float) -> None:
        """Make the calls that are due, and wait for answers, at most so many seconds.

        Raises what no repetition of a call would mend.
        """
        now = time.monotonic()
        for call in self._producer.calls(now):
            self._pool.submit(self._make, call)
        due = self._producer.due()
        if due is not None:
            patience = min(patience, max(0.0, due - now))
        try:
            answered = self._answers.get(timeout=patience)
        except Empty:
            return
        if answered is None:
            return
        call, answer = answered
        if isinstance(answer, Exception):
            raise answer
        self._producer.settle(call, answer, time.monotonic(), random.random())  # noqa: S311  jitter
        for entry, error in zip(call.entries, answer, strict=True):
            if not isinstance(error, str):
                self._waiting.pop(entry.number)()

    def close(self) -> None:
        """Make no more calls."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _make(self, call: Call) -> None:
        """In a thread of the pool."""
        try:
            self._answers.put((call, self._put(call)))
        except Exception as failure:  # it ends the flow, and is raised there
            self._answers.put((call, failure))
