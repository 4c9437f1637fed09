"""The audit on a deployed pipeline: it says so when nothing is missing, and names what is."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from events.mark import Mark, marked
from tests import test_pipeline
from tests.conftest import AWS
from tests.events.test_aggregation import aggregate
from tests.test_pipeline import Pipeline, samples, until

pipeline = test_pipeline.pipeline

TYPE = "device_telemetry"
DAY = "2025-09-09"
SAMPLE = json.loads(samples(TYPE, "valid")[0].read_bytes())
OURS = f"audit-{uuid4().hex[:8]}"
"""The events of this run: on a lake that has those of another, they would be the same."""


def event(name: str) -> bytes:
    return json.dumps(
        {**SAMPLE, "event_id": f"{OURS}-{name}", "event_time": f"{DAY}T12:00:00Z"}
    ).encode()


@dataclass(frozen=True)
class Put:
    """What these tests put: since when, and the sequence numbers by name."""

    since: str
    numbers: dict[str, str]


@pytest.fixture(scope="module")
def eager(deployed: AWS, pipeline: Pipeline) -> Iterator[str]:
    """The deployed function, to which delivery takes no time; as it was, afterwards."""
    client, name = deployed.client("lambda"), pipeline.flows[TYPE]["AuditFunctionName"]
    variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    now = {**variables, "SETTLE_SECONDS": "0"}
    client.update_function_configuration(FunctionName=name, Environment={"Variables": now})
    yield name
    client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


@pytest.fixture(scope="module")
def put(pipeline: Pipeline, eager: str) -> Put:
    """Records of every kind, delivered."""
    assert eager
    since = datetime.now(UTC) - timedelta(milliseconds=5)
    replayed = Mark(kind="replayed", lake=pipeline.lake["BucketName"], run="r1")
    datas = {
        **{f"e{number}": event(f"e{number}") for number in range(40)},
        "parts": aggregate([("k", event(f"part{number}")) for number in range(3)]),
        "again": event("e0"),
        "wrong": b'{"event_id": "wrong"}',
        "replayed": marked(replayed, event("e1")),
    }
    numbers = pipeline.put(TYPE, *datas.values())
    wrong = numbers[list(datas).index("wrong")]
    rows = f"SELECT count(*) FROM {TYPE} WHERE event_date = '{DAY}' AND event_id LIKE '{OURS}%'"
    lines = f"SELECT count(*) FROM {TYPE}_rejected WHERE sequence_number = '{wrong}'"
    until(lambda: pipeline.sql(rows) == [(44,)] and pipeline.sql(lines) == [(1,)])
    return Put(since.isoformat(), dict(zip(datas, numbers, strict=True)))


def audit(pipeline: Pipeline, put: Put, *more: str, code: int = 0) -> dict[str, Any]:
    done = pipeline.aws.run("headrace", "audit", TYPE, "--since", put.since, "--json", *more)
    assert done.returncode == code, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def figures(report: dict[str, Any]) -> dict[str, int]:
    return {word: number for word, number in report["total"].items() if number}


@contextmanager
def without(pipeline: Pipeline, *numbers: str, event_id: str) -> Iterator[None]:
    """The lake without the rows of an event under these sequence numbers, as long as the block
    lasts: the objects are written anew."""
    s3, bucket = pipeline.aws.client("s3"), pipeline.lake["BucketName"]
    prefix = f"{pipeline.flows[TYPE]['DataPrefix']}event_date={DAY}/"
    before: dict[str, bytes] = {}
    for found in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
        body = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
        table = pq.read_table(io.BytesIO(body))
        gone = pc.and_(
            pc.is_in(table["sequence_number"], pa.array(numbers)),
            pc.equal(table["event_id"], event_id),
        )
        if pc.any(gone).as_py():
            before[found["Key"]] = body
            written = io.BytesIO()
            pq.write_table(table.filter(pc.invert(gone)), written)
            s3.put_object(Bucket=bucket, Key=found["Key"], Body=written.getvalue())
    assert len(before) == 1
    try:
        yield
    finally:
        for key, body in before.items():
            s3.put_object(Bucket=bucket, Key=key, Body=body)


def test_every_record_is_accounted_for_whatever_became_of_it(pipeline: Pipeline, put: Put) -> None:
    wanted = {"stream": 46, "lake": 44, "rejected": 1, "dropped": 1}
    first = audit(pipeline, put, "--wait")
    assert (figures(first), first["missing"], first["proven"]) == (wanted, [], True)
    assert first["compared_by_name"] == 0
    exact = audit(pipeline, put, "--exact")
    assert (figures(exact), exact["compared_by_name"]) == (wanted, 46)


def test_a_row_that_is_gone_is_named_and_nothing_else_is(pipeline: Pipeline, put: Put) -> None:
    number = put.numbers["e7"]
    with without(pipeline, number, event_id=f"{OURS}-e7"):
        report = audit(pipeline, put, code=4)
        [missing] = report["missing"]
        assert (missing["sequence_number"], missing["event_id"]) == (number, f"{OURS}-e7")
        assert figures(report)["missing"] == 1
        told = pipeline.aws.run("headrace", "audit", TYPE, "--since", put.since)
        assert told.returncode == 4
        assert f"  {number}  " in told.stdout and f"{OURS}-e7" in told.stdout
        assert told.stderr.splitlines()[-1] == (
            f"headrace: 1 record of {TYPE} missing in environment 'dev': put what is missing again"
            " before the stream forgets it."
        )


def test_a_part_of_an_aggregated_record_is_named_by_its_place(pipeline: Pipeline, put: Put) -> None:
    with without(pipeline, put.numbers["parts"], event_id=f"{OURS}-part1"):
        [missing] = audit(pipeline, put, code=4)["missing"]
    assert (missing["sequence_number"], missing["subsequence_number"]) == (put.numbers["parts"], 1)


def test_the_second_of_an_event_is_no_loss_when_compaction_removed_it(
    pipeline: Pipeline, put: Put
) -> None:
    with without(pipeline, put.numbers["again"], event_id=f"{OURS}-e0"):
        report = audit(pipeline, put)
    assert figures(report) == {
        "stream": 46,
        "lake": 43,
        "rejected": 1,
        "dropped": 1,
        "repeated": 1,
    }


def test_the_schedule_s_run_remembers_counts_and_forgets(
    pipeline: Pipeline, put: Put, eager: str
) -> None:
    client = pipeline.aws.client("lambda")

    def run() -> tuple[set[str], dict[str, Any]]:
        answer = client.invoke(FunctionName=eager, Payload=b"{}")
        report = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, report
        assert report["unfinished"] == report["gaps"] == []
        return {one["event_id"] for one in report["missing"]}, report

    with without(pipeline, put.numbers["e9"], event_id=f"{OURS}-e9"):
        first, _ = run()
        assert f"{OURS}-e9" in first
        assert f"{OURS}-e9" in run()[0]
    after, report = run()
    assert after == first - {f"{OURS}-e9"}
    assert report["found"] == 1
    s3, bucket = pipeline.aws.client("s3"), pipeline.lake["BucketName"]
    kept = s3.list_objects_v2(Bucket=bucket, Prefix=f"audits/{TYPE}/reports/")["KeyCount"]
    assert kept >= 3
    dimensions = {"Environment": "dev", "EventType": TYPE}
    metric = {
        "Namespace": "Headrace",
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
    }
    now = datetime.now(UTC)

    def counted(name: str) -> float:
        points = pipeline.aws.client("cloudwatch").get_metric_statistics(
            **metric,
            MetricName=name,
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    until(lambda: counted("MissingRecords") >= 2 + 3 * len(after))
    assert counted("AuditedRecords") >= 46


def test_what_the_stream_has_forgotten_is_not_said_to_be_proven(pipeline: Pipeline) -> None:
    done = pipeline.aws.run("headrace", "audit", "delay_alert", "--since", "400d")
    assert done.returncode == 4
    assert "keeps nothing from before" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "1s"), "or --wait for what is on its way"),
        (("--until", "2013-01-01"), "what came before cannot be proven"),
    ],
)
def test_a_time_in_which_nothing_is_due_proves_nothing(
    pipeline: Pipeline, options: tuple[str, ...], said: str
) -> None:
    done = pipeline.aws.run("headrace", "audit", "delay_alert", *options)
    assert (done.returncode, done.stdout, said in done.stderr) == (4, "", True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "yesterday"), "--since takes how long ago (90min, 6h, 2d) or a time"),
        (("--since", "1h", "--until", "2h"), "--until is not after --since"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    pipeline: Pipeline, options: tuple[str, ...], said: str
) -> None:
    done = pipeline.aws.run("headrace", "audit", TYPE, *options)
    assert (done.returncode, said in done.stderr) == (2, True)
