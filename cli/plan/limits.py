"""Which limit a growing load meets first, and what to change then.

Each limit is told by how much of it the load takes: above 1 it is met. Limits are AWS's defaults in
us-east-1; those marked as quotas can be raised by asking.
"""

from collections.abc import Iterator

import msgspec

from cli.plan.bill import MONTH_DAYS
from cli.plan.load import SHARD_BYTES, SHARD_BYTES_OUT, SHARD_RECORDS, Load, Wire, wire
from cli.plan.pipeline import Mode, transform_invocations
from cli.prices import GIB, MIB

FACTORS = (1, 10, 100, 1_000)

# https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
SHARD_QUOTA = 20_000
ON_DEMAND_START = 4 * MIB
ON_DEMAND_MOST = 10 * 1024 * MIB
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
CONCURRENCY_QUOTA = 1_000
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/quota-limits.html
VALKEY_SLOT_ECPUS = 30_000
VALKEY_BUCKETS = 64
# infra/environments.py: dev
SCAN_LIMIT = 10_000_000_000
FUNCTION_SECONDS = 900
COMPACTIONS = 4
"""A day: compaction_hours of dev."""
HTTP_RATE = 50
"""Requests per second of an API key, where nothing else is said: infra/http_settings.py."""
PRODUCER_EVENTS = 100_000
"""Per second and process; the producer's benchmark measures more."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """`used` is the share of the limit that the load takes."""

    name: str
    used: float
    change: str


class Grown(msgspec.Struct, frozen=True, kw_only=True):
    """A load at so many times its rate; `met` are the limits that it does not fit, the tightest
    first. The shards are those that it needs, not those that the plan has at ×1."""

    factor: int
    rate: float
    shards: int
    met: list[Limit]
    next: Limit
    """Of those that it fits, the one with the least room."""


def growth(load: Load, mode: Mode) -> list[Grown]:
    """The load at every factor, in the mode of the stream."""
    planned = wire(load).shards
    found = []
    for factor in FACTORS:
        grown = msgspec.structs.replace(load, rate=load.rate * factor, http=load.http * factor)
        sized = wire(grown)
        used = sorted(limits(grown, sized, planned, mode), key=lambda limit: -limit.used)
        found.append(
            Grown(
                factor=factor,
                rate=grown.rate,
                shards=sized.shards,
                met=[limit for limit in used if limit.used > 1],
                next=next(limit for limit in used if limit.used <= 1),
            )
        )
    return found


def limits(load: Load, found: Wire, planned: int, mode: Mode) -> Iterator[Limit]:
    """All limits of the pipeline under a load, sized as `found`; `planned` shards are there."""
    assumed = load.assumed
    rate, key = load.rate * load.peak, assumed.key_bytes.value
    if mode == "provisioned":
        yield _provisioned(load, found, planned)
    else:
        yield from _by_volume(load, found)
    carried = found.bytes * load.peak
    yield Limit(
        name="one shard's limit, for the most frequent key",
        used=load.hottest
        * rate
        * max((load.size + key) / SHARD_BYTES, found.records / load.rate / SHARD_RECORDS),
        change="no number of shards helps: a finer partition key (the contract's partition_key),"
        " at the price of order within the old one",
    )
    yield Limit(
        name="2 MiB/s out of a shard, for all who poll",
        used=(1 + load.polling) * carried / (found.shards * SHARD_BYTES_OUT),
        change="fan-out for the processors (Consumption.fan_out)",
    )
    yield Limit(
        name="shards of an account and region (quota)",
        used=found.shards / SHARD_QUOTA,
        change="ask for a higher quota, or spread event types over accounts",
    )
    yield from _functions(load, found, rate)
    yield Limit(
        name=f"events from {load.producers} producers",
        used=rate / (load.producers * PRODUCER_EVENTS),
        change="more processes that put (--producers)",
    )
    if load.http:
        yield Limit(
            name="requests/s of an API key (Http.rate)",
            used=load.http * load.peak / assumed.api_batch.value / HTTP_RATE,
            change="batches (POST /batches) in place of single events, or a higher rate, up to"
            " 10,000 (http in infra/environments.py)",
        )
    day = load.bytes * assumed.parquet.value / MONTH_DAYS
    yield Limit(
        name="bytes a query may scan (scan_limit_bytes of dev)",
        used=day * assumed.scanned.value / SCAN_LIMIT,
        change="raise scan_limit_bytes (infra/environments.py), ask for fewer columns or less than"
        " a date",
    )
    yield Limit(
        name="15 minutes of a compaction (compaction_hours of dev)",
        used=day / GIB / COMPACTIONS * assumed.compaction_s.value / FUNCTION_SECONDS,
        change="compaction_hours of 1, more compaction_memory_mib, or a larger buffer_mib"
        " (infra/environments.py)",
    )
    if load.devices:
        yield Limit(
            name="ECPUs of a bucket of state",
            used=rate * assumed.event_ecpus.value / VALKEY_BUCKETS / VALKEY_SLOT_ECPUS,
            change="more buckets of devices",
        )


def _provisioned(load: Load, found: Wire, planned: int) -> Limit:
    return Limit(
        name=f"{planned} shards, as planned at ×1",
        used=max(
            found.bytes * load.peak / (planned * SHARD_BYTES),
            found.records * load.peak / (planned * SHARD_RECORDS),
        ),
        change=f"the shard scaler, or {found.shards} shards in the contract (Provisioned):"
        " UpdateShardCount doubles at most, 10 times in 24 hours",
    )


def _by_volume(load: Load, found: Wire) -> Iterator[Limit]:
    carried = found.bytes * load.peak
    yield Limit(
        name="4 MiB/s, with which on-demand starts",
        used=carried / ON_DEMAND_START,
        change="on-demand takes twice what it has carried: raise the load by less than a factor of"
        " 2 in 15 minutes, or warm the stream (On-demand Advantage)",
    )
    yield Limit(
        name="10 GiB/s into an on-demand stream (quota)",
        used=carried / ON_DEMAND_MOST,
        change="several streams: one event type each",
    )


def _functions(load: Load, found: Wire, rate: float) -> Iterator[Limit]:
    assumed = load.assumed
    slower = max(1.0, assumed.whole_vcpu_mib.value / assumed.transform_mib.value)
    transforms = (
        rate * assumed.transform_us.value / 1e6
        + transform_invocations(load) / load.seconds * assumed.invocation_ms.value / 1e3
    ) * slower
    processors = (load.fan_out + load.polling) * found.shards
    yield Limit(
        name="concurrent functions of an account (quota)",
        used=(transforms + processors) / CONCURRENCY_QUOTA,
        change="ask for a higher quota; fewer, fuller shards by aggregation",
    )
    if not processors:
        return
    slower = max(1.0, assumed.whole_vcpu_mib.value / assumed.processor_mib.value)
    yield Limit(
        name="a processor's one function per shard (factor 1)",
        used=rate / found.shards * assumed.processor_us.value / 1e6 * slower,
        change="a factor up to 10 (Consumption.factor), more memory, or more shards",
    )
