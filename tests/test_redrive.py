"""Failed batches on a running local AWS, redriven by the real command through a real function."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.redrive import lease
from cli.terminal import counted
from events.failure import Batch, Gone, batch_key, lines_key, objects
from tests.cli.conftest import heed_ctrl_c, here  # noqa: F401  a fixture
from tests.cli.failed import FIRST, SHARD, STREAM, batch, record
from tests.conftest import AWS, ROOT
from tests.local.functions.conftest import Functions

ENVIRONMENT = "redriving"
BUCKET = "redriving-lake"
SHARDS = (SHARD, "shardId-000000000001")

CODE = """
import base64, json, os, time

def handler(event, context):
    place = os.environ["PLACE"]
    for one in event["Records"]:
        number = one["kinesis"]["sequenceNumber"]
        said = base64.b64decode(one["kinesis"]["data"]).decode()
        if said == "wait":
            open(os.path.join(place, "waiting"), "w").close()
            while not os.path.exists(os.path.join(place, "go")):
                time.sleep(0.01)
        if said == "raise":
            raise ValueError("this one again")
        if said == "report":
            return {"batchItemFailures": [{"itemIdentifier": number}]}
        with open(os.path.join(place, "applied"), "a") as applied:
            applied.write(json.dumps(one) + "\\n")
    return {"batchItemFailures": []}
"""
Headrace = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class Place:
    """A lake with a failure archive, a function that failed what is in it, and what it applied."""

    aws: AWS
    function_arn: str
    folder: Path

    def archive(self, *batches: Batch) -> None:
        s3 = self.aws.client("s3")
        for one in batches:
            for key, body in objects(one):
                s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def batch(self, first: int, *data: bytes, shard: str = SHARDS[0], **given: Any) -> Batch:
        records = [record(first + number, one, shard) for number, one in enumerate(data)]
        return batch(records, function_arn=self.function_arn, **given)

    @property
    def applied(self) -> list[dict[str, Any]]:
        path = self.folder / "applied"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def numbers(self, shard: str = SHARDS[0]) -> list[int]:
        """What was applied of a shard, in order."""
        ids = (one["eventID"].split(":") for one in self.applied)
        return [int(number) - FIRST for found, number in ids if found == shard]

    def listed(self) -> list[str]:
        found = self.aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="failures/")
        return [one["Key"] for one in found.get("Contents", [])]

    def receipts(self) -> list[dict[str, Any]]:
        keys = [key for key in self.listed() if key.startswith("failures/receipts/")]
        return [json.loads(self.read(key)) for key in sorted(keys)]

    def read(self, key: str) -> bytes:
        body: bytes = self.aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body


@pytest.fixture(scope="module")
def lake(aws: AWS) -> Iterator[AWS]:
    """A lake's stack; its bucket is made here. Gone at the end: others find theirs by the tags."""
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.client("kinesis").create_stream(StreamName=STREAM.rpartition("/")[2], ShardCount=1)
    queue = aws.client("sqs").create_queue(QueueName=f"{ENVIRONMENT}-failures")["QueueUrl"]
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody="{}")
    lake = {"BucketName": BUCKET, "DatabaseName": "none", "WorkGroupName": "none"}
    late = {
        "ProcessorName": "late",
        "Reads": "flight",
        "Emits": "delay_alert",
        "FunctionName": "late",
        "FailureQueueUrl": queue,
    }
    for name, tag, outputs in (("lake", "stage", lake), ("late", "processor", late)):
        aws.client("cloudformation").create_stack(
            StackName=f"{ENVIRONMENT}-{name}",
            TemplateBody=json.dumps(
                {
                    "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
                    "Outputs": {key: {"Value": value} for key, value in outputs.items()},
                }
            ),
            Tags=[
                {"Key": "headrace:environment", "Value": ENVIRONMENT},
                {"Key": f"headrace:{tag}", "Value": name},
            ],
        )
    yield aws
    for name in ("lake", "late"):
        aws.client("cloudformation").delete_stack(StackName=f"{ENVIRONMENT}-{name}")


