"""Where records come from: a shard of a Kinesis stream, or what was put directly."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from local.delivery import aggregation
from local.delivery.record import Source
from local.kinesis.log import Record
from local.kinesis.stream import Shard, Stream

READ_RECORDS = 2_000
READ_BYTES = 4 << 20
"""What is read at once."""
QUEUE_BYTES = 32 << 20
"""Directly put records that may wait; more of them are refused, as AWS's throughput does. [open]"""


class Reader(Protocol):
    """One sequence of records, read once, in order."""

    name: str
    """The shard's id; what is put directly has the name ""."""

    def read(self) -> list[Source]:
        """What is there now, possibly nothing; what was read is not read again."""

    def wait(self, timeout: float) -> None:
        """Wait for more, at most `timeout` seconds; `wake` ends it."""

    def wake(self) -> None:
        """End every `wait`."""

    def ended(self) -> bool:
        """Whether nothing will ever follow what was read."""

    def behind(self) -> int | None:
        """The age in milliseconds of the oldest record not read, None when that means nothing."""


class ShardReader:
    """A shard from a position on; records that the KPL packed come one by one."""

    def __init__(self, stream: Stream, shard: Shard, after: int | None) -> None:
        self.name = shard.shard_id
        self._stream = stream
        self._shard = shard
        self._after = after
        self._seen = 0

    def read(self) -> list[Source]:
        self._seen = self._stream.version
        records = self._shard.read(self._after, READ_RECORDS, READ_BYTES)
        if records:
            self._after = records[-1].sequence_number
        sources: list[Source] = []
        for record in records:
            if record.data.startswith(aggregation.MAGIC):
                sources += self._unpacked(record)
            else:
                sources.append(self._source(record, record.data, 0, record.partition_key))
        return sources

    def wait(self, timeout: float) -> None:
        self._stream.wait(timeout, self._seen)

    def wake(self) -> None:
        with self._stream.lock:
            self._stream.changed()

    def ended(self) -> bool:
        return self._stream.deleted or self._shard.ended(self._after)

    def behind(self) -> int:
        return self._shard.behind(self._after)

    def _source(self, record: Record, data: bytes, place: int, key: str) -> Source:
        arrival = round(record.arrival * 1000)
        return Source(data, arrival, str(record.sequence_number), place, self.name, key)

    def _unpacked(self, record: Record) -> list[Source]:
        users = aggregation.deaggregate(record.data)
        if users is None:
            return [self._source(record, record.data, 0, record.partition_key)]
        return [
            self._source(record, user.data, place, user.partition_key)
            for place, user in enumerate(users)
        ]


class DirectReader:
    """What PutRecord and PutRecordBatch put, in memory until it is read."""

    name = ""

    def __init__(self) -> None:
        self._waiting: deque[Source] = deque()
        self._size = 0
        self._some = threading.Condition()
        self._counter = itertools.count()
        self._woken = False

    def put(self, data: Iterable[bytes]) -> list[str | None]:
        """The ids of the records, None for one that there is no room for."""
        now = int(time.time() * 1000)
        ids: list[str | None] = []
        with self._some:
            for one in data:
                if self._size + len(one) > QUEUE_BYTES:
                    ids.append(None)
                    continue
                source = Source(one, now, f"{now:016d}{next(self._counter):040d}")
                self._waiting.append(source)
                self._size += len(one)
                ids.append(source.record_id)
            self._some.notify_all()
        return ids

    def read(self) -> list[Source]:
        with self._some:
            self._woken = False
            size = min(len(self._waiting), READ_RECORDS)
            records = [self._waiting.popleft() for _ in range(size)]
            self._size -= sum(len(record.data) for record in records)
        return records

    def wait(self, timeout: float) -> None:
        with self._some:
            self._some.wait_for(lambda: self._waiting or self._woken, timeout)

    def wake(self) -> None:
        with self._some:
            self._woken = True
            self._some.notify_all()

    def ended(self) -> bool:
        return False

    def behind(self) -> None:
        return None
