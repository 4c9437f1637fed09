"""A batch that a processor failed and gave up, as it is kept: the failure archive's format.

In the lake's bucket, under `failures/`:

    batches/<id>.json.gz                       the batch: one JSON object, with the records
    records/failed_date=<date>/<id>.json.gz    the same for SQL: one JSON line per user record
    receipts/<run>.json                        what a redrive did
    redrives/lease.json                        which redrive runs now
    unreadable/<digest>.json                   what came to the failure queue and is no failure

The lines are written first and the batch last: a batch that is there is there with its lines, and a
batch without them is being deleted. Ids derive from what the failure message says, so the same
message, rescued twice, writes the same keys.
"""

import gzip
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from events.aggregation import UserRecord, deaggregate
from events.compression import readable

PREFIX = "failures/"
BATCHES_PREFIX = f"{PREFIX}batches/"
RECORDS_PREFIX = f"{PREFIX}records/"
RECEIPTS_PREFIX = f"{PREFIX}receipts/"
UNREADABLE_PREFIX = f"{PREFIX}unreadable/"

DATE_COLUMN = "failed_date"
ID_DIGITS = 20
"""Hexadecimal digits of an id: 80 bits, short enough to be typed."""

Record = dict[str, Any]
"""A Kinesis record as the event source mapping hands it over: {eventID, eventSource, eventVersion,
eventName, invokeIdentityArn, awsRegion, eventSourceARN, kinesis: {kinesisSchemaVersion,
partitionKey, sequenceNumber, data (base64), approximateArrivalTimestamp (seconds)}}."""


class Gone(Struct, frozen=True, kw_only=True):
    """Records that are in no archive any more: from one sequence number to another, both included.

    `records` is how many at least; between the two numbers nothing more is known of them.
    """

    from_sequence_number: str
    to_sequence_number: str
    why: str
    records: int = 1


class Reason(Struct, frozen=True, kw_only=True):
    """Why a batch failed again: `error` says what is known beyond the condition."""

    failed_at: datetime
    condition: str
    request_id: str
    invocations: int
    error: str = ""
    sequence_number: str = ""
    """The record that failed alone, where it is known; empty for the batch as a whole."""


class Batch(Struct, frozen=True, kw_only=True):
    """The records of one failure message, and all that it says. Instants are in UTC.

    `condition` and `invocations` are the message's own (RetryAttemptsExhausted, RecordAgeExceeded);
    `error` is `Unhandled` where the function raised, empty where it reported failures or was not
    heard of. `batch_size` counts Kinesis records, aggregated or not.
    """

    failure_id: str
    processor: str
    function_arn: str
    mapping: str = ""
    """The event source mapping's UUID, where the message tells it."""
    event_type: str
    """What the processor reads."""
    stream_arn: str
    shard_id: str
    condition: str
    request_id: str
    invocations: int
    start_sequence_number: str
    end_sequence_number: str
    batch_size: int
    failed_at: datetime
    rescued_at: datetime
    first_arrived_at: datetime | None = None
    last_arrived_at: datetime | None = None
    log_group: str
    error: str = ""
    records: list[Record]
    """In the order of the shard; without those that are gone."""
    gone: list[Gone] = []
    exact: bool = True
    """Whether `records` are the batch's and no others."""
    note: str = ""
    """Why they may not be."""
    history: list[Reason] = []
    """Why records of it are still here: redrives that did not succeed, the oldest first."""

    @property
    def lost(self) -> int:
        """Records that are gone, at least."""
        return sum(one.records for one in self.gone)

    @property
    def event(self) -> dict[str, Any]:
        """What the event source mapping invoked the function with."""
        return {"Records": self.records}


class Line(Struct, frozen=True, kw_only=True):
    """One user record of a batch, or one range that is gone; times in epoch milliseconds."""

    failure_id: str
    processor: str
    event_type: str
    shard_id: str
    sequence_number: str
    """Of the Kinesis record; of a range that is gone, its first."""
    subsequence_number: int | None
    partition_key: str | None
    payload: str | None
    """Base64 of the user record's bytes; null when they are gone."""
    arrived_at: int | None
    gone: str | None
    """Why the stream has them no longer; null for a record that is here."""
    gone_until: str | None
    gone_records: int | None
    condition: str
    error: str
    invocations: int
    request_id: str
    exact: bool
    failed_at: int
    rescued_at: int
    function_arn: str
    stream_arn: str
    log_group: str


