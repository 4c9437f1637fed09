"""Event source mappings on the local AWS: latency from put to processed, and throughput.

`python -m tests.benchmarks.mapping [--json]`. Starts a local AWS of its own. Latency: 500 events/s
for some seconds, on an enhanced fan-out consumer and on a standard one beside it, from the record's
arrival to the first line of the function. Throughput: an empty function, BatchSize 1,000.
"""

import io
import json
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from statistics import median
from typing import Any

from local.server import LocalAWS
from tests.benchmarks.reporting import report

RATE = 500
SECONDS = 8
RECORDS = 200_000
SHARDS = 4

CLOCK = """
import os, time
def handler(event, context):
    now = time.time()
    with open(os.environ["SEEN"], "a") as seen:
        for record in event["Records"]:
            seen.write(f"{now - record['kinesis']['approximateArrivalTimestamp']}\\n")
"""
EMPTY = "def handler(event, context): pass"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def measure() -> dict[str, float]:
    """Median milliseconds of both consumers, and records per second."""
    with tempfile.TemporaryDirectory() as folder, LocalAWS(port=0) as aws:
        role = aws.client("iam").create_role(
            RoleName="benchmark", AssumeRolePolicyDocument=json.dumps(TRUST)
        )["Role"]["Arn"]
        fan_out, standard = latencies(aws, role, Path(folder))
        return {
            "fan_out_ms": median(fan_out) * 1000,
            "standard_ms": median(standard) * 1000,
            "latency_ratio": median(fan_out) / median(standard),
            "records_per_second": throughput(aws, role),
        }


def latencies(aws: LocalAWS, role: str, folder: Path) -> tuple[list[float], list[float]]:
    """Seconds from arrival to processing, for each record, on either kind of consumer."""
    arn = stream(aws, "latency", 1)
    consumer = aws.client("kinesis").register_stream_consumer(StreamARN=arn, ConsumerName="c")
    sources = {"fan-out": consumer["Consumer"]["ConsumerARN"], "standard": arn}
    for name, source in sources.items():
        function(aws, name, role, CLOCK, SEEN=str(folder / name))
        mapping(aws, name, source, BatchSize=100)
    kinesis, start = aws.client("kinesis"), time.monotonic()
    for number in range(RATE * SECONDS // 5):
        time.sleep(max(0.0, start + number * 5 / RATE - time.monotonic()))
        kinesis.put_records(
            StreamName="latency",
            Records=[{"Data": b"x" * 300, "PartitionKey": f"{number}-{i}"} for i in range(5)],
        )
    wanted = RATE * SECONDS
    found = {name: folder / name for name in sources}
    while any(len(lines(path)) < wanted for path in found.values()):
        time.sleep(0.1)
    # The first second holds the cold start of the function.
    fan_out, standard = ([float(line) for line in lines(path)[RATE:]] for path in found.values())
    return fan_out, standard


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def throughput(aws: LocalAWS, role: str) -> float:
    """Records per second through a mapping that finds them all waiting."""
    arn = stream(aws, "throughput", SHARDS)
    kinesis = aws.client("kinesis")
    for first in range(0, RECORDS, 500):
        kinesis.put_records(
            StreamName="throughput",
            Records=[{"Data": b"x" * 300, "PartitionKey": str(first + i)} for i in range(500)],
        )
    function(aws, "empty", role, EMPTY)
    start = time.monotonic()
    uuid = mapping(aws, "empty", arn, BatchSize=1_000)
    done = threading.Event()
    from local.mapping import service
    from local.mapping.runner import Job

    job = service.find(uuid).job
    assert isinstance(job, Job)
    from local.kinesis import streams

    last = {shard.shard_id: shard.latest() for shard in streams.find(arn).shards()}
    while not done.wait(0.005):
        if all(job.positions.get(name) == number for name, number in last.items()):
            done.set()
    return RECORDS / (time.monotonic() - start)


def stream(aws: LocalAWS, name: str, shards: int) -> str:
    kinesis = aws.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    found: str = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"][
        "StreamARN"
    ]
    return found


def function(aws: LocalAWS, name: str, role: str, code: str, **environment: str) -> None:
    asset = io.BytesIO()
    with zipfile.ZipFile(asset, "w") as archive:
        archive.writestr("index.py", code)
    aws.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.14",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": asset.getvalue()},
        MemorySize=512,
        Environment={"Variables": environment},
    )


def mapping(aws: LocalAWS, name: str, source: str, **parameters: Any) -> str:
    found: str = aws.client("lambda").create_event_source_mapping(
        FunctionName=name, EventSourceArn=source, StartingPosition="TRIM_HORIZON", **parameters
    )["UUID"]
    return found


TOLD = (
    "mapping: put to processed {fan_out_ms:.1f} ms on an enhanced fan-out consumer, "
    "{standard_ms:.1f} ms on a standard one; {records_per_second:,.0f} records/s with an empty "
    "function"
)

if __name__ == "__main__":
    report(measure, TOLD, __doc__)
