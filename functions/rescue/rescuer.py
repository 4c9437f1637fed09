"""From a message of the failure queue to the archive; nothing is deleted before it is kept.

    a failure     read its range back from the stream, keep it
    an object     the same with the records that it holds; then delete it. Where these are not the
                  batch's it is kept as it came, too: the stream may not have what it holds
    neither       keep it as it came: it is nobody's failure, and must stop no one else's

What raises here leaves the message where it is; rescued again, it writes the same keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from events.failure import Batch
from functions.rescue import messages
from functions.rescue.archive import Archive
from functions.rescue.assembling import Assembler, batch
from functions.rescue.messages import Failure, Place, Unreadable
from functions.rescue.settings import Settings
from functions.shared import shards
from functions.shared.ranges import MOST_RECORDS, Reader

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


class Outcome(Struct):
    """What became of one message: the batches that are kept, or why it is none."""

    batches: list[Batch]
    unreadable: list[str]


@dataclass(frozen=True)
class Rescuer:
    """Rescues the failures of one processor."""

    settings: Settings
    kinesis: KinesisClient
    archive: Archive
    clock: Callable[[], datetime]

    def __call__(
        self, message_id: str, body: str, seconds_left: Callable[[], float] = lambda: float("inf")
    ) -> Outcome:
        """Keep what a message stands for. Raises OutOfTime, and what the clients raise."""
        outcome = Outcome([], [])
        try:
            found = messages.read(body)
            if isinstance(found, Failure):
                self._rescue(found, outcome, seconds_left)
                return outcome
            self._check(found)
        except Unreadable as error:
            self._set_aside(body.encode(), str(error), outcome, message_id=message_id)
            return outcome
        for place in found:
            self._collect(place, outcome, seconds_left)
        return outcome

    def _check(self, places: Sequence[Place]) -> None:
        for place in places:
            if place.bucket != self.settings.payload_bucket:
                raise Unreadable("a notification of another bucket than the processor's")

    def _collect(self, place: Place, outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        """Keep the failure that an object holds, and delete the object."""
        bucket, key = place
        body = self.archive.fetch(bucket, key)
        if body is None:
            return
        try:
            self._rescue(messages.stored(body), outcome, seconds_left)
        except Unreadable as error:
            self._set_aside(body, str(error), outcome, bucket=bucket, key=key)
        self.archive.delete(bucket, key)

    def _rescue(
        self, failure: Failure, outcome: Outcome, seconds_left: Callable[[], float]
    ) -> None:
        told = failure.batch
        if told.stream_arn != self.settings.stream_arn:
            raise Unreadable("a failure message about another stream than the processor reads")
        records = messages.payload(failure)
        if records is not None:
            whole = batch(failure, self.settings, self.clock(), records=records)
            self._keep(whole, outcome)
            return
        alone = self.settings.factor == 1
        limit = min(told.batch_size, MOST_RECORDS) if alone else MOST_RECORDS
        reader = Reader(told.shard_id, told.start, told.end, limit=limit)
        assembler = Assembler(self.settings, failure, self.clock())
        for page in shards.read(self.kinesis, told.stream_arn, reader, seconds_left=seconds_left):
            for part in assembler.take(page):
                self._keep(part, outcome)
        self._keep(assembler.finish(reader.gaps, reader.ended), outcome)
        if failure.payload:
            raise Unreadable("its records are not those of the batch that it tells of")

    def _keep(self, batch: Batch, outcome: Outcome) -> None:
        outcome.batches.append(self.archive.keep(batch))

    def _set_aside(self, body: bytes, why: str, outcome: Outcome, **origin: str) -> None:
        self.archive.keep_unreadable(
            body, why, self.clock(), processor=self.settings.processor, **origin
        )
        outcome.unreadable.append(why)