def identified(*parts: str) -> str:
    """The id of a failure that these parts tell from every other."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:ID_DIGITS]


def batch_key(failure_id: str) -> str:
    return f"{BATCHES_PREFIX}{failure_id}.json.gz"


def lines_key(failure_id: str, failed_at: datetime) -> str:
    day = failed_at.astimezone(UTC).date().isoformat()
    return f"{RECORDS_PREFIX}{DATE_COLUMN}={day}/{failure_id}.json.gz"


def receipt_key(run: str) -> str:
    return f"{RECEIPTS_PREFIX}{run}.json"


def unreadable_key(body: bytes) -> str:
    return f"{UNREADABLE_PREFIX}{hashlib.sha256(body).hexdigest()[:ID_DIGITS]}.json"


def objects(batch: Batch) -> list[tuple[str, bytes]]:
    """Keys and bodies of what keeps a batch, in the order in which to put them."""
    return [
        (
            lines_key(batch.failure_id, batch.failed_at),
            _packed(b"\n".join(_encoded(batch)) + b"\n"),
        ),
        (batch_key(batch.failure_id), encode(batch)),
    ]


def encode(batch: Batch) -> bytes:
    """The body of a batch's object."""
    return _packed(msgspec.json.encode(batch))


def decode(body: bytes) -> Batch:
    """The batch in an object. Raises ValueError (msgspec's among them), OSError or EOFError when it
    is none."""
    return msgspec.json.decode(gzip.decompress(body), type=Batch)


def lines(batch: Batch) -> Iterator[Line]:
    """The batch for SQL: its user records in order, then what is gone."""
    shared: dict[str, Any] = {
        "failure_id": batch.failure_id,
        "processor": batch.processor,
        "event_type": batch.event_type,
        "shard_id": batch.shard_id,
        "condition": batch.condition,
        "error": batch.error,
        "invocations": batch.invocations,
        "request_id": batch.request_id,
        "exact": batch.exact,
        "failed_at": milliseconds(batch.failed_at),
        "rescued_at": milliseconds(batch.rescued_at),
        "function_arn": batch.function_arn,
        "stream_arn": batch.stream_arn,
        "log_group": batch.log_group,
    }
    for record in batch.records:
        kinesis = record["kinesis"]
        for index, (key, payload) in enumerate(_users(kinesis)):
            yield Line(
                sequence_number=kinesis["sequenceNumber"],
                subsequence_number=index,
                partition_key=key,
                payload=payload,
                arrived_at=round(kinesis["approximateArrivalTimestamp"] * 1000),
                gone=None,
                gone_until=None,
                gone_records=None,
                **shared,
            )
    for one in batch.gone:
        yield Line(
            sequence_number=one.from_sequence_number,
            subsequence_number=None,
            partition_key=None,
            payload=None,
            arrived_at=None,
            gone=one.why,
            gone_until=one.to_sequence_number,
            gone_records=one.records,
            **shared,
        )


def sequence_number(record: Record) -> int:
    """A record's sequence number: a number of up to 57 digits, in order only as one."""
    return int(record["kinesis"]["sequenceNumber"])


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _users(kinesis: dict[str, Any]) -> Sequence[tuple[str, str]]:
    """The partition key and the payload, decompressed and in base64, of each user record."""
    data = b64decode(kinesis["data"])
    users = deaggregate(data)
    if users is None:
        users = [UserRecord(kinesis["partitionKey"], data)]
    return [(user.partition_key, b64encode(readable(user.data)).decode()) for user in users]


def _encoded(batch: Batch) -> Iterator[bytes]:
    return map(msgspec.json.encode, lines(batch))


def _packed(body: bytes) -> bytes:
    """Compressed so that the same body makes the same bytes."""
    return gzip.compress(body, compresslevel=6, mtime=0)
