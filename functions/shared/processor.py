"""How every stream processor works: decode, transform, filter, buffer, emit.

The stages are those of the Kinesis Connector Library
(https://github.com/amazon-archives/amazon-kinesis-connectors). Two kinds of failure, by type:

    Rejected    the record is wrong: counted and skipped here, kept with its payload by delivery
    anything    the world is wrong, or we are: nothing from this record on is acknowledged, so
                that the event source mapping retries, then bisects, then gives up to the
                on-failure destination

`process` is pure; what it returns says what to emit and what to acknowledge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from events.aggregation import MAGIC, deaggregate
from events.contract import Event
from events.decoding import Decoder
from events.mark import START, split
from events.rejection import Rejected

E = TypeVar("E", bound=Event)
D = TypeVar("D", bound=Event)


class Kinesis(msgspec.Struct, gc=False, rename="camel"):
    """What is read of a Kinesis record; `data` is base64 in the event, and bytes here."""

    data: bytes
    approximate_arrival_timestamp: float


class Record(msgspec.Struct, gc=False):
    """A record as the event source mapping hands it over."""

    id: str = msgspec.field(name="eventID")
    kinesis: Kinesis


class Cause(msgspec.Struct, frozen=True, gc=False):
    """The record an event came in: its id, and the event's place within it if it is an aggregate.

    `arrived` is its approximate arrival on the stream in seconds since the epoch. All of it is the
    same whenever the record is delivered. What is seldom asked for is worked out when it is.
    """

    record_id: str
    subsequence_number: int
    arrived: float

    @property
    def shard_id(self) -> str:
        """The first half of the record's id, <shard>:<sequence number>."""
        return self.record_id.partition(":")[0]

    @property
    def sequence_number(self) -> str:
        """The second half of the record's id."""
        return self.record_id.partition(":")[2]

    @property
    def arrival(self) -> datetime:
        """`arrived` in UTC."""
        return datetime.fromtimestamp(self.arrived, UTC)


class Output(NamedTuple, Generic[D]):
    """A derived event, and the record that caused it."""

    cause: Cause
    event: D


class Wrong(NamedTuple):
    """A record that was skipped because it is wrong; never its payload."""

    cause: Cause
    reason: str
    detail: str


@dataclass
class Batch(Generic[D]):
    """What became of a batch: received = outputs + unput + filtered + wrong.

    `failed` is the first record that is not to be acknowledged, `error` why. `places` says of each
    output how many records came before it.
    """

    received: int = 0
    filtered: int = 0
    unput: int = 0
    outputs: list[Output[D]] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)
    failed: Cause | None = None
    error: Exception | None = None
    places: list[int] = field(default_factory=list)
    acknowledged_before: int = 0

    def fail(self, cause: Cause, error: Exception, before: int) -> None:
        """Acknowledge nothing from this record on, which so many came before: a Kinesis record is
        acknowledged as a whole, with all that is aggregated in it, or not at all."""
        self.failed, self.error = cause, error
        self.acknowledged_before = before - cause.subsequence_number

    @property
    def acknowledged(self) -> int:
        """User records that the event source mapping will not deliver again."""
        return self.received if self.failed is None else self.acknowledged_before

    def answer(self) -> dict[str, Any]:
        """What the function returns to its event source mapping (ReportBatchItemFailures)."""
        failures = [{"itemIdentifier": self.failed.sequence_number}] if self.failed else []
        return {"batchItemFailures": failures}


Put = Callable[[Sequence[D]], tuple[int, Exception] | None]
"""Puts events, in order: None when all were put, else the index of the first that was not, and
why."""


def process(
    event: dict[str, Any], decoder: Decoder[E], transform: Callable[[E, Cause], D | None]
) -> Batch[D]:
    """Decode every record of a Kinesis event and transform what it holds; None filters it out.

    Stops at the first record that cannot be transformed, with everything before it done. Raises
    msgspec.ValidationError for an event that is no Kinesis event: then nothing is acknowledged.
    """
    batch: Batch[D] = Batch()
    decode = decoder.decode
    for cause, arrival, data in records(event):
        try:
            found = transform(decode(data, arrival), cause)
        except Rejected as rejected:
            batch.wrong.append(Wrong(cause, str(rejected.reason), rejected.detail))
        except Exception as error:
            batch.fail(cause, error, batch.received)
            return batch
        else:
            if found is None:
                batch.filtered += 1
            else:
                batch.outputs.append(Output(cause, found))
                batch.places.append(batch.received)
        batch.received += 1
    return batch


def records(event: dict[str, Any]) -> Iterator[tuple[Cause, datetime, bytes]]:
    """Every user record of a Kinesis event, with its arrival to the second, as delivery has it.

    One pass in C reads the whole event; thousands of records share a second. A mark is taken off:
    to a processor a replayed event is an event.
    """
    second, arrival = 0, datetime.fromtimestamp(0, UTC)
    for record in msgspec.convert(event["Records"], list[Record]):
        data, arrived = record.kinesis.data, record.kinesis.approximate_arrival_timestamp
        if int(arrived) != second:
            second = int(arrived)
            arrival = datetime.fromtimestamp(second, UTC)
        aggregated = deaggregate(data) if data[:4] == MAGIC else None
        if aggregated is None:
            if data.startswith(START):
                data = split(data)[1]
            yield Cause(record.id, 0, arrived), arrival, data
            continue
        for index, user in enumerate(aggregated):
            yield Cause(record.id, index, arrived), arrival, split(user.data)[1]


def emit(batch: Batch[D], put: Put[D]) -> None:
    """Put a batch's outputs; the record whose event could not be put is where the batch fails.

    Outputs that follow it may have been put all the same: they are put again with it, and their
    ids are the same again.
    """
    if not batch.outputs:
        return
    failed = put([output.event for output in batch.outputs])
    if failed is not None:
        index, error = failed
        batch.fail(batch.outputs[index].cause, error, batch.places[index])
        batch.unput = len(batch.outputs) - index
        del batch.outputs[index:]
