"""Reading one shard into its state machine, the way the mapping's kind of consumer reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING

from local.mapping import event
from local.mapping.lane import Entry
from local.routes import AWSError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.kinesis import stream
    from local.kinesis.log import Record
    from local.mapping.filters import Filter
    from local.mapping.meter import Counts
    from local.mapping.shard import Shard

POLL_SECONDS = 1.0
"""A standard consumer reads each shard once a second, and at once while more is waiting."""

PAGE = 10_000
PAGE_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """What the events of a mapping say of their source."""

    arn: str
    region: str
    role: str


@dataclass
class Reader:
    """One shard under a mapping: its position, its machine and the JSON of what is in the machine.

    `fan_out` readers are pushed to: they read whenever something is there, from throughput of
    their own; the others poll, within the limits that all standard consumers of a shard share.
    """

    shard: stream.Shard
    machine: Shard
    source: Source
    filter: Filter
    position: int | None
    fan_out: bool
    counts: Counts
    due: float = 0.0
    payloads: dict[int, bytes] = field(default_factory=dict)

    def poll(self, now: float) -> bool:
        """Read once if that is due; whether more may be waiting."""
        if self.machine.closed or not self.machine.room or (now < self.due and not self.fan_out):
            return False
        records = self._read(min(PAGE, self.machine.room))
        self.due = now if records else now + POLL_SECONDS
        if records:
            self.position = records[-1].sequence_number
            self._offer(now, records)
        elif self.shard.latest() <= (self.position or 0):
            self.machine.seen(now)
        if self.shard.ended(self.position):
            self.machine.close()
        return bool(records)

    def trim(self, position: int) -> None:
        """Drop the JSON of records that are done: those up to `position`."""
        for number in list(takewhile(lambda number: number <= position, self.payloads)):
            del self.payloads[number]

    def payload(self, entries: Iterable[Entry]) -> list[bytes]:
        return [self.payloads[entry.sequence_number] for entry in entries]

    def _read(self, limit: int) -> list[Record]:
        if self.fan_out:
            return self.shard.read(self.position, limit, PAGE_BYTES)
        try:
            return self.shard.page(self.position, limit, PAGE_BYTES).records
        except AWSError:  # the shard's read limits, shared with other standard consumers
            return []

    def _offer(self, now: float, records: list[Record]) -> None:
        kept = [
            record
            for record in records
            if self.filter.passes(
                partition_key=record.partition_key,
                sequence_number=record.sequence_number,
                data=record.data,
                arrival=record.arrival,
            )
        ]
        self.counts.polled += len(records)
        self.counts.filtered += len(records) - len(kept)
        entries = [self._entry(record) for record in kept]
        self.machine.offer(now, entries, upto=records[-1].sequence_number)

    def _entry(self, record: Record) -> Entry:
        payload = event.record(
            shard_id=self.shard.shard_id,
            sequence_number=record.sequence_number,
            partition_key=record.partition_key,
            data=record.data,
            arrival=record.arrival,
            role=self.source.role,
            region=self.source.region,
            source=self.source.arn,
        )
        self.payloads[record.sequence_number] = payload
        # One more for the comma that joins it to the next.
        return Entry(record.sequence_number, record.partition_key, record.arrival, len(payload) + 1)
