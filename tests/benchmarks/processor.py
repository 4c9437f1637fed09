"""A stream processor's overhead per record against Powertools' BatchProcessor and pydantic parser.

`python -m tests.benchmarks.processor [--json]`. Both take the same Kinesis events of real flights
through base64, JSON, validation of every field and an answer of partial failures; the peer does not
de-aggregate, ours does. In turns in one run; the ratio is the median of the turns' ratios, in
processor time, so that whoever else uses the machine does not count.
"""

import time
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from statistics import median
from typing import Annotated, Any

import msgspec
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.parser.models import (
    KinesisDataStreamRecord,
    KinesisDataStreamRecordPayload,
)
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Json

from events.decoding import Decoder
from events.flight import source
from events.flight.event import Flight
from functions.shared.processor import Cause, process
from tests.benchmarks.reporting import report

RECORDS = 1_000
TURNS = 25

Airport = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Minutes = Annotated[int, Field(ge=-1440, le=14400)]


class Departure(BaseModel):
    """The contract of a flight as a pydantic model, field for field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_id: Annotated[str, Field(min_length=1, max_length=64)]
    carrier: Annotated[str, Field(pattern="^[A-Z0-9]{2}$")]
    flight_number: Annotated[int, Field(ge=1, le=9999)]
    tail_number: Annotated[str, Field(min_length=1, max_length=10)] | None = None
    origin: Airport
    destination: Airport
    scheduled_departure: AwareDatetime
    departure: AwareDatetime | None = None
    departure_delay: Minutes | None = None
    scheduled_arrival: AwareDatetime
    arrival: AwareDatetime | None = None
    arrival_delay: Minutes | None = None
    air_time: Annotated[int, Field(ge=1, le=1440)] | None = None
    distance: Annotated[int, Field(ge=1, le=12500)]


class DeparturePayload(KinesisDataStreamRecordPayload):
    """The payload as Powertools' documentation declares it for a typed batch."""

    data: Json[Departure]


class DepartureRecord(KinesisDataStreamRecord):
    """The record around it."""

    kinesis: DeparturePayload


def measure() -> dict[str, float]:
    """Microseconds per record of each, and their ratio; at most 0.5."""
    event = {"Records": list(records())}
    decoder = Decoder(Flight)
    processor = BatchProcessor(event_type=EventType.KinesisDataStreams, model=DepartureRecord)
    seen: list[datetime] = []

    def late(found: Flight, _: Cause) -> Flight | None:
        return found if found.departure_delay is None else None

    def peer_late(record: DepartureRecord) -> None:
        found = record.kinesis.data
        if found.departure_delay is None:
            seen.append(found.scheduled_departure)

    def ours() -> None:
        batch = process(event, decoder, late)
        if batch.answer() != {"batchItemFailures": []} or batch.received != RECORDS:
            raise AssertionError("a right record was not processed")

    def peer() -> None:
        answer = process_partial_response(
            event=event, record_handler=peer_late, processor=processor, context=None
        )
        if answer != {"batchItemFailures": []}:
            raise AssertionError("a right record was not processed")

    turns = [(seconds(ours), seconds(peer)) for _ in range(TURNS + 2)][2:]
    return {
        "records": RECORDS,
        "processor_us": median(a for a, _ in turns) / RECORDS * 1e6,
        "powertools_us": median(b for _, b in turns) / RECORDS * 1e6,
        "ratio": median(a / b for a, b in turns),
    }


def seconds(work: Callable[[], None]) -> float:
    """How long the processor works on it."""
    start = time.process_time()
    work()
    return time.process_time() - start


def records() -> Any:
    """Real flights as an event source mapping delivers them."""
    for number, event in enumerate(islice(source.events(), RECORDS)):
        sequence_number = 49590338271490256608559692538361571095921575989136588898 + number
        yield {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": event.event_id,
                "sequenceNumber": str(sequence_number),
                "data": b64encode(msgspec.json.encode(event)).decode(),
                "approximateArrivalTimestamp": 1_760_000_000.123 + number / 1000,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"shardId-000000000000:{sequence_number}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/processor",
            "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/flight",
        }


TOLD = (
    "processor: {processor_us:.2f} µs per record, Powertools with pydantic {powertools_us:.2f} µs: "
    "{ratio:.2f} times the peer ({records} records)"
)

if __name__ == "__main__":
    report(measure, TOLD, __doc__)
