"""The arithmetic of `headrace plan`: AWS's own published examples, and what the pages say."""

from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, inf, nan
from typing import Any

import pytest
from msgspec.structs import replace

from cli.errors import WrongUsage
from cli.plan import bill
from cli.plan.limits import FACTORS, HTTP_RATE, growth
from cli.plan.load import Assumptions, Load, Wire, wire
from cli.plan.modes import modes
from cli.plan.pipeline import MODES, priced
from cli.plan.planning import planned
from cli.prices import GIB, KIB, MIB, prices, stepped
from infra import watches
from infra.http_settings import Http

MONTH_31, MONTH_30 = 31 * 24, 30 * 24
"""Hours: AWS's examples count one or the other."""


def cents(usd: float) -> float:
    return round(usd + 1e-9, 2)


def usd(items: list[bill.Item]) -> dict[str, float]:
    return {item.name: cents(item.usd) for item in items}


# https://aws.amazon.com/kinesis/data-streams/pricing/: 100 records of 35 KB a second, 31 days
def test_the_example_of_provisioned_shards() -> None:
    items = bill.provisioned(
        prices(),
        shards=ceil(100 * 35 / 1024),
        hours=MONTH_31,
        puts=[bill.Puts(100 * MONTH_31 * 3600, 35 * KIB)],
    )
    assert usd(items) == {"shards": 44.64, "PUT payload units": 7.50}
    assert cents(bill.total(items)) == 52.14


def test_the_example_of_extended_retention() -> None:
    items = bill.provisioned(
        prices(),
        shards=4,
        hours=MONTH_31,
        puts=[bill.Puts(100 * MONTH_31 * 3600, 35 * KIB)],
        retention_hours=168,
    )
    assert usd(items)["retention to 7 days"] == 59.52
    assert cents(bill.total(items)) == 111.66


# As its page has it: 0.015 a consumer-shard-hour, and 0.013 of each GB that a consumer reads
def test_fan_out_is_billed_for_every_consumer() -> None:
    items = bill.provisioned(
        prices(), shards=4, hours=MONTH_31, puts=[bill.Puts(GIB / KIB, 100 * KIB)], fan_out=3
    )
    fan_out = {item.name: (item.amount, cents(item.usd)) for item in items[2:]}
    assert fan_out == {
        "fan-out consumers": (3 * 4 * MONTH_31, 133.92),
        "fan-out data": (3 * 100, 3.90),
    }


# Its first form, of 2013: a PUT of 5 KB was billed as a transaction, 0.028 USD a million, a day.
def test_the_first_example_with_its_own_price_of_a_put() -> None:
    then = replace(prices(), kinesis=replace(prices().kinesis, put_units_million=0.028))
    items = bill.provisioned(then, shards=5, hours=24, puts=[bill.Puts(1_000 * 86_400, 5 * KIB)])
    assert usd(items) == {"shards": 1.80, "PUT payload units": 2.42}
    assert cents(bill.total(items)) == 4.22


# https://aws.amazon.com/firehose/pricing/: records of 3 KB, 30 days, count as 5 KB
@pytest.mark.parametrize(
    ("rate", "gb", "ingested"), [(1_000, 12_359.62, 358.43), (100, 1_235.96, 35.84)]
)
def test_the_examples_of_ingestion(rate: int, gb: float, ingested: float) -> None:
    items = bill.delivery(
        prices(),
        puts=[bill.Puts(rate * MONTH_30 * 3600, 3 * KIB)],
        delivered_bytes=0,
        objects=0,
        converted=False,
        partitioned=False,
    )
    assert round(items[0].amount, 2) == gb
    assert usd(items) == {"Firehose ingestion": ingested}


def test_the_example_of_conversion_and_partitioning() -> None:
    delivered = 100 * 3 * KIB * MONTH_30 * 3600
    items = bill.delivery(
        prices(),
        puts=[bill.Puts(100 * MONTH_30 * 3600, 3 * KIB)],
        delivered_bytes=delivered,
        objects=ceil(delivered / (64 * MIB)),
    )
    assert usd(items) == {
        "Firehose ingestion": 35.84,
        "Firehose conversion": 22.25,
        "Firehose partitioning": 14.83,
        "Firehose objects": 0.06,
    }


