"""`python -m tests.faults.host`: the local AWS with its weak points in reach.

The same process as `python -m local`, and beside it commands, one JSON object per line on standard
input, each answered by a line. They do what happens to a service and what no API of it can be asked
for: time that passes, a disk that refuses, a worker that dies. Everything else is injected from
outside (`tests.faults.proxy`).
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

from local.delivery import streams as deliveries
from local.delivery import world
from local.delivery.buffer import Buffers
from local.delivery.failure import Reason
from local.delivery.runner import Runner
from local.kinesis import streams
from local.kinesis.limits import Bucket, ShardLimits
from local.mapping import destinations
from local.server import LocalAWS

REGION = "us-east-1"
REFUSED = Reason("S3.AccessDenied", "Access was denied, for a while.")


class Host:
    """The commands, by their name."""

    def __init__(self) -> None:
        self._refusing, self._refused = False, 0
        self._checkpoints: dict[str, tuple[dict[str, int | None], set[str]]] = {}
        self._put_object = world.put_object
        world.put_object = self._put

    def failures_through(self, endpoint: str) -> None:
        """Send the messages about given-up batches by way of this endpoint."""
        destinations.client = lambda service, region: destinations._client(
            service, region or REGION, endpoint
        )

    def refuse(self, yes: bool) -> None:
        """Let the lake refuse what delivery writes, or take it again."""
        self._refusing, self._refused = yes, 0

    def refused(self) -> int:
        """How often it refused since then."""
        return self._refused

    def trim(self, stream: str) -> None:
        """Let the retention of all that is on a stream now run out."""
        found = streams.find_by_name(REGION, stream)
        with found.lock:
            found.topology.trim(time.time() + 1)
            found.changed()

    def limit(self, stream: str, rate: float | None) -> None:
        """Let each shard of a stream take this many records a second, or as many as come."""
        found = streams.find_by_name(REGION, stream)
        with found.lock:
            found.limited = rate is not None
            found._limits = {}
            for log in found.topology.listed() if rate is not None else []:
                limits = found._limits[log.shard_id] = ShardLimits()
                limits._records = Bucket(rate or 0)

    def checkpoint(self, delivery: str) -> None:
        """Remember where a delivery stream is; everything before it must be delivered."""
        runner = deliveries.find(REGION, delivery).runner
        with runner._some:
            positions = {
                lane.reader.name: getattr(lane.reader, "_after", None) for lane in runner._lanes
            }
            self._checkpoints[delivery] = positions, set(runner._finished)

    def kill(self, delivery: str) -> int:
        """End the worker of a delivery stream with all that it has read and not delivered; another
        goes on from the checkpoint. How many records were in its buffers."""
        stream = deliveries.find(REGION, delivery)
        old = stream.runner
        with old._some:
            lost = sum(len(one.items) for one in [*old._buffers._open.values()])
            lost += sum(len(one.items) for one in old._buffers._sealed)
            old._buffers = Buffers(old._hints)
            old._retries.clear()
            old._gives_up = time.monotonic()
            lanes = list(old._lanes)
            old._some.notify_all()
        for lane in lanes:
            lost += lane.abandon()
            lane.reader.wake()
        stream.runner = self._successor(stream, old, *self._checkpoints[delivery])
        return lost

    def _successor(
        self, stream: Any, old: Runner, positions: dict[str, int | None], finished: set[str]
    ) -> Runner:
        runner = Runner(stream, old._kinesis)
        runner._finished = set(finished)
        shards = {one.shard_id: one for one in old._kinesis.shards()} if old._kinesis else {}
        readers = [
            runner._reader(shards[name], after)
            for name, after in positions.items()
            if name in shards
        ]
        runner._open(list(readers))
        runner._flusher.start()
        return runner

    def _put(self, made: world.Object) -> None:
        if self._refusing:
            self._refused += 1
            raise world.Unavailable(REFUSED)
        self._put_object(made)


def serve(host: Host) -> None:
    """Commands from standard input, until it ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        command: Callable[..., Any] = getattr(host, asked.pop("do"))
        try:
            answer = {"done": command(**asked)}
        except Exception as error:
            logging.exception("the command failed")
            answer = {"failed": repr(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--buffering-scale", type=float, default=0.02)
    chosen = parser.parse_args()
    logging.basicConfig(
        level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    host = Host()
    with LocalAWS(port=0, buffering_scale=chosen.buffering_scale) as aws:
        sys.stdout.write(f"headrace local AWS ready on {aws.endpoint}\n")
        sys.stdout.flush()
        serve(host)
        host.refuse(yes=False)


if __name__ == "__main__":
    main()
