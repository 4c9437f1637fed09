"""The simulated year, every policy beside every other: `python -m tests.benchmarks.scaling`.

`--write` puts the table into tests/benchmarks/scaling/year.md, with date, seed and machine; `--all`
simulates every shape, with what goes wrong and without, and changes that take three times as long.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cli.prices import prices
from functions.shard_scaler.settings import Policy as Scaling
from tests.benchmarks.scaling.policies import Double2016, Fixed, OnDemand, Sample2021, Scaler
from tests.benchmarks.scaling.simulator import Outcome, Policy, aggregated, run
from tests.benchmarks.scaling.traffic import CALM, EVENTFUL, HARSH, SHAPES, Year, year

SEED = 7
MEAN = 3_000
"""Events of 1 KB a second."""
LEAST, MOST = 1, 100
FLOOR = 22
"""Shards that take the main year's worst spike: what a contract says whose team expects one."""
WIRE = aggregated()
TABLE = Path(__file__).with_name("year.md")
SAID = "\n## What it says\n"
"""From there on year.md is written by a person."""


class Case(NamedTuple):
    """A year, and how many times the assumed minutes a change of shards takes."""

    shape: str
    spikes: float = CALM
    slower: float = 1.0

    @property
    def title(self) -> str:
        what = "alone"
        if self.spikes:
            what = f"with spikes to {self.spikes:g} times, ramps, hot keys, readers that stop"
        slow = f"; changes take {self.slower:g} times as long" if self.slower != 1 else ""
        return f"{self.shape}, {what}{slow}"


MAIN = Case("airborne", EVENTFUL)
CASES = (
    MAIN,
    *(Case(shape) for shape in SHAPES),
    Case("airborne", HARSH),
    MAIN._replace(slower=3.0),
)


def policies(shape: Year) -> Iterator[Policy]:
    """New ones for a year; a fixed stream knows the year's peak beforehand."""
    yield OnDemand(WIRE, 5)
    yield OnDemand(WIRE, 15)
    most = -(-int(shape.rate.max() * WIRE.event_bytes) // 2**20)
    yield Fixed(most, f"fixed, {most}: the peak")
    yield Fixed(FLOOR)
    yield Sample2021(WIRE)
    yield Double2016(WIRE)
    for least in (LEAST, FLOOR):
        scaling = Scaling(least_shards=least, most_shards=MOST)
        yield Scaler(WIRE, scaling, name(least))


def name(least: int) -> str:
    return f"scaler, {least} to {MOST}"


def simulate(case: Case) -> dict[str, tuple[Outcome, float]]:
    """Each policy's year, and the seconds of processor time that it took."""
    given = year(case.shape, mean=MEAN, seed=SEED, spikes=case.spikes)
    found = {}
    for policy in policies(given):
        print(f"  {case.title}: {policy.name} …", file=sys.stderr, flush=True)
        begin = time.process_time()
        outcome = run(given, policy, WIRE, prices(), slower=case.slower)
        found[policy.name] = outcome, time.process_time() - begin
    return found


def figures(found: dict[str, tuple[Outcome, float]]) -> dict[str, float]:
    """The scaler that knows the spikes, and the one that does not, against the better on-demand."""
    on_demand = found["on-demand, in 5 min"][0]
    known, seconds = found[name(FLOOR)]
    unknown = found[name(LEAST)][0]
    return {
        "throttled_ratio": known.throttled / max(1.0, on_demand.throttled),
        "cost_ratio": known.usd / on_demand.usd,
        "oldest_minutes": known.oldest,
        "throttled_share": known.throttled_share,
        "unknown_throttled_ratio": unknown.throttled / max(1.0, on_demand.throttled),
        "unknown_cost_ratio": unknown.usd / on_demand.usd,
        "seconds": seconds,
    }


def table(case: Case, found: dict[str, tuple[Outcome, float]]) -> Iterator[str]:
    """Markdown."""
    cheap = found["on-demand, in 5 min"][0].usd
    yield f"\n## {case.title}\n"
    yield (
        "| policy | throttled events | of all | minutes | longest wait, min | oldest read, min"
        " | shards, mean | most | changes | USD | of on-demand | USD, stream alone |"
    )
    yield "|---|" + "---:|" * 11
    for one, _ in found.values():
        yield (
            f"| {one.policy} | {one.throttled:,.0f} | {one.throttled_share:.1e}"
            f" | {one.throttled_minutes:,} | {one.longest_wait:.1f} | {one.oldest:.0f}"
            f" | {one.shards:.1f} | {one.most_shards} | {one.changes:,} | {one.usd:,.0f}"
            f" | {one.usd / cheap:.0%} | {one.usd_alone:,.0f} |"
        )


def head(cases: int) -> Iterator[str]:
    price = prices()
    yield "# A year of one stream, simulated\n"
    yield (
        f"Written by `python -m tests.benchmarks.scaling --write{' --all' if cases > 1 else ''}` on"
        f" {datetime.now(UTC):%Y-%m-%d}, seed {SEED}, Python {platform.python_version()},"
        f" {platform.machine()}, {os.cpu_count()} processors. {MEAN:,} events/s of 1 KB in the mean"
        " of a year without its spikes and ramps, by the minute; the same events for every policy."
    )
    yield (
        f"Prices of {price.date}, {price.region}: a delivery that polls and a processor with"
        " fan-out; a throttled event is counted once, and put again until it is taken."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")
    parser.add_argument("--write", action="store_true", help=f"put the table into {TABLE.name}")
    parser.add_argument("--all", action="store_true", help="every case, not the main one alone")
    asked = parser.parse_args()
    cases = CASES if asked.all else (MAIN,)
    lines, measured = list(head(len(cases))), {}
    for case in cases:
        found = simulate(case)
        lines += table(case, found)
        if case is MAIN:
            measured = figures(found)
    if asked.write:
        _, heading, said = TABLE.read_text().partition(SAID)
        TABLE.write_text("\n".join(lines) + "\n" + heading + said)
    print(json.dumps(measured) if asked.json else "\n".join(lines))


if __name__ == "__main__":
    main()
