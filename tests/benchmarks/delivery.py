"""Delivery streams on the local AWS: conversion against Arrow's own, records/s, peak memory.

`python -m tests.benchmarks.delivery [--json]`. The data are a year of real flights as the transform
leaves them. Conversion: their JSON to Parquet in one file, beside Arrow's JSON reader and Parquet
writer on the same bytes and columns. Engine: the same rows through partitions, buffers, conversion
and S3. Whole: from the Kinesis stream through a transform function that echoes them.
"""

import io
import json
import resource
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from statistics import median
from typing import Any, TypeVar

import msgspec
import psutil
import pyarrow.json
import pyarrow.parquet as pq

from events import registry
from events.columns import glue_columns
from events.decoding import event_date
from events.flight.source import events
from local.delivery import conversion, hive
from local.delivery import streams as delivery_streams
from local.delivery.conversion import Output
from local.delivery.lane import Lane
from local.delivery.reader import DirectReader
from local.delivery.record import Row, Source
from local.delivery.transform import Transformed
from local.delivery.typed import Layout, Options
from local.kinesis import streams
from local.kinesis.stream import Entry
from local.server import LocalAWS
from tests.benchmarks.reporting import report

TURNS = 9
CONVERTED = 100_000
BATCH = 2_000
SHARDS = 4
T = TypeVar("T")
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/benchmark"
BUCKET = "benchmark"
FUNCTION = """
import base64, json

def handler(event, context):
    return {"records": [one(record) for record in event["records"]]}

def one(record):
    data = record["data"]
    at = base64.b64decode(data).index(b'"scheduled_departure":"') + 23
    day = base64.b64decode(data)[at:at + 10].decode()
    return {"recordId": record["recordId"], "result": "Ok", "data": data,
            "metadata": {"partitionKeys": {"event_date": day}}}
"""


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Python 3.12 has it."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def rows() -> list[tuple[bytes, str]]:
    """Each flight of the year as the transform writes it, and its date."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    result = []
    for number, event in enumerate(events()):
        origin = (
            f',"ingested_at":"{stamp}Z","shard_id":"shardId-000000000000",'
            f'"sequence_number":"{49 * 10**54 + number}","subsequence_number":0,'
            f'"arrived_at":"{stamp}Z"}}'
        )
        row = msgspec.json.encode(event)[:-1] + origin.encode()
        result.append((row, event_date(event)))
    return result


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def conversion_ratio(data: list[bytes]) -> dict[str, float]:
    """Our seconds and Arrow's for the same bytes and columns, in turns: their medians, and that of
    the turns' ratios; at most 2."""
    columns = [(one.name, hive.parse(one.type)) for one in glue_columns(registry.get("flight"))]
    layout = Layout(columns, Options())
    lines = b"\n".join(data)

    def ours() -> None:
        table, failures = conversion.convert(layout, data)
        assert (table.num_rows, failures) == (len(data), [])
        conversion.write(table, Output())

    def arrow() -> None:
        table = pyarrow.json.read_json(
            io.BytesIO(lines),
            parse_options=pyarrow.json.ParseOptions(explicit_schema=layout.schema),
        )
        assert table.num_rows == len(data)
        pq.write_table(table, io.BytesIO(), compression="snappy")

    turns = [(seconds(ours), seconds(arrow)) for _ in range(TURNS)]
    mine, theirs = (median(side) for side in zip(*turns, strict=True))
    return {
        "conversion_seconds": mine,
        "arrow_seconds": theirs,
        "conversion_ratio": median(one / other for one, other in turns),
        "converted_per_second": len(data) / mine,
    }


def engine(aws: LocalAWS, data: list[tuple[bytes, str]]) -> float:
    """Records per second from transformed to delivered."""
    create(aws, "engine", "engine", function(aws))
    stream = delivery_streams.find("us-east-1", "engine")
    lane = Lane(stream, DirectReader(), lambda _: None)
    batches = [
        [
            (Row(row, Source(b"", 0, str(number))), {"event_date": day})
            for number, (row, day) in enumerate(batch)
        ]
        for batch in batched(data, BATCH)
    ]
    start = time.perf_counter()
    for batch in batches:
        lane.deliver([], Transformed(batch, 0, []))
        stream.room(60)
    aws.client("firehose").delete_delivery_stream(DeliveryStreamName="engine")
    seconds = time.perf_counter() - start
    assert delivered(aws, "engine") == len(data)
    return len(data) / seconds


