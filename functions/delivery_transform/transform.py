"""Records of a delivery stream in, rows of its table out: no clock, no network, no environment.

In  {recordId, approximateArrivalTimestamp, data, kinesisRecordMetadata}, data in base64; the last
    is missing when a record was put on the delivery stream itself
Out {recordId, result: Ok, data: the row, metadata: {partitionKeys: {event_date}}}, or
    {recordId, result: ProcessingFailed, data: as it came} for a record that is wrong, or
    {recordId, result: Dropped, data: as it came} for one that was replayed from this very lake

A row is the event's JSON with every instant in UTC, and the delivery columns spliced on behind.
"""

import json
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

from msgspec.json import Encoder

from events.contract import Event
from events.decoding import Decoder, Rejected
from functions.delivery_transform.reading import Origin, Record, Replayed, read

ANSWER_LIMIT = 6 * 2**20
"""Bytes that Lambda lets a function answer: one more, and the whole batch fails, every time."""

COMMA = ord(",")

TOO_LARGE = "answer_too_large"

Answer = dict[str, Any]


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
    """Transforms the records of one event type; reuses a buffer, so one at a time.

    `lake` is the bucket that the rows go to, as marks name it.
    """

    def __init__(
        self, kind: type[Event], *, lake: str = "", answer_limit: int = ANSWER_LIMIT
    ) -> None:
        self._decode = Decoder(kind).decode
        self._encode_into = Encoder().encode_into
        self._row = bytearray()
        self._time = attrgetter(kind.contract.event_time)
        self._lake = lake
        self._answer_limit = answer_limit

    def __call__(
        self, records: Sequence[Record], ingested_at: datetime
    ) -> tuple[list[Answer], list[Rejection], int]:
        """The answer to each record, in order, the rejections among them, and how many were
        replayed from this lake."""
        stamp = ingested_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        answers: list[Answer] = []
        rejections: list[Rejection] = []
        replayed = 0
        for index, record in enumerate(records):
            try:
                origin, data, arrived_at = read(record, stamp, self._lake)
                answers.append(self._ok(record["recordId"], data, arrived_at, origin))
            except Rejected as verdict:
                answers.append(_as_it_came(record, "ProcessingFailed"))
                rejections.append(_rejection(index, verdict.reason, verdict.detail, origin))
            except Replayed:
                answers.append(_as_it_came(record, "Dropped"))
                replayed += 1
        rejections += self._fit(records, answers)
        return answers, rejections, replayed

    def _ok(self, record_id: str, data: bytes, arrived_at: int, origin: Origin) -> Answer:
        event = self._decode(data, _arrival(arrived_at // 1000))
        row = self._row
        self._encode_into(event, row)
        end = len(row) - 1
        self._encode_into(origin, row, end)  # its brace over the event's last, which is a comma now
        row[end] = COMMA
        return {
            "recordId": record_id,
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
            originals = [_as_it_came(record, "ProcessingFailed") for record in records]
            savings = [_size(answers[n]) - _size(originals[n]) for n in range(len(answers))]
            rows = [n for n, answer in enumerate(answers) if answer["result"] == "Ok"]
            for n in sorted(rows, key=savings.__getitem__, reverse=True):
                if excess <= 0:
                    break
                answers[n] = originals[n]
                excess -= savings[n]
                detail = f"The batch's answer exceeds {self._answer_limit} bytes: lower the hint"
                origin, _, _ = read(records[n], "", self._lake)
                rejections.append(_rejection(n, TOO_LARGE, detail, origin))
        return rejections


@lru_cache(maxsize=1024)
def _arrival(second: int) -> datetime:
    """The arrival to the second: thousands of records share one, and the bound on it is a day."""
    return datetime.fromtimestamp(second, UTC)


@cache
def _partition(day: date) -> dict[str, dict[str, str]]:
    return {"partitionKeys": {"event_date": day.isoformat()}}


def _as_it_came(record: Record, result: str) -> Answer:
    return {
        "recordId": record["recordId"],
        "result": result,
        "data": record["data"],
    }


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