@dataclass(frozen=True)
class Example:
    """Of https://aws.amazon.com/lambda/pricing/, with the free tier that it takes off."""

    million: float
    seconds: float
    mib: int
    gb_second: float
    compute: float
    requests: float


@pytest.mark.parametrize(
    "example",
    [
        Example(3, 1.0, 512, 0.00001667, 18.34, 0.40),
        Example(30, 0.2, 128, 0.00001667, 5.83, 5.80),
        Example(3, 0.12, 1536, 0.0000166667, 2.33, 0.40),
    ],
)
def test_the_examples_of_functions(example: Example) -> None:
    free_seconds = 400_000 / (example.mib / 1024)
    x86 = replace(prices().functions, gb_seconds=((None, example.gb_second),))
    items = bill.function(
        replace(prices(), functions=x86),
        "delivery",
        "it",
        invocations=(example.million - 1) * 1e6,
        seconds=example.million * 1e6 * example.seconds - free_seconds,
        mib=example.mib,
    )
    assert usd(items) == {"it: requests": example.requests, "it: compute": example.compute}


# https://aws.amazon.com/athena/pricing/: 3 TB of text, the same compressed, a third in columns
@pytest.mark.parametrize(("tib", "cost"), [(3, 15.00), (1, 5.00), (1 / 3, 1.67)])
def test_the_examples_of_queries(tib: float, cost: float) -> None:
    (item,) = bill.queries(prices(), number=1, bytes_each=tib * 1024**4)
    assert cents(item.usd) == cost


# https://aws.amazon.com/s3/faqs/: 52,900 GB-months; 10,000 PUT and 20,000 GET a day in March
def test_the_examples_of_storage_and_requests() -> None:
    price = prices().s3
    assert cents(stepped(52_900, price.standard_gb_month)) == 1_215.00
    assert cents(10_000 * 31 / 1e3 * price.puts_thousand) == 1.55
    assert cents(20_000 * 31 / 1e3 * price.gets_thousand) == 0.25


def test_a_price_falls_by_steps() -> None:
    tiers = ((10.0, 3.0), (20.0, 2.0), (None, 1.0))
    assert [stepped(amount, tiers) for amount in (0, 4, 10, 15, 20, 25)] == [0, 12, 30, 40, 50, 55]


def test_on_demand_counts_whole_kib_and_every_reader() -> None:
    """4.5 KB counts as 5, as the page says; what is read is not rounded."""
    items = bill.by_volume(
        prices().kinesis.on_demand, hours=730, puts=[bill.Puts(GIB / KIB, 4.5 * KIB)], fan_out=2
    )
    assert {item.name: item.amount for item in items} == {
        "stream": 730,
        "data in": 5,
        "data out": 4.5,
        "fan-out data": 9,
    }


def test_advantage_is_billed_for_25_mib_a_second_at_the_least() -> None:
    items = bill.by_volume(
        prices().kinesis.advantage, hours=730, puts=[bill.Puts(1, KIB)], polling=1
    )
    least = 25 * MIB * 730 * 3600 / GIB
    assert sum(item.usd for item in items) == pytest.approx(least * (0.032 + 0.016), rel=1e-6)


def test_storage_moves_with_its_age() -> None:
    """In the third month of 100 GB each: 250 GB-months; what is older than 30 days has moved."""
    items = bill.storage(prices(), added_gb=100, months=3, infrequent_days=30)
    standard, infrequent = (item.amount for item in items)
    assert standard == pytest.approx(100 * 30 / bill.MONTH_DAYS)
    assert standard + infrequent == pytest.approx(250)


@pytest.mark.parametrize(
    ("load", "shards"),
    [
        (Load(rate=1_000, size=100, utilisation=1, aggregated=False), 1),
        (Load(rate=1_001, size=100, utilisation=1, aggregated=False), 2),
        (Load(rate=10, size=200 * KIB - 16, utilisation=1, aggregated=False), 2),
        (Load(rate=10, size=200 * KIB - 16, utilisation=1, aggregated=False, polling=3), 4),
        (Load(rate=700, size=100, aggregated=False), 1),
        (Load(rate=700, size=100, aggregated=False, peak=3), 3),
        (Load(rate=20_000, size=300, aggregated=False), 29),
        (Load(rate=20_000, size=300), 9),
        (Load(rate=20_000, size=300, http=20_000), 29),
        (Load(rate=20_000, size=300, http=10_000), 16),
    ],
)
def test_shards_are_as_many_as_the_first_limit_wants(load: Load, shards: int) -> None:
    assert wire(load).shards == shards


