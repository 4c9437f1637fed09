"""The transform function of a delivery stream: batches, the request, what the answer means.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
"""

from __future__ import annotations

import uuid
from collections import Counter, deque
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

import msgspec
from msgspec import Struct

from local.delivery.failure import Reason
from local.delivery.record import Row, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PAYLOAD_LIMIT = 6 * 1024 * 1024
"""Bytes of a request and of an answer, as Lambda's synchronous invocations have it."""
ENVELOPE = 1_000
"""Room for what a request holds beside its records."""
RECORD_ENVELOPE = 400
"""Room for what a record holds in a request beside its data and its partition key."""
MEGABYTE = 1 << 20
NO_KEYS: dict[str, str] = {}

M = TypeVar("M")

FUNCTION_ERROR = Reason(
    "Lambda.FunctionError",
    "The Lambda function was successfully invoked but it returned an error result.",
)
PROCESSING_FAILED = Reason(
    "Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record"
)
MISSING = Reason(
    "Lambda.MissingRecordId",
    "One or more record Ids were not returned. Ensure that the Lambda function returns all "
    "received record Ids.",
)
DUPLICATED = Reason(
    "Lambda.DuplicatedRecordId",
    "Multiple records were returned with the same record ID. Ensure that the Lambda function "
    "returns unique record IDs for each record.",
)
NULL_DATA = Reason(
    "Lambda.InvalidReturnFormat",
    "The data field cannot be null when the result of a record is Ok.",
)
NOT_FOUND = Reason(
    "Lambda.ResourceNotFound",
    "The specified Lambda function does not exist. Use a different function that does exist.",
)
THROTTLED = Reason(
    "Lambda.InvokeLimitExceeded",
    "The Lambda concurrent execution limit is exceeded. Increase the concurrent execution limit.",
)


class Batcher:
    """Records of one shard until the function's hints, or the payload limit, make a batch.

    Pure: the time is given. A record alone in a batch may be larger than the limits.
    """

    def __init__(self) -> None:
        self._ready: deque[list[Source]] = deque()
        self._open: list[Source] = []
        self._size = self._payload = 0
        self._opened = 0.0

    def __bool__(self) -> bool:
        return bool(self._ready or self._open)

    def __len__(self) -> int:
        return sum(map(len, list(self._ready))) + len(self._open)

    def add(self, records: Iterable[Source], now: float, megabytes: float) -> None:
        limit = megabytes * MEGABYTE
        for record in records:
            size = len(record.data)
            payload = _payload(record)
            if self._open and (
                self._size + size > limit or self._payload + payload > PAYLOAD_LIMIT - ENVELOPE
            ):
                self._seal()
            if not self._open:
                self._opened = now
            self._open.append(record)
            self._size += size
            self._payload += payload
            if self._size >= limit:
                self._seal()

    def take(self, now: float, interval: float) -> list[Source] | None:
        """The next batch that is due, None when there is none yet."""
        if not self._ready and self._open and now >= self._opened + interval:
            self._seal()
        return self._ready.popleft() if self._ready else None

    def due(self, interval: float) -> float | None:
        """When `take` will have something, None when nothing waits."""
        if self._ready:
            return self._opened
        return self._opened + interval if self._open else None

    def _seal(self) -> None:
        self._ready.append(self._open)
        self._open = []
        self._size = self._payload = 0


def _payload(record: Source) -> int:
    return len(record.data) * 4 // 3 + len(record.partition_key) + RECORD_ENVELOPE


class _KinesisMetadata(Struct, gc=False):
    shardId: str  # noqa: N815  AWS's names, here and below
    partitionKey: str  # noqa: N815
    approximateArrivalTimestamp: int  # noqa: N815
    sequenceNumber: str  # noqa: N815
    subsequenceNumber: int  # noqa: N815


class _Record(Struct, gc=False, omit_defaults=True):
    recordId: str  # noqa: N815
    approximateArrivalTimestamp: int  # noqa: N815
    data: bytes
    kinesisRecordMetadata: _KinesisMetadata | None = None  # noqa: N815


