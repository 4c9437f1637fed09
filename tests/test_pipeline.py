"""The whole pipeline, deployed by the real CDK and driven by clients that nobody here wrote."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import awswrangler
import boto3
import msgspec
import pyathena
import pytest
from msgspec import structs

from events import registry
from events.compression import compressed
from events.decoding import event_id
from events.flight import source
from tests.conftest import AWS, ROOT
from tests.stacks import outputs

SECONDS = 60.0
FLIGHTS = 3_000


@dataclass(frozen=True)
class Pipeline:
    """A deployed environment by its stacks' outputs."""

    aws: AWS
    lake: dict[str, str]
    flows: dict[str, dict[str, str]]

    def put(self, event_type: str, *datas: bytes) -> list[str]:
        """Put records as they are; their sequence numbers."""
        answer = self.aws.client("kinesis").put_records(
            StreamName=self.flows[event_type]["StreamName"],
            Records=[
                {"Data": data, "PartitionKey": str(number)} for number, data in enumerate(datas)
            ],
        )
        assert answer["FailedRecordCount"] == 0
        return [record["SequenceNumber"] for record in answer["Records"]]

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Rows, by PyAthena."""
        with self.connection() as connection, connection.cursor() as cursor:
            rows: list[tuple[Any, ...]] = cursor.execute(query).fetchall()
            return rows

    def connection(self) -> Any:
        return pyathena.connect(
            work_group=self.lake["WorkGroupName"],
            schema_name=self.lake["DatabaseName"],
            endpoint_url=self.aws.endpoint,
            region_name="us-east-1",
            poll_interval=0.05,
        )

    def objects(self, prefix: str) -> Iterator[bytes]:
        s3 = self.aws.client("s3")
        pages = s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.lake["BucketName"], Prefix=prefix):
            for found in page.get("Contents", []):
                answer = s3.get_object(Bucket=self.lake["BucketName"], Key=found["Key"])
                yield answer["Body"].read()

    def rejected(self, event_type: str) -> dict[bytes, dict[str, Any]]:
        """The error lines of an event type, by the payload that each keeps."""
        return {
            base64.b64decode(line["rawData"]): line
            for body in self.objects(self.flows[event_type]["ErrorPrefix"])
            for line in map(json.loads, body.splitlines())
        }


@pytest.fixture(scope="module")
def pipeline(deployed: AWS) -> Iterator[Pipeline]:
    found = outputs(deployed.client)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in deployed.env.items():
            if name[:4] == "AWS_":
                patch.setenv(name, value)
        boto3.setup_default_session()
        yield Pipeline(deployed, found["lake"], found)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.2)


def samples(event_type: str, kind: str) -> list[Path]:
    found = sorted((ROOT / "events" / event_type / "samples" / kind).rglob("*.json"))
    assert found
    return found


@pytest.fixture(scope="module")
def flights(pipeline: Pipeline) -> list[Any]:
    """Real flights, put by the command line and delivered."""
    done = pipeline.aws.run("headrace", "replay", "flight", "--limit", str(FLIGHTS), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["put"] == FLIGHTS
    until(lambda: pipeline.sql("SELECT count(*) FROM flight")[0][0] >= FLIGHTS)
    return list(islice(source.events(), FLIGHTS))


def test_every_flight_is_in_the_lake_once_and_unchanged(
    pipeline: Pipeline, flights: list[Any]
) -> None:
    rows = pipeline.sql(
        "SELECT event_id, tail_number, departure_delay, scheduled_departure, event_date"
        " FROM flight WHERE scheduled_departure < timestamp '2013-06-01 00:00:00' ORDER BY event_id"
    )
    assert rows == sorted(
        (
            flight.event_id,
            flight.tail_number,
            flight.departure_delay,
            flight.scheduled_departure.replace(tzinfo=None),
            flight.scheduled_departure.date().isoformat(),
        )
        for flight in flights
    )


def test_a_query_for_one_day_reads_only_that_day(pipeline: Pipeline, flights: list[Any]) -> None:
    day = flights[0].scheduled_departure.date().isoformat()
    with pipeline.connection() as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT sum(distance) FROM flight")
        whole = cursor.data_scanned_in_bytes
        cursor.execute("SELECT sum(distance) FROM flight WHERE event_date = %(day)s", {"day": day})
        [(miles,)] = cursor.fetchall()
        part = cursor.data_scanned_in_bytes
    expected = [f.distance for f in flights if f.scheduled_departure.date().isoformat() == day]
    assert miles == sum(expected)
    assert 0 < part < whole


def test_awswrangler_reads_the_table_by_sql_and_by_its_files(
    pipeline: Pipeline, flights: list[Any]
) -> None:
    by_carrier = Counter(flight.carrier for flight in flights)
    query = (
        "SELECT carrier, count(*) AS flights FROM flight"
        " WHERE scheduled_departure < timestamp '2013-06-01 00:00:00' GROUP BY carrier"
    )
    frame = awswrangler.athena.read_sql_query(
        query,
        database=pipeline.lake["DatabaseName"],
        workgroup=pipeline.lake["WorkGroupName"],
        ctas_approach=False,
    )
    assert dict(zip(frame["carrier"], frame["flights"], strict=True)) == by_carrier
    day = flights[0].scheduled_departure.date().isoformat()
    files = awswrangler.s3.read_parquet(
        f"s3://{pipeline.lake['BucketName']}/{pipeline.flows['flight']['DataPrefix']}",
        dataset=True,
        partition_filter=lambda partition: partition["event_date"] == day,
    )
    assert set(files["event_id"]) == {
        flight.event_id
        for flight in flights
        if flight.scheduled_departure.date().isoformat() == day
    }


def test_the_aws_command_line_sees_the_same_pipeline(pipeline: Pipeline) -> None:
    stream = pipeline.flows["flight"]["StreamName"]
    done = pipeline.aws.run(
        "aws", "kinesis", "describe-stream-summary", "--stream-name", stream, "--output", "json"
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)["StreamDescriptionSummary"]
    assert (summary["StreamStatus"], summary["EncryptionType"]) == ("ACTIVE", "KMS")
    listed = pipeline.aws.run("aws", "s3", "ls", f"s3://{pipeline.lake['BucketName']}/events/")
    assert listed.returncode == 0, listed.stderr


@pytest.mark.parametrize("event_type", ["flight", "device_telemetry"])
def test_every_sample_ends_delivered_or_rejected_with_its_payload(
    pipeline: Pipeline, event_type: str
) -> None:
    kind = registry.get(event_type)
    valid = [path.read_bytes() for path in samples(event_type, "valid")]
    wrong = [path.read_bytes() for path in samples(event_type, "rejected")]
    large = b'{"event_id": "' + b"x" * (1024 * 1024 - 20) + b'"}'
    # Not all at once: a wrong record stands between right ones.
    mixed = [data for pair in zip(valid * len(wrong), wrong, strict=False) for data in pair]
    pipeline.put(event_type, *mixed)
    pipeline.put(event_type, large)
    pipeline.put(event_type, *valid)

    column = kind.contract.event_id
    events = [msgspec.json.decode(data, type=kind) for data in valid]
    others = [structs.replace(one, **{column: f"{event_id(one)}-zstd"}) for one in events]
    pipeline.put(event_type, *(compressed(msgspec.json.encode(one)) for one in others))

    ids = {event_id(one) for one in [*events, *others]}
    expected = {*wrong, large}

    def there() -> bool:
        rows = pipeline.sql(f"SELECT {column} FROM {event_type}")
        return ids <= {row[0] for row in rows} and expected <= pipeline.rejected(event_type).keys()

    until(there)
    lines = pipeline.rejected(event_type)
    assert {lines[data]["errorCode"] for data in expected} == {"Lambda.ProcessingFailedStatus"}


def test_the_reason_of_a_rejection_is_logged_without_the_payload(pipeline: Pipeline) -> None:
    data = b'{"device": "SECRET-7", "boot": "SECRET-8"}'
    [sequence_number] = pipeline.put("device_telemetry", data)
    function = pipeline.flows["device_telemetry"]["TransformFunctionName"]
    group = pipeline.aws.client("lambda").get_function_configuration(FunctionName=function)[
        "LoggingConfig"
    ]["LogGroup"]
    logs = pipeline.aws.client("logs")

    def said() -> list[dict[str, Any]]:
        found = logs.filter_log_events(logGroupName=group)["events"]
        assert all("SECRET" not in event["message"] for event in found)
        lines = [event["message"] for event in found if sequence_number in event["message"]]
        return [json.loads(line) for line in lines]

    until(lambda: bool(said()))
    [line] = said()
    assert (line["message"], line["reason"]) == ("rejected", "missing_field")


def test_the_status_accounts_for_every_record(pipeline: Pipeline) -> None:
    """From here on: other tests have made deliveries repeat themselves before."""

    def counted() -> Counter[str]:
        done = pipeline.aws.run("headrace", "status", "--json")
        assert done.returncode == 0, done.stderr
        [row] = [row for row in json.loads(done.stdout) if row["event_type"] == "flight"]
        return Counter({name: row[name] for name in ("records_in", "delivered", "rejected")})

    before = counted()
    wrong = [path.read_bytes() for path in samples("flight", "rejected")]
    right = [path.read_bytes() for path in samples("flight", "valid")]
    pipeline.put("flight", *wrong, *right)
    put = Counter(records_in=len(wrong) + len(right), delivered=len(right), rejected=len(wrong))
    until(lambda: counted() - before == put)


def test_deploying_again_changes_nothing(pipeline: Pipeline) -> None:
    before = pipeline.aws.client("cloudformation").describe_stacks()["Stacks"]
    assert "no changes" in pipeline.aws.deploy()
    after = pipeline.aws.client("cloudformation").describe_stacks()["Stacks"]
    assert [s["StackStatus"] for s in after] == [s["StackStatus"] for s in before]


def test_replaying_again_repeats_the_same_ids(pipeline: Pipeline, flights: list[Any]) -> None:
    ids = "SELECT count(*), count(DISTINCT event_id) FROM flight"
    [(rows, distinct)] = pipeline.sql(ids)
    done = pipeline.aws.run("headrace", "replay", "flight", "--limit", str(len(flights)))
    assert done.returncode == 0, done.stderr
    until(lambda: pipeline.sql(ids)[0][0] == rows + len(flights))
    assert pipeline.sql(ids)[0][1] == distinct