def test_one_event_in_a_record_is_no_aggregation() -> None:
    """Ten events a second of a hundred producers: none has two while a record waits."""
    load = Load(rate=10, size=500, producers=100)
    assert wire(load) == wire(replace(load, aggregated=False))


@pytest.mark.parametrize("rate", [0.3, 20_000])
def test_what_comes_over_http_is_one_event_to_a_record(rate: float) -> None:
    load = Load(rate=rate, size=300, http=rate)
    assert wire(load) == wire(replace(load, aggregated=False))
    for mode in MODES:
        bills = [
            priced(replace(load, aggregated=it), prices(), mode=mode).items for it in (True, False)
        ]
        assert bills[0] == bills[1]


def test_what_comes_over_http_beside_what_producers_aggregate_is_counted_by_itself() -> None:
    """10,000 events/s of four producers, every 0.1 seconds into each of 16 shards."""
    load, shared = Load(rate=20_000, size=300, http=10_000), 4 / 0.1 * 16
    assert wire(load) == Wire(
        shards=16,
        records=shared + 10_000,
        alone=10_000,
        bytes=10_000 * (300 + 16 + 8) + shared * (20 + 16) + 10_000 * (300 + 16),
        record_bytes=10_000 * (300 + 16 + 8) / shared + 20,
        events_per_record=10_000 / shared,
    )
    found = priced(load, prices(), mode="provisioned").items
    amounts = {item.name: item.amount for item in found}
    million = (shared + 10_000) * load.seconds / 1e6
    assert amounts["PUT payload units"] == pytest.approx(million)
    assert amounts["Firehose ingestion"] == pytest.approx(million * 1e6 * 5 * KIB / GIB)


