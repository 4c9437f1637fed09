"""Shard scaling from end to end: a burst, what Kinesis refuses of it, the function, more shards.

On a local AWS of its own with AWS's limits per shard; the function is the deployed one's handler
with real clients, and CloudWatch has what the stream itself reported.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest

from functions.shard_scaler import handler
from functions.shard_scaler.settings import Policy, Settings
from tests.local.server.process import LocalAWSProcess

NAME = "burst"
KEYS = 20
COUNT = 40
SIZE = 100 * 1024
"""Of a record; a shard takes ten of them a second."""
CONTEXT: Any = SimpleNamespace(
    function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="r"
)


def burst(kinesis: Any, first: int) -> int:
    """Put COUNT numbered records at once, and what is refused again; how many were refused."""
    waiting, refused = [(str(number % KEYS), number) for number in range(first, first + COUNT)], 0
    while waiting:
        answer = kinesis.put_records(
            StreamName=NAME,
            Records=[
                {"PartitionKey": key, "Data": str(number).encode().rjust(SIZE)}
                for key, number in waiting
            ],
        )
        told = zip(waiting, answer["Records"], strict=True)
        waiting = [entry for entry, said in told if "ErrorCode" in said]
        refused += len(waiting)
        time.sleep(0.1 if waiting else 0)
    return refused


def shards(kinesis: Any) -> dict[str, bool]:
    """Every shard, and whether it is open."""
    found = kinesis.list_shards(StreamName=NAME)["Shards"]
    return {
        one["ShardId"]: "EndingSequenceNumber" not in one["SequenceNumberRange"] for one in found
    }


def read(kinesis: Any) -> dict[str, list[int]]:
    """The numbers on the stream by their key, parents before children."""
    found = defaultdict(list)
    for shard_id in sorted(shards(kinesis)):
        iterator = kinesis.get_shard_iterator(
            StreamName=NAME, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            try:
                page = kinesis.get_records(ShardIterator=iterator)
            except kinesis.exceptions.ProvisionedThroughputExceededException:
                time.sleep(0.2)  # 2 MiB a second of a shard
                continue
            for record in page["Records"]:
                found[record["PartitionKey"]].append(int(record["Data"]))
            iterator = page.get("NextShardIterator") if page["Records"] else None
    return dict(found)


def test_a_burst_gets_twice_the_shards_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with LocalAWSProcess("--shard-limits", "--resharding-seconds", "0.5") as aws:
        kinesis, s3 = aws.client("kinesis"), aws.client("s3")
        kinesis.create_stream(StreamName=NAME, ShardCount=2)
        s3.create_bucket(Bucket="lake")
        settings = Settings(
            event_type="device_telemetry",
            stream_name=NAME,
            stream=f"arn:aws:kinesis:us-east-1:123456789012:stream/{NAME}",
            bucket="lake",
            state_key="scaling/device_telemetry.json",
            policy=Policy(least_shards=1, most_shards=16),
        )
        given = {**aws.env, **settings.environment(), "HEADRACE_ENVIRONMENT": "dev"}
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        handler._world.cache_clear()

        assert burst(kinesis, 0) >= COUNT // 4
        first = handler.handler({}, CONTEXT)
        assert (first["action"], first["reason"], first["done"]) == ("Resize", "Throttled", True)
        assert "of the records were refused within a calm minute" in first["why"]
        assert handler.handler({}, CONTEXT)["reason"] == "Settling", "UPDATING, and just called"
        kinesis.get_waiter("stream_exists").wait(StreamName=NAME, WaiterConfig={"Delay": 1})
        assert list(shards(kinesis).values()).count(True) == 4
        burst(kinesis, COUNT)

        expected = {str(key): list(range(key, 2 * COUNT, KEYS)) for key in range(KEYS)}
        found = read(kinesis)
        assert {key: sorted(numbers) for key, numbers in found.items()} == expected
        (call,) = json.loads(s3.get_object(Bucket="lake", Key=settings.state_key)["Body"].read())
        assert (call["kind"], call["before"], call["after"]) == ("count", 2, 4)
    handler._world.cache_clear()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [line["Why"] for line in lines if "Resize" in line] == ["Throttled"]
