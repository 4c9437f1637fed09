"""A redrive against the plain invocation of the same function on the same records.

`python -m tests.benchmarks.redrive [--json]`. Starts a local AWS of its own with the delay alerts,
as they are deployed, and archives failed batches of 1,000 real flights each on four shards.
Redriven by the command's own code: lease, listing, reading, ordering, invoking, deleting, receipt.
The plain invocation reads each object and invokes the same function with the records in it, shard
by shard side by side as well, and does nothing else; `ratio_in_memory` compares with one that has
the records in memory already. In turns in one run; a ratio is the median of the turns' ratios, in
processor time of the command, the local AWS and the function, so that whoever else uses the machine
does not count. The seconds are those of the clock.
"""

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median
from typing import NamedTuple
from unittest import mock

import msgspec
import psutil

from cli.aws import Account
from cli.failures import Archive
from cli.redrive.run import Run
from events.failure import Batch, Record, batch_key, decode, identified, objects
from functions.delay_alerts.settings import Settings
from functions.shared.settings import ENVIRONMENT
from infra.layer import folder
from tests.benchmarks.processor import records
from tests.benchmarks.reporting import report
from tests.conftest import AWS

ROOT = Path(__file__).parents[2]
BUCKET = "benchmark-lake"
ALERTS = "benchmark-alerts"
SHARDS = 4
BATCHES = 10
"""Failed batches of each shard."""
SIZE = 1_000
TURNS = 5
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


class Took(NamedTuple):
    """What some work took: seconds of the clock, and of processors in all processes."""

    clock: float
    processors: float