@pytest.mark.parametrize(
    ("load", "says"),
    [
        (Load(rate=0, size=100), "A rate of 0 events a second is no load"),
        (Load(rate=10, size=0), "Events of 0 bytes are none"),
        (Load(rate=10, size=11 * MIB), "Kinesis takes no record above 10 MiB"),
        (Load(rate=10, size=10, retention_hours=12), "from 24 hours to 365 days, not 12"),
        (Load(rate=10, size=10, fan_out=21), "at most 20 fan-out consumers, not 21"),
        (Load(rate=inf, size=10), "A rate of inf events a second is no load"),
        (Load(rate=10, size=10, peak=nan), "A peak of nan times the mean is none"),
        (Load(rate=10, size=10, peak=inf), "A peak of inf times the mean is none"),
        (Load(rate=10, size=10, http=inf), "Of 10 events a second inf cannot come over HTTP"),
        (Load(rate=10, size=10, http=11), "Of 10 events a second 11 cannot come over HTTP"),
        (Load(rate=10, size=10, linger=nan), "An event cannot wait nan seconds"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_do(load: Load, says: str) -> None:
    with pytest.raises(WrongUsage, match=says):
        load.checked()


def test_the_bill_is_its_lines() -> None:
    load = Load(rate=3_000, size=KIB, devices=1_000_000, http=5, retention_hours=400, months=14)
    load = replace(load, infrequent_days=90, archive_days=365, polling=1)
    plan = planned(load, prices())
    for mode in MODES:
        found = priced(load, prices(), mode=mode)
        assert found.usd == pytest.approx(sum(item.usd for item in found.items))
        assert all(item.usd >= 0 and item.amount >= 0 for item in found.items)
        names = [(item.part, item.name) for item in found.items]
        assert len(names) == len(set(names))
    assert sum(line.plain_usd for line in plan.lines) == pytest.approx(plan.plain.usd)
    assert sum(line.aggregated_usd for line in plan.lines) == pytest.approx(plan.aggregated.usd)
    assert date.fromisoformat(plan.prices_date) == date.fromisoformat(prices().date)


@pytest.mark.parametrize(
    "load",
    [
        Load(rate=500, size=700, aggregated=False),
        Load(rate=500, size=700),
        Load(rate=3_000, size=KIB),
        Load(rate=20_000, size=300),
    ],
)
def test_the_break_even_is_where_both_cost_the_same(load: Load) -> None:
    found = modes(load, prices())
    assert found.peak is not None
    assert found.advantage_rate is not None
    for factor, shards_cost_less in ((0.99, True), (1.01, False)):
        usd = modes(replace(load, peak=found.peak * factor), prices()).usd
        assert (usd["provisioned"] < usd["on-demand"]) is shards_cost_less
    for factor, cheaper in ((0.9, False), (1.1, True)):
        usd = modes(replace(load, rate=found.advantage_rate * factor), prices()).usd
        assert (usd["advantage"] < usd["on-demand"]) is cheaper


def test_a_growing_load_meets_limits_one_after_the_other() -> None:
    found = growth(Load(rate=3_000, size=KIB), "provisioned")
    assert [one.factor for one in found] == [1, 10, 100, 1_000]
    counts = [len(one.met) for one in found]
    assert counts == sorted(counts)
    assert all(limit.used > 1 for one in found for limit in one.met)
    at_ten = {limit.name: limit.used for limit in found[1].met}
    assert at_ten["5 shards, as planned at ×1"] == pytest.approx(6, abs=0.1)
    hot = growth(Load(rate=3_000, size=KIB, hottest=0.5), "provisioned")[0].met[0]
    assert hot.name == "one shard's limit, for the most frequent key"


def test_what_comes_over_http_grows_with_the_load_until_a_key_may_not_ask_more() -> None:
    load = Load(rate=60, size=KIB, http=30, peak=1.5)
    found = growth(load, "on-demand")
    name = "requests/s of an API key (Http.rate)"
    shares = [limit.used for one in found for limit in (*one.met, one.next) if limit.name == name]
    assert shares == pytest.approx([30 * 1.5 / HTTP_RATE * factor for factor in FACTORS])
    assert Http().rate == HTTP_RATE
    usd = planned(load, prices()).growth[1].usd
    assert usd == pytest.approx(planned(replace(load, rate=600, http=300), prices()).growth[0].usd)


def test_the_largest_load_is_planned_at_once() -> None:
    """Where each shard more makes as many more records, shards are not counted one by one."""
    load = Load(rate=1e9, size=300, peak=10_000).checked()
    assert wire(replace(load, peak=17.5001)) == wire(replace(load, peak=17.5001, aggregated=False))
    assert planned(load, prices()).aggregated_modes.peak == pytest.approx(17.5)


def test_aggregation_costs_a_third_where_events_are_small() -> None:
    """And not quite where they fill a kilobyte: what is counted by the byte is not less."""
    for load, most in ((Load(rate=20_000, size=300), 1 / 3), (Load(rate=3_000, size=KIB), 0.42)):
        plan = planned(load, prices(), mode="provisioned")
        assert plan.ratio < most
        assert plan.counted_otherwise_usd > plan.aggregated.usd
        ingested = [line for line in plan.lines if line.part in ("ingestion", "delivery")]
        aggregated = sum(line.aggregated_usd for line in ingested)
        assert aggregated / sum(line.plain_usd for line in ingested) < 1 / 3


def test_alarms_are_counted_as_they_are_deployed() -> None:
    it = {"of": "it"}
    named: dict[str, Any] = {"environment": "dev", "function": it}
    week = timedelta(days=7)
    of_type = [
        *watches.of_event_type(
            "it",
            environment="dev",
            retention=week,
            stream=it,
            delivery=it,
            resubmission=it,
            transform=it,
        ),
        *watches.of_compaction("it", **named),
        *watches.of_audit("it", retention=week, **named),
    ]
    of_processor = watches.of_processor(
        "it",
        retention=week,
        age=week / 2,
        consumer=it,
        mapping=it,
        queue=it,
        rescue=it,
        **named,
    )
    assumed = Assumptions()
    assert assumed.type_alarms.value == len(of_type)
    assert assumed.processor_alarms.value == len(of_processor)
