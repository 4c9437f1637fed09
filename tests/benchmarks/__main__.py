"""Every figure, measured now, beside what it is to be: `make bench`.

`python -m tests.benchmarks [--json] [NAME…]`. Each benchmark runs in an interpreter of its own. A
figure that is missed is said so, and the exit code is 1.
"""

import argparse
import json
import subprocess
import sys
from math import isnan
from typing import NamedTuple

from rich.console import Console
from rich.table import Table


class Figure(NamedTuple):
    """What a benchmark measures under `key` is at most, or at least, `bound`."""

    benchmark: str
    key: str
    meaning: str
    bound: float
    most: bool = True

    def holds(self, value: float) -> bool:
        """A peer that cannot be had here is said so by its benchmark, and missed by nobody."""
        if isnan(value):
            return True
        return value <= self.bound if self.most else value >= self.bound


FIGURES = (
    Figure("demo", "seconds", "demo after set-up, s", 120),
    Figure("demo", "peak_mib", "demo, memory of all processes, MiB", 2048),
    Figure("transform", "ratio", "transform / floor of base64 and msgspec", 3),
    Figure("coldstart", "ratio", "cold start of the transform / import boto3", 1),
    Figure("processor", "ratio", "processor / Powertools with pydantic", 0.5),
    Figure("mapping", "fan_out_ms", "put to processed, enhanced fan-out, ms", 100),
    Figure("mapping", "latency_ratio", "… / the standard consumer's", 1),
    Figure("mapping", "records_per_second", "event source mapping, records/s", 20_000, most=False),
    Figure("delivery", "engine_per_second", "delivery, records/s", 40_000, most=False),
    Figure("delivery", "conversion_ratio", "conversion / pyarrow's JSON to Parquet", 2),
    Figure("redrive", "ratio", "redrive / reading and invoking plainly", 1.2),
    Figure("athena", "overhead_ms", "a query in SQL, more than plain DuckDB, ms", 50),
    Figure("athena", "day_share", "bytes billed for one day / that day's objects'", 1.05),
    Figure("compaction", "objects_a_day_after", "300 objects a day, after compaction", 2),
    Figure(
        "compaction", "aircraft_speedup", "query of one aircraft, x times as fast", 5, most=False
    ),
    Figure("rescue", "alone_seconds", "failure message to archive, s", 10),
    Figure("audit", "seconds_0", "audit of all flights, none missing, s", 20),
    Figure("audit", "ten_ratio", "… with 10 missing, times as long", 2),
    Figure("audit", "named_per_missing", "… records compared by name, per missing one", 2_048),
    Figure("release", "apply_per_second", "reports/s counted on one core", 40_000, most=False),
    Figure("release", "handler_us", "… through the handler, us per report", 25),
    Figure("release", "bytes_per_device", "state per device, bytes", 50),
    Figure("release", "warm_connections", "connections to the cache by warm invocations", 0),
    Figure("release", "connections_per_environment", "… by 1,000 invocations, per environment", 1),
    Figure("producer", "events_per_second", "producer, events/s on one core", 150_000, most=False),
    Figure("producer", "boto3_ratio", "… / boto3's plain loop", 10, most=False),
    Figure("producer", "peer_ratio", "… / aiokpl", 3, most=False),
    Figure("producer", "fill", "… records filled, share of their limit", 0.95, most=False),
    Figure("replay", "ratio", "replay, aggregated / one event a record", 3, most=False),
    Figure("compaction", "day_share_of_its_objects", "query of a day / bytes of its objects", 1),
    Figure("plan", "small_all", "20,000/s of 300 B: aggregated / plain, USD", 1 / 3),
    Figure("plan", "large_third", "3,000/s of 1 KB: …, from producer to lake", 1 / 3),
    Figure("plan", "large_all", "… with a fan-out processor, queries, alarms, traces", 1 / 3),
    Figure("scaling", "throttled_ratio", "a year's throttled events, scaler / on-demand", 1),
    Figure("scaling", "cost_ratio", "… USD", 0.6),
    Figure("scaling", "oldest_minutes", "… oldest read after an hour's stop, min", 61),
    Figure("scaling", "seconds", "… simulated, s", 60),
)


def main() -> int:
    """Measure, print, and say by the exit code whether every figure holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("names", nargs="*", metavar="NAME", help="these benchmarks only")
    asked = parser.parse_args()
    names = asked.names or list(dict.fromkeys(figure.benchmark for figure in FIGURES))
    measured = {name: run(name) for name in names}
    wanted = [figure for figure in FIGURES if figure.benchmark in measured]
    missed = [f for f in wanted if not f.holds(measured[f.benchmark][f.key])]
    if asked.json:
        print(json.dumps(measured, indent=2))
    else:
        show(wanted, measured)
    return 1 if missed else 0


def run(name: str) -> dict[str, float]:
    """What one benchmark measures."""
    print(f"{name} …", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", f"tests.benchmarks.{name}", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def show(wanted: list[Figure], measured: dict[str, dict[str, float]]) -> None:
    table = Table("figure", "measured", "bound", "")
    for figure in wanted:
        value = measured[figure.benchmark][figure.key]
        bound = f"{'at most' if figure.most else 'at least'} {figure.bound:,g}"
        table.add_row(
            figure.meaning, f"{value:,.2f}", bound, "" if figure.holds(value) else "missed"
        )
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
