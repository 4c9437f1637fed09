"""The threads of one delivery stream: lanes fill the buffers, one flusher empties them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from local import settings
from local.delivery import buffer, job
from local.delivery.buffer import Buffers, Kind
from local.delivery.job import ObjectJob
from local.delivery.lane import Lane
from local.delivery.posting import RequestJob
from local.delivery.reader import DirectReader, Reader, ShardReader
from local.delivery.world import LOGGER

if TYPE_CHECKING:
    from local.delivery.buffer import Buffer, Item, Key
    from local.delivery.configuration import Destination
    from local.delivery.job import Job
    from local.delivery.stream import DeliveryStream
    from local.kinesis.stream import Shard
    from local.kinesis.stream import Stream as Kinesis

EARLY_BYTES = 24 << 20
"""Above this the biggest buffer of a delivery stream is delivered before it is due. It is memory,
not data: a record counts with `buffer.OVERHEAD`, so that a single buffer of records of 300 bytes
ends as an object of 10 MiB, whatever larger size its hint has. AWS keeps to the hint; the records
of one buffer of 64 MiB would take over 200 MiB here."""
FULL_BYTES = 48 << 20
"""Above this nothing more is read until some of it is delivered."""
PATIENCE_SECONDS = 3.0
"""How long a stop goes on trying to deliver what cannot be delivered."""
LONGEST_END_SECONDS = 60.0
"""How long a stop waits for deliveries that go well, or for an endpoint that does not answer."""
STALLED_SECONDS = 20.0
"""How long a stop waits for shards of which nothing more arrives in the buffers."""
LONGEST_WAIT = 1.0


class Runner:
    """Runs from `start` to `stop`."""

    def __init__(self, stream: DeliveryStream, kinesis: Kinesis | None) -> None:
        self._stream = stream
        self._kinesis = kinesis
        self.direct = DirectReader() if kinesis is None else None
        self._some = threading.Condition()
        self._buffers = Buffers(self._hints)
        self._lanes: list[Lane] = []
        self._followed: set[str] = set()
        self._finished: set[str] = set()
        self._retries: list[tuple[float, Job]] = []
        self._gives_up: float | None = None
        self._flusher = threading.Thread(target=self._flush, name="delivery flush", daemon=True)

    def start(self) -> None:
        """From now on: what a shard holds already is not delivered (LATEST)."""
        if self.direct is not None:
            self._open([self.direct])
        if self._kinesis is not None:
            shards = self._kinesis.shards()
            self._finished = {shard.shard_id for shard in shards if shard.closed}
            self._open([self._reader(one, one.latest()) for one in shards if not one.closed])
        self._flusher.start()

    def stop(self) -> None:
        """Deliver everything that was put before, and end."""
        self._stream.stopping.set()
        self._end_lanes()
        with self._some:
            self._buffers.seal_all()
            self._gives_up = time.monotonic() + PATIENCE_SECONDS
            self._some.notify_all()
        self._flusher.join(LONGEST_END_SECONDS)
        if self._flusher.is_alive():
            LOGGER.error("%s: delivery did not end in time", self._stream.arn)

    def _end_lanes(self) -> None:
        """Wait until all is read, or for as long as something of it still comes in."""
        batches, last = -1, 0.0
        while lanes := self._running():
            done = sum(lane.batches for lane in lanes)
            if done != batches:
                batches, last = done, time.monotonic()
            if time.monotonic() - last > STALLED_SECONDS:
                break
            for lane in lanes:
                lane.reader.wake()
                lane.thread.join(0.2)
        for lane in lanes:
            LOGGER.error(
                "%s: %d records of %s, and what follows them, were not transformed before the end; "
                "they are lost",
                self._stream.arn,
                lane.abandon(),
                lane.reader.name or "those put",
            )

    def _running(self) -> list[Lane]:
        with self._some:
            return list(self._lanes)

    def add(self, groups: dict[Key, list[Item]]) -> None:
        """Put records into the buffers, all at once."""
        now = time.monotonic()
        with self._some:
            for key, items in groups.items():
                self._buffers.add(key, items, now)
            if self._gives_up is not None:
                self._buffers.seal_all()
            self._some.notify_all()

    def active(self) -> set[Key]:
        with self._some:
            return self._buffers.active(Kind.DATA)

    def room(self, timeout: float) -> bool:
        with self._some:
            return self._some.wait_for(lambda: self._buffers.memory < FULL_BYTES, timeout)

    def _hints(self, kind: Kind) -> buffer.Hints:
        destination: Destination = self._stream.destination
        hints = destination.hints
        if kind is Kind.BACKUP and destination.backup:
            hints = destination.backup.hints
        return buffer.Hints(hints.size, hints.seconds * settings.current().buffering_scale)

    def _reader(self, shard: Shard, after: int | None) -> ShardReader:
        assert self._kinesis is not None  # noqa: S101  only a Kinesis source has shards
        self._followed.add(shard.shard_id)
        return ShardReader(self._kinesis, shard, after)

    def _open(self, readers: list[Reader]) -> None:
        lanes = [Lane(self._stream, reader, self._lane_ended) for reader in readers]
        with self._some:
            self._lanes += lanes
        for lane in lanes:
            lane.thread.start()

    def _lane_ended(self, lane: Lane) -> None:
        """Follow a shard that was split or merged with its children, once all parents are read."""
        readers: list[Reader] = []
        if self._kinesis is not None and lane.reader.ended() and not self._kinesis.deleted:
            with self._some:
                self._finished.add(lane.reader.name)
                readers = [
                    self._reader(child, None)
                    for child in self._kinesis.children(lane.reader.name)
                    if child.shard_id not in self._followed
                    and self._finished.issuperset(child.parents)
                ]
        self._open(readers)
        with self._some:
            self._lanes.remove(lane)
            self._some.notify_all()

    def _flush(self) -> None:
        while (work := self._next()) is not None:
            try:
                waits = work.attempt()
            except Exception:
                LOGGER.exception("%s: a fault, delivery is tried again", self._stream.arn)
                waits = job.RETRY_SECONDS
            with self._some:
                if waits is None:
                    self._done(work.buffer)
                else:
                    self._postpone(work, waits)

    def _done(self, delivered: Buffer) -> None:
        self._buffers.done(delivered)
        self._some.notify_all()

    def _postpone(self, work: Job, waits: float) -> None:
        """Try again later, or not at all when it all ends."""
        now = time.monotonic()
        if self._gives_up is None:
            self._retries.append((now + waits, work))
        elif now + waits < self._gives_up:
            self._retries.append((now + min(waits, 0.2), work))
        elif work.abandon():
            self._done(work.buffer)
        else:
            LOGGER.error(
                "%s: %d records could not be delivered before the end; they are lost",
                self._stream.arn,
                len(work.buffer.items),
            )
            self._done(work.buffer)

    def _next(self) -> Job | None:
        """The next delivery to try, waiting for it; None at the end."""
        with self._some:
            while True:
                found = self._ready(time.monotonic())
                if found is not None:
                    return found
                if self._gives_up is not None and not self._retries and not self._buffers:
                    return None
                self._some.wait(self._patience(time.monotonic()))

    def _ready(self, now: float) -> Job | None:
        for at, work in self._retries:
            if at <= now:
                self._retries.remove((at, work))
                return work
        taken = self._buffers.take(now)
        if taken is None and self._buffers.memory > EARLY_BYTES:
            taken = self._buffers.take_biggest()
        return self._job(taken) if taken else None

    def _job(self, taken: Buffer) -> Job:
        if taken.key.kind is Kind.DATA and self._stream.destination.endpoint:
            return RequestJob(self._stream, taken)
        return ObjectJob(self._stream, taken)

    def _patience(self, now: float) -> float:
        dues = [at for at, _ in self._retries]
        due = self._buffers.due()
        if due is not None:
            dues.append(due)
        return max(0.0, min([due - now for due in dues] + [LONGEST_WAIT]))
