"""Records of a delivery stream in, rows of its table out: no clock, no network, no environment.

In  {recordId, approximateArrivalTimestamp, data, kinesisRecordMetadata}, data in base64; the last
    is missing when a record was put on the delivery stream itself
Out {recordId, result: Ok, data: the row, metadata: {partitionKeys: {event_date}}}, or
    {recordId, result: ProcessingFailed, data: as it came} for a record that is wrong

A row is the event's JSON with every instant in UTC, and the delivery columns spliced on behind.
"""

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

from msgspec import Struct
from msgspec.json import Encoder

from events.contract import Event
from events.decoding import Decoder, Rejected

ANSWER_LIMIT = 6 * 2**20
"""Bytes that Lambda lets a function answer: one more, and the whole batch fails, every time."""

COMMA = ord(",")

TOO_LARGE = "answer_too_large"

Record = Mapping[str, Any]
Answer = dict[str, Any]


class Origin(Struct):
    """The delivery columns: where a record was read, and when it was validated."""

    ingested_at: str
    shard_id: str | None
    sequence_number: str | None
    subsequence_number: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A record that goes to the error prefix, and why; holds nothing of its payload.

    `index` is its place in the request.
    """

    index: int
    reason: str
    detail: str
    shard_id: str | None
    sequence_number: str | None
    subsequence_number: int | None


class Transform:
    """Transforms the records of one event type; reuses a buffer, so one at a time."""

    def __init__(self, kind: type[Event], answer_limit: int = ANSWER_LIMIT) -> None:
        self._decode = Decoder(kind).decode
        self._encode_into = Encoder().encode_into
        self._row = bytearray()
        self._time = attrgetter(kind.contract.event_time)
        self._answer_limit = answer_limit

    def __call__(
        self, records: Sequence[Record], ingested_at: datetime
    ) -> tuple[list[Answer], list[Rejection]]:
        """The answer to each record, in order, and the rejections among them."""
        stamp = ingested_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        answers: list[Answer] = []
        rejections: list[Rejection] = []
        for index, record in enumerate(records):
            origin = _origin(record, stamp)
            try:
                answers.append(self._ok(record, origin))
            except Rejected as verdict:
                answers.append(_failed(record))
                rejections.append(_rejection(index, verdict.reason, verdict.detail, origin))
        rejections += self._fit(records, answers)
        return answers, rejections

    def _ok(self, record: Record, origin: Origin) -> Answer:
        arrival = _arrival(record["approximateArrivalTimestamp"] // 1000)
        event = self._decode(a2b_base64(record["data"]), arrival)
        row = self._row
        self._encode_into(event, row)
        end = len(row) - 1
        self._encode_into(origin, row, end)  # its brace over the event's last, which is a comma now
        row[end] = COMMA
        return {
            "recordId": record["recordId"],
            "result": "Ok",
            "data": b2a_base64(row, newline=False).decode("ascii"),
            "metadata": _partition(self._time(event).date()),
        }

    def _fit(self, records: Sequence[Record], answers: list[Answer]) -> list[Rejection]:
        """Keep the answer within the limit: the rows that grew most go back as they came.

        They land under the error prefix with their payload, from where they can be re-driven. An
        answer of nothing but originals is smaller than the request was, so this always ends well.
        It is the net below the buffering hint, with which an answer stays far within the limit.
        """
        excess = sum(map(_size, answers)) + ENVELOPE - self._answer_limit
        rejections = []
        if excess > 0:
            originals = [_failed(record) for record in records]
            savings = [_size(answers[n]) - _size(originals[n]) for n in range(len(answers))]
            for n in sorted(range(len(answers)), key=savings.__getitem__, reverse=True):
                if excess <= 0:
                    break
                answers[n] = originals[n]
                excess -= savings[n]
                detail = f"The batch's answer exceeds {self._answer_limit} bytes: lower the hint"
                rejections.append(_rejection(n, TOO_LARGE, detail, _origin(records[n], "")))
        return rejections


@lru_cache(maxsize=1024)
def _arrival(second: int) -> datetime:
    """The arrival to the second: thousands of records share one, and the bound on it is a day."""
    return datetime.fromtimestamp(second, UTC)


@cache
def _partition(day: date) -> dict[str, dict[str, str]]:
    return {"partitionKeys": {"event_date": day.isoformat()}}


def _failed(record: Record) -> Answer:
    return {
        "recordId": record["recordId"],
        "result": "ProcessingFailed",
        "data": record["data"],
    }


def _origin(record: Record, ingested_at: str) -> Origin:
    source = record.get("kinesisRecordMetadata") or {}
    number = source.get("subsequenceNumber")
    return Origin(
        ingested_at,
        source.get("shardId"),
        source.get("sequenceNumber"),
        # AWS documents a number, and sends a string in some of its own examples, even an empty one.
        number if isinstance(number, int) else int(number) if number else None,
    )


def _rejection(index: int, reason: str, detail: str, origin: Origin) -> Rejection:
    return Rejection(
        index=index,
        reason=reason,
        detail=detail,
        shard_id=origin.shard_id,
        sequence_number=origin.sequence_number,
        subsequence_number=origin.subsequence_number,
    )


ENVELOPE = len('{"records": []}') - len(", ")  # no comma after the last
_OK = len(
    json.dumps({"recordId": "", "result": "Ok", "data": "", "metadata": _partition(date.min)})
    + ", "
)
_FAILED = len(json.dumps({"recordId": "", "result": "ProcessingFailed", "data": ""}) + ", ")


def _size(answer: Answer) -> int:
    """Bytes of an answer in the JSON that the Lambda runtime writes."""
    fixed = _OK if answer["result"] == "Ok" else _FAILED
    return fixed + len(answer["recordId"]) + len(answer["data"])