def measure() -> dict[str, float]:
    """Seconds of both, and their ratio; at most 1.2."""
    command = [sys.executable, "-m", "local", "--port", "0", "--with-parent"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        aws = AWS(process.stdout.readline().split()[-1])
        with mock.patch.dict(os.environ, aws.env, clear=True):
            turns = compare(aws, psutil.Process(process.pid))
        process.terminate()
    return {
        "records": SHARDS * BATCHES * SIZE,
        "batches": SHARDS * BATCHES,
        "redrive_seconds": median(a.clock for a, _, _ in turns),
        "plain_seconds": median(b.clock for _, b, _ in turns),
        "ratio": median(a.processors / b.processors for a, b, _ in turns),
        "ratio_in_memory": median(a.processors / c.processors for a, _, c in turns),
    }


def compare(aws: AWS, process: psutil.Process) -> list[tuple[Took, Took, Took]]:
    """What a redrive takes, the plain invocation, and the one from memory."""
    function_arn = deploy(aws)
    aws.client("s3").create_bucket(Bucket=BUCKET)
    lanes = batches(function_arn)
    account = Account()
    with ThreadPoolExecutor(SHARDS) as threads:

        def side_by_side(work: Callable[[Batch], None]) -> None:
            def one_after_the_other(lane: list[Batch]) -> None:
                for one in lane:
                    work(one)

            list(threads.map(one_after_the_other, lanes))

        def plain() -> None:
            side_by_side(lambda one: invoke(account, read(account, one)))

        def memory() -> None:
            side_by_side(lambda one: invoke(account, one))

        def turn() -> tuple[Took, Took, Took]:
            side_by_side(lambda one: put(account, one))
            plainly, from_memory = taken(plain, process), taken(memory, process)
            return taken(lambda: redrive(account), process), plainly, from_memory

        return [turn() for _ in range(TURNS + 1)][1:]


def put(account: Account, batch: Batch) -> None:
    for key, body in objects(batch):
        account.s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def read(account: Account, batch: Batch) -> Batch:
    key = batch_key(batch.failure_id)
    return decode(account.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def invoke(account: Account, batch: Batch) -> None:
    answer = account.functions.invoke(
        FunctionName=batch.function_arn, Payload=msgspec.json.encode(batch.event)
    )
    if json.loads(answer["Payload"].read()) != {"batchItemFailures": []}:
        raise AssertionError("a right record was not processed")


def redrive(account: Account) -> None:
    """From the lease to the receipt."""
    archive = Archive(account.s3, BUCKET)
    run = Run(account, archive, BUCKET)
    with run.held(print):
        receipt, error = run.redrive(archive.scan(), together=SHARDS, shown=False)
    if error or receipt.totals.recovered != SHARDS * BATCHES * SIZE:
        raise AssertionError(f"not recovered: {error or receipt.totals}")


def taken(work: Callable[[], None], process: psutil.Process) -> Took:
    """Of this process, and of that one with its children, which live longer than the work."""
    clock, processors = time.perf_counter(), used(process)
    work()
    return Took(time.perf_counter() - clock, used(process) - processors)


def used(process: psutil.Process) -> float:
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return time.process_time() + sum(one.user + one.system for one in times)


def deploy(aws: AWS) -> str:
    """The delay alerts as the stack has them, and the stream that they emit on; the ARN."""
    aws.client("kinesis").create_stream(StreamName=ALERTS, ShardCount=1)
    role = aws.client("iam").create_role(
        RoleName="benchmark", AssumeRolePolicyDocument=json.dumps(TRUST)
    )["Role"]["Arn"]
    functions = aws.client("lambda")
    layer = functions.publish_layer_version(
        LayerName="benchmark", Content={"ZipFile": zipped(folder(), ".")}
    )["LayerVersionArn"]
    made = functions.create_function(
        FunctionName="benchmark",
        Runtime="python3.14",
        Role=role,
        Handler="functions.delay_alerts.handler.handler",
        Code={"ZipFile": zipped(ROOT, "functions/delay_alerts", "functions/shared", "events")},
        Layers=[layer],
        MemorySize=512,
        Timeout=60,
        Environment={
            "Variables": Settings(stream_name=ALERTS).environment()
            | {ENVIRONMENT: "benchmark", "POWERTOOLS_TRACE_DISABLED": "true"}
        },
    )
    return str(made["FunctionArn"])


def zipped(root: Path, *folders: str) -> bytes:
    """The files of these folders, by their paths below the root."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in folders:
            for path in sorted((root / name).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    archive.write(path, path.relative_to(root))
    return data.getvalue()


def batches(function_arn: str) -> list[list[Batch]]:
    """Failed batches, shard by shard, of as many different flights as the source gives."""
    flights: list[Record] = list(records())
    numbers = count(49590338271490256608559692538361571095921575989136588898)
    return [
        [batch(function_arn, f"shardId-{shard:012}", flights, numbers) for _ in range(BATCHES)]
        for shard in range(SHARDS)
    ]


def batch(function_arn: str, shard: str, flights: list[Record], numbers: "count[int]") -> Batch:
    found: list[Record] = []
    for number in (next(numbers) for _ in range(SIZE)):
        flight = flights[number % len(flights)]
        kinesis = flight["kinesis"] | {"sequenceNumber": str(number)}
        found.append(flight | {"kinesis": kinesis, "eventID": f"{shard}:{number}"})
    first, last = (one["kinesis"]["sequenceNumber"] for one in (found[0], found[-1]))
    now = datetime.now(UTC)
    return Batch(
        failure_id=identified("delay_alerts", shard, first),
        processor="delay_alerts",
        function_arn=function_arn,
        event_type="flight",
        stream_arn=f"arn:aws:kinesis:us-east-1:123456789012:stream/{ALERTS}",
        shard_id=shard,
        condition="RetryAttemptsExhausted",
        request_id="benchmark",
        invocations=4,
        start_sequence_number=first,
        end_sequence_number=last,
        batch_size=len(found),
        failed_at=now,
        rescued_at=now,
        log_group="/aws/lambda/benchmark",
        records=found,
    )


TOLD = (
    "redrive: {records:,} records of {batches} failed batches in {redrive_seconds:.2f} s, plain "
    "invocations {plain_seconds:.2f} s: {ratio:.2f} times their processor time, "
    "{ratio_in_memory:.2f} times that of invocations from memory"
)

if __name__ == "__main__":
    report(measure, TOLD, __doc__)
