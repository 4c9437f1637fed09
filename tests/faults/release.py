"""`python -m tests.faults.release`: every report counts once, on a deployed pipeline.

One trial after the other, by parallelization factors 1, 4 and 10. While reports of a fleet are put,
1 % of them twice and 5 % late, execution environments of the function are killed wherever they are
and the stream gets more shards, then fewer. In the end the state's digest must be that of a state
that the same reports were counted into in order, here, without any of that; and the verdict too.
tests/test_release_once.py has the same against a model of the mapping, in seconds.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import msgspec
import psutil

from cli.fleet import Fleet, Release, Rollout
from cli.releases import Health, Releases
from cli.stacks import Deployed, find
from events import release as registry
from events.device_telemetry.event import DeviceTelemetry
from events.release import REFRESH_SECONDS, Digested, Trial
from events.release_verdict.event import ReleaseVerdict
from functions.release_health.gathering import Gathering
from functions.release_health.looks import Looks
from functions.release_health.state import State
from functions.release_health.watching import Watcher
from functions.shared.processor import Cause
from tests.conftest import AWS, running
from tests.faults.world import until
from tests.functions.release_health.mapping import Faults, arrival_order
from tests.functions.release_health.servers import opened, started
from tests.receiver import self_signed

FACTORS = {1: None, 4: 4, 10: 3}
"""And how many shards the stream gets meanwhile."""
FAULTS = Faults(repeated=0.01, late=0.05, behind=120)
PREPARATION, TRIAL = timedelta(minutes=20), timedelta(minutes=60)
CHUNK = 500
KILL_SECONDS = 2.0
"""Between two kills, on average: a new environment takes a second to begin."""
STACKS = tuple(
    f"Headrace-dev-{name}"
    for name in ("lake", "device-telemetry", "release-verdict", "release-health")
)


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificate = folder / "receiver.pem"
        self_signed(certificate)
        with running(folder, certificate) as bare:
            aws = deployed_on(bare, folder / "cdk")
            deployed = find(aws.client("cloudformation"), "dev")
            print("deployed", flush=True)
            same = [one(aws, deployed, factor) for factor in FACTORS]
    return 0 if all(same) else 1


def deployed_on(aws: AWS, assembly: Path) -> AWS:
    """Only what telemetry flows through."""
    for command in (
        ("bootstrap", "--output", str(assembly)),
        ("deploy", "--app", str(assembly), "--require-approval", "never", *STACKS),
    ):
        done = aws.run("cdk", *command)
        assert done.returncode == 0, done.stdout + done.stderr
    return aws


def one(aws: AWS, deployed: Deployed, factor: int) -> bool:
    """One trial; whether nothing differs."""
    processor = deployed.processor("release_health")
    health = Health(aws.client("lambda"), processor.function_name)
    mapping = deployed.processing["release_health"].outputs["MappingId"]
    aws.client("lambda").update_event_source_mapping(UUID=mapping, ParallelizationFactor=factor)
    trial = begun(aws, deployed, factor)
    reports = fleet(trial)
    expected = undisturbed(trial, reports)

    stream = deployed.flow("device_telemetry").stream_name
    kills: list[int] = []
    with killing(aws, processor.function_name, kills):
        put(aws, stream, reports, factor)
    wanted = expected[0].canary.events + expected[0].baseline.events
    until(lambda: counted(health, trial) >= wanted, f"{wanted} reports are counted")
    found = health.digest(trial.canary), plain(health.look(trial.canary))
    same = found == expected
    print(
        f"factor {factor:2}: {len(reports):,} reports, {len(kills)} environments killed:"
        f" {'identical' if same else 'DIFFERENT'} {found[0].digest[:16]} {found[1].verdict}",
        flush=True,
    )
    if not same:
        print(expected, found, sep="\n")
    return same


def begun(aws: AWS, deployed: Deployed, factor: int) -> Trial:
    now = datetime.now(UTC)
    changed = Releases(aws.client("s3"), deployed.lake().bucket_name).change(
        lambda before: registry.start(
            before,
            canary=f"41.{factor}.1",
            baseline=f"41.{factor}.0",
            now=now,
            at=now - TRIAL,
            preparation=PREPARATION,
            backdate=True,
            devices=300,
        )
    )
    time.sleep(REFRESH_SECONDS + 1)
    return changed.trials[-1]


def fleet(trial: Trial) -> list[DeviceTelemetry]:
    """With a release so much worse that it fails whenever somebody looks: what stands after a FAIL
    depends on the looks, the score alone on the state."""
    return list(
        Fleet(
            devices=300,
            seed=trial.number,
            baseline=Release(trial.baseline),
            rollouts=[Rollout(Release(trial.canary, heap=1.4, crashes=50), 0.4)],
            start=trial.prepares_at,
            prefix=f"once-{trial.number}",
        ).events(PREPARATION + TRIAL)
    )


def undisturbed(
    trial: Trial, reports: Sequence[DeviceTelemetry]
) -> tuple[Digested, ReleaseVerdict]:
    with started() as server:
        cache = opened(server)
        state, gathering = State(cache), Gathering([trial])
        for report in reports:
            gathering.take(report, Cause("shard:1", 0, report.event_time.timestamp()))
        state.apply(gathering.courses)
        watcher = Watcher(state, Looks(cache), lambda _: None, lambda *_: None, 0, 0)
        found = state.digest(trial), plain(watcher.seen(trial))
        cache.close()
        return found


def plain(verdict: ReleaseVerdict) -> ReleaseVerdict:
    """Without what depends on when and how often somebody looked."""
    return msgspec.structs.replace(
        verdict, event_id="-", look=0, looked_at=verdict.started_at, changed=False, reason="-"
    )


def put(aws: AWS, stream: str, reports: Sequence[DeviceTelemetry], factor: int) -> None:
    kinesis = aws.client("kinesis")
    chance = random.Random(factor)  # noqa: S311  which fault, not a secret
    left = iter(arrival_order(reports, chance, FAULTS))
    half = len(reports) // CHUNK // 2
    for number in range(len(reports)):
        part = list(islice(left, CHUNK))
        if not part:
            break
        if number == half and FACTORS[factor]:
            kinesis.update_shard_count(
                StreamName=stream, TargetShardCount=FACTORS[factor], ScalingType="UNIFORM_SCALING"
            )
        encoded = [{"Data": msgspec.json.encode(one), "PartitionKey": one.device} for one in part]
        while encoded:
            answer = kinesis.put_records(StreamName=stream, Records=encoded)
            encoded = [
                entry
                for entry, one in zip(encoded, answer["Records"], strict=True)
                if "ErrorCode" in one
            ]
            time.sleep(0.5)


def counted(health: Health, trial: Trial) -> int:
    held = health.digest(trial.canary)
    return held.canary.events + held.baseline.events


@contextlib.contextmanager
def killing(aws: AWS, function: str, kills: list[int]) -> Iterator[None]:
    """Kill an execution environment of the function now and then, as long as the block lasts."""
    over = threading.Event()

    def kill() -> None:
        while not over.wait(random.uniform(0, 2 * KILL_SECONDS)):  # noqa: S311
            found = [one for one in psutil.process_iter() if _runs(one, aws, function)]
            if found:
                victim = random.choice(found)  # noqa: S311
                with contextlib.suppress(OSError):
                    os.kill(victim.pid, signal.SIGKILL)
                    kills.append(victim.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _runs(process: psutil.Process, aws: AWS, function: str) -> bool:
    try:
        said = process.environ() if process.name().startswith("python") else {}
    except (psutil.Error, OSError):
        return False
    return (
        said.get("AWS_LAMBDA_FUNCTION_NAME") == function
        and said.get("AWS_ENDPOINT_URL") == aws.endpoint
    )


if __name__ == "__main__":
    sys.exit(main())
