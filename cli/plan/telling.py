"""A plan as text: two bills side by side, the modes of the stream, and what breaks first."""

from typing import TYPE_CHECKING

from cli.plan.planning import PARTS, Plan, assumptions
from cli.prices import GIB
from cli.terminal import say, show, write

if TYPE_CHECKING:
    from rich.table import Table


def tell(plan: Plan, *, explained: bool) -> None:
    """Print it; remarks go to standard error."""
    load = plan.load
    write(
        f"{_number(load.rate)} events/s of {load.size:,.0f} bytes, peak × {load.peak:.2g}:"
        f" {load.events / 1e6:,.0f} million events and {load.bytes / GIB:,.0f} GB a month"
    )
    if plan.measured:
        found = plan.measured
        write(
            f"measured on {found.stream} ({found.shards} {found.mode}) since"
            f" {found.since:%Y-%m-%d %H:%M} UTC; the peak is its busiest hour"
        )
    write("")
    _modes(plan)
    write("")
    _bills(plan)
    write("")
    _growth(plan)
    if explained:
        write("")
        _assumptions(plan)
    _remarks(plan, explained=explained)


def _table(*columns: str, left: int = 1) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number < left else "right", no_wrap=True)
    return table


def _modes(plan: Plan) -> None:
    table = _table("the stream alone, USD a month", "plain", "aggregated")
    plain, aggregated = plan.plain_modes, plan.aggregated_modes
    for mode in plain.usd:
        shards = f", {plan.plain.shards} and {plan.aggregated.shards} shards"
        table.add_row(
            mode + (shards if mode == "provisioned" else ""),
            f"{plain.usd[mode]:,.2f}",
            f"{aggregated.usd[mode]:,.2f}",
        )
    show(table)
    found = aggregated if plan.load.aggregated else plain
    if found.peak is None:
        write("Shards cost less than on-demand whatever the ratio of peak to mean.")
    elif found.peak <= 1:
        write("On-demand costs less than shards even where the load never varies.")
    else:
        write(f"Shards for the peak cost less than on-demand until it is {found.peak:.1f} × mean.")
    if found.advantage_rate is None:
        write("On-demand Advantage never costs less than the standard here.")
    else:
        write(
            "On-demand Advantage costs less than the standard from"
            f" {_number(found.advantage_rate)} such events/s in the account on."
        )


def _bills(plan: Plan) -> None:
    table = _table(plan.mode, "unit", "plain", "aggregated", "USD plain", "aggregated", left=2)
    for part in PARTS:
        for line in (line for line in plan.lines if line.part == part):
            table.add_row(
                line.name,
                line.unit,
                _number(line.plain),
                _number(line.aggregated),
                f"{line.plain_usd:,.2f}",
                f"{line.aggregated_usd:,.2f}",
            )
    table.add_row("all", "", "", "", f"{plan.plain.usd:,.2f}", f"{plan.aggregated.usd:,.2f}")
    show(table, width=100)
    alone = " (one of those over HTTP)" if plan.load.http else ""
    write(
        f"Aggregated, {_number(plan.aggregated.events_per_record)} events to a record{alone}, it"
        f" costs {plan.ratio:.0%} of the same pipeline without."
    )


def _growth(plan: Plan) -> None:
    table = _table("load", "events/s", "shards", "USD a month")
    for one in plan.growth:
        at = one.at
        table.add_row(f"×{at.factor:,}", _number(at.rate), f"{at.shards:,}", f"{one.usd:,.0f}")
    show(table)
    told: set[str] = set()
    for one in plan.growth:
        new = [limit for limit in one.at.met if limit.name not in told]
        told |= {limit.name for limit in new}
        if not new:
            nearest = one.at.next
            first = "" if told else f"no limit; nearest: {nearest.name}, at {nearest.used:.0%}"
            write(f"×{one.at.factor:,}: {first or 'no further limit'}.")
        for number, limit in enumerate(new):
            word = "first" if number == 0 else "then"
            write(f"×{one.at.factor:,}: {word} {limit.name}, {_times(limit.used)} what it allows.")
            write(f"    Change: {limit.change}.")


def _assumptions(plan: Plan) -> None:
    for name, one in assumptions(plan.load).items():
        write(f"{name} = {one.value:g} {one.unit}".rstrip() + f": {one.why}")


def _remarks(plan: Plan, *, explained: bool) -> None:
    load = plan.load
    if load.aggregated or plan.aggregated.events_per_record > 1:
        say(
            "Firehose's steps of 5 KB are counted by the records that it reads, as its page has it;"
            " counted by the events in them, the aggregated bill would be"
            f" {plan.counted_otherwise_usd:,.2f}."
        )
    if load.fan_out + load.polling:
        say(
            f"Flink instead of the processors' functions: {plan.flink_usd:,.2f}, not"
            f" {plan.functions_usd:,.2f}."
        )
    say(
        f"Prices of {plan.prices_date}, {plan.region}, USD without free tiers and tax, from"
        f" {plan.prices_source}."
    )
    if not explained:
        say("What is assumed beside what was given: --explain.")


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return (
        f"{value:,.2f}".rstrip("0").rstrip(".") if value >= 0.01 or value == 0 else f"{value:.1g}"
    )


def _times(share: float) -> str:
    return f"{share:,.0f} ×" if share >= 10 else f"{share:.1f} ×"
