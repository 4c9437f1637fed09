"""A deployed lake that is filled and compacted without waiting: files are put where delivery puts
them, and compaction runs here, on the deployed function's own settings, by a clock of the test."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from events import registry
from events.arrow import arrow_schema
from events.columns import sort_columns
from functions.compaction.compactor import Compactor
from functions.compaction.report import Report
from functions.compaction.settings import Settings
from functions.compaction.store import Store
from functions.compaction.swap import Swap
from tests.stacks import outputs

KIND = registry.get("flight")
SCHEMA = arrow_schema(KIND)
HOUR = timedelta(hours=1)

Row = dict[str, Any]


def flight(number: int, day: date, *, ingested_at: datetime, tail: str | None = None) -> Row:
    """A row of the table; flights of one number are one event."""
    instant = datetime.combine(day, datetime.min.time()) + 12 * HOUR
    return {
        "event_id": f"{day}-{number:07}",
        "carrier": "UA",
        "flight_number": number % 9999 + 1,
        "tail_number": tail or f"N{number * 7919 % 4043:05}",
        "origin": "EWR",
        "destination": "SFO",
        "scheduled_departure": instant,
        "scheduled_arrival": instant + 6 * HOUR,
        "distance": number % 2000 + 1,
        "ingested_at": ingested_at,
        "shard_id": "shardId-000000000000",
        "sequence_number": str(10**55 + number),
        "subsequence_number": 0,
    }


@dataclass
class World:
    """A lake, its clients, and the time in it: hours pass at once."""

    client: Callable[[str], Any]
    settings: Settings
    work_group: str
    offset: timedelta = timedelta(hours=2)
    files: int = 0
    wrap: Callable[[Any], Any] = field(default=lambda part: part)
    """Put around store and catalog: where a test lets them fail."""

    @cached_property
    def s3(self) -> Any:
        return self.client("s3")

    @cached_property
    def athena(self) -> Any:
        return self.client("athena")

    @cached_property
    def swap(self) -> Swap:
        return Swap(self.client("glue"), self.settings.database, "flight_swap")

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def deliver(self, day: date, rows: Sequence[Row]) -> str:
        """Put rows as one file of the delivery stream; its key."""
        body = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMA), body)
        self.files += 1
        key = f"{self.settings.delivered_prefix}event_date={day}/stream-1-{self.files:06}.parquet"
        self.s3.put_object(Bucket=self.settings.bucket, Key=key, Body=body.getvalue())
        return key

    def compact(self, *days: date, dry_run: bool = False, run: str = "test") -> Report:
        """One run of the compaction."""
        id_column, *order = sort_columns(KIND)
        with tempfile.TemporaryDirectory() as folder:
            compactor = Compactor(
                settings=self.settings,
                store=self.wrap(Store(self.s3, self.settings.bucket)),
                swap=self.wrap(self.swap),
                run=run,
                folder=Path(folder) / "work",
                id_column=id_column,
                sort_columns=order,
                clock=self.now,
                seconds_left=lambda: 600.0,
            )
            return compactor(only=[day.isoformat() for day in days], dry_run=dry_run)

    def objects(self, day: date) -> dict[str, list[str]]:
        """The keys of a date's objects in both tables."""
        store = Store(self.s3, self.settings.bucket)
        return {
            table: [one.key for one in store.list(f"{prefix}event_date={day}/")]
            for table, prefix in (
                ("delivered", self.settings.delivered_prefix),
                ("compacted", self.settings.compacted_prefix),
            )
        }

    def sql(self, query: str) -> list[list[str | None]]:
        """Rows, as texts."""
        return self.ask(query)[0]

    def ask(self, query: str) -> tuple[list[list[str | None]], dict[str, int]]:
        """Rows, as texts, and the query's statistics."""
        query_id = self.athena.start_query_execution(
            QueryString=query,
            WorkGroup=self.work_group,
            QueryExecutionContext={"Database": self.settings.database},
        )["QueryExecutionId"]
        while True:
            found = self.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            state = found["Status"]["State"]
            if state == "SUCCEEDED":
                break
            assert state in ("QUEUED", "RUNNING"), found["Status"]
            time.sleep(0.005)
        rows: list[list[str | None]] = []
        pages = self.athena.get_paginator("get_query_results")
        for page in pages.paginate(QueryExecutionId=query_id):
            rows += [
                [item.get("VarCharValue") for item in row["Data"]]
                for row in page["ResultSet"]["Rows"]
            ]
        return rows[1:], found["Statistics"]

    def seen(self, day: date, view: str = "flight") -> tuple[int, int, int]:
        """What people see of a date: rows, different event ids, and the miles of all rows."""
        [row] = self.sql(
            "SELECT count(*), count(DISTINCT event_id), coalesce(sum(distance), 0)"
            f" FROM {view} WHERE event_date = '{day}'"
        )
        rows, ids, miles = (int(value or 0) for value in row)
        return rows, ids, miles


def world(client: Callable[[str], Any], offset: timedelta = 2 * HOUR) -> World:
    """The lake that is deployed, this long after now."""
    found = outputs(client)
    function = client("lambda").get_function_configuration(
        FunctionName=found["flight"]["CompactionFunctionName"]
    )
    settings = Settings.read(function["Environment"]["Variables"])
    return World(client, settings, found["lake"]["WorkGroupName"], offset)
