"""A small seeded airline: what the tests query, and the same as plain Python and pandas."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

BUCKET = "athena-lake"
DATABASE = "airline"
FIRST, DAYS = date(2024, 1, 1), 40
CARRIERS = [
    ("AA", "American Airlines", "US"),
    ("BA", "British Airways", "GB"),
    ("DL", 'Delta, the "airline"', "US"),
    ("LH", "Lufthansa", "DE"),
    ("QF", "Qantas", "AU"),
]
AIRPORTS = ["EWR", "JFK", "LGA", "SFO", "LHR"]

FLIGHTS = pa.schema(
    [
        ("flight_id", pa.string()),
        ("carrier", pa.string()),
        ("number", pa.int32()),
        ("tail", pa.string()),
        ("origin", pa.string()),
        ("dest", pa.string()),
        ("scheduled", pa.timestamp("ms")),
        ("departed", pa.timestamp("ms")),
        ("delay", pa.float64()),
        ("distance", pa.int64()),
        ("fare", pa.decimal128(10, 2)),
        ("cancelled", pa.bool_()),
        ("tags", pa.list_(pa.string())),
        ("crew", pa.struct([("pilots", pa.int32()), ("captain", pa.string())])),
        ("seats", pa.map_(pa.string(), pa.int32())),
        ("payload", pa.string()),
    ]
)
GLUE_TYPES = {
    "flight_id": "string", "carrier": "string", "number": "int", "tail": "string",
    "origin": "string", "dest": "string", "scheduled": "timestamp", "departed": "timestamp",
    "delay": "double", "distance": "bigint", "fare": "decimal(10,2)", "cancelled": "boolean",
    "tags": "array<string>", "crew": "struct<pilots:int,captain:string>",
    "seats": "map<string,int>", "payload": "string",
}  # fmt: skip


def flight(rng: random.Random, day: date, number: int) -> dict[str, Any]:
    """One flight; every seventh or so is cancelled, some have no tail number."""
    scheduled = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        minutes=rng.randrange(0, 1440)
    )
    cancelled = rng.random() < 0.14
    delay = None if cancelled else round(rng.gauss(12, 30), 1)
    origin, dest = rng.sample(AIRPORTS, 2)
    tags = rng.sample(["full", "codeshare", "red-eye", "meal"], rng.randrange(0, 4))
    captain = rng.choice(["Ada", "Grace", "Edsger", None])
    local = scheduled.replace(tzinfo=None)
    return {
        "flight_id": f"{day:%Y%m%d}-{number:03d}",
        "carrier": rng.choice(CARRIERS[:4])[0],
        "number": rng.randrange(1, 30),
        "tail": None if rng.random() < 0.1 else f"N{rng.randrange(100, 130)}",
        "origin": origin,
        "dest": dest,
        "scheduled": local,
        "departed": None if delay is None else local + timedelta(minutes=delay),
        "delay": delay,
        "distance": rng.randrange(100, 5000),
        "fare": Decimal(rng.randrange(5_000, 90_000)) / 100,
        "cancelled": cancelled,
        "tags": tags,
        "crew": {"pilots": rng.randrange(2, 5), "captain": captain},
        "seats": {"economy": rng.randrange(80, 300), "business": rng.randrange(0, 40)},
        "payload": json.dumps(
            {"gate": f"{rng.choice('ABC')}{rng.randrange(1, 20)}", "bags": rng.randrange(0, 300),
             "meal": {"kind": rng.choice(["veg", "fish"])}, "ids": [number, number + 1]}
        ),
        "event_date": day.isoformat(),
    }  # fmt: skip


@cache
def flights() -> list[dict[str, Any]]:
    """Every flight, by day."""
    rng = random.Random(20240101)  # noqa: S311  a data set, not a secret
    days = (FIRST + timedelta(days=at) for at in range(DAYS))
    return [flight(rng, day, n) for day in days for n in range(rng.randrange(20, 45))]


def days() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The flights of each day."""
    for at in range(DAYS):
        day = (FIRST + timedelta(days=at)).isoformat()
        yield day, [row for row in flights() if row["event_date"] == day]


def frame() -> pd.DataFrame:
    """The flights as pandas has them."""
    return pd.DataFrame(flights())


def carriers() -> pd.DataFrame:
    return pd.DataFrame(CARRIERS, columns=["carrier", "name", "country"])


def parquet(rows: list[dict[str, Any]], schema: pa.Schema = FLIGHTS, **options: Any) -> bytes:
    """Rows as a Parquet file."""
    sink = io.BytesIO()
    names = [field.name for field in schema]
    kept = [{name: row.get(name) for name in names} for row in rows]
    for row in kept:
        row.update({k: list(v.items()) for k, v in row.items() if k == "seats" and v})
    pq.write_table(pa.Table.from_pylist(kept, schema=schema), sink, **options)
    return sink.getvalue()


def columns(types: dict[str, str]) -> list[dict[str, str]]:
    """Columns as Glue takes them."""
    return [{"Name": name, "Type": kind} for name, kind in types.items()]


def storage(
    location: str, types: dict[str, str], library: str = "parquet", **serde: str
) -> dict[str, Any]:
    """A StorageDescriptor."""
    libraries = {
        "parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "orc": "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
        "json": "org.openx.data.jsonserde.JsonSerDe",
        "csv": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "text": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
    }
    return {
        "Columns": columns(types),
        "Location": location,
        "InputFormat": "x",
        "OutputFormat": "x",
        "SerdeInfo": {"SerializationLibrary": libraries[library], "Parameters": serde},
    }
