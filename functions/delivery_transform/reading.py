"""What a record of a transform request says of itself: where it stood, when it arrived, its bytes.

The record tells, or its mark (events/mark.py): one that is put on the delivery stream itself after
it had been rejected keeps the place and the arrival that it had on the stream. A mark of another
lake names another stream: it is taken off, and the record is one of our own.
"""

from binascii import a2b_base64
from collections.abc import Mapping
from functools import lru_cache
from time import gmtime, strftime
from typing import Any

from msgspec import Struct

from events.mark import START, Mark, split

Record = Mapping[str, Any]


class Origin(Struct, omit_defaults=True):
    """The delivery columns: where a record was read, when it was validated and when it arrived,
    and the run that put it again, if one did. `resubmission` is left out of almost every row: it
    is null there."""

    ingested_at: str
    shard_id: str | None
    sequence_number: str | None
    subsequence_number: int | None
    resubmission: str | None = None
    arrived_at: str = ""


class Replayed(Exception):
    """The record was taken out of the lake that it would go to."""


def read(record: Record, ingested_at: str, lake: str) -> tuple[Origin, bytes, int]:
    """The origin, the event's bytes, and the arrival in epoch milliseconds; raises Replayed."""
    source = record.get("kinesisRecordMetadata") or {}
    data = a2b_base64(record["data"])
    arrived_at = int(record["approximateArrivalTimestamp"])
    if data.startswith(START):
        mark, data = split(data)
        if mark and mark.lake == lake:
            if mark.kind == "replayed":
                raise Replayed
            if not source:
                arrived_at = mark.arrived_at or arrived_at
                return _first(mark, ingested_at, arrived_at), data, arrived_at
    number = source.get("subsequenceNumber")
    origin = Origin(
        ingested_at,
        source.get("shardId"),
        source.get("sequenceNumber"),
        # AWS documents a number, and sends a string in some of its own examples, even an empty one.
        number if isinstance(number, int) else int(number) if number else None,
        None,
        _stamp(arrived_at),
    )
    return origin, data, arrived_at


def _first(mark: Mark, ingested_at: str, arrived_at: int) -> Origin:
    """The origin of a resubmitted record: that of the first time."""
    return Origin(
        ingested_at,
        mark.shard_id,
        mark.sequence_number,
        mark.subsequence_number,
        mark.run,
        _stamp(arrived_at),
    )


def _stamp(moment: int) -> str:
    """Epoch milliseconds as a row has instants."""
    return f"{_second(moment // 1000)}.{moment % 1000:03}Z"


@lru_cache(maxsize=1024)
def _second(second: int) -> str:
    """Thousands of records arrive in one."""
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