def whole(aws: LocalAWS, data: list[tuple[bytes, str]]) -> float:
    """Records per second from put to delivered, through a function in its own processes."""
    name = "whole"
    aws.client("kinesis").create_stream(StreamName=name, ShardCount=SHARDS)
    arn = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}"
    create(
        aws,
        name,
        name,
        function(aws),
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
    )
    source = streams.find(arn)
    start = time.perf_counter()
    for batch in batched(enumerate(data), 500):
        source.put([Entry(row, str(number)) for number, (row, _) in batch])
    aws.client("firehose").delete_delivery_stream(DeliveryStreamName=name)
    while name in aws.client("firehose").list_delivery_streams()["DeliveryStreamNames"]:
        time.sleep(0.1)
    seconds = time.perf_counter() - start
    assert delivered(aws, name) == len(data)
    return len(data) / seconds


def create(aws: LocalAWS, name: str, prefix: str, function: str, **more: Any) -> None:
    """A delivery stream as the pipeline deploys it."""
    parameters = {
        "LambdaArn": function,
        "BufferSizeInMBs": "0.5",
        "BufferIntervalInSeconds": "15",
    }
    aws.client("firehose").create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{BUCKET}",
            "Prefix": prefix + "/event_date=!{partitionKeyFromLambda:event_date}/",
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
            "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60},
            "DynamicPartitioningConfiguration": {"Enabled": True},
            "ProcessingConfiguration": {
                "Enabled": True,
                "Processors": [
                    {
                        "Type": "Lambda",
                        "Parameters": [
                            {"ParameterName": key, "ParameterValue": value}
                            for key, value in parameters.items()
                        ],
                    }
                ],
            },
            "DataFormatConversionConfiguration": {
                "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": "db", "TableName": "t"},
                "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
                "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
            },
        },
        **more,
    )


def function(aws: LocalAWS) -> str:
    """The ARN of the echoing transform."""
    client = aws.client("lambda")
    asset = io.BytesIO()
    with zipfile.ZipFile(asset, "w") as archive:
        archive.writestr("index.py", FUNCTION)
    name = f"echo{len(client.list_functions()['Functions'])}"
    arn: str = client.create_function(
        FunctionName=name,
        Runtime="python3.14",
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": asset.getvalue()},
        Timeout=60,
    )["FunctionArn"]
    return arn


def prepare(aws: LocalAWS) -> None:
    """Bucket, role and table."""
    principal = {"Service": "lambda.amazonaws.com"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    aws.client("iam").create_role(
        RoleName="benchmark",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    aws.client("s3").create_bucket(Bucket=BUCKET)
    columns = [{"Name": one.name, "Type": one.type} for one in glue_columns(registry.get("flight"))]
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": "db"})
    table = {"Name": "t", "StorageDescriptor": {"Columns": columns, "Location": "s3://x/"}}
    glue.create_table(DatabaseName="db", TableInput=table)


def delivered(aws: LocalAWS, prefix: str) -> int:
    """The rows in the Parquet files below a prefix."""
    client = aws.client("s3")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/")
    keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
    bodies = (client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys)
    return sum(pq.read_metadata(io.BytesIO(body)).num_rows for body in bodies)


class Memory:
    """The most that this process held while a block ran, above what it held before."""

    def __enter__(self) -> "Memory":
        self._process = psutil.Process()
        self.before = self.most = self._process.memory_info().rss
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self.most = max(self.most, self._process.memory_info().rss)

    @property
    def megabytes(self) -> float:
        return (self.most - self.before) / 1e6


def measure() -> dict[str, float]:
    """All figures."""
    data = rows()
    figures = conversion_ratio([row for row, _ in data[:CONVERTED]])
    with LocalAWS(port=0) as aws:
        prepare(aws)
        with Memory() as memory:
            figures["engine_per_second"] = engine(aws, data)
        figures["engine_mb"] = memory.megabytes
        with Memory() as memory:
            figures["whole_per_second"] = whole(aws, data)
        figures["whole_mb"] = memory.megabytes
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return figures


TOLD = (
    "conversion: {converted_per_second:,.0f} records/s, {conversion_ratio:.2f} times Arrow's own "
    "reader and writer\n"
    "delivery: {engine_per_second:,.0f} records/s through partitions, conversion and S3 "
    "(+{engine_mb:.0f} MB)\n"
    "delivery: {whole_per_second:,.0f} records/s from the stream through a function "
    "(+{whole_mb:.0f} MB)"
)

if __name__ == "__main__":
    report(measure, TOLD, __doc__)
