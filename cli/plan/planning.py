"""The plan: one load, priced aggregated and not, in every mode, and grown."""

import msgspec

from cli.plan.bill import Item
from cli.plan.limits import Grown, growth
from cli.plan.load import Assumption, Load
from cli.plan.measured import Measured
from cli.plan.modes import Modes, modes
from cli.plan.pipeline import Bill, Mode, alternative, priced
from cli.prices import Prices


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An item of both bills: amounts and USD of a month."""

    part: str
    name: str
    unit: str
    plain: float
    aggregated: float
    plain_usd: float
    aggregated_usd: float


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """The load at a factor, and USD of its month in the plan's mode."""

    at: Grown
    usd: float


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `headrace plan` says."""

    load: Load
    measured: Measured | None
    mode: Mode
    plain_modes: Modes
    aggregated_modes: Modes
    plain: Bill
    aggregated: Bill
    lines: list[Line]
    ratio: float
    """Aggregated over plain."""
    counted_otherwise_usd: float
    """The aggregated bill if Firehose counted its steps by the events that it takes out."""
    flink_usd: float
    """Flink instead of the processors' functions."""
    functions_usd: float
    """What it would replace."""
    growth: list[Growth]
    prices_date: str
    prices_source: str
    region: str


def planned(
    load: Load, prices: Prices, *, mode: Mode | None = None, measured: Measured | None = None
) -> Plan:
    """The plan of a load that was checked; without a `mode`, in the one whose stream is cheapest.
    Growth is that of the load as given, aggregated or not."""
    plain = msgspec.structs.replace(load, aggregated=False)
    together = msgspec.structs.replace(load, aggregated=True)
    of_plain, of_together = modes(plain, prices), modes(together, prices)
    chosen = mode or (of_together if load.aggregated else of_plain).cheapest
    bills = priced(plain, prices, mode=chosen), priced(together, prices, mode=chosen)
    otherwise = priced(together, prices, mode=chosen, counted="delivered")
    return Plan(
        load=load,
        measured=measured,
        mode=chosen,
        plain_modes=of_plain,
        aggregated_modes=of_together,
        plain=bills[0],
        aggregated=bills[1],
        lines=lines(*bills),
        ratio=bills[1].usd / bills[0].usd,
        counted_otherwise_usd=otherwise.usd,
        flink_usd=alternative(load, prices),
        functions_usd=sum(
            item.usd
            for item in (bills[1] if load.aggregated else bills[0]).items
            if item.name.startswith("processors: ")
        ),
        growth=[
            Growth(
                at=grown,
                usd=priced(
                    msgspec.structs.replace(load, rate=grown.rate, http=load.http * grown.factor),
                    prices,
                    mode=chosen,
                ).usd,
            )
            for grown in growth(load, chosen)
        ],
        prices_date=prices.date,
        prices_source=prices.source,
        region=prices.region,
    )


def lines(plain: Bill, aggregated: Bill) -> list[Line]:
    """Both bills side by side."""
    one = {(item.part, item.name): item for item in plain.items}
    other = {(item.part, item.name): item for item in aggregated.items}
    found = []
    for key in sorted({**one, **other}, key=_order):
        left, right = one.get(key), other.get(key)
        item = left or right
        assert item is not None  # noqa: S101  the key is of one of them
        found.append(
            Line(
                part=item.part,
                name=item.name,
                unit=item.unit,
                plain=_amount(left),
                aggregated=_amount(right),
                plain_usd=left.usd if left else 0.0,
                aggregated_usd=right.usd if right else 0.0,
            )
        )
    return found


PARTS = ("ingestion", "delivery", "processing", "lake", "watching")


def _order(key: tuple[str, str]) -> int:
    return PARTS.index(key[0])


def _amount(item: Item | None) -> float:
    return item.amount if item else 0.0


def assumptions(load: Load) -> dict[str, Assumption]:
    """Every number that nobody typed, by its name."""
    return {name: getattr(load.assumed, name) for name in load.assumed.__struct_fields__}
