"""One live stream: shards, a clock, a lock, and readers who wait."""

import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from local import settings
from local.kinesis import errors, meter
from local.kinesis.limits import ShardLimits
from local.kinesis.log import Record, ShardLog, key_size
from local.kinesis.shards import Shards

HOUR = 3600.0


class Entry(NamedTuple):
    """A record to be put; `explicit` is a hash key in place of the partition key's."""

    data: bytes
    partition_key: str
    explicit: int | None = None


class Put(NamedTuple):
    """Where a record went; without a sequence number its shard refused it."""

    shard_id: str
    sequence_number: int | None


class Page(NamedTuple):
    """What a GetRecords call returns."""

    records: list[Record]
    millis_behind: int
    ended: bool
    """Whether the shard is closed and nothing follows this page."""


@dataclass(slots=True, eq=False)
class Consumer:
    """An enhanced fan-out consumer."""

    name: str
    arn: str
    created: float
    tags: dict[str, str] = field(default_factory=dict)
    subscriptions: dict[str, object] = field(default_factory=dict)
    """By shard: the subscription that is now served, see `subscription`."""


class Shard:
    """One shard of a live stream, as readers see it; positions are sequence numbers."""

    __slots__ = ("_log", "_stream")

    def __init__(self, stream: "Stream", log: ShardLog) -> None:
        self._stream = stream
        self._log = log

    @property
    def shard_id(self) -> str:
        return self._log.shard_id

    @property
    def index(self) -> int:
        return self._log.index

    @property
    def created(self) -> int:
        """The second that the shard's sequence numbers carry."""
        return self._log.created

    @property
    def start(self) -> int:
        """A position before every record, the same as None."""
        return self._log.start

    @property
    def parents(self) -> tuple[str, ...]:
        """The shards to be read before this one; one after a split, two after a merge."""
        return self._log.parents

    @property
    def hashes(self) -> tuple[int, int]:
        """The first and the last hash key."""
        return self._log.first_hash, self._log.last_hash

    @property
    def closed(self) -> bool:
        return self._log.closed_at is not None

    def read(self, after: int | None, limit: int, most_bytes: int | None = None) -> list[Record]:
        """At most `limit` records after this sequence number; None is TRIM_HORIZON."""
        with self._stream.lock:
            self._stream.trim()
            return self._log.read(after, limit, most_bytes)

    def latest(self) -> int:
        """The position at which reading gives only what is put from now on."""
        return self._log.last

    def preceding(self, number: int) -> int:
        """The position from which reading starts at this very number (AT_SEQUENCE_NUMBER)."""
        with self._stream.lock:
            return self._log.preceding(number)

    def before(self, timestamp: float) -> int:
        """The position from which reading starts at this time (epoch seconds)."""
        with self._stream.lock:
            return self._log.before(timestamp)

    def ended(self, after: int | None) -> bool:
        """Whether the shard is closed and nothing follows this position."""
        with self._stream.lock:
            return self._log.ended(after)

    def page(self, after: int | None, limit: int, most_bytes: int) -> Page:
        """Read as a GetRecords call does: within the shard's limits, and metered.

        Raises `ProvisionedThroughputExceededException` when limits are on and reached.
        """
        stream = self._stream
        with stream.lock:
            now = stream.clock()
            limits = stream.limits(self._log)
            allowed = limits is None or limits.call(now)
            records = self.read(after, limit, most_bytes) if allowed else []
            size = sum(record.size for record in records)
            if limits is not None:
                limits.read(size)
            position = records[-1].sequence_number if records else after
            page = Page(records, self._behind(position, now), self._log.ended(position))
        refused = float(not allowed)
        stream.report({"ReadProvisionedThroughputExceeded": refused})
        stream.report_shard(self.shard_id, {"ReadProvisionedThroughputExceeded": refused})
        if not allowed:
            raise errors.rate(self.shard_id, stream.name)
        stream.report(
            {
                "GetRecords.Success": 1,
                "GetRecords.Records": len(records),
                "GetRecords.Bytes": size,
                "GetRecords.IteratorAgeMilliseconds": page.millis_behind,
            }
        )
        stream.report_shard(
            self.shard_id,
            {
                "OutgoingRecords": len(records),
                "OutgoingBytes": size,
                "IteratorAgeMilliseconds": page.millis_behind,
            },
        )
        return page

    def behind(self, position: int | None) -> int:
        """The age in milliseconds of the oldest record after this position; 0 when none is."""
        with self._stream.lock:
            return self._behind(position, self._stream.clock())

    def _behind(self, position: int | None, now: float) -> int:
        following = self._log.read(position, 1)
        return max(0, int((now - following[0].arrival) * 1000)) if following else 0


