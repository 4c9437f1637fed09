"""The producer against boto3's own loop and aiokpl 0.2, into an endpoint that keeps nothing.

`python -m tests.benchmarks.producer [--json]`. The same events of about 300 bytes, in turns in one
run, in processor time of the producer's process alone, so events per second are those of one core.
A ratio is the median of the turns' ratios. boto3's loop is PutRecords with 500 records a call, as
most people write it. aiokpl gets an environment of its own, made here; where it cannot be had, its
ratio is not a number, and that is said.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from unittest import mock

import boto3

from cli.producer import AGGREGATE, MIB
from cli.putting import Producer
from tests.benchmarks.producing.given import REGION, STREAM, events
from tests.benchmarks.reporting import report

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

ROOT = Path(__file__).parents[2]
PEER = "aiokpl==0.2.0"
ENVIRONMENT = ROOT / "build" / "benchmarks" / "aiokpl"
SHARDS = 32
COUNT, LOOPED, PEERED = 200_000, 20_000, 5_000
"""Events of a turn for ours, for boto3's loop and for the peer."""
TURNS = 3
KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION}
Events = list[tuple[str, bytes]]


def measure() -> dict[str, float]:
    """Events per second and core, the ratios, and how full the records are."""
    given = events(COUNT)
    with endpoint() as url, mock.patch.dict(os.environ, KEYS):
        kinesis = boto3.client("kinesis", endpoint_url=url)
        python = peer()
        fill = ours(kinesis, given)
        turns = [
            (
                seconds(lambda: ours(kinesis, given)) / COUNT,
                seconds(lambda: one_by_one(kinesis, given)) / COUNT,
                seconds(lambda: loop(kinesis, given[:LOOPED])) / LOOPED,
                peered(python, url) / PEERED if python else float("nan"),
            )
            for _ in range(TURNS)
        ]
        largest = ours(kinesis, given, MIB)
    return {
        "events_per_second": 1 / median(all_ for all_, *_ in turns),
        "put_per_second": 1 / median(put for _, put, *_ in turns),
        "boto3_per_second": 1 / median(looped for *_, looped, _ in turns),
        "boto3_ratio": median(looped / all_ for all_, _, looped, _ in turns),
        "peer_ratio": median(other / all_ for all_, _, _, other in turns),
        "fill": min(fill, largest),
    }


def seconds(work: Callable[[], object]) -> float:
    """Processor time of this process, all its threads."""
    started = time.process_time()
    work()
    return time.process_time() - started


def ours(kinesis: "KinesisClient", given: Events, aggregate: int = AGGREGATE) -> float:
    """Put everything, at full rate; the share of the largest size that a record has."""
    with Producer(kinesis, STREAM, aggregate=aggregate, linger=60.0, paced=False) as producer:
        producer.put_all(given)
        full = replace(producer.tally)
    return full.record_bytes / full.records / aggregate


def one_by_one(kinesis: "KinesisClient", given: Events) -> None:
    with Producer(kinesis, STREAM, linger=60.0, paced=False) as producer:
        for key, data in given:
            producer.put(key, data)


def loop(kinesis: "KinesisClient", given: Events) -> None:
    """boto3's, plainly."""
    for first in range(0, len(given), 500):
        answer = kinesis.put_records(
            StreamName=STREAM,
            Records=[
                {"Data": data, "PartitionKey": key} for key, data in given[first : first + 500]
            ],
        )
        assert answer["FailedRecordCount"] == 0


def peered(python: Path, url: str) -> float:
    script = ROOT / "tests" / "benchmarks" / "producing" / "peer.py"
    command = [str(python), str(script), url, str(PEERED)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    return float(done.stdout)


def peer() -> Path | None:
    """The interpreter of an environment that has the peer, None when it cannot be had."""
    python = ENVIRONMENT / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run(["uv", "venv", "--quiet", ENVIRONMENT], check=True)
        subprocess.run(
            ["uv", "pip", "install", "--quiet", "--python", python, PEER], check=True, timeout=300
        )
    except (OSError, subprocess.SubprocessError) as failure:
        print(
            f"{PEER} cannot be had, so there is no comparison with it: {failure}", file=sys.stderr
        )
        return None
    return python


@contextmanager
def endpoint() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.benchmarks.producing.endpoint", str(SHARDS)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


TOLD = (
    "producer: {events_per_second:,.0f} events/s on one core ({put_per_second:,.0f} one by one), "
    "{boto3_ratio:.1f} times boto3's loop ({boto3_per_second:,.0f}), {peer_ratio:.1f} times "
    "aiokpl; records filled to {fill:.1%}"
)

if __name__ == "__main__":
    report(measure, TOLD, __doc__)