@pytest.fixture
def place(lake: AWS, tmp_path: Path) -> Iterator[Place]:
    functions = Functions(lake)
    name = functions.make(CODE, Environment={"Variables": {"PLACE": str(tmp_path)}})
    arn = functions.api.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    found = Place(lake, arn, tmp_path)
    yield found
    functions.close()
    for key in found.listed():
        lake.client("s3").delete_object(Bucket=BUCKET, Key=key)


@pytest.fixture
def headrace(place: Place, here: Headrace) -> Headrace:  # noqa: F811
    env = place.aws.env | {"HEADRACE_ENV": ENVIRONMENT}
    return lambda *arguments: here(*arguments, env=env)


def test_a_redrive_gives_the_function_the_original_records_in_order_and_keeps_what_fails_again(
    place: Place, headrace: Headrace
) -> None:
    gone = [Gone(from_sequence_number="1", to_sequence_number="3", why="trimmed", records=3)]
    batches = [
        place.batch(0, b"a", b"raise", b"c"),
        place.batch(3, b"d", b"report"),
        place.batch(5, b"f", b"g", shard=SHARDS[1]),
        place.batch(7, b"h", gone=gone),
    ]
    place.archive(*batches)
    original = {one["eventID"]: one for found in batches for one in found.records}

    done = headrace("redrive", "--json")
    assert done.returncode == 0, done.stderr
    planned = json.loads(done.stdout)
    assert [(one["batches"], one["records"], one["lanes"]) for one in planned["functions"]] == [
        (4, 8, 2)
    ]
    assert planned["functions"][0]["invocations"] == 3
    assert place.applied == []

    done = headrace("redrive", "--yes")
    assert done.returncode == 1
    assert "2 records failed again, in the archive" in done.stderr
    assert done.stdout.startswith(
        "8 records of 4 failed batches: 6 recovered, 2 failed again, 3 more gone before their "
        "rescue; "
    )
    # Before a record that raises, what its invocation did is repeated with every cut; applied once
    # is what the function's own idempotency sees to.
    assert sorted(set(place.numbers())) == [0, 2, 3, 7]
    assert place.numbers(SHARDS[1]) == [5, 6]
    assert all(one == original[one["eventID"]] for one in place.applied)
    kept = {
        found["failure_id"]: found
        for found in map(json.loads, headrace_json(headrace, [one.failure_id for one in batches]))
    }
    assert {
        number: [
            (one["kinesis"]["sequenceNumber"], [why["error"] for why in found["history"]])
            for one in found["records"]
        ]
        for number, found in enumerate(kept.values())
    } == {
        0: [(str(FIRST + 1), ["ValueError: this one again"])],
        1: [(str(FIRST + 4), ["reported in batchItemFailures"])],
        2: [],
    }
    assert kept[batches[3].failure_id]["gone"] == [json.loads(json_of(gone[0]))]
    [receipt] = place.receipts()
    assert receipt["totals"] | {"invocations": 0} == {
        "batches": 4,
        "records": 8,
        "recovered": 6,
        "failed_again": 2,
        "left": 0,
        "lost": 3,
        "invocations": 0,
        "throttled": 0,
    }
    assert not any("lease" in key for key in place.listed())


def test_what_is_gone_is_lost_in_every_run_and_never_recovered(
    place: Place, headrace: Headrace
) -> None:
    """Also when the function is not there any more: nothing of it is to be invoked."""
    gone = [Gone(from_sequence_number="1", to_sequence_number="3", why="trimmed", records=3)]
    found = place.batch(0, b"a", gone=gone)
    place.archive(found)
    said = (
        "headrace: Recovered all that the archive had, {}; gone from the stream before the "
        "rescue: 3. `headrace failures list` shows which.\n"
    )
    for recovered, records, failed in (
        (1, "1 record", "1 failed batch"),
        (0, "0 records", "1 failed batch"),
        (1, "1 record", "2 failed batches"),
    ):
        if failed == "2 failed batches":
            place.archive(place.batch(1, b"b"))
        done = headrace("redrive", "--yes")
        account, where = done.stdout.splitlines()
        assert account.startswith(
            f"{records} of {failed}: {recovered} recovered, 0 failed again, 3 more gone before "
            f"their rescue; {counted(recovered, 'invocation')}."
        )
        assert where.startswith(f"Receipt: s3://{BUCKET}/failures/receipts/")
        assert (done.returncode, done.stderr) == (
            1,
            said.format(records),
        )
        totals = json.loads(place.read(where.removeprefix(f"Receipt: s3://{BUCKET}/")))["totals"]
        assert (totals["recovered"], totals["lost"], totals["left"]) == (recovered, 3, 0)
    assert place.numbers() == [0, 1]
    place.aws.client("lambda").delete_function(FunctionName=place.function_arn)
    assert headrace("redrive", "--yes", "--json").returncode == 1
    assert headrace("redrive", "--yes", "--since", "2030-01-01").returncode == 0
    assert len(place.receipts()) == 4


