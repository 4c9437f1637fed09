"""The pipeline of one event type as it is deployed, and the bill of all its parts."""

from math import ceil
from typing import Literal

import msgspec

from cli.plan import bill
from cli.plan.bill import Item, Puts
from cli.plan.load import Load, Wire, wire
from cli.prices import GIB, MIB, Prices

Mode = Literal["provisioned", "on-demand", "advantage"]
MODES: tuple[Mode, ...] = ("provisioned", "on-demand", "advantage")
Counted = Literal["ingested", "delivered"]
"""Which records Firehose's 5 KiB steps are counted by, where records are aggregated: those that it
reads from the stream, or the events that it takes out of them. AWS's pages say "ingested", per
record, and nothing about aggregation; `headrace plan` says what the other reading costs."""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What a pipeline costs in a month, item by item."""

    mode: Mode
    aggregated: bool
    shards: int
    records: float
    record_bytes: float
    events_per_record: float
    items: list[Item]
    usd: float


def priced(load: Load, prices: Prices, *, mode: Mode, counted: Counted = "ingested") -> Bill:
    """The bill of a load in a mode of the stream."""
    found = wire(load)
    items = [
        *stream(load, found, prices, mode),
        *over_http(load, prices),
        *delivered(load, found, prices, counted),
        *processed(load, found, prices),
        *kept(load, prices),
        *watched(load, found, prices),
    ]
    return Bill(
        mode=mode,
        aggregated=load.aggregated,
        shards=found.shards,
        records=found.records,
        record_bytes=found.record_bytes,
        events_per_record=found.events_per_record,
        items=items,
        usd=bill.total(items),
    )


def stream(load: Load, found: Wire, prices: Prices, mode: Mode) -> list[Item]:
    """The stream, and its consumers' reading of it. One consumer always polls: delivery."""
    if mode == "provisioned":
        return bill.provisioned(
            prices,
            shards=found.shards,
            hours=load.hours,
            puts=puts(load, found),
            retention_hours=load.retention_hours,
            fan_out=load.fan_out,
        )
    return bill.by_volume(
        prices.kinesis.on_demand if mode == "on-demand" else prices.kinesis.advantage,
        hours=load.hours,
        puts=puts(load, found),
        retention_hours=load.retention_hours,
        polling=1 + load.polling,
        fan_out=load.fan_out,
    )


def puts(load: Load, found: Wire) -> list[Puts]:
    """The records of the month: those that events share, and those that hold one."""
    shared = (found.records - found.alone) * load.seconds
    return [Puts(shared, found.record_bytes), Puts(found.alone * load.seconds, load.size)]


def over_http(load: Load, prices: Prices) -> list[Item]:
    if not load.http:
        return []
    return bill.api(prices, requests=load.http * load.seconds / load.assumed.api_batch.value)


def delivered(load: Load, found: Wire, prices: Prices, counted: Counted) -> list[Item]:
    """Firehose, its transform, and the objects that it puts."""
    assumed = load.assumed
    counts = [Puts(load.events, load.size)] if counted == "delivered" else puts(load, found)
    objects = delivered_objects(load)
    invocations = transform_invocations(load)
    return [
        *bill.delivery(
            prices,
            puts=counts,
            delivered_bytes=load.bytes,
            objects=objects,
        ),
        *bill.function(
            prices,
            "delivery",
            "transform",
            invocations=invocations,
            seconds=_busy(
                load, invocations, assumed.transform_us.value, assumed.transform_mib.value
            ),
            mib=assumed.transform_mib.value,
        ),
        bill.item("delivery", "S3 PUT", objects / 1e3, "thousand", prices.s3.puts_thousand),
    ]


def processed(load: Load, found: Wire, prices: Prices) -> list[Item]:
    """Every consumer but delivery is a processor with a queue of its own; one may keep state."""
    assumed, number = load.assumed, load.fan_out + load.polling
    items: list[Item] = []
    if number:
        invocations = number * processor_invocations(load, found)
        items += bill.function(
            prices,
            "processing",
            "processors",
            invocations=invocations,
            seconds=_busy(
                load,
                invocations,
                number * assumed.processor_us.value,
                assumed.processor_mib.value,
            ),
            mib=assumed.processor_mib.value,
        )
        polls = number * assumed.polls.value * load.hours * 60
        items.append(
            bill.item(
                "processing", "SQS, idle", polls / 1e6, "million", prices.sqs.requests_million
            )
        )
    if load.devices:
        items += bill.state(
            prices,
            gb=load.devices * assumed.state_bytes.value * 1.2 / GIB,
            ecpus=load.events * assumed.event_ecpus.value,
            hours=load.hours,
        )
        zones = assumed.endpoints.value * load.hours
        items.append(
            bill.item(
                "processing",
                "VPC endpoints",
                zones,
                "hours",
                prices.network.endpoint_hour,
            )
        )
    return items


