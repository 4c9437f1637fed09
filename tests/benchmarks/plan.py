"""What aggregation saves, by the plan and by the calls of a run: `python -m tests.benchmarks.plan`.

Two loads, each put for some seconds by four producers (cli.putting), with aggregation and without,
into an AWS that answers at once. Every PutRecords call is taken from botocore where it would be
sent, and its records are counted as AWS bills them: PUT payload units and Firehose's steps of 5 KB.
A month of those, with the plan's other items, is the bill by count.

`third` is the part of the pipeline that the records decide, ingestion and delivery; `all` is with a
processor on fan-out, a month's storage, queries and everything that is watched.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from itertools import count
from math import ceil
from typing import Any
from unittest import mock

import boto3
from botocore.awsrequest import AWSResponse
from msgspec.structs import replace

from cli.aws import once
from cli.plan.bill import Item, total
from cli.plan.load import Load, wire
from cli.plan.pipeline import Bill, priced
from cli.prices import GIB, KIB, prices, stepped
from cli.putting import Producer
from cli.shards import Shards
from tests.benchmarks.reporting import report

LOADS = {"large": Load(rate=3_000, size=1_024), "small": Load(rate=20_000, size=300)}
SECONDS = 2.0
PLAIN_SECONDS = 0.5
"""One event to a record, each is billed like the other."""
DEVICES = 4_000
TICK = 0.02


class Counted:
    """What was put, as it is billed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls = self.records = self.units = self.steps = 0

    def add(self, sizes: list[int]) -> None:
        price = prices()
        with self._lock:
            self.calls += 1
            self.records += len(sizes)
            for size in sizes:
                self.units += ceil(size / (price.kinesis.put_unit_kib * KIB))
                self.steps += ceil(size / (price.firehose.step_kib * KIB))


def decoded(text: str) -> int:
    """Bytes of base64."""
    return len(text) // 4 * 3 - text[-2:].count("=")


def client(shards: int, counted: Counted) -> Any:
    """A client whose requests are answered before they are sent."""
    kinesis = boto3.client(
        "kinesis",
        region_name="us-east-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",  # noqa: S106
        config=once(),
    )
    even = Shards.even(shards)

    def shard_of(record: dict[str, str]) -> str:
        """A record that is put elsewhere than it is said to be makes a producer look for why."""
        given = record.get("ExplicitHashKey")
        place = int(given) if given else int(md5(record["PartitionKey"].encode()).hexdigest(), 16)  # noqa: S324
        return even.open[even.place(place)].id

    listed = [
        {
            "ShardId": shard.id,
            "HashKeyRange": {
                "StartingHashKey": str(shard.first),
                "EndingHashKey": str(shard.last),
            },
            "SequenceNumberRange": {"StartingSequenceNumber": "0"},
        }
        for shard in even.open
    ]
    numbers = count()

    def answered(request: Any, **_: object) -> Any:
        operation = request.headers["X-Amz-Target"].decode().split(".")[-1]
        answer: dict[str, Any] = {"Shards": listed}
        if operation == "DescribeStreamSummary":
            answer = {"StreamDescriptionSummary": {"MaxRecordSizeInKiB": 1024}}
        elif operation == "PutRecords":
            records = json.loads(request.body)["Records"]
            counted.add([decoded(record["Data"]) for record in records])
            answer = {
                "FailedRecordCount": 0,
                "Records": [
                    {"ShardId": shard_of(record), "SequenceNumber": str(next(numbers))}
                    for record in records
                ],
            }
        body = mock.Mock(stream=lambda **_: iter([json.dumps(answer).encode()]))
        headers: Any = {}
        return AWSResponse(request.url, 200, headers, body)

    kinesis.meta.events.register("before-send.kinesis", answered)
    return kinesis


@contextmanager
def producers(load: Load, shards: int, counted: Counted) -> Iterator[list[Producer]]:
    made = [
        Producer(
            client(shards, counted),
            "planned",
            linger=load.linger,
            aggregate=load.record if load.aggregated else 0,
            paced=False,
        )
        for _ in range(load.producers)
    ]
    try:
        yield made
    finally:
        for one in made:
            one.close()


def put(load: Load) -> tuple[Counted, int]:
    """What a run puts at the load's rate, and the number of its events."""
    counted, data = Counted(), b"x" * int(load.size)
    seconds = SECONDS if load.aggregated else PLAIN_SECONDS
    with producers(load, wire(load).shards, counted) as made:
        begin, events = time.monotonic(), 0
        while (now := time.monotonic() - begin) < seconds:
            due = int(now * load.rate)
            for number in range(events, due):
                made[number % len(made)].put(f"device-{number * 7919 % DEVICES:09}", data)
            events = max(events, due)
            time.sleep(TICK)
    return counted, events


def by_count(load: Load, bill: Bill) -> tuple[list[Item], Counted]:
    """The items of a plan's bill, those of the records by what a run counted."""
    counted, events = put(load)
    months = load.events / events
    gb = counted.steps * months * prices().firehose.step_kib * KIB / GIB
    units = counted.units * months / 1e6
    usd = {
        "PUT payload units": units * prices().kinesis.put_units_million,
        "Firehose ingestion": stepped(gb, prices().firehose.ingested_gb),
        "Firehose conversion": gb * prices().firehose.converted_gb,
    }
    return [replace(item, usd=usd.get(item.name, item.usd)) for item in bill.items], counted


def measure() -> dict[str, float]:
    """Shares of the cost without aggregation: planned, and by count, of the part and of all."""
    figures: dict[str, float] = {}
    for name, load in LOADS.items():
        planned: dict[bool, list[Item]] = {}
        found: dict[bool, list[Item]] = {}
        for aggregated in (True, False):
            one = replace(load, aggregated=aggregated)
            bill = priced(one, prices(), mode="provisioned")
            planned[aggregated] = bill.items
            found[aggregated], counted = by_count(one, bill)
            figures[f"{name}_{'aggregated' if aggregated else 'plain'}_calls"] = counted.calls
        delivered = priced(load, prices(), mode="provisioned", counted="delivered").items
        figures |= {
            f"{name}_planned_third": share(planned, "ingestion", "delivery"),
            f"{name}_third": share(found, "ingestion", "delivery"),
            f"{name}_planned_all": share(planned),
            f"{name}_all": share(found),
            f"{name}_delivered_all": total(delivered) / total(planned[False]),
            f"{name}_usd": total(found[True]),
            f"{name}_plain_usd": total(found[False]),
        }
    return figures


def share(items: dict[bool, list[Item]], *parts: str) -> float:
    """Aggregated over plain."""
    costs = {
        aggregated: sum(item.usd for item in some if not parts or item.part in parts)
        for aggregated, some in items.items()
    }
    return costs[True] / costs[False]


TOLD = "\n".join(
    f"{about}: with aggregation {{{name}_third:.0%}} of ingestion and delivery"
    f" (planned {{{name}_planned_third:.0%}}), {{{name}_all:.0%}} of all"
    f" (planned {{{name}_planned_all:.0%}}): {{{name}_usd:,.0f}} of {{{name}_plain_usd:,.0f}} USD a"
    f" month; {{{name}_delivered_all:.0%}} if Firehose counted events"
    for name, about in (("large", "3,000 events/s of 1 KB"), ("small", "20,000 of 300 B"))
)

if __name__ == "__main__":
    report(measure, TOLD, __doc__)
