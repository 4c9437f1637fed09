"""A failure message and what the stream still has of its range, put together: pure.

A message tells the first and the last record of a batch, and how many there are. Between the two
lie exactly those, unless the mapping's parallelization factor is above 1: then the range holds
records of other partition keys too, which were in other batches, and how Lambda told them apart is
not said anywhere. Keys are never divided, so what shares a key with the first or the last record
was in the batch: when that makes up its size, these are its records. Otherwise all of the range is
kept, and the batch says that it is not exact.

A batch has 6 MB at most. A range with more is kept as several batches, each of a part of it, so
that nobody ever has to hold more than one.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from events.failure import Batch, Gone, Record, identified
from functions.rescue.messages import Failure
from functions.rescue.settings import Settings
from functions.shared.ranges import End, Gap

PART_BYTES = 6 * 1024**2
"""Of data: more cannot have been in one batch, whose 6 MB count base64 and metadata."""

TRIMMED = "the stream's retention was over before they were rescued"
UNKNOWN = "the stream has no such shard any more, or is another one than it was"
MAYBE = "trimmed while the range was read; there may have been none between these numbers"
FEWER = "the message counts more records than the stream still had in the range"
MIXED = (
    "the mapping's parallelization factor is above 1: the range may hold records of other batches,"
    " which were processed by themselves"
)
LARGER = "the range holds more records than the batch had: those of others are among them"


@dataclass
class Assembler:
    """Takes the records of a range in order, and makes batches of them."""

    settings: Settings
    failure: Failure
    now: datetime
    _records: list[Record] = field(default_factory=list)
    _bytes: int = 0
    _found: int = 0
    _parts: int = 0

    def take(self, found: Sequence[Mapping[str, Any]]) -> list[Batch]:
        """Records as GetRecords gives them; the parts that are full with them."""
        full: list[Batch] = []
        for one in found:
            size = len(one["Data"]) + len(one["PartitionKey"].encode())
            if self._records and self._bytes + size > PART_BYTES:
                full.append(self._part(last=False))
            self._records.append(as_handed_over(one, self.failure.batch.shard_id, self.settings))
            self._bytes += size
            self._found += 1
        return full

    def finish(self, gaps: Sequence[Gap], ended: End | None) -> Batch:
        """The batch, or the last part of it; `gaps` is what the stream did not have, `ended` why
        reading ended."""
        gone = self._gone(gaps, UNKNOWN if ended is End.MISSING else TRIMMED)
        if self._parts:
            return self._part(last=True, gone=gone)
        records, size = self._records, self.failure.batch.batch_size
        whole = not any(gap.sure for gap in gaps)
        if whole and len(records) > size:
            records = of_one_lane(records, size) or records
        if self.settings.factor == 1:
            exact, why = len(records) <= size, LARGER
        else:
            exact, why = whole and len(records) == size, MIXED
        return batch(
            self.failure,
            self.settings,
            self.now,
            records=records,
            gone=gone,
            exact=exact,
            note="" if exact else why,
        )

    def _part(self, *, last: bool, gone: Sequence[Gone] = ()) -> Batch:
        """What was taken since the part before, as a batch of its own."""
        told, records = self.failure.batch, self._records
        numbers = [one["kinesis"]["sequenceNumber"] for one in records]
        start = numbers[0] if self._parts else told.start_sequence_number
        end = told.end_sequence_number if last else numbers[-1]
        self._records, self._bytes, self._parts = [], 0, self._parts + 1
        return batch(
            self.failure,
            self.settings,
            self.now,
            records=records,
            gone=gone,
            exact=False,
            note=f"part {self._parts} of a range that no one batch can have been: {MIXED}",
            part=(start, end),
        )

    def _gone(self, gaps: Sequence[Gap], why: str) -> list[Gone]:
        """The gaps with how many records each has at least; none that is not missed."""
        told = self.failure.batch
        missed = told.batch_size - self._found
        sure = [gap for gap in gaps if gap.sure]
        if not gaps and missed > 0:
            return [_gone(Gap(told.start, told.end, sure=True), FEWER, missed)]
        if not sure and missed <= 0:
            # As many as the batch had are there: nothing was between the numbers in doubt, or it
            # is not known to have been this batch's.
            sure_of_all = self.settings.factor == 1
            return [] if sure_of_all else [_gone(gap, MAYBE, 0) for gap in gaps]
        counted = sure or list(gaps)
        # Each is one record at least; what is missed beyond that is counted with the first.
        first = max(missed - len(counted) + 1, 1)
        return [
            _gone(
                gap,
                why if gap.sure else MAYBE,
                (first if gap == counted[0] else 1) if gap in counted else 0,
            )
            for gap in gaps
        ]


def batch(
    failure: Failure,
    settings: Settings,
    now: datetime,
    *,
    records: Sequence[Record],
    gone: Sequence[Gone] = (),
    exact: bool = True,
    note: str = "",
    part: tuple[str, str] | None = None,
) -> Batch:
    """The archive's form of a failure; `part` is the range of a part of it."""
    told, context = failure.batch, failure.request_context
    start, end = part or (told.start_sequence_number, told.end_sequence_number)
    return Batch(
        failure_id=identified(
            settings.processor, told.stream_arn, told.shard_id, start, end, context.request_id
        ),
        processor=settings.processor,
        function_arn=context.function_arn,
        mapping=settings.mapping,
        event_type=settings.event_type,
        stream_arn=told.stream_arn,
        shard_id=told.shard_id,
        condition=context.condition,
        request_id=context.request_id,
        invocations=context.approximate_invoke_count,
        start_sequence_number=start,
        end_sequence_number=end,
        batch_size=len(records) if part else told.batch_size,
        failed_at=failure.timestamp.astimezone(UTC),
        rescued_at=now.astimezone(UTC),
        first_arrived_at=_utc(told.approximate_arrival_of_first_record),
        last_arrived_at=_utc(told.approximate_arrival_of_last_record),
        log_group=settings.log_group,
        error=failure.error,
        records=list(records),
        gone=list(gone),
        exact=exact,
        note=note,
    )


def as_handed_over(found: Mapping[str, Any], shard_id: str, settings: Settings) -> Record:
    """A record of GetRecords in the shape in which the event source mapping hands it over."""
    number = found["SequenceNumber"]
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": found["PartitionKey"],
            "sequenceNumber": number,
            "data": b64encode(found["Data"]).decode(),
            "approximateArrivalTimestamp": round(
                found["ApproximateArrivalTimestamp"].timestamp(), 3
            ),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": settings.role_arn,
        "awsRegion": settings.stream_arn.split(":")[3],
        "eventSourceARN": settings.source_arn,
    }


def of_one_lane(records: Sequence[Record], size: int) -> list[Record] | None:
    """The records that share a partition key with the first or the last, when they are `size`."""
    keys = {records[at]["kinesis"]["partitionKey"] for at in (0, -1)}
    found = [one for one in records if one["kinesis"]["partitionKey"] in keys]
    return found if len(found) == size else None


def _gone(gap: Gap, why: str, records: int) -> Gone:
    return Gone(
        from_sequence_number=str(gap.start),
        to_sequence_number=str(gap.end),
        why=why,
        records=records,
    )


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None