def json_of(value: Any) -> bytes:
    import msgspec

    return msgspec.json.encode(value)


def headrace_json(headrace: Headrace, ids: list[str]) -> Iterator[str]:
    """The batches that are still there, as `headrace failures show` prints them."""
    for failure_id in ids:
        done = headrace("failures", "show", failure_id, "--json")
        if done.returncode == 0:
            yield done.stdout


def test_a_redrive_that_is_killed_is_taken_over_and_goes_on_where_it_was(
    place: Place, headrace: Headrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "DEAD", 2.0)
    monkeypatch.setattr(lease, "RENEWED", 0.5)
    monkeypatch.setattr(lease, "LOOKED", 0.1)
    place.archive(
        place.batch(0, *[b"x"] * 100), place.batch(100, b"wait", b"y"), place.batch(102, b"z")
    )
    killed = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "redrive", "--yes"],
        cwd=ROOT,
        env=place.aws.env | {"HEADRACE_ENV": ENVIRONMENT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: (place.folder / "waiting").exists())
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    (place.folder / "go").touch()
    done = headrace("redrive", "--yes")
    assert done.returncode == 0, done.stderr
    assert place.numbers()[:100] == list(range(100))
    assert sorted(set(place.numbers())) == list(range(103))
    assert not [key for key in place.listed() if "/batches/" in key or "/records/" in key]


