"""Processors on the local AWS, deployed by the real CDK: flights in, alerts out, failures kept."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyathena
import pytest
from aws_kinesis_agg.aggregator import RecordAggregator

from events import failure
from events.decoding import Decoder
from events.delay_alert.event import DelayAlert
from events.failure import Batch
from events.flight.event import Flight
from functions.delay_alerts.alerts import alert
from functions.delay_alerts.settings import Settings
from functions.shared.processor import Cause
from tests.conftest import AWS
from tests.stacks import outputs

SECONDS = 60.0
# Later than any other test's flights, so that none of them counts these.
DEPARTURE = datetime(2013, 11, 21, 12, tzinfo=UTC)
LATE = Settings.late_minutes + 1

Record = dict[str, Any]


def flight(name: str, *, delay: int | None = 0) -> Flight:
    """A flight that left this many minutes late, or was cancelled."""
    return Flight(
        event_id=name,
        carrier="B6",
        flight_number=1806,
        tail_number="N708JB",
        origin="JFK",
        destination="BOS",
        scheduled_departure=DEPARTURE,
        departure=None if delay is None else DEPARTURE + timedelta(minutes=delay),
        departure_delay=delay,
        scheduled_arrival=DEPARTURE + timedelta(minutes=67),
        distance=187,
    )


def encoded(*flights: Flight) -> list[bytes]:
    return [msgspec.json.encode(one) for one in flights]


def aggregated(*flights: Flight) -> bytes:
    """One record, as the Kinesis Producer Library makes it of several of one shard."""
    aggregator = RecordAggregator()
    for data in encoded(*flights):
        aggregator.add_user_record("N708JB", data)
    contents: bytes = aggregator.clear_and_get().get_contents()[2]
    return contents


@dataclass(frozen=True)
class Processing:
    """The delay alerts as deployed, with the streams that they read and emit on."""

    aws: AWS
    processor: dict[str, str]
    lake: dict[str, str]
    flights: str
    alerts: str

    def put(self, *datas: bytes) -> list[Record]:
        """Put records on one shard of the flights, in one call; each as it lies on the stream."""
        kinesis = self.aws.client("kinesis")
        answer = kinesis.put_records(
            StreamName=self.flights,
            Records=[{"Data": data, "PartitionKey": "N708JB"} for data in datas],
        )
        assert answer["FailedRecordCount"] == 0
        first = answer["Records"][0]
        found = self.read(self.flights, first["ShardId"], first["SequenceNumber"])
        wanted = [record["SequenceNumber"] for record in answer["Records"]]
        return [{**first, **one} for one in found if one["SequenceNumber"] in wanted]

    def read(self, stream: str, shard: str, start: str | None = None) -> Iterator[Record]:
        """The records of a shard, from a sequence number on or all, up to the newest."""
        kinesis = self.aws.client("kinesis")
        position = {"ShardIteratorType": "TRIM_HORIZON"}
        if start:
            position = {
                "ShardIteratorType": "AT_SEQUENCE_NUMBER",
                "StartingSequenceNumber": start,
            }
        answer = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **position)
        while True:
            answer = kinesis.get_records(
                ShardIterator=answer.get("ShardIterator") or answer["NextShardIterator"]
            )
            yield from answer["Records"]
            if not answer["MillisBehindLatest"]:
                return

    def alerted(self, prefix: str) -> list[tuple[DelayAlert, datetime]]:
        """The alerts of flights whose id starts so, in order, and when each arrived."""
        shards = self.aws.client("kinesis").list_shards(StreamName=self.alerts)["Shards"]
        found = [
            (Decoder(DelayAlert).decode(record["Data"]), record["ApproximateArrivalTimestamp"])
            for shard in shards
            for record in self.read(self.alerts, shard["ShardId"])
        ]
        return [one for one in found if one[0].flight_id.startswith(prefix)]

    def archived(self, prefix: str) -> list[Batch]:
        """The rescued batches of flights whose id starts so, in order."""
        s3, bucket = self.aws.client("s3"), self.lake["BucketName"]
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=failure.BATCHES_PREFIX)
        bodies = (
            s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
            for one in listed.get("Contents", [])
        )
        found = [batch for batch in map(failure.decode, bodies) if prefix in payloads(batch)]
        return sorted(found, key=lambda batch: int(batch.start_sequence_number))

    def forget(self, batch: Batch) -> None:
        """Take a batch out of the archive."""
        s3, bucket = self.aws.client("s3"), self.lake["BucketName"]
        for key, _ in failure.objects(batch):
            s3.delete_object(Bucket=bucket, Key=key)

    @contextmanager
    def configured(self, **variables: str) -> Iterator[None]:
        """The function with other environment variables, for as long as the block lasts."""
        before = self._variables()
        self._configure({**before, **variables})
        try:
            yield
        finally:
            self._configure(before)

    def _variables(self) -> dict[str, str]:
        name = self.processor["FunctionName"]
        found = self.aws.client("lambda").get_function_configuration(FunctionName=name)
        variables: dict[str, str] = found["Environment"]["Variables"]
        return variables

    def _configure(self, variables: dict[str, str]) -> None:
        client, name = self.aws.client("lambda"), self.processor["FunctionName"]
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )
        client.get_waiter("function_updated").wait(FunctionName=name)


@pytest.fixture(scope="module")
def processing(deployed: AWS) -> Processing:
    found = outputs(deployed.client)
    processor = found["delay_alerts"]
    streams = (found[processor[does]]["StreamName"] for does in ("Reads", "Emits"))
    return Processing(deployed, processor, found["lake"], *streams)


def until(holds: Any) -> Any:
    """What `holds` answers when it is no longer nothing."""
    end = time.monotonic() + SECONDS
    while not (answer := holds()):
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.1)
    return answer


def expected(found: Flight, record: Record) -> DelayAlert:
    """The alert for a flight that came in this record."""
    arrived = record["ApproximateArrivalTimestamp"].timestamp()
    made = alert(found, Cause("", 0, arrived), late_minutes=Settings.late_minutes)
    assert made
    return made


def test_late_and_cancelled_flights_become_alerts_aggregated_or_not_and_nothing_else_does(
    processing: Processing,
) -> None:
    late, cancelled = flight("whole-1", delay=LATE), flight("whole-2", delay=None)
    inside = [flight("whole-3", delay=None), flight("whole-4"), flight("whole-5", delay=14400)]
    last = flight("whole-6", delay=LATE)
    records = processing.put(
        *encoded(late, flight("whole-0", delay=LATE - 1), cancelled),
        b'{"event_id": "whole-7"}',
        b"\x00not JSON",
        aggregated(*inside),
        *encoded(last),
    )
    wanted = [
        expected(late, records[0]),
        expected(cancelled, records[2]),
        expected(inside[0], records[5]),
        expected(inside[2], records[5]),
        expected(last, records[6]),
    ]
    until(lambda: len(processing.alerted("whole-")) >= len(wanted))
    found = processing.alerted("whole-")
    assert [made for made, _ in found] == wanted
    for made, arrived in found:
        assert timedelta(0) <= arrived - made.flight_arrived < timedelta(seconds=SECONDS)
    assert processing.archived("whole-") == []


def test_an_alert_is_an_event_with_a_table_of_its_own(processing: Processing) -> None:
    flights = flight("table-1", delay=LATE), flight("table-2", delay=None)
    records = processing.put(*encoded(*flights))
    made = [expected(one, record) for one, record in zip(flights, records, strict=True)]
    query = (
        "SELECT event_id, kind, departure_delay, flight_arrived, event_date FROM delay_alert"
        " WHERE flight_id LIKE 'table-%' ORDER BY event_id"
    )
    with pyathena.connect(
        work_group=processing.lake["WorkGroupName"],
        schema_name=processing.lake["DatabaseName"],
        endpoint_url=processing.aws.endpoint,
        region_name="us-east-1",
        aws_access_key_id="headrace",
        aws_secret_access_key="headrace",  # noqa: S106  the local AWS takes any
        poll_interval=0.05,
    ) as connection:

        def rows() -> list[tuple[Any, ...]]:
            with connection.cursor() as cursor:
                found: list[tuple[Any, ...]] = cursor.execute(query).fetchall()
                return found if len(found) >= len(made) else []

        assert until(rows) == [
            (
                one.event_id,
                one.kind,
                one.departure_delay,
                one.flight_arrived.replace(tzinfo=None),
                "2013-11-21",
            )
            for one in made
        ]


def test_what_cannot_be_emitted_is_archived_with_its_payload_and_the_shard_moves_on(
    processing: Processing,
) -> None:
    late, cancelled = flight("poison-2", delay=LATE), flight("poison-4", delay=None)
    with processing.configured(STREAM_NAME="there-is-none"):
        records = processing.put(
            *encoded(flight("poison-1"), late, flight("poison-3"), cancelled, flight("poison-5"))
        )
        found = until(lambda: given_up(processing, 2))
        mended = flight("poison-6", delay=LATE)
    [record] = processing.put(*encoded(mended))
    until(lambda: processing.alerted("poison-"))
    assert [made for made, _ in processing.alerted("poison-")] == [expected(mended, record)]
    try:
        assert [batch.records for batch in found] == [
            [handed_over(processing, records[1])],
            [handed_over(processing, records[3])],
        ]
        for batch in found:
            assert (batch.condition, batch.error) == ("RetryAttemptsExhausted", "")
            assert batch.invocations == Settings.consumption.retries + 1
            assert (batch.exact, batch.gone, batch.event_type) == (True, [], "flight")
        assert given_up(processing, 3) is None, "one message, one batch"
    finally:
        for batch in found:
            processing.forget(batch)


def given_up(processing: Processing, number: int) -> list[Batch] | None:
    found = processing.archived("poison-")
    return found if len(found) >= number else None


def payloads(batch: Batch) -> str:
    """The records of a batch, one after the other; each names its flight."""
    datas = (b64decode(record["kinesis"]["data"]) for record in batch.records)
    return b"".join(datas).decode(errors="replace")


def handed_over(processing: Processing, record: Record) -> dict[str, Any]:
    """A record of the stream as the function is given it."""
    client = processing.aws.client("lambda")
    mapping = client.get_event_source_mapping(UUID=processing.processor["MappingId"])
    function = client.get_function_configuration(FunctionName=processing.processor["FunctionName"])
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "N708JB",
            "sequenceNumber": record["SequenceNumber"],
            "data": b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{record['ShardId']}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": function["Role"],
        "awsRegion": "us-east-1",
        "eventSourceARN": mapping["EventSourceArn"],
    }
