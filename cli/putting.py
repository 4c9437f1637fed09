"""Put records on a Kinesis stream: many in one, in order, as fast as the stream takes them.

    import boto3
    from cli.putting import Producer

    with Producer(boto3.client("kinesis"), "clicks") as producer:
        producer.put("user-17", b'{"page": "/"}')

Records are aggregated as the Kinesis Producer Library does it, so consumers have to take them
apart, as Firehose, the KCL and Headrace's processors do; `aggregate=0` puts one record an event.
What that promises, and how, is in `cli.producer`: one aggregated record belongs to one shard, a
partition key's records keep their order, shards are written as fast as they take records, and only
what failed is put again. A record may be on the stream twice after an answer was lost.

The client needs kinesis:PutRecords, ListShards and DescribeStreamSummary. Give it
`retries={"total_max_attempts": 1}`: what is put again is decided here.
"""

import atexit
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from cli.kinesis import PutRecords, limits, open_shards
from cli.producer import AGGREGATE, Answer, Call, Entry, Placed, Retry, Tally
from cli.producer import Producer as Core
from cli.sender import STOPPED, follow
from cli.shards import HASH_KEYS
from events.compression import compressed

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

CALLS = 2
RETRY = Retry()
CHUNK = 512
LONGEST_KEY = 256
"""Characters of a partition key."""
TICK = 0.005
"""Seconds between two looks whether a call can be made."""


class Delivery(NamedTuple):
    """What became of a record; `error` is None, or why it is not on the stream.

    `subsequence_number` is its place in an aggregated record, 0 in a plain one.
    """

    token: object
    shard_id: str
    sequence_number: str
    subsequence_number: int
    error: str | None = None


class NotPut(Exception):
    """Records are not on the stream, and nobody was told of each: `reasons` counts them."""

    def __init__(self, reasons: Counter[str]) -> None:
        self.reasons = reasons
        told = ", ".join(f"{reason} {number:,}" for reason, number in sorted(reasons.items()))
        super().__init__(f"{sum(reasons.values()):,} records were not put: {told}")


class Closed(RuntimeError):
    """Nothing can be put on a producer that is closed."""

    def __init__(self) -> None:
        super().__init__("The producer is closed: make another one")


