"""A laboratory: delivery streams, functions, tables and buckets, each made by boto3."""

import io
import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import AWS
from tests.local.lab import index, trusting, until

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/delivery"
ERRORS = "errors/!{firehose:error-output-type}/"
SOON = {"SizeInMBs": 5, "IntervalInSeconds": 10}
"""Half a second with the scale of the local AWS."""
PARTITIONED = {"SizeInMBs": 64, "IntervalInSeconds": 60}
COLUMNS = {"id": "bigint", "name": "string", "at": "timestamp"}


class Lab:
    """Things on the local AWS, each with a name of its own."""

    _names = itertools.count()

    def __init__(self, aws: AWS) -> None:
        self.firehose = aws.client("firehose")
        self.kinesis = aws.client("kinesis")
        self.s3 = aws.client("s3")
        self.functions = aws.client("lambda")
        self.glue = aws.client("glue")
        self.logs = aws.client("logs")
        self.cloudwatch = aws.client("cloudwatch")
        self._role = trusting(aws)
        self.bucket = self.name("bucket")
        self.s3.create_bucket(Bucket=self.bucket)
        self._streams: list[str] = []

    def name(self, kind: str) -> str:
        return f"delivery-{kind}-{next(self._names)}"

    def destination(self, **more: Any) -> dict[str, Any]:
        """An ExtendedS3 configuration; what is None is left out."""
        given = {
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{self.bucket}",
            "Prefix": "data/!{timestamp:yyyy}/",
            "ErrorOutputPrefix": ERRORS,
            "BufferingHints": SOON,
        } | more
        return {name: value for name, value in given.items() if value is not None}

    def delivery(self, source: str | None = None, **destination: Any) -> str:
        """The name of a new delivery stream to S3, from a Kinesis stream or for direct puts."""
        return self.create(
            source, ExtendedS3DestinationConfiguration=self.destination(**destination)
        )

    def create(self, source: str | None = None, **parameters: Any) -> str:
        name = self.name("stream")
        if source:
            parameters |= {
                "DeliveryStreamType": "KinesisStreamAsSource",
                "KinesisStreamSourceConfiguration": {
                    "KinesisStreamARN": self.arn(source),
                    "RoleARN": ROLE,
                },
            }
        self.firehose.create_delivery_stream(DeliveryStreamName=name, **parameters)
        self._streams.append(name)
        return name

    def arn(self, stream: str) -> str:
        return f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{stream}"

    def describe(self, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.firehose.describe_delivery_stream(DeliveryStreamName=name)
        return answer["DeliveryStreamDescription"]  # type: ignore[no-any-return]

    def update(self, name: str, **changes: Any) -> None:
        self.firehose.update_destination(
            DeliveryStreamName=name,
            CurrentDeliveryStreamVersionId=self.describe(name)["VersionId"],
            DestinationId="destinationId-000000000001",
            ExtendedS3DestinationUpdate=changes,
        )

    def put(self, name: str, *records: bytes) -> None:
        answer = self.firehose.put_record_batch(
            DeliveryStreamName=name, Records=[{"Data": record} for record in records]
        )
        assert answer["FailedPutCount"] == 0

    def stream(self, shards: int = 1) -> str:
        name = self.name("source")
        self.kinesis.create_stream(StreamName=name, ShardCount=shards)
        return name

    def feed(self, stream: str, *records: bytes) -> list[str]:
        """Put on a Kinesis stream; the sequence numbers."""
        answer = self.kinesis.put_records(
            StreamName=stream,
            Records=[{"Data": data, "PartitionKey": str(n)} for n, data in enumerate(records)],
        )
        assert answer["FailedRecordCount"] == 0
        return [one["SequenceNumber"] for one in answer["Records"]]

    def keys(self, prefix: str = "", bucket: str | None = None) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket or self.bucket, Prefix=prefix
        )
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def read(self, key: str, bucket: str | None = None) -> bytes:
        body: bytes = self.s3.get_object(Bucket=bucket or self.bucket, Key=key)["Body"].read()
        return body

    def objects(self, prefix: str, count: int = 1) -> list[tuple[str, bytes]]:
        """At least so many objects below a prefix, as soon as they are there."""
        until(lambda: len(self.keys(prefix)) >= count)
        return [(key, self.read(key)) for key in self.keys(prefix)]

    def lines(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """At least so many error lines of a kind, as soon as they are there."""

        def found() -> list[dict[str, Any]]:
            bodies = [self.read(key) for key in self.keys(f"errors/{kind}/")]
            return [json.loads(line) for body in bodies for line in body.splitlines()]

        until(lambda: len(found()) >= count)
        return found()

    def rows(self, prefix: str = "data/", count: int = 1) -> list[dict[str, Any]]:
        """At least so many rows of Parquet below a prefix, as soon as they are there."""

        def table() -> pa.Table | None:
            keys = self.keys(prefix)
            tables = [pq.read_table(io.BytesIO(self.read(key))) for key in keys]
            found = pa.concat_tables(tables) if tables else None
            return found if found is not None and found.num_rows >= count else None

        rows: list[dict[str, Any]] = until(table).to_pylist()
        return rows

    def transform(self, body: str, **options: str) -> dict[str, Any]:
        """A ProcessingConfiguration whose function answers each record as `body` returns."""
        parameters = {
            "LambdaArn": self.function(body),
            "BufferSizeInMBs": "1",
            "BufferIntervalInSeconds": "2",
        } | options
        return processing(Lambda=parameters)

    def function(self, body: str) -> str:
        """The ARN of a function; `body` sees record, data, number and event."""
        name = self.name("function")
        arn: str = self.functions.create_function(
            FunctionName=name,
            Runtime="python3.14",
            Role=self._role,
            Handler="index.handler",
            Code={"ZipFile": index(HANDLER, body)},
        )["FunctionArn"]
        return arn

    def table(self, columns: dict[str, str] | None = None) -> dict[str, str]:
        """Database and table name of a new Glue table."""
        database, table = self.name("db").replace("-", "_"), "rows"
        self.glue.create_database(DatabaseInput={"Name": database})
        self.glue.create_table(DatabaseName=database, TableInput=table_input(columns or COLUMNS))
        return {"DatabaseName": database, "TableName": table}

    def conversion(self, columns: dict[str, str] | None = None, **parts: Any) -> dict[str, Any]:
        """A DataFormatConversionConfiguration to Parquet by a new table."""
        return {
            "SchemaConfiguration": {"RoleARN": ROLE, **self.table(columns)},
            "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
            "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
            "Enabled": True,
        } | parts

    def metric(self, stream: str, name: str, statistic: str = "Sum") -> float:
        """The sum (or another statistic) of a metric of a delivery stream in the last hour."""
        now = time.time()
        points = self.cloudwatch.get_metric_statistics(
            Namespace="AWS/Firehose",
            MetricName=name,
            Dimensions=[{"Name": "DeliveryStreamName", "Value": stream}],
            StartTime=now - 3600,
            EndTime=now + 3600,
            Period=7200,
            Statistics=[statistic],
        )["Datapoints"]
        return sum(float(point[statistic]) for point in points)

    def clean(self) -> None:
        for name in self._streams:
            if name in self.firehose.list_delivery_streams(Limit=1000)["DeliveryStreamNames"]:
                self.firehose.delete_delivery_stream(DeliveryStreamName=name)


HANDLER = """
import base64, json

def text(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.b64encode(data).decode()

def ok(record, value, **keys):
    return {"recordId": record["recordId"], "result": "Ok", "data": text(value),
            "metadata": {"partitionKeys": keys}}

def answered(event):
    answers = []
    for number, record in enumerate(event["records"]):
        answer = one(record, base64.b64decode(record["data"]), number, event)
        answers += answer if isinstance(answer, list) else [answer]
    return {"records": answers}

def handler(event, context):
    return answered(event)

def one(record, data, number, event):
"""


def processing(**processors: dict[str, str]) -> dict[str, Any]:
    """A ProcessingConfiguration of processors by type."""
    return {
        "Enabled": True,
        "Processors": [
            {
                "Type": kind,
                "Parameters": [
                    {"ParameterName": name, "ParameterValue": value}
                    for name, value in parameters.items()
                ],
            }
            for kind, parameters in processors.items()
        ],
    }


def table_input(columns: dict[str, str]) -> dict[str, Any]:
    return {
        "Name": "rows",
        "StorageDescriptor": {
            "Columns": [{"Name": name, "Type": kind} for name, kind in columns.items()],
            "Location": "s3://nowhere/",
        },
        "PartitionKeys": [],
    }


@pytest.fixture
def lab(aws: AWS) -> Iterator[Lab]:
    found = Lab(aws)
    yield found
    found.clean()
