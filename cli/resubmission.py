"""What is put of a rejected record: the event's own bytes, behind a mark of where it stood first.

A line of a failed conversion, or of a partition that was not found, holds what the transform had
made of the record: a row, with the delivery columns behind the event's fields. They are taken off
again, and say where the record stood; what remains is the event, with its instants in UTC and its
absent fields as null, which the contract reads as the same event.
"""

from base64 import b64decode
from datetime import datetime
from typing import Any

import msgspec

from cli.rejections import KINDS, Line
from events.columns import DELIVERY_COLUMNS
from events.mark import Mark, marked, split

TRANSFORMED = (KINDS["format-conversion-failed"], KINDS["metadata-extraction-failed"])
"""How the reasons begin of lines that hold a row. Where a version of Firehose keeps the record
itself, there are no delivery columns to take off, and it is put as it is."""
DELIVERED = frozenset(column.name for column in DELIVERY_COLUMNS)
PLACE = ("shard_id", "sequence_number", "subsequence_number")


def resubmitted(line: Line, lake: str, run: str) -> bytes:
    """The record to put on the type's delivery stream of direct puts."""
    mark, data = split(b64decode(line.payload))
    place = {name: getattr(line, name) for name in PLACE}
    arrived_at = line.arrived_at
    if mark and mark.kind == "resubmitted" and mark.lake == lake:
        again = msgspec.structs.replace(mark, run=run)
        return marked(again, data)
    if line.reason.startswith(TRANSFORMED) and (row := _row(data)) is not None:
        place = {name: row[name] for name in PLACE}
        if first := row.get("arrived_at"):  # earlier than the line's, where it was put again before
            arrived_at = round(datetime.fromisoformat(first).timestamp() * 1000)
        data = msgspec.json.encode({k: v for k, v in row.items() if k not in DELIVERED})
    arrived = Mark(kind="resubmitted", lake=lake, run=run, arrived_at=arrived_at, **place)
    return marked(arrived, data)


def original(line: Line) -> bytes:
    """The record as it was on the stream: what an HTTP endpoint gets."""
    return b64decode(line.payload)


class _Delivered(msgspec.Struct):
    """What tells a row of the transform from a record."""

    ingested_at: str
    shard_id: str | None
    sequence_number: str | None
    subsequence_number: int | None
    arrived_at: datetime | None = None


def _row(data: bytes) -> dict[str, Any] | None:
    """The row that the transform answered, if it is one."""
    try:
        msgspec.json.decode(data, type=_Delivered)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    row: dict[str, Any] = msgspec.json.decode(data)
    return row
