"""The local Athena against plain DuckDB on the same files.

`python -m tests.benchmarks.athena [--json]`. A lake as 60 s buffering leaves it: 30 days of 300
small Parquet objects. Each query is asked in turns: through the API (start, describe, read the
result; its end is waited for, as polling would be measured too) and of DuckDB, which is told the
files. The overhead is what Athena takes longer, for no file and for a day's 300; for all 9,000
the figure is a ratio. A day's query must bill only that day's bytes.
"""

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from local.athena import state
from local.athena.lake.objects import Store
from local.server import LocalAWS
from tests.benchmarks.reporting import report

DAYS, OBJECTS, ROWS = 30, 300, 40
TURNS = 7
BUCKET, DATABASE = "bench-lake", "bench"
PROJECTION = {
    "projection.enabled": "true",
    "projection.event_date.type": "date",
    "projection.event_date.format": "yyyy-MM-dd",
    "projection.event_date.range": "2024-01-01,NOW+1DAYS",
}
TYPES = {
    "flight_id": "string",
    "carrier": "string",
    "tail": "string",
    "scheduled": "timestamp",
    "delay": "double",
    "distance": "bigint",
}
QUERIES = {
    "one": ("SELECT 1", "SELECT 1"),
    "day": (
        "SELECT carrier, avg(delay), count(*) FROM flights WHERE event_date = '2024-01-09' "
        "GROUP BY carrier ORDER BY 2 DESC",
        "SELECT carrier, avg(delay), count(*) FROM read_parquet('{lake}/event_date=2024-01-09/*') "
        "GROUP BY carrier ORDER BY 2 DESC",
    ),
    "month": (
        "SELECT tail, sum(distance) FROM flights GROUP BY tail ORDER BY 2 DESC LIMIT 10",
        "SELECT tail, sum(distance) FROM read_parquet('{lake}/*/*', hive_partitioning = true) "
        "GROUP BY tail ORDER BY 2 DESC LIMIT 10",
    ),
}


def measure() -> dict[str, float]:
    """Milliseconds over DuckDB's for each query, their largest, and bytes billed for a day."""
    with tempfile.TemporaryDirectory() as folder, LocalAWS(port=0) as aws:
        lake(aws, Path(folder))
        ask = asker(aws)
        figures: dict[str, float] = {}
        for name, (sql, plain) in QUERIES.items():
            ours, theirs = compared(lambda sql=sql: ask(sql), peer(plain.format(lake=folder)))  # type: ignore[misc]
            figures[f"{name}_ms"] = ours
            figures[f"{name}_duckdb_ms"] = theirs
            figures[f"{name}_overhead_ms"] = ours - theirs
        figures["overhead_ms"] = max(figures["one_overhead_ms"], figures["day_overhead_ms"])
        figures["many_ratio"] = figures["month_ms"] / figures["month_duckdb_ms"]
        _, everything = ask("SELECT carrier, delay, flight_id FROM flights")
        _, day = ask(
            "SELECT carrier, delay, flight_id FROM flights WHERE event_date = '2024-01-09'"
        )
        figures["day_share"] = day / everything * DAYS
    return figures


def lake(aws: LocalAWS, folder: Path) -> None:
    """The same files in S3 and on disk, and a table over them."""
    aws.client("s3").create_bucket(Bucket=BUCKET)
    store = Store(aws.settings.account)
    for day in range(1, DAYS + 1):
        place = f"event_date=2024-01-{day:02d}"
        (folder / place).mkdir()
        for number in range(OBJECTS):
            body = block(day, number)
            (folder / place / f"{number}.parquet").write_bytes(body)
            store.put(BUCKET, f"flights/{place}/{number}.parquet", body)
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": DATABASE})
    serde = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    glue.create_table(
        DatabaseName=DATABASE,
        TableInput={
            "Name": "flights",
            "Parameters": PROJECTION,
            "PartitionKeys": [{"Name": "event_date", "Type": "string"}],
            "StorageDescriptor": {
                "Columns": [{"Name": name, "Type": kind} for name, kind in TYPES.items()],
                "Location": f"s3://{BUCKET}/flights/",
                "SerdeInfo": {"SerializationLibrary": serde},
            },
        },
    )


def block(day: int, number: int) -> bytes:
    """One object: a few rows, as a busy minute leaves them."""
    rows = range(number * ROWS, (number + 1) * ROWS)
    start = 1_704_067_200_000 + day * 86_400_000
    table = pa.table(
        {
            "flight_id": [f"{day:02d}-{at:06d}" for at in rows],
            "carrier": [("AA", "BA", "DL", "LH")[at % 4] for at in rows],
            "tail": [f"N{at % 997}" for at in rows],
            "scheduled": pa.array([start + at for at in rows], pa.timestamp("ms")),
            "delay": [float(at % 120 - 20) for at in rows],
            "distance": [at % 4000 for at in rows],
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def asker(aws: LocalAWS) -> Callable[[str], tuple[list[Any], int]]:
    """A function that asks Athena and reads the whole answer; gives rows and bytes scanned."""
    client = aws.client("athena")

    def ask(sql: str) -> tuple[list[Any], int]:
        started = client.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": DATABASE},
            ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/results/"},
        )["QueryExecutionId"]
        state.region(None).execution(started).done.wait()
        found = client.get_query_execution(QueryExecutionId=started)["QueryExecution"]
        rows = client.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"]
        return rows, found["Statistics"]["DataScannedInBytes"]

    return ask


def peer(sql: str) -> Callable[[], object]:
    """The same of DuckDB, with the memory and threads that the local Athena gives it."""
    connection = duckdb.connect(config={"threads": 2, "memory_limit": "512MB"})
    connection.execute("SET parquet_metadata_cache = true")
    return lambda: connection.execute(sql).fetchall()


def compared(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """The median milliseconds of both, in turns, the first of each left out."""
    turns = [(seconds(ours), seconds(theirs)) for _ in range(TURNS + 1)][1:]
    return median(a for a, _ in turns) * 1e3, median(b for _, b in turns) * 1e3


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


TOLD = (
    "\n".join(
        f"{name}: {{{name}_ms:.0f}} ms, DuckDB {{{name}_duckdb_ms:.0f}} ms: "
        f"{{{name}_overhead_ms:+.0f}} ms"
        for name in QUERIES
    )
    + "\na day's query bills {day_share:.2f} times the bytes of a thirtieth"
)

if __name__ == "__main__":
    report(measure, TOLD, __doc__)