class Stream:
    """One stream; its attributes are what the API reports of it."""

    def __init__(
        self, name: str, region: str, shards: int, clock: Callable[[], float] = time.time
    ) -> None:
        self.clock = clock
        self.name = name
        self.region = region
        self.arn = f"arn:aws:kinesis:{region}:{settings.ACCOUNT}:stream/{name}"
        self.id = secrets.token_bytes(8)
        self.created = float(int(clock()))
        self.on_demand = False
        self.retention_hours = 24
        self.most_kib = 1024
        self.key: str | None = None
        self.tags: dict[str, str] = {}
        self.consumers: dict[str, Consumer] = {}
        self.switches: list[float] = []
        self.resizes: list[float] = []
        self.monitored: tuple[str, ...] = ()
        """The metrics that are reported shard by shard."""
        self.topology = Shards(shards, self.created)
        self.deleted = False
        self.version = 0
        """Counts every put and every change; see `wait`."""
        self.lock = threading.Condition()
        self.limited = settings.current().shard_limits
        """Whether the shards refuse what is above AWS's rates."""
        self._resharding = settings.current().resharding_seconds
        self._busy_until = 0.0
        self._limits: dict[str, ShardLimits] = {}
        self._trimmed = 0.0

    def shards(self) -> list[Shard]:
        """Every shard that still can be read, closed ones too, parents before children."""
        with self.lock:
            return [Shard(self, log) for log in self.topology.listed()]

    def shard(self, shard_id: str) -> Shard | None:
        with self.lock:
            log = self.topology.find(shard_id)
            return None if log is None else Shard(self, log)

    def children(self, shard_id: str) -> list[Shard]:
        """The shards that took over the hash keys of a closed one."""
        with self.lock:
            log = self.topology.find(shard_id)
            children = [] if log is None else self.topology.children(log)
            return [Shard(self, child) for child in children]

    def put(self, entries: Iterable[Entry]) -> list[Put]:
        """Put records in order; those that a shard's limit refuses come back without number."""
        puts: list[Put] = []
        sizes: list[int] = []
        with self.lock:
            now = int(self.clock() * 1000) / 1000
            self.trim()
            for data, partition_key, explicit in entries:
                log = self.topology.place(partition_key, explicit)
                size = len(data) + key_size(partition_key)
                limits = self.limits(log)
                if limits is None or limits.write(size, now):
                    sizes.append(size)
                    number = log.append(partition_key, data, now).sequence_number
                    puts.append(Put(log.shard_id, number))
                else:
                    sizes.append(0)
                    puts.append(Put(log.shard_id, None))
            self.changed()
        self.report(_incoming(puts, sizes))
        if self.monitored:
            self._report_by_shard(puts, sizes)
        return puts

    def report(self, values: dict[str, float], consumer: str | None = None) -> None:
        """Add to this stream's metrics in CloudWatch, or to those of one consumer of it."""
        dimensions = {} if consumer is None else {"ConsumerName": consumer}
        meter.report(self.region, self.name, values, **dimensions)

    def report_shard(self, shard_id: str, values: dict[str, float]) -> None:
        """Add to a shard's metrics those that enhanced monitoring is switched on for."""
        if wanted := {name: values[name] for name in self.monitored if name in values}:
            meter.report(self.region, self.name, wanted, ShardId=shard_id)

    def _report_by_shard(self, puts: list[Put], sizes: list[int]) -> None:
        shards: dict[str, tuple[list[Put], list[int]]] = {}
        for put, size in zip(puts, sizes, strict=True):
            own = shards.setdefault(put.shard_id, ([], []))
            own[0].append(put)
            own[1].append(size)
        for shard_id, own in shards.items():
            self.report_shard(shard_id, _incoming(*own))

    @property
    def status(self) -> str:
        return "UPDATING" if self.clock() < self._busy_until else "ACTIVE"

    def reshard(self) -> None:
        """Be UPDATING for as long as the settings have it; the lock is held."""
        self._busy_until = self.clock() + self._resharding
        self.changed()

    def limits(self, log: ShardLog) -> ShardLimits | None:
        """The rates of a shard, None when they are switched off; the lock is held."""
        if not self.limited:
            return None
        return self._limits.setdefault(log.shard_id, ShardLimits())

    def wait(self, timeout: float, since: int | None = None) -> int:
        """Wait until something is put or changes, at most `timeout` seconds; the new version.

        With `since`, a version seen before reading, nothing that happened between reading
        and waiting is missed.
        """
        with self.lock:
            seen = self.version if since is None else since
            self.lock.wait_for(lambda: self.version != seen, timeout)
            return self.version

    def changed(self) -> None:
        """Tell those who wait; the lock is held."""
        self.version += 1
        self.lock.notify_all()

    def trim(self) -> None:
        """Forget what the retention has passed, looking once a second; the lock is held."""
        now = self.clock()
        if now - self._trimmed >= 1:
            self._trimmed = now
            self.topology.trim(now - self.retention_hours * HOUR)


def _incoming(puts: list[Put], sizes: list[int]) -> dict[str, float]:
    """The metrics of records that were put, each with the bytes that were taken of it."""
    refused = sum(put.sequence_number is None for put in puts)
    return {
        "IncomingRecords": len(puts) - refused,
        "IncomingBytes": sum(sizes),
        "WriteProvisionedThroughputExceeded": refused,
    }
