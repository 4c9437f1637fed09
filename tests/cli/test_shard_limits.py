"""As fast as four shards take it, and no faster: on a local AWS that enforces AWS's limits."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from cli.pace import Pace
from cli.producer import Entry
from cli.replaying import Replay
from tests.cli.conftest import users
from tests.conftest import running

SHARDS, EVENTS, KEYS, SIZE = 4, 80_000, 997, 300
"""24 MB: about five seconds' worth."""


def test_a_replay_into_four_shards_loses_nothing_keeps_order_and_is_hardly_ever_throttled(
    tmp_path: Path, certificate: Path
) -> None:
    with running(tmp_path, certificate, "--shard-limits") as aws:
        kinesis = aws.client("kinesis")
        kinesis.create_stream(StreamName="limited", ShardCount=SHARDS)
        replay = Replay(kinesis, event_type="flight", stream="limited")
        entries = [
            Entry(n, f"key-{n % KEYS}", (b"%d " % n).ljust(SIZE, b"x")) for n in range(EVENTS)
        ]
        chunks = (entries[n : n + 500] for n in range(0, EVENTS, 500))

        summary, error = replay.run(chunks, pace=Pace(), invalid={})

        assert (error, summary.put, summary.not_put) == (None, EVENTS, {})
        assert summary.throttled_calls < summary.calls / 100
        # The burst at the start apart, it is what the shards take.
        assert EVENTS * SIZE / summary.seconds < SHARDS * 1.4e6
        found: dict[str, list[int]] = {}
        for key, data in everything(kinesis):
            found.setdefault(key, []).append(int(data.split()[0]))
        assert found == {f"key-{k}": list(range(k, EVENTS, KEYS)) for k in range(KEYS)}


def everything(kinesis: Any) -> list[tuple[str, bytes]]:
    """What is on the stream, taken apart, as fast as a shard may be read."""
    found = []
    for shard in kinesis.list_shards(StreamName="limited")["Shards"]:
        at = kinesis.get_shard_iterator(
            StreamName="limited", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            try:
                page = kinesis.get_records(ShardIterator=at)
            except kinesis.exceptions.ProvisionedThroughputExceededException:
                time.sleep(0.2)
                continue
            found += [user for record in page["Records"] for user in users(record)]
            at = page["NextShardIterator"]
            if not page["Records"] and page["MillisBehindLatest"] == 0:
                break
    return found
