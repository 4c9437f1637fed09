"""What each service bills: amounts of one month in, items out. A formula is that of the AWS page
its price is from, which stands beside the price in `cli/prices.json`."""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import msgspec

from cli.prices import GIB, KIB, MIB, TIB, OnDemand, Prices, stepped

MONTH_DAYS = 365 / 12


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a bill: an amount in its unit, and USD."""

    part: str
    """Of the pipeline: ingestion, delivery, processing, lake, watching."""
    name: str
    amount: float
    unit: str
    usd: float


class Puts(NamedTuple):
    """So many records of a month, of so many bytes each: where a service bills steps of a record,
    the mean of long and short ones would be billed otherwise than they are."""

    records: float
    bytes: float


def total(items: list[Item]) -> float:
    return sum(item.usd for item in items)


def provisioned(
    prices: Prices,
    *,
    shards: float,
    hours: float,
    puts: Sequence[Puts],
    retention_hours: int = 24,
    fan_out: int = 0,
) -> list[Item]:
    """Shard-hours; PUT payload units, 25 KiB steps of each of the records, whose keys are not
    counted; retention beyond 24 hours by the shard-hour, beyond 7 days by the GB-month; `fan_out`
    consumers by the shard-hour and by what each reads.

    https://aws.amazon.com/kinesis/data-streams/pricing/
    """
    price = prices.kinesis
    units = _steps(puts, price.put_unit_kib)
    gb = _bytes(puts) / GIB
    items = [
        item("ingestion", "shards", shards * hours, "shard-hours", price.shard_hour),
        item("ingestion", "PUT payload units", units / 1e6, "million", price.put_units_million),
    ]
    if retention_hours > 24:
        items.append(
            item(
                "ingestion",
                "retention to 7 days",
                shards * hours,
                "shard-hours",
                price.extended_shard_hour,
            )
        )
    if retention_hours > 168:
        kept = _kept(gb, hours, retention_hours - 168)
        items.append(item("ingestion", "retention beyond", kept, "GB-months", price.long_gb_month))
    if fan_out:
        items += [
            item(
                "processing",
                "fan-out consumers",
                fan_out * shards * hours,
                "shard-hours",
                price.fan_out_shard_hour,
            ),
            item("processing", "fan-out data", fan_out * gb, "GB", price.fan_out_gb),
        ]
    return items


def by_volume(
    price: OnDemand,
    *,
    streams: int = 1,
    hours: float,
    puts: Sequence[Puts],
    retention_hours: int = 24,
    polling: int = 1,
    fan_out: int = 0,
) -> list[Item]:
    """On-demand, standard or advantage: stream-hours; GB in, each record as whole KiB; GB out for
    every consumer that polls, and for every one with fan-out at its own price; storage beyond 24
    hours by the GB-month. Advantage bills `least_mib` MiB/s in and out at the least, for all the
    streams of an account together: the whole of it is put on this one stream here.

    https://aws.amazon.com/kinesis/data-streams/pricing/
    https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html
    """
    taken = _steps(puts, price.record_kib) * price.record_kib * KIB / GIB
    read = _bytes(puts) / GIB
    least = price.least_mib * MIB * hours * 3600 / GIB
    items = [
        item("ingestion", "data in", max(least, taken), "GB", price.in_gb),
        item("ingestion", "data out", polling * read, "GB", price.out_gb),
    ]
    if short := max(0.0, least - (polling + fan_out) * read):
        items.append(item("ingestion", "data out, to the least", short, "GB", price.out_gb))
    if price.stream_hour:
        hour = item("ingestion", "stream", streams * hours, "hours", price.stream_hour)
        items.insert(0, hour)
    if retention_hours > 24:
        kept = _kept(taken, hours, min(retention_hours, 168) - 24)
        items.append(
            item("ingestion", "retention to 7 days", kept, "GB-months", price.extended_gb_month)
        )
    if retention_hours > 168:
        kept = _kept(taken, hours, retention_hours - 168)
        items.append(item("ingestion", "retention beyond", kept, "GB-months", price.long_gb_month))
    if fan_out:
        items.append(item("processing", "fan-out data", fan_out * read, "GB", price.fan_out_gb))
    return items


def delivery(
    prices: Prices,
    *,
    puts: Sequence[Puts],
    delivered_bytes: float,
    objects: float,
    converted: bool = True,
    partitioned: bool = True,
) -> list[Item]:
    """Firehose: GB ingested in steps of 5 KiB per record, tiered; conversion of the same GB;
    dynamic partitioning of the GB delivered, and of the objects.

    https://aws.amazon.com/firehose/pricing/
    """
    price = prices.firehose
    gb = _steps(puts, price.step_kib) * price.step_kib * KIB / GIB
    items = [
        Item(
            part="delivery",
            name="Firehose ingestion",
            amount=gb,
            unit="GB of 5 KB",
            usd=stepped(gb, price.ingested_gb),
        )
    ]
    if converted:
        items.append(item("delivery", "Firehose conversion", gb, "GB of 5 KB", price.converted_gb))
    if partitioned:
        items += [
            item(
                "delivery",
                "Firehose partitioning",
                delivered_bytes / GIB,
                "GB",
                price.partitioned_gb,
            ),
            item(
                "delivery",
                "Firehose objects",
                objects / 1e3,
                "thousand",
                price.objects_thousand,
            ),
        ]
    return items


def function(
    prices: Prices, part: str, name: str, *, invocations: float, seconds: float, mib: float
) -> list[Item]:
    """Lambda: requests, and GB-seconds, tiered, of all invocations together. The free tier of an
    account is left out.

    https://aws.amazon.com/lambda/pricing/
    """
    price = prices.functions
    compute = seconds * mib / 1024
    return [
        item(part, f"{name}: requests", invocations / 1e6, "million", price.requests_million),
        Item(
            part=part,
            name=f"{name}: compute",
            amount=compute,
            unit="GB-s",
            usd=stepped(compute, price.gb_seconds),
        ),
    ]


def storage(
    prices: Prices,
    *,
    added_gb: float,
    months: int,
    infrequent_days: int = 0,
    archive_days: int = 0,
) -> list[Item]:
    """S3 in month `months`, when as much was added in each month until then, evenly: the mean of
    what is stored, by the class that its age gives it.

    https://aws.amazon.com/s3/pricing/
    """
    price = prices.s3

    def stored(younger: float) -> float:
        """GB of an age below so many days, in the mean of the month."""
        age = younger / MONTH_DAYS
        first, last = months - 1.0, float(months)
        # The age of the oldest grows through the month: integrate min(now, age) from first to last.
        grown = max(first, min(last, age))
        return added_gb * ((grown**2 - first**2) / 2 + age * (last - grown))

    ends = [days for days in (infrequent_days, archive_days) if days]
    everything = added_gb * (months - 0.5)
    bounds = [stored(days) for days in ends] + [everything]
    standard = bounds[0]
    items = [
        Item(
            part="lake",
            name="S3 standard",
            amount=standard,
            unit="GB-months",
            usd=stepped(standard, price.standard_gb_month),
        )
    ]
    if infrequent_days:
        older = bounds[1] - bounds[0]
        items.append(item("lake", "S3 infrequent", older, "GB-months", price.infrequent_gb_month))
    if archive_days:
        older = bounds[-1] - bounds[-2]
        items.append(item("lake", "S3 archive", older, "GB-months", price.archive_gb_month))
    return items


def queries(prices: Prices, *, number: float, bytes_each: float) -> list[Item]:
    """Athena: TB scanned, each query in whole MiB and for 10 MiB at least.

    https://aws.amazon.com/athena/pricing/
    """
    each = max(ceil(bytes_each / MIB) * MIB, prices.athena.minimum_bytes)
    return [item("lake", "Athena", number * each / TIB, "TB", prices.athena.tb_scanned)]


def state(prices: Prices, *, gb: float, ecpus: float, hours: float) -> list[Item]:
    """Valkey serverless: GB-hours, 100 MB at the least, and ECPUs.

    https://aws.amazon.com/elasticache/pricing/
    """
    price = prices.valkey
    stored = max(gb, price.least_gb) * hours
    return [
        item("processing", "Valkey data", stored, "GB-hours", price.gb_hour),
        item("processing", "Valkey ECPUs", ecpus / 1e6, "million", price.ecpu_million),
    ]


def api(prices: Prices, *, requests: float) -> list[Item]:
    """API Gateway: requests, tiered.

    https://aws.amazon.com/api-gateway/pricing/
    """
    million = requests / 1e6
    return [
        Item(
            part="ingestion",
            name="API Gateway",
            amount=million,
            unit="million",
            usd=stepped(million, prices.api.requests_million),
        )
    ]


def flink(prices: Prices, *, kpus: int, hours: float) -> list[Item]:
    """Managed Flink: KPU-hours, one KPU more per application, and 50 GB of storage with each.

    https://aws.amazon.com/managed-service-apache-flink/pricing/
    """
    price = prices.flink
    return [
        item("processing", "Flink KPUs", (kpus + 1) * hours, "KPU-hours", price.kpu_hour),
        item("processing", "Flink storage", kpus * 50, "GB-months", price.storage_gb_month),
    ]


def _steps(puts: Sequence[Puts], kib: float) -> float:
    """Whole steps of so many KiB, of each record."""
    return sum(records * ceil(size / (kib * KIB)) for records, size in puts)


def _bytes(puts: Sequence[Puts]) -> float:
    return sum(records * size for records, size in puts)


def _kept(gb: float, hours: float, kept_hours: float) -> float:
    """GB-months of what flows in a month of so many hours and is kept for a time."""
    return gb / hours * kept_hours


def item(part: str, name: str, amount: float, unit: str, price: float) -> Item:
    """A line whose price does not fall with the amount."""
    return Item(part=part, name=name, amount=amount, unit=unit, usd=amount * price)
