"""What it costs to count a fleet's reports in Valkey, and to keep them: `release_health` by itself.

`python -m tests.benchmarks.release [--json]`. One embedded Valkey, whose processor time is added to
ours, so that a figure per second is what one core does for both, and whoever else uses the machine
does not count. Batches of 5,000 reports, a trial of three metrics, half of the fleet in each arm.
"""

import contextlib
import io
import itertools
import os
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from types import SimpleNamespace
from typing import Any

import msgspec

from events.device_telemetry.event import DeviceTelemetry
from events.release import Registry, Trial, start
from functions.release_health import handler as wiring
from functions.release_health.cache import Cache
from functions.release_health.gathering import Gathering
from functions.release_health.looks import Looks
from functions.release_health.state import State
from functions.release_health.watching import Watcher
from functions.shared.processor import Cause
from functions.shared.settings import ENVIRONMENT
from tests.benchmarks.reporting import report
from tests.functions.release_health.servers import asked, opened, started

BATCH = 5_000
TURNS = 15
SMALL, LARGE = 20_000, 80_000
"""Fleets, whose difference in memory is what devices take, without what a release takes."""
INVOCATIONS, ENVIRONMENTS = 1_000, 4
NOW = datetime.now(UTC).replace(microsecond=0)
CONTEXT: Any = SimpleNamespace(
    function_name="release-health",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:release-health",
    aws_request_id="6bc28136-xmpl-4365-b021-0ce6b2e64ab0",
)


TOLD = (
    "{apply_per_second:,.0f} reports/s applied on one core, Valkey included;"
    " {handler_us:.1f} us per report through the handler; a look takes {look_ms:.0f} ms;"
    " {bytes_per_device:.1f} bytes per device; {warm_connections:.0f} connections by 100 warm"
    " invocations, {connections_per_environment:g} per environment by 1,000."
)


def measure() -> dict[str, float]:
    os.environ[ENVIRONMENT] = "benchmark"
    with started() as server:
        client = asked(server.port)
        cache = opened(server)
        figures = {
            "apply_per_second": 1 / apply_seconds(cache, client),
            "handler_us": 1e6 * handler_seconds(cache, client),
            "bytes_per_device": bytes_per_device(cache, client),
            "look_ms": 1e3 * look_seconds(cache, client),
            **connections(cache, server, client),
        }
        cache.close()
    return figures


def trial(devices: int) -> Trial:
    return start(
        Registry(),
        canary="2.5.0",
        baseline="2.4.0",
        now=NOW,
        at=NOW - timedelta(hours=1),
        preparation=timedelta(minutes=30),
        backdate=True,
        devices=devices,
    ).trials[0]


def reports(devices: int, minute: int) -> Iterator[DeviceTelemetry]:
    """One of each device, so many minutes from the trial's start."""
    moment = NOW + timedelta(minutes=minute - 60)
    for number in range(devices):
        yield DeviceTelemetry(
            event_id=f"stb-{number:06}-1-{minute + 60}",
            event_time=moment + timedelta(milliseconds=number % 60_000),
            device=f"stb-{number:06}",
            boot_id=1,
            counter=minute + 60,
            release="2.5.0" if number % 2 and minute >= 0 else "2.4.0",
            model="hr-100",
            region="north",
            heap_bytes=180_000_000 + 1_000 * (number * 7919 % 9973),
            cpu=0.25,
            channel_change_ms=800.0 + number % 97,
            uptime_seconds=60 * (minute + 60),
            crashed=False,
        )


def batches(devices: int) -> Iterator[list[DeviceTelemetry]]:
    """Minute after minute of the trial."""
    for minute in itertools.count():
        yield from cut(reports(devices, minute))


def cut(some: Iterator[DeviceTelemetry]) -> Iterator[list[DeviceTelemetry]]:
    while batch := list(itertools.islice(some, BATCH)):
        yield batch


def seconds_of(client: Any) -> float:
    """Processor time of this process and of the server."""
    cpu = client.info("cpu")
    return time.process_time() + float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])


def apply(state: State, of: Trial, some: Sequence[DeviceTelemetry]) -> None:
    gathering = Gathering([of])
    for one in some:
        gathering.take(one, Cause("shard:1", 0, one.event_time.timestamp()))
    state.apply(gathering.courses)