def kept(load: Load, prices: Prices) -> list[Item]:
    """The lake: storage, compaction, queries of one event date each, and the key of it all."""
    assumed = load.assumed
    gb = load.bytes * assumed.parquet.value / GIB
    day = gb * GIB / bill.MONTH_DAYS
    compactions = load.hours / 6
    objects = delivered_objects(load)
    kms = (load.producers + 2 + load.fan_out) * load.hours * 12 + 2 * objects
    return [
        *bill.storage(
            prices,
            added_gb=gb,
            months=load.months,
            infrequent_days=load.infrequent_days,
            archive_days=load.archive_days,
        ),
        *bill.function(
            prices,
            "lake",
            "compaction",
            invocations=compactions,
            seconds=gb * assumed.compaction_s.value,
            mib=assumed.compaction_mib.value,
        ),
        bill.item("lake", "S3 GET", objects / 1e3, "thousand", prices.s3.gets_thousand),
        *bill.queries(
            prices, number=load.queries * load.hours / 24, bytes_each=day * assumed.scanned.value
        ),
        bill.item("lake", "KMS key", 1, "key", prices.kms.key_month),
        bill.item("lake", "KMS requests", kms / 1e4, "10,000", prices.kms.requests_ten_thousand),
    ]


def watched(load: Load, found: Wire, prices: Prices) -> list[Item]:
    """Alarms, metrics of our own, logs and traces."""
    assumed, price = load.assumed, prices.cloudwatch
    number = load.fan_out + load.polling
    invocations = [transform_invocations(load), *[processor_invocations(load, found)] * number]
    alarms = assumed.type_alarms.value + number * assumed.processor_alarms.value
    metrics = assumed.type_metrics.value + number * assumed.processor_metrics.value
    logged = sum(invocations) * assumed.log_bytes.value / GIB
    traces = sum(min(one, load.seconds + one * assumed.traced.value) for one in invocations)
    return [
        bill.item("watching", "alarms", alarms, "alarms", price.alarm_month),
        bill.item("watching", "metrics", metrics, "metrics", price.metric_month),
        bill.item("watching", "logs", logged, "GB", price.log_gb),
        bill.item(
            "watching",
            "logs, stored",
            logged * assumed.log_months.value,
            "GB-months",
            price.log_stored_gb_month,
        ),
        bill.item("watching", "traces", traces / 1e6, "million", prices.functions.traces_million),
    ]


def delivered_objects(load: Load) -> float:
    """Objects in a month: the buffer is full, or its time is over, for every date that arrives."""
    assumed = load.assumed
    full = load.bytes / (assumed.buffer_mib.value * MIB)
    timed = load.seconds / assumed.buffer_seconds.value * assumed.dates.value
    return max(full, timed)


def transform_invocations(load: Load) -> float:
    """In a month: Firehose hands over a batch when it is full, or has waited."""
    assumed = load.assumed
    full = load.bytes / (assumed.transform_batch.value * MIB)
    return max(full, load.seconds / assumed.transform_wait.value)


def processor_invocations(load: Load, found: Wire) -> float:
    """In a month, of one processor: a batch per shard when it is full, and as often as records are
    pushed. A batch counts records, however many events are in each."""
    assumed = load.assumed
    each = found.records / found.shards
    return (
        found.shards
        * max(each / assumed.batch.value, min(each, assumed.pushes.value))
        * load.seconds
    )


def _busy(load: Load, invocations: float, microseconds: float, mib: float) -> float:
    """Seconds that invocations take together in a month: memory brings its share of a vCPU."""
    slower = max(1.0, load.assumed.whole_vcpu_mib.value / mib)
    whole = load.events * microseconds / 1e6 + invocations * load.assumed.invocation_ms.value / 1e3
    return whole * slower


def alternative(load: Load, prices: Prices) -> float:
    """USD of Flink instead of the processors' functions."""
    kpus = ceil(load.rate * load.peak * load.size / MIB / load.assumed.kpu_mib.value)
    return bill.total(bill.flink(prices, kpus=max(1, kpus), hours=load.hours))