class Producer:
    """Puts records on one stream, from any thread.

    `put` returns when the record is in memory, and waits while that is full. `on_delivery` is told
    of every record's end, mostly in a thread of the producer's: it must be quick and put nothing.
    Without it, `flush` and `close` raise NotPut when a record could not be put. An error that no
    repetition can mend, such as a missing permission, ends the producer, and so does what
    `on_delivery` raises: it is raised by whatever is called next.
    """

    def __init__(
        self,
        client: "KinesisClient",
        stream: str,
        *,
        on_delivery: Callable[[Delivery], None] | None = None,
        aggregate: int = AGGREGATE,
        compression: Literal["zstd"] | None = None,
        linger: float = 0.1,
        calls: int = CALLS,
        retry: Retry = RETRY,
        paced: bool = True,
    ) -> None:
        """`aggregate`: bytes of a record at most. `compression`: of each record's data, for readers
        that expect it (events/compression.py). `linger`: seconds that a record waits at most for
        others to share its own. `calls`: in flight at once."""
        self._compress = compression is not None
        self._shards = partial(open_shards, client, stream)
        self._on_delivery = on_delivery
        self._core = Core(
            limits=limits(client, stream),
            retry=retry,
            lanes=calls,
            linger=linger,
            shards=self._shards(),
            aggregate=aggregate,
            paced=paced,
            end=self._end if on_delivery else None,
        )
        self._put = PutRecords(client, stream)
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._settled = threading.Condition(self._lock)
        self._idle = 0
        self._flushing = 0
        self._closed = False
        self._error: BaseException | None = None
        self._told: Counter[str] = Counter()
        self._untold = 0
        self._ends: list[tuple[Entry, Answer, Sequence[int]]] = []
        self._threads = [
            threading.Thread(target=self._run, name=f"put-{number}", daemon=True)
            for number in range(calls)
        ]
        for thread in self._threads:
            thread.start()
        atexit.register(self.close)

    def put(
        self,
        key: str,
        data: bytes,
        explicit_hash_key: str | int | None = None,
        *,
        token: object = None,
    ) -> None:
        """Take a record; `token` comes back with its `Delivery`."""
        _check(key, data)
        explicit = None if explicit_hash_key is None else _hash_key(explicit_hash_key)
        if self._compress:
            data = compressed(data)
        with self._lock:
            self._make_room()
            now = time.monotonic()
            if explicit is None:
                self._core.offer_all(((key, data),), now, token)
            else:
                self._core.offer(Entry(0, key, data, hash_key=explicit, tokens=(token,)), now)
            if self._idle:
                self._work.notify()
        if self._ends:
            self._tell_all()

    def put_all(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Take many records, each a partition key and data, with less effort for each."""
        rest = iter(records)
        while chunk := list(islice(rest, CHUNK)):
            for key, data in chunk:
                if type(data) is not bytes or not 0 < len(key) <= LONGEST_KEY:
                    _check(key, data)
            if self._compress:
                chunk = [(key, compressed(data)) for key, data in chunk]
            with self._lock:
                self._make_room()
                self._core.offer_all(chunk, time.monotonic())
                if self._idle:
                    self._work.notify()
            if self._ends:
                self._tell_all()

    def flush(self) -> None:
        """Wait until all that was taken is on the stream or known not to be."""
        with self._lock:
            self._flushing += 1
            self._core.hurry(on=True)
            self._work.notify_all()
            try:
                self._settled.wait_for(
                    lambda: self._error or not (self._core.pending or self._untold)
                )
            finally:
                self._flushing -= 1
                self._core.hurry(on=self._flushing > 0 or self._closed)
            self._raise()

    def close(self) -> None:
        """Flush, and end the threads."""
        atexit.unregister(self.close)
        try:
            self.flush()
        finally:
            with self._lock:
                self._closed = True
                self._work.notify_all()
                self._settled.notify_all()
            for thread in self._threads:
                thread.join()
            self._put.close()

    @property
    def tally(self) -> Tally:
        """What has been put so far, in how many records and calls, and what was put again."""
        return self._core.tally

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _make_room(self) -> None:
        """Wait for it; the lock is held."""
        if self._closed:
            raise Closed
        if self._error is None and self._core.room:
            return
        self._work.notify_all()
        self._settled.wait_for(lambda: self._error or self._closed or self._core.room)
        if self._error is not None:
            raise self._error
        if self._closed:
            raise Closed

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
        if self._on_delivery is None:
            new = self._core.tally.not_put - self._told
            self._told = Counter(self._core.tally.not_put)
            if new:
                raise NotPut(new)

    def _run(self) -> None:
        """One of the threads that make calls."""
        try:
            self._work_on()
        except BaseException as defect:
            with self._lock:
                self._stop(defect)
            raise

    def _work_on(self) -> None:
        while (call := self._next()) is not None:
            try:
                answers: Sequence[Answer] | BaseException = self._put(call)
            except Exception as failure:  # raised by whatever is called next
                answers = failure
            with self._lock:
                self._settle(call, answers)
                self._settled.notify_all()
            self._tell_all()

    def _next(self) -> Call | None:
        """The call to make, None when there will be no more."""
        with self._lock:
            while True:
                now = time.monotonic()
                if self._error is None:
                    call = self._core.call(now)
                    if call is not None:
                        return call
                if self._error or (self._closed and not self._core.pending):
                    return None
                self._idle += 1
                self._work.wait(TICK if self._core.pending else None)
                self._idle -= 1

    def _settle(self, call: Call, answers: Sequence[Answer] | BaseException) -> None:
        if isinstance(answers, BaseException):
            self._core.refuse(call, STOPPED)
            self._stop(answers)
            return
        self._core.settle(call, answers, time.monotonic(), random.random())  # noqa: S311  jitter
        if self._error is not None:
            self._core.abandon(STOPPED)  # what failed is put by nobody any more
            return
        if self._core.stale and not self._core.in_flight:
            try:
                follow(self._core, self._shards)
            except Exception as failure:  # as when a call fails
                self._stop(failure)

    def _stop(self, error: BaseException) -> None:
        self._error = error
        self._core.abandon(STOPPED)
        self._work.notify_all()
        self._settled.notify_all()

    def _end(self, entry: Entry, answer: Answer, places: Sequence[int]) -> None:
        self._ends.append((entry, answer, places))
        self._untold += 1

    def _tell_all(self) -> None:
        """Without the lock: what is called may take its time. Whatever it raises, it is told of all
        there is, and nobody waits for what it cannot be told of."""
        while self._ends:
            with self._lock:
                ends, self._ends = self._ends, []
            failure = None
            try:
                for delivery in _deliveries(ends):
                    failure = self._tell(delivery) or failure
            finally:
                with self._lock:
                    self._untold -= len(ends)
                    if failure is not None and self._error is None:
                        self._stop(failure)
                    self._settled.notify_all()

    def _tell(self, delivery: Delivery) -> Exception | None:
        assert self._on_delivery is not None  # noqa: S101  nobody collects ends without it
        try:
            self._on_delivery(delivery)
        except Exception as failure:
            return failure
        return None


def _deliveries(ends: Iterable[tuple[Entry, Answer, Sequence[int]]]) -> Iterator[Delivery]:
    for entry, answer, places in ends:
        for place in places:
            if isinstance(answer, Placed):
                yield Delivery(entry.tokens[place], *answer, place)
            else:
                yield Delivery(entry.tokens[place], "", "", 0, answer or STOPPED)


def _hash_key(explicit: str | int) -> str:
    """Raises ValueError for one that no shard has."""
    if not 0 <= int(explicit) < HASH_KEYS:
        raise ValueError(f"an explicit hash key is a number from 0 to 2**128 - 1, not {explicit}")
    return str(int(explicit))


def _check(key: str, data: bytes) -> None:
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY:
        raise ValueError(f"a partition key is text of 1 to {LONGEST_KEY} characters")
    if type(data) is not bytes:
        raise TypeError(f"data must be bytes, not {type(data).__name__}")