def apply_seconds(cache: Cache, client: Any) -> float:
    """Per report, from the decoded event to the state."""
    client.flushall()
    of, state = trial(10_000), State(cache)
    taken = []
    for some in itertools.islice(batches(10_000), TURNS):
        began = seconds_of(client)
        apply(state, of, some)
        taken.append((seconds_of(client) - began) / len(some))
    return median(taken)


def handler_seconds(cache: Cache, client: Any) -> float:
    """Per report, from the event of the mapping to its answer, a look each second included."""
    client.flushall()
    taken = []
    with wired(cache):
        for some in itertools.islice(batches(10_000), TURNS):
            event = invocation(some)
            began = seconds_of(client)
            with contextlib.redirect_stdout(io.StringIO()):
                answer = wiring.handler(event, CONTEXT)
            taken.append((seconds_of(client) - began) / len(some))
            assert answer == {"batchItemFailures": []}
    return median(taken)


def look_seconds(cache: Cache, client: Any) -> float:
    """One look at a trial of an hour."""
    client.flushall()
    of, state = trial(10_000), State(cache)
    for some in itertools.islice(batches(10_000), 4):
        apply(state, of, some)
    watcher = Watcher(state, Looks(cache), lambda _: None, lambda *_: None, 0, 0)
    taken = []
    for _ in range(TURNS):
        began = seconds_of(client)
        watcher.look(of)
        taken.append(seconds_of(client) - began)
    return median(taken)


def bytes_per_device(cache: Cache, client: Any) -> float:
    """The larger of the preparation's and the trial's, by what the server says it uses in all."""
    used: dict[int, list[int]] = {}
    for devices in (SMALL, LARGE):
        client.flushall()
        of, state = trial(LARGE), State(cache)
        for minute in (-10, -9, 1, 2):
            for some in cut(reports(devices, minute)):
                apply(state, of, some)
            if minute in (-9, 2):
                used.setdefault(devices, []).append(client.info("memory")["used_memory"])
    return max(
        (large - small) / (LARGE - SMALL)
        for large, small in zip(used[LARGE], used[SMALL], strict=True)
    )


def connections(cache: Cache, server: Any, client: Any) -> dict[str, float]:
    """That the server was asked for, by warm invocations and by environments from their start."""
    client.flushall()
    some = invocation(list(reports(100, 1)))

    def made() -> int:
        found: int = client.info("stats")["total_connections_received"]
        return found

    with contextlib.redirect_stdout(io.StringIO()):
        with wired(cache):
            wiring.handler(some, CONTEXT)
            before = made()
            for _ in range(100):
                wiring.handler(some, CONTEXT)
            warm = made() - before
        before = made()
        caches = [opened(server) for _ in range(ENVIRONMENTS)]
        for number in range(INVOCATIONS):
            with wired(caches[number % ENVIRONMENTS]):
                wiring.handler(some, CONTEXT)
        environments = made() - before
        for one in caches:
            one.close()
    return {"warm_connections": warm, "connections_per_environment": environments / ENVIRONMENTS}


def invocation(some: Sequence[DeviceTelemetry]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventID": f"shardId-000000000000:{number}",
                "kinesis": {
                    "data": b64encode(msgspec.json.encode(one)).decode(),
                    "partitionKey": one.device,
                    "sequenceNumber": str(number),
                    "approximateArrivalTimestamp": one.event_time.timestamp(),
                },
            }
            for number, one in enumerate(some)
        ]
    }


@contextlib.contextmanager
def wired(cache: Cache) -> Iterator[None]:
    """The handler with this cache, a registry with one trial, and nobody to tell."""
    registry = Registry(version=1, trials=(trial(10_000),))
    watcher = Watcher(State(cache), Looks(cache), lambda _: None, lambda *_: None, 1_000, 30)
    kept = wiring._trials, wiring._watcher
    wiring._trials = lambda: SimpleNamespace(current=lambda: registry)  # type: ignore[assignment]
    wiring._watcher = lambda: watcher  # type: ignore[assignment]
    try:
        yield
    finally:
        wiring._trials, wiring._watcher = kept


if __name__ == "__main__":
    report(measure, TOLD, __doc__)
