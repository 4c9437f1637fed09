"""Where lines go: records onto one stream, and word of each that is on it."""

import atexit
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Literal

from cli.errors import Failure
from cli.producer import Retry, Tally
from cli.putting import Delivery, Producer

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

Done = Callable[[], None]
FOR_EVER = Retry(attempts=2**62)
"""A line stays in its file until it is put, so there is no reason ever to give one up."""
MEMORY = 8 * 1024 * 1024
"""Bytes of records that may wait: less than what a producer holds, so that a put never does."""
MOST = 100_000


class Outlet:
    """Puts records on a stream; who uses it is told of them in its own thread, in `turn`."""

    def __init__(
        self, kinesis: "KinesisClient", stream: str, compression: Literal["zstd"] | None = None
    ) -> None:
        self._told: SimpleQueue[Delivery | None] = SimpleQueue()
        self._producer = Producer(
            kinesis,
            stream,
            on_delivery=self._told.put,
            compression=compression,
            retry=FOR_EVER,
        )
        self._bytes = 0
        self.pending = 0
        """Records of which it is not known whether they are on the stream."""

    @property
    def tally(self) -> Tally:
        return self._producer.tally

    @property
    def room(self) -> bool:
        """Whether more records may be offered now."""
        return self._bytes < MEMORY and self.pending < MOST

    def offer(self, key: str, data: bytes, done: Done) -> None:
        """Put a record, and say so when it is on the stream."""
        self.pending += 1
        self._bytes += len(data)
        self._producer.put(key, data, token=(len(data), done))

    def wake(self) -> None:
        """End a `turn` early; for a signal handler or another thread."""
        self._told.put(None)

    def turn(self, patience: float) -> None:
        """Wait for word of records, at most so many seconds, and hand on what is there.

        Raises what no repetition of a call would mend.
        """
        try:
            delivery = self._told.get(timeout=patience) if patience > 0 else self._told.get_nowait()
            while delivery is not None:
                self._settle(delivery)
                delivery = self._told.get_nowait()
        except Empty:
            return

    def close(self) -> None:
        """Make no more calls. What is not put by now is not waited for."""
        if self.pending:
            atexit.unregister(self._producer.close)
        else:
            self._producer.close()

    def _settle(self, delivery: Delivery) -> None:
        if delivery.error is not None:
            self._producer.flush()  # raises why the producer has stopped
            raise Failure(f"A line cannot be put ({delivery.error}): it stays where it is.")
        assert isinstance(delivery.token, tuple)  # noqa: S101  as it was offered
        size, done = delivery.token
        self.pending -= 1
        self._bytes -= size
        done()