class _Request(Struct, omit_defaults=True):
    invocationId: str  # noqa: N815
    deliveryStreamArn: str  # noqa: N815
    region: str
    records: list[_Record]
    sourceKinesisStreamArn: str | None = None  # noqa: N815


def request(
    records: Sequence[Source], *, delivery_stream: str, region: str, stream: str | None
) -> bytes:
    """The event the function gets; each attempt has an invocation id of its own."""
    return msgspec.json.encode(
        _Request(
            str(uuid.uuid4()),
            delivery_stream,
            region,
            [
                _Record(
                    record.record_id,
                    record.arrival,
                    record.data,
                    _KinesisMetadata(
                        record.shard_id,
                        record.partition_key,
                        record.arrival,
                        record.sequence_number,
                        record.subsequence_number,
                    )
                    if stream
                    else None,
                )
                for record in records
            ],
            stream,
        )
    )


class _Metadata(Struct, gc=False):
    partitionKeys: dict[str, str] | None = None  # noqa: N815


class _AnyMetadata(Struct, gc=False):
    partitionKeys: dict[str, str | int | float | bool | None] | None = None  # noqa: N815


class _Returned(Struct, Generic[M], gc=False):
    recordId: str  # noqa: N815
    result: Literal["Ok", "Dropped", "ProcessingFailed"]
    data: bytes | None = None
    metadata: M | None = None


class _Answer(Struct, Generic[M]):
    records: list[_Returned[M]]


_decode = msgspec.json.Decoder(_Answer[_Metadata]).decode
_decode_any = msgspec.json.Decoder(_Answer[_AnyMetadata]).decode


class Transformed(Struct):
    """What became of a batch: in = rows + dropped + failed."""

    rows: list[tuple[Row, dict[str, str]]]
    """Rows with the partition keys that the function gave them."""
    dropped: int
    failed: list[tuple[Source, Reason]]


class BadAnswer(Exception):
    """An answer that is not of the shape: an error of the function, worth another attempt."""


def interpret(records: Sequence[Source], payload: bytes) -> Transformed:
    """What the function said of each record; raises `BadAnswer`.

    Records the function returned but never got are ignored.
    """
    if len(payload) > PAYLOAD_LIMIT:
        raise BadAnswer
    answers = _answers(payload)
    returned = {one.recordId: one for one in answers}
    counts = Counter(one.recordId for one in answers) if len(returned) != len(answers) else {}
    result = Transformed([], 0, [])
    rows, failed = result.rows, result.failed
    for record in records:
        key = record.record_id
        one = returned.get(key)
        if one is None:
            failed.append((record, MISSING))
        elif counts and counts[key] > 1:
            failed.append((record, DUPLICATED))
        elif one.result == "Dropped":
            result.dropped += 1
        elif one.result == "ProcessingFailed":
            failed.append((record, PROCESSING_FAILED))
        elif one.data is None:
            failed.append((record, NULL_DATA))
        else:
            metadata = one.metadata
            rows.append((Row(one.data, record), (metadata and metadata.partitionKeys) or NO_KEYS))
    return result


def _answers(payload: bytes) -> list[_Returned[_Metadata]]:
    """The records of an answer; keys that are no text become their JSON."""
    try:
        return _decode(payload).records
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    try:
        answers = _decode_any(payload).records
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadAnswer from error
    return [
        _Returned(one.recordId, one.result, one.data, _Metadata(_texts(one.metadata)))
        for one in answers
    ]


def _texts(metadata: _AnyMetadata | None) -> dict[str, str]:
    if metadata is None or not metadata.partitionKeys:
        return {}
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in metadata.partitionKeys.items()
        if value is not None
    }


def whole_batch(records: Sequence[Source], reason: Reason, attempts: int) -> Transformed:
    """Every record failed for the same reason: the invocation did."""
    failed = Reason(reason.code, reason.message, attempts)
    return Transformed([], 0, [(record, failed) for record in records])
