"""A lake as 60 s buffering leaves it, before and after compaction: 30 days of 300 small objects.

`python -m tests.benchmarks.compaction [--json]`. Deployed by the CDK on a local AWS; queried
through Athena's API as everybody queries it, through the views. Every time is the best of some
runs, before and after alike, so caches that the local AWS has help both.
"""

import argparse
import io
import json
import os
import random
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from functions.compaction.planning import Found
from functions.compaction.store import Store
from local.server import LocalAWS
from tests.conftest import ROOT
from tests.lake import SCHEMA, World, flight, world

DAYS, OBJECTS, ROWS = 30, 300, 200
AIRCRAFT = 4_000
RUNS = 3
FIRST = date(2013, 6, 1)
TAIL = "N01234"
ONE_AIRCRAFT = (
    "SELECT event_date, origin, destination, scheduled_departure, distance"
    f" FROM flight WHERE tail_number = '{TAIL}'"
)
MILES = "SELECT count(*), sum(distance) FROM {} WHERE event_date = '2013-06-15'"


def days() -> list[date]:
    return [FIRST + timedelta(days=number) for number in range(DAYS)]


def deployed(aws: LocalAWS) -> World:
    """The pipeline of dev."""
    with tempfile.TemporaryDirectory() as folder:
        for command in (
            ("cdk", "bootstrap", "--output", folder),
            ("cdk", "deploy", "--all", "--require-approval", "never", "--app", folder),
        ):
            subprocess.run(
                command, cwd=ROOT, env=os.environ | aws.env, check=True, capture_output=True
            )
    return world(aws.client)


def first_day() -> pa.Table:
    """Rows as they come: aircraft at random, in the order of arrival."""
    chance = random.Random(1)  # noqa: S311
    start = datetime.combine(FIRST, datetime.min.time())
    rows = [
        flight(
            number,
            FIRST,
            ingested_at=start + timedelta(seconds=number * 60 / ROWS),
            tail=f"N{chance.randrange(AIRCRAFT):05}",
        )
        for number in range(OBJECTS * ROWS)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def later(table: pa.Table, day: date) -> pa.Table:
    """The same rows on another day, under other ids."""
    for number, field in enumerate(SCHEMA):
        column = table.column(number)
        if pa.types.is_timestamp(field.type):
            shift = pa.scalar(day - FIRST, pa.duration("us"))
            table = table.set_column(number, field, pc.add(column, shift))
        elif field.name == "event_id":
            ids = pc.binary_replace_slice(column, 0, 10, day.isoformat())
            table = table.set_column(number, field, ids)
    return table


def fill(lake: World) -> None:
    """A minute's rows in each object."""
    table = first_day()

    def put(day: date) -> None:
        rows = later(table, day)
        for minute in range(OBJECTS):
            body = io.BytesIO()
            pq.write_table(rows.slice(minute * ROWS, ROWS), body)
            lake.s3.put_object(
                Bucket=lake.settings.bucket,
                Key=f"{lake.settings.delivered_prefix}event_date={day}/s-1-{minute:05}.parquet",
                Body=body.getvalue(),
            )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, days()))


def asked(lake: World, sql: str) -> tuple[float, int, Any]:
    """The seconds of the fastest run, the bytes scanned, the rows in order."""
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        rows, statistics = lake.ask(sql)
        seconds.append(time.perf_counter() - started)
    return min(seconds), statistics["DataScannedInBytes"], sorted(rows, key=str)


def measure() -> dict[str, float]:
    """All figures."""
    with LocalAWS(port=0) as aws:
        lake = deployed(aws)
        fill(lake)
        before = {sql: asked(lake, sql) for sql in (ONE_AIRCRAFT, MILES.format("flight"))}
        whole = stored(lake)
        started = time.perf_counter()
        report = lake.compact()
        seconds = time.perf_counter() - started
        lake.offset += timedelta(hours=1)
        lake.compact()
        after = {sql: asked(lake, sql) for sql in before}
        if report.failed or any(after[sql][2] != before[sql][2] for sql in before):
            raise SystemExit(f"the answers changed, or dates failed: {report.failed}")
        found = stored(lake)
        day = [one.size for one in found if "event_date=2013-06-15/" in one.key]
        per_day = [sum(f"event_date={one}/" in each.key for each in found) for one in days()]
        unique = asked(lake, MILES.format("flight_unique"))
        every = lake.ask(MILES.format("flight").partition(" WHERE")[0])[1]["DataScannedInBytes"]
    aircraft, miles = ONE_AIRCRAFT, MILES.format("flight")
    return {
        "objects_before": len(whole),
        "objects_a_day_after": max(per_day),
        "mb_before": sum(one.size for one in whole) / 1e6,
        "mb_after": sum(one.size for one in found) / 1e6,
        "compaction_seconds": seconds,
        "seconds_a_day": seconds / DAYS,
        "aircraft_seconds_before": before[aircraft][0],
        "aircraft_seconds_after": after[aircraft][0],
        "aircraft_speedup": before[aircraft][0] / after[aircraft][0],
        "aircraft_mb_before": before[aircraft][1] / 1e6,
        "aircraft_mb_after": after[aircraft][1] / 1e6,
        "day_seconds_before": before[miles][0],
        "day_seconds_after": after[miles][0],
        "day_bytes": after[miles][1],
        "day_share_of_its_objects": after[miles][1] / sum(day),
        "day_share_of_all_days": after[miles][1] * DAYS / every,
        "unique_day_seconds": unique[0],
        "unique_day_bytes": unique[1],
        "unique_scan_ratio": unique[1] / after[miles][1],
    }


def stored(lake: World) -> list[Found]:
    store = Store(lake.s3, lake.settings.bucket)
    prefixes = (lake.settings.delivered_prefix, lake.settings.compacted_prefix)
    return [one for prefix in prefixes for one in store.list(prefix)]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of sentences")
    asked = parser.parse_args()
    figures = measure()
    if asked.json:
        print(json.dumps(figures))
        return
    print(
        "{objects_before:,.0f} objects ({mb_before:.0f} MB) became {objects_a_day_after:.0f} a day"
        " ({mb_after:.0f} MB) in {compaction_seconds:.1f} s, {seconds_a_day:.2f} s a day\n"
        "one aircraft: {aircraft_seconds_before:.2f} s and {aircraft_mb_before:.1f} MB before,"
        " {aircraft_seconds_after:.3f} s and {aircraft_mb_after:.1f} MB after:"
        " {aircraft_speedup:.1f} times as fast\n"
        "one day: {day_seconds_before:.2f} s before, {day_seconds_after:.3f} s after;"
        " {day_bytes:,.0f} B, {day_share_of_its_objects:.1%} of its objects\n"
        "one day, each event once (flight_unique): {unique_day_seconds:.3f} s,"
        " {unique_scan_ratio:.1f} times the bytes".format(**figures)
    )


if __name__ == "__main__":
    main()
