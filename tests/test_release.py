"""The canary score end to end: a fleet on its stream, verdicts on theirs, people told once, and
every count the same in the state and in the lake."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import pytest

from cli.alerts import records
from cli.athena import Database
from cli.fleet import Fleet, Release, Rollout
from cli.metrics import Metric, sums
from cli.releases import Health, Releases
from cli.stacks import Deployed, find
from events import release as registry
from events.device_telemetry.event import DeviceTelemetry
from events.release import REFRESH_SECONDS, Registry
from tests.conftest import AWS

MINUTE = timedelta(minutes=1)
PREPARATION, TRIAL, LAST = 10 * MINUTE, 44 * MINUTE, 4 * MINUTE
LEAKING, HEALTHY, BASELINE = "31.0.1", "31.0.2", "31.0.0"
TINY, TINY_BASELINE = "32.0.1", "32.0.0"
ALONE, ABSENT = "33.0.1", "33.0.0"
"""A release on trial against a baseline that no device runs."""
UNKNOWN = "34.0.0"
SOON = ("35.0.1", "35.0.2", "35.0.3")
"""So much worse that a few reports tell: put to verdict."""
SOON_BASELINE = "35.0.0"
HEAP = registry.Metric(name="heap_bytes", weight=1.0, tolerance=0.01, margin=0.05)
PATIENCE = 90.0


@dataclass
class Trials:
    """Trials on the deployed pipeline, and a queue that gets what people are told."""

    aws: AWS
    deployed: Deployed
    began: datetime
    queue: str = ""
    unknown_before: int = 0
    put: list[DeviceTelemetry] = field(default_factory=list)
    """Every report that was put, those put twice once."""
    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Release and verdict of what people were told."""

    @cached_property
    def health(self) -> Health:
        return Health(
            self.aws.client("lambda"), self.deployed.processor("release_health").function_name
        )

    @cached_property
    def database(self) -> Database:
        return Database(self.aws.client("athena"), self.deployed.lake())

    def headrace(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.aws.run("headrace", "release", *arguments)

    def report(self, events: list[DeviceTelemetry], *, again: int = 0) -> None:
        """Put reports, and the first so many of them once more."""
        kinesis = self.aws.client("kinesis")
        stream = self.deployed.flow("device_telemetry").stream_name
        encode = msgspec.json.Encoder().encode
        rest = iter([*events, *events[:again]])
        while part := list(islice(rest, 500)):
            answer = kinesis.put_records(
                StreamName=stream,
                Records=[{"Data": encode(one), "PartitionKey": one.device} for one in part],
            )
            assert answer["FailedRecordCount"] == 0
        self.put += events

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self.headrace("status").stdout
            time.sleep(0.2)

    def counted(self, *canaries: str) -> Callable[[], bool]:
        """Whether these trials have counted every report of theirs."""

        def all_of_them() -> bool:
            for canary in canaries:
                look = self.health.look(canary)
                wanted = len(self.own(canary)), len(self.own(look.baseline))
                if (look.arm_canary.events, look.arm_baseline.events) != wanted:
                    return False
            return True

        return all_of_them

    def own(self, release: str) -> list[DeviceTelemetry]:
        return [one for one in self.put if one.release == release and one.event_time >= self.began]

    def tell(self) -> Counter[tuple[str, str]]:
        """What people were told so far, by the subject that they read."""
        sqs = self.aws.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                subject = json.loads(message["Body"])["Subject"]
                release, verdict = subject.removeprefix("Release ").split(": ")
                self.told[release, verdict] += 1
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return self.told

    def unknown(self) -> int:
        """Reports of releases that are on no trial, as the function counts them."""
        metric = Metric("Headrace", "ReportsUnknown", "Function", "release_health", "dev")
        now = datetime.now(UTC)
        client = self.aws.client("cloudwatch")
        return sums(client, {"it": metric}, start=now - timedelta(hours=1), end=now)["it"]

    def verdicts(self) -> list[tuple[datetime, dict[str, Any]]]:
        """Everything on the derived stream, and when it came."""
        stream = self.deployed.flow("release_verdict").stream_name
        return [
            (one["ApproximateArrivalTimestamp"], json.loads(one["Data"]))
            for one in records(self.aws.client("kinesis"), stream)
        ]


def subscribed(aws: AWS, topic: str) -> str:
    """A queue that gets what the topic gets."""
    sqs = aws.client("sqs")
    url = str(sqs.create_queue(QueueName="people-who-roll-out")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


def fleets(began: datetime) -> list[Fleet]:
    """One of three releases, one of ten devices, one without a baseline, one that nobody knows."""
    start = began - PREPARATION
    rollouts = [
        Rollout(Release(LEAKING, heap=1.05), 0.4, after=PREPARATION),
        Rollout(Release(HEALTHY), 0.4, after=PREPARATION),
    ]
    tiny = [Rollout(Release(TINY, heap=2.0), 0.5, after=PREPARATION)]
    slow = 2 * MINUTE
    return [
        Fleet(
            devices=400,
            baseline=Release(BASELINE),
            rollouts=rollouts,
            start=start,
            interval=slow,
            prefix="e2e",
        ),
        Fleet(
            devices=10,
            baseline=Release(TINY_BASELINE),
            rollouts=tiny,
            start=start,
            prefix="e2e-tiny",
        ),
        Fleet(devices=80, baseline=Release(ALONE), start=start, interval=slow, prefix="e2e-alone"),
        Fleet(devices=5, baseline=Release(UNKNOWN), start=start, prefix="e2e-unknown"),
    ]


@pytest.fixture(scope="module")
def trials(deployed: AWS) -> Trials:
    """All of it put and counted."""
    found = find(deployed.client("cloudformation"), "dev")
    began = datetime.now(UTC).replace(microsecond=0) - TRIAL
    on = Trials(deployed, found, began)
    on.queue = subscribed(deployed, found.processing["release_health"].outputs["VerdictTopicArn"])
    on.unknown_before = on.unknown()
    done = on.headrace(
        *("start", LEAKING, "--baseline", BASELINE, "--at", began.isoformat(), "--backdate"),
        *("--metric", "heap_bytes:higher:1:1%:5%"),
    )
    assert done.returncode == 0, done.stderr

    def others(before: Registry) -> Registry:
        for canary, baseline in (
            (HEALTHY, BASELINE),
            (TINY, TINY_BASELINE),
            (ALONE, ABSENT),
            *((one, SOON_BASELINE) for one in SOON),
        ):
            before = registry.start(
                before,
                canary=canary,
                baseline=baseline,
                now=datetime.now(UTC),
                at=began,
                preparation=PREPARATION,
                backdate=True,
                metrics=(HEAP,),
            )
        return before

    Releases(deployed.client("s3"), found.lake().bucket_name).change(others)
    # From then on no function handles events by a registry that it read before.
    time.sleep(REFRESH_SECONDS)
    end = began + TRIAL - LAST
    events = [event for fleet in fleets(began) for event in fleet.events(PREPARATION + TRIAL)]
    on.report([one for one in events if one.event_time < end], again=200)
    on.wait(on.counted(LEAKING, HEALTHY))
    # A trial is looked at when something comes, as it does from a fleet.
    on.report([one for one in events if one.event_time >= end])
    on.wait(on.counted(LEAKING, HEALTHY, TINY, ALONE))
    return on


def test_the_leaking_release_fails_and_the_healthy_one_passes(trials: Trials) -> None:
    """By the exit codes that gate a rollout."""
    failed = trials.headrace("status", LEAKING, "--wait", "--timeout", "60s")
    assert failed.returncode == 5, failed.stdout + failed.stderr
    assert failed.stdout.startswith(f"FAIL  {LEAKING} is worse than {BASELINE}: heap +")
    passed = trials.headrace("status", HEALTHY, "--wait", "--timeout", "60s")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert passed.stdout.startswith(f"PASS  {HEALTHY} is not worse than {BASELINE}")


def test_people_are_told_once_of_each_verdict(trials: Trials) -> None:
    wanted = {(LEAKING, "FAIL"): 1, (HEALTHY, "PASS"): 1}

    def mine() -> dict[tuple[str, str], int]:
        return {key: number for key, number in trials.tell().items() if key[0] not in SOON}

    trials.wait(lambda: mine() == wanted)
    looks = trials.health.look(LEAKING).look
    # The devices go on reporting, and are looked at again.
    more = Fleet(
        devices=40,
        baseline=Release(LEAKING, heap=1.05),
        start=trials.began + TRIAL - MINUTE,
        prefix="e2e-later",
    )
    trials.report(list(more.events(MINUTE)))
    trials.wait(trials.counted(LEAKING))
    trials.wait(lambda: trials.health.look(LEAKING).look > looks)
    assert mine() == wanted


def test_ten_devices_or_no_baseline_have_no_verdict_but_a_reason(trials: Trials) -> None:
    tiny, alone = trials.health.look(TINY), trials.health.look(ALONE)
    assert (tiny.verdict, alone.verdict) == ("CONTINUE", "CONTINUE")
    assert tiny.arm_canary.devices + tiny.arm_baseline.devices == 10 + tiny.switched
    assert "enough" in tiny.reason or "buckets" in tiny.reason, tiny.reason
    assert alone.reason == f"No device has reported with {ABSENT} since the trial began."
    done = trials.headrace("status", ALONE)
    assert done.returncode == 6
    assert alone.reason in done.stdout
    assert not any(key[0] in (TINY, ALONE) for key in trials.tell())


def test_reports_of_a_release_on_no_trial_are_counted_and_count_for_nothing(
    trials: Trials,
) -> None:
    put = sum(one.release == UNKNOWN for one in trials.put)
    trials.wait(lambda: trials.unknown() - trials.unknown_before >= put)
    again = trials.headrace("start", LEAKING, "--baseline", BASELINE)
    assert again.returncode == 2
    assert f"{LEAKING} is on trial since" in again.stderr


@pytest.mark.parametrize("canary", [LEAKING, HEALTHY])
def test_what_the_state_has_counted_is_what_the_lake_has(trials: Trials, canary: str) -> None:
    """Devices, reports, device-hours and crashes by SQL; 200 reports were put twice."""
    held = trials.health.digest(canary)
    count = (
        "SELECT count(DISTINCT event_id), count(DISTINCT device),"
        " count(DISTINCT device || CAST(hour AS varchar)),"
        " count(DISTINCT CASE WHEN crashed THEN device || CAST(hour AS varchar) END) FROM ("
        "SELECT *, floor((to_unixtime(event_time) - {began}) / 3600) AS hour"
        " FROM device_telemetry WHERE release = '{release}' AND event_date >= '{date:%Y-%m-%d}'"
        " AND to_unixtime(event_time) >= {began})"
    )

    def by_sql(release: str) -> list[int]:
        sql = count.format(release=release, began=int(trials.began.timestamp()), date=trials.began)
        [row] = trials.database.ask(sql).rows
        return [int(value) for value in row]

    wanted = {
        release: [arm.events, arm.devices, arm.exposure, arm.episodes]
        for release, arm in ((canary, held.canary), (BASELINE, held.baseline))
    }
    trials.wait(lambda: {release: by_sql(release) for release in wanted} == wanted)
    assert wanted[canary][0] == len(trials.own(canary))
    early = [
        one
        for one in trials.put
        if one.release == BASELINE
        and trials.began - PREPARATION <= one.event_time < trials.began - MINUTE
    ]
    assert held.prepared == len(early) > 1_000


def test_the_report_tells_the_trial(trials: Trials, tmp_path: Path) -> None:
    """From the table of verdicts and that of telemetry, on the terminal, as JSON and as a page."""
    path = tmp_path / "report.html"

    def there() -> bool:
        done = trials.headrace("report", LEAKING, "--html", str(path), "--json")
        assert done.returncode == 0, done.stderr
        looks = json.loads(done.stdout)["looks"]
        return any(one["changed"] and one["verdict"] == "FAIL" for one in looks)

    trials.wait(there)
    page = path.read_text(encoding="utf-8")
    assert f"{LEAKING} is worse than {BASELINE}: heap +" in page
    assert "FAIL at look" in page
    done = trials.headrace("report", LEAKING)
    assert done.returncode == 0, done.stderr
    assert "Heap: effect and confidence sequence" in done.stdout
    assert "Heap by release: median, MB" in done.stdout


def test_the_state_is_built_again_from_the_lake(trials: Trials) -> None:
    """Identical to the bit, and the others' is left alone; what comes afterwards is counted."""
    other = trials.health.digest(HEALTHY).digest
    before = trials.health.digest(LEAKING)
    done = trials.headrace("rebuild", LEAKING, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    rebuilt = json.loads(done.stdout)
    assert (rebuilt["before"], rebuilt["after"]) == (before.digest, before.digest)
    counted = before.canary.events + before.baseline.events + before.prepared
    assert rebuilt["applied"] == counted
    assert rebuilt["late"] == rebuilt["skewed"] == 0
    assert rebuilt["received"] == sum(rebuilt[name] for name in ("applied", "duplicates", "other"))
    assert trials.health.digest(HEALTHY).digest == other
    told, looks = dict(trials.tell()), trials.health.look(LEAKING).look
    more = Fleet(
        devices=40,
        baseline=Release(LEAKING, heap=1.05),
        start=trials.began + TRIAL - MINUTE,
        prefix="e2e-last",
    )
    trials.report(list(more.events(MINUTE)))
    trials.wait(trials.counted(LEAKING))

    def said_again() -> bool:
        """Whoever looks tells people before the stream."""
        return any(
            (one["canary"], one["verdict"]) == (LEAKING, "FAIL") and one["look"] > looks
            for _, one in trials.verdicts()
        )

    trials.wait(said_again)
    assert dict(trials.tell()) == told
    assert (told[LEAKING, "FAIL"], told[HEALTHY, "PASS"]) == (1, 1)


def test_from_put_to_verdict_it_takes_seconds(trials: Trials) -> None:
    """A quiet machine takes some two seconds, one of which is the batch's window."""
    put = {}
    for number, canary in enumerate(SOON):
        fleet = Fleet(
            devices=400,
            seed=number + 2,
            baseline=Release(SOON_BASELINE),
            rollouts=[Rollout(Release(canary, heap=1.5), 0.5)],
            start=trials.began,
            interval=5 * MINUTE,
            prefix=f"e2e-soon-{number}",
        )
        trials.report(list(fleet.events(20 * MINUTE)))
        put[canary] = datetime.now(UTC)
    came: dict[str, float] = {}

    def all_came() -> bool:
        for arrived, verdict in trials.verdicts():
            canary = verdict["canary"]
            if canary in put and verdict["verdict"] == "FAIL":
                came.setdefault(canary, (arrived - put[canary]).total_seconds())
        return len(came) == len(put)

    trials.wait(all_came)
    assert median(came.values()) < 10, came
