"""An environment of its own on the shared local AWS: stacks with the outputs that the CLI reads."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.main import app
from events.aggregation import deaggregate
from tests.conftest import AWS, ROOT

ENVIRONMENT = "clitest"
STREAMS = {"flight": "clitest-flight", "device_telemetry": "clitest-device-telemetry"}
LAKE = "clitest-lake"
COLUMNS = {
    "carrier": "string",
    "distance": "bigint",
    "delay": "double",
    "price": "decimal(9,2)",
    "ingested_at": "timestamp",
}
SCHEMA = pa.schema(
    [
        ("carrier", pa.string()),
        ("distance", pa.int64()),
        ("delay", pa.float64()),
        ("price", pa.decimal128(9, 2)),
        ("ingested_at", pa.timestamp("ms")),
    ]
)
INGESTED = datetime(2026, 1, 2, 3, 4, 5, 678000)  # noqa: DTZ001  UTC, as Parquet holds it here
FLIGHTS = {
    "2013-01-01": [
        {"carrier": "UA", "distance": 100, "delay": 1.5, "price": Decimal("10.50")},
        {"carrier": "UA", "distance": None, "delay": None, "price": None},
    ],
    "2013-01-02": [
        {"carrier": "B6", "distance": 7, "delay": -3.0, "price": Decimal("0.05")},
        {"carrier": "UA", "distance": 12, "ingested_at": INGESTED},
    ],
}
Headrace = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Place:
    """Where the commands of these tests work."""

    aws: AWS
    environment: str = ENVIRONMENT

    def records(self, event_type: str) -> list[tuple[str, bytes]]:
        """Partition keys and data on a stream, shard by shard in their order, taken apart."""
        kinesis, stream = self.aws.client("kinesis"), STREAMS[event_type]
        found = []
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while True:
                page = kinesis.get_records(ShardIterator=iterator, Limit=10_000)
                found += [user for one in page["Records"] for user in users(one)]
                iterator = page["NextShardIterator"]
                if not page["Records"] and page["MillisBehindLatest"] == 0:
                    break
        return found


def users(record: dict[str, Any]) -> list[tuple[str, bytes]]:
    """The partition keys and the data of what a Kinesis record holds."""
    found = deaggregate(record["Data"])
    if found is None:
        return [(record["PartitionKey"], record["Data"])]
    return [(user.partition_key, user.data) for user in found]


def outputs(event_type: str) -> dict[str, str]:
    return {
        "EventType": event_type,
        "StreamName": STREAMS[event_type],
        "DeliveryStreamName": f"{STREAMS[event_type]}-delivery",
        "TableName": event_type,
        "TransformFunctionName": f"{STREAMS[event_type]}-transform",
        "DataPrefix": f"events/{event_type}/",
        "ErrorPrefix": f"errors/{event_type}/",
    }


def create_stack(
    aws: AWS, stage: str, values: dict[str, str], environment: str = ENVIRONMENT
) -> None:
    """A stack with these outputs; what is behind them is made by the tests through the APIs."""
    cloudformation = aws.client("cloudformation")
    name = f"{environment}-{stage.replace('_', '-')}"
    template: dict[str, Any] = {
        "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
        "Outputs": {key: {"Value": value} for key, value in values.items()},
    }
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Tags=[
            {"Key": "headrace:environment", "Value": environment},
            {"Key": "headrace:stage", "Value": stage},
        ],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )


@pytest.fixture(scope="session")
def place(aws: AWS) -> Place:
    """The environment `clitest`: a lake and two event types."""
    for event_type, stream in STREAMS.items():
        aws.client("kinesis").create_stream(StreamName=stream, ShardCount=2)
        create_stack(aws, event_type, outputs(event_type))
    lake = {"BucketName": LAKE, "DatabaseName": "clitest", "WorkGroupName": "clitest"}
    create_stack(aws, "lake", lake)
    create_lake(aws)
    return Place(aws)


def create_lake(aws: AWS) -> None:
    """A flight table with four rows in two dates, an empty telemetry table, a named query."""
    s3, glue, athena = aws.client("s3"), aws.client("glue"), aws.client("athena")
    s3.create_bucket(Bucket=LAKE)
    glue.create_database(DatabaseInput={"Name": "clitest"})
    for event_type in STREAMS:
        glue.create_table(DatabaseName="clitest", TableInput=table(event_type))
    for date, rows in FLIGHTS.items():
        out = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), out)
        s3.put_object(
            Bucket=LAKE,
            Key=f"events/flight/event_date={date}/one.parquet",
            Body=out.getvalue(),
        )
    athena.create_work_group(
        Name="clitest",
        Configuration={"ResultConfiguration": {"OutputLocation": f"s3://{LAKE}/athena/"}},
    )
    athena.create_named_query(
        Name="by_carrier",
        Database="clitest",
        WorkGroup="clitest",
        QueryString="SELECT carrier, count(*) AS flights FROM flight GROUP BY 1 ORDER BY 2 DESC, 1",
    )


def table(event_type: str) -> dict[str, Any]:
    """A table as infra deploys them: Parquet, partitioned by projection."""
    location = f"s3://{LAKE}/events/{event_type}/"
    serde = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    return {
        "Name": event_type,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "classification": "parquet",
            "projection.enabled": "true",
            "projection.event_date.type": "date",
            "projection.event_date.format": "yyyy-MM-dd",
            "projection.event_date.range": "2013-01-01,NOW+1DAYS",
        },
        "PartitionKeys": [{"Name": "event_date", "Type": "string"}],
        "StorageDescriptor": {
            "Columns": [{"Name": name, "Type": kind} for name, kind in COLUMNS.items()],
            "Location": location,
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "SerdeInfo": {"SerializationLibrary": serde},
        },
    }


def heed_ctrl_c() -> None:
    """For a process that is to be interrupted: one that runs in the background inherits that
    it ignores the signal."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run(
    *arguments: str, env: dict[str, str] | None = None, stdin: bytes | None = None
) -> subprocess.CompletedProcess[str]:
    """`headrace` as a process, 80 columns wide."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=ROOT,
        env=(dict(os.environ) if env is None else env) | {"COLUMNS": "80"},
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Headrace:
    """`headrace` in this process, with an environment: importing boto3 anew for every call
    would be most of the time."""

    def call(
        *arguments: str, env: dict[str, str] | None = None, stdin: bytes = b""
    ) -> subprocess.CompletedProcess[str]:
        environment = (dict(os.environ) if env is None else env) | {"COLUMNS": "80"}
        with (
            mock.patch.dict(os.environ, environment, clear=True),
            standard_input(tmp_path / "stdin", stdin),
            pytest.raises(SystemExit) as ended,
        ):
            app(list(arguments), prog_name="headrace")
        return subprocess.CompletedProcess(arguments, int(str(ended.value)), *capfd.readouterr())

    return call


@pytest.fixture
def headrace(place: Place, here: Headrace) -> Headrace:
    """`headrace` in the environment of these tests."""
    return partial(here, env=place.aws.env | {"HEADRACE_ENV": ENVIRONMENT})


@contextmanager
def standard_input(path: Path, content: bytes) -> Iterator[None]:
    path.write_bytes(content)
    before = os.dup(0)
    with path.open("rb") as file:
        os.dup2(file.fileno(), 0)
    try:
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)


@pytest.fixture
def empty_stream(place: Place) -> Iterator[str]:
    """The flight stream, new."""
    kinesis, stream = place.aws.client("kinesis"), STREAMS["flight"]
    kinesis.delete_stream(StreamName=stream)
    kinesis.get_waiter("stream_not_exists").wait(
        StreamName=stream, WaiterConfig={"Delay": 1, "MaxAttempts": 10}
    )
    kinesis.create_stream(StreamName=stream, ShardCount=2)
    yield stream
