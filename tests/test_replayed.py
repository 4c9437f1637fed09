"""Archived events on their stream again: in order, marked, and not in the lake a second time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from events.decoding import Decoder
from events.device_telemetry.event import DeviceTelemetry
from events.mark import split
from tests import test_pipeline
from tests.cli.conftest import users
from tests.test_pipeline import Pipeline, until

pipeline = test_pipeline.pipeline
"""The fixture: this module has one of its own."""

START = datetime(2025, 4, 1, 23, 59, 30, tzinfo=UTC)
DEVICES = [f"replayed-{number}" for number in range(4)]
REPORTS = 25
CHOSEN = "event_date IN ('2025-04-01', '2025-04-02') AND device LIKE 'replayed-%'"


def report(device: str, counter: int) -> DeviceTelemetry:
    """The later a report is put, the earlier it says that it was made, for some."""
    late = counter % 5 * timedelta(seconds=7)
    return DeviceTelemetry(
        event_id=f"{device}-{counter}",
        event_time=START + counter * timedelta(seconds=2, milliseconds=1) - late,
        device=device,
        boot_id=1,
        counter=counter,
        release="1.2.3",
        model="box",
        region="somewhere",
        heap_bytes=2**40 - counter,
        cpu=counter / 100,
        channel_change_ms=0.1 + counter if counter % 2 else None,
        uptime_seconds=counter,
        crashed=False,
    )


def put(pipeline: Pipeline, reports: list[DeviceTelemetry]) -> None:
    """Twice, as a producer does that lost an answer: the lake has rows of the same event."""
    records = [{"Data": msgspec.json.encode(one), "PartitionKey": one.device} for one in reports]
    for _ in range(2):
        answer = pipeline.aws.client("kinesis").put_records(
            StreamName=pipeline.flows["device_telemetry"]["StreamName"], Records=records
        )
        assert answer["FailedRecordCount"] == 0


def replayed(pipeline: Pipeline, run: str) -> list[tuple[str, bytes]]:
    """Keys and events of the marked records of a run, shard by shard."""
    kinesis = pipeline.aws.client("kinesis")
    stream = pipeline.flows["device_telemetry"]["StreamName"]
    found = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        asked = {"StreamName": stream, "ShardId": shard["ShardId"]}
        iterator = kinesis.get_shard_iterator(**asked, ShardIteratorType="TRIM_HORIZON")
        page: dict[str, Any] = {"NextShardIterator": iterator["ShardIterator"]}
        while page.get("MillisBehindLatest") != 0 or page["Records"]:
            page = kinesis.get_records(ShardIterator=page["NextShardIterator"])
            for record in page["Records"]:
                for key, user in users(record):
                    mark, data = split(user)
                    if mark and mark.run == run:
                        found.append((key, data))
    return found


def counted(pipeline: Pipeline) -> float:
    """What the transform has dropped so far because it came out of this lake."""
    now = datetime.now(UTC)
    [answer] = pipeline.aws.client("cloudwatch").get_metric_data(
        StartTime=now - timedelta(hours=3),
        EndTime=now + timedelta(minutes=2),
        MetricDataQueries=[
            {
                "Id": "m",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "Headrace",
                        "MetricName": "Replayed",
                        "Dimensions": [
                            {"Name": "Environment", "Value": "dev"},
                            {"Name": "EventType", "Value": "device_telemetry"},
                        ],
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
        ],
    )["MetricDataResults"]
    return float(sum(answer["Values"]))


def test_archived_events_are_put_again_in_order_and_the_lake_takes_none_twice(
    pipeline: Pipeline,
) -> None:
    reports = [report(device, counter) for counter in range(REPORTS) for device in DEVICES]
    put(pipeline, reports)
    ours = "SELECT count(*), count(DISTINCT event_id) FROM device_telemetry WHERE"
    rows = (2 * len(reports), len(reports))
    until(lambda: pipeline.sql(f"{ours} {CHOSEN}") == [rows])
    before = counted(pipeline)

    done = pipeline.aws.run(
        *("headrace", "replay", "device_telemetry", "--from-lake", "--where", CHOSEN, "--json")
    )
    assert done.returncode == 0, done.stderr
    account = json.loads(done.stdout)
    assert (account["put"], account["invalid"]) == (len(reports), {})

    # Each once, in the order in which those of a device arrived, equal to what they were.
    found: dict[str, list[DeviceTelemetry]] = {}
    decode = Decoder(DeviceTelemetry).decode
    for key, data in replayed(pipeline, account["from_lake"]["run"]):
        found.setdefault(key, []).append(decode(data))
    assert found == {
        device: [report(device, counter) for counter in range(REPORTS)] for device in DEVICES
    }

    # What is put behind them in every shard is delivered: so they have been through delivery.
    last = [report(device, REPORTS) for device in DEVICES]
    put(pipeline, last)
    after = (rows[0] + 2 * len(last), rows[1] + len(last))
    until(lambda: pipeline.sql(f"{ours} {CHOSEN}")[0][1] == after[1])
    until(lambda: counted(pipeline) == before + len(reports))
    until(lambda: pipeline.sql(f"{ours} {CHOSEN}") == [after])