def test_a_second_redrive_beside_a_first_does_nothing(
    place: Place, headrace: Headrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEWED", 0.1)
    monkeypatch.setattr(lease, "LOOKED", 0.3)
    place.archive(place.batch(0, b"a"))
    with lease.Lease(place.aws.client("s3"), BUCKET, "the-first"):
        done = headrace("redrive", "--yes")
    assert done.returncode == 1
    assert "Redrive the-first, begun at" in done.stderr
    assert place.applied == []
    assert headrace("redrive", "--yes").returncode == 0
    assert place.numbers() == [0]


def until(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)


def test_a_function_that_is_gone_ends_the_redrive_in_one_sentence_and_nothing_is_deleted(
    place: Place, headrace: Headrace
) -> None:
    found = place.batch(0, b"a", b"b")
    place.archive(found)
    place.aws.client("lambda").delete_function(FunctionName=place.function_arn)
    for arguments in ((), ("--yes",)):
        done = headrace("redrive", *arguments)
        assert done.returncode == 1
        assert "is not there any more" in done.stderr
    assert {batch_key(found.failure_id), lines_key(found.failure_id, found.failed_at)} <= set(
        place.listed()
    )


def test_failures_are_listed_with_why_and_how_long_the_stream_has_them(
    place: Place, headrace: Headrace
) -> None:
    now = datetime.now(UTC)
    fresh = place.batch(
        0, b"a", b"b", first_arrived_at=now - timedelta(hours=5), error="Unhandled", failed_at=now
    )
    gone = Gone(from_sequence_number="1", to_sequence_number="3", why="trimmed", records=3)
    old = place.batch(5, b"c", gone=[gone], processor="other", failed_at=now - timedelta(days=3))
    place.archive(fresh, old)
    place.aws.client("s3").put_object(Bucket=BUCKET, Key="failures/batches/00.json.gz", Body=b"?")

    done = headrace("failures", "list", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [
        (one["failure_id"], one["records"], one["lost"], one["why"]) for one in found["batches"]
    ] == [
        (old.failure_id, 1, 3, "RetryAttemptsExhausted"),
        (fresh.failure_id, 2, 0, "RetryAttemptsExhausted: Unhandled"),
    ]
    left = [one["forgotten_in_seconds"] for one in found["batches"]]
    assert left[0] < 0 < 18 * 3600 < left[1] <= 19 * 3600
    assert found["waiting"] == {"late": 1}
    assert found["unreadable_objects"] == ["failures/batches/00.json.gz"]

    done = headrace("failures", "list")
    assert f"{fresh.failure_id}  " in done.stdout
    assert "19 h more" in done.stdout
    assert "no more" in done.stdout
    assert "2 failed batches, 3 records kept, 3 more gone." in done.stderr
    assert "Not rescued yet, of late: 1 message." in done.stderr
    for options, wanted in (
        (("--since", "2d"), [fresh]),
        (("--function", "other"), [old]),
        (("--function", place.function_arn), [old, fresh]),
        (("--function", place.function_arn.rpartition(":")[2], "--since", "1h"), [fresh]),
        (("--since", "2030-01-01"), []),
    ):
        done = headrace("failures", "list", "--json", *options)
        listed = [one["failure_id"] for one in json.loads(done.stdout)["batches"]]
        assert listed == [one.failure_id for one in wanted], options
    done = headrace("failures", "list", "--since", "yesterday")
    assert (done.returncode, done.stdout) == (2, "")


def test_a_failure_is_shown_and_exported_with_its_payload(place: Place, headrace: Headrace) -> None:
    found = place.batch(0, b'{"a": 1}', b"\xff\x00", b"\x1b[2Jtext")
    place.archive(found)
    done = headrace("failures", "show", found.failure_id[:8])
    assert done.returncode == 0, done.stderr
    assert '{"a": 1}' in done.stdout
    assert "2 bytes that are no text: /wA=" in done.stdout
    assert "\x1b" not in done.stdout
    assert f"--log-group-name {found.log_group}" in done.stdout
    assert "1 more record:" in headrace("failures", "show", found.failure_id, "--limit", "2").stderr
    shown = headrace("failures", "show", found.failure_id, "--json").stdout
    assert json.loads(shown)["records"] == found.records

    printed = headrace("failures", "export")
    lines = [json.loads(line) for line in printed.stdout.splitlines()]
    assert [one["payload"] for one in lines] == ['{"a": 1}', None, "\x1b[2Jtext"]
    assert [one["payload_base64"] for one in lines] == [
        one["kinesis"]["data"] for one in found.records
    ]
    assert printed.stderr == "3 lines of 1 failed batch.\n"
    to = place.folder / "failed.jsonl"
    assert headrace("failures", "export", found.failure_id, "--to", str(to)).returncode == 0
    assert to.read_text() == printed.stdout
    (place.folder / "taken").mkdir()
    unwritable = Path("/proc/failed.jsonl")
    for wrong, why in ((place.folder / "taken", "Is a directory"), (unwritable, "No such file")):
        refused = headrace("failures", "export", "--to", str(wrong))
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith(f"headrace: Cannot write {wrong}: {why}")
        assert refused.stderr.endswith(". Choose another file with --to.\n")
    assert not [path for path in place.folder.iterdir() if path.name.startswith(".")]

    for unknown in ("00000", "xyz", ""):
        assert headrace("failures", "show", unknown).returncode == 2
    assert headrace("redrive", found.failure_id, "--since", "1h").returncode == 2
    assert headrace("failures", "export", "--to", "/there/is/none").returncode == 2


def test_ctrl_c_finishes_what_runs_and_leaves_the_rest(place: Place) -> None:
    place.archive(place.batch(0, b"wait", batch_size=1), place.batch(1, b"x", batch_size=1))
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "redrive", "--yes"],
        cwd=ROOT,
        env=place.aws.env | {"HEADRACE_ENV": ENVIRONMENT},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    )
    until(lambda: (place.folder / "waiting").exists())
    process.send_signal(signal.SIGINT)
    assert process.stderr
    assert "finishing the invocations that run" in process.stderr.readline()
    (place.folder / "go").touch()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.startswith("2 records of 2 failed batches: 1 recovered, 0 failed again, 1 not tried")
    assert "Interrupted: 1 record not tried" in err
    assert place.numbers() == [0]
    [receipt] = place.receipts()
    assert (receipt["stopped"], receipt["totals"]["left"]) == ("interrupted", 1)
    assert len([key for key in place.listed() if "/batches/" in key]) == 1
    assert not any("lease" in key for key in place.listed())
