"""DuckDB: one database in memory for all queries, a cursor of it for each."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as csv

from local.athena.errors import QueryFailed
from local.athena.lake.planner import Plan
from local.athena.sql.macros import MARK, definitions
from local.athena.sql.relations import Column, Relation, output
from local.athena.sql.rendering import as_text
from local.athena.sql.types import quote

BATCH = 32_768
"""Rows per step while a result is written; what a wide result holds in memory at once."""

FAILURE = re.compile(rf"{MARK[0]}(\w+): (.*?){MARK[1]}", re.DOTALL)
KINDS: tuple[tuple[str, str, str], ...] = (
    ("Division by zero", "DIVISION_BY_ZERO", "Division by zero"),
    ("More than one row", "SUBQUERY_MULTIPLE_ROWS", "Scalar sub-query has returned multiple rows"),
    ("Map keys must be unique", "INVALID_FUNCTION_ARGUMENT", "Duplicate map keys are not allowed"),
)
CLASSES: tuple[tuple[type[duckdb.Error], str], ...] = (
    (duckdb.ConversionException, "INVALID_CAST_ARGUMENT"),
    (duckdb.OutOfRangeException, "NUMERIC_VALUE_OUT_OF_RANGE"),
    (duckdb.OutOfMemoryException, "EXCEEDED_LOCAL_MEMORY_LIMIT"),
    (duckdb.InvalidInputException, "INVALID_FUNCTION_ARGUMENT"),
)


class Cancelled(Exception):
    """The query was interrupted."""


class Engine:
    """The database; `cursor` is safe to call from any thread."""

    def __init__(self, folder: Path, *, memory: str = "512MB", threads: int = 2) -> None:
        self._database = duckdb.connect(
            config={
                "memory_limit": memory,
                "threads": threads,
                "temp_directory": str(folder / "spill"),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self._lock = threading.Lock()
        self._database.execute("SET GLOBAL TimeZone = 'UTC'")
        self._database.execute("SET GLOBAL parquet_metadata_cache = true")
        for statement in definitions():
            self._database.execute(statement)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            return self._database.cursor()

    def close(self) -> None:
        self._database.close()


def write_csv(cursor: duckdb.DuckDBPyConnection, relation: Relation, plan: Plan, path: Path) -> int:
    """Write a result as Athena does: a header, every value quoted, nulls empty; counts rows."""
    columns = relation.visible
    shown = ", ".join(
        f"{as_text(output(at), column.type)} AS {output(at)}" for at, column in enumerate(columns)
    )
    sql = f"{plan.scans}SELECT {shown} FROM ({relation.sql}) AS o_"
    fields = [(output(at), pa.string()) for at in range(len(columns))]
    options = csv.WriteOptions(include_header=False, quoting_style="all_valid")
    rows = 0
    with path.open("wb") as file:
        file.write(header(columns).encode())
        reader = run(cursor, sql, plan)
        with csv.CSVWriter(file, pa.schema(fields), write_options=options) as writer:
            for batch in batches(reader):
                if batch.num_rows:
                    writer.write(batch.cast(pa.schema(fields)))
                rows += batch.num_rows
    return rows


def header(columns: list[Column]) -> str:
    return ",".join(quote(name) for name in labels(columns)) + "\n"


def labels(columns: list[Column]) -> list[str]:
    """The names under which a result shows its columns."""
    return [column.name or f"_col{at}" for at, column in enumerate(columns)]


def run(cursor: duckdb.DuckDBPyConnection, sql: str, plan: Plan) -> pa.RecordBatchReader:
    """The rows of a statement, in batches."""
    try:
        return cursor.sql(sql, params=plan.parameters or None).to_arrow_reader(BATCH)
    except duckdb.Error as error:
        raise failure(error) from error


def batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The batches of a reader, with DuckDB's failures as Athena's."""
    while True:
        try:
            yield reader.read_next_batch()
        except StopIteration:
            return
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise failure(error) from error


def failure(error: Exception) -> Exception:
    """What a failure inside DuckDB is in Athena's words."""
    message = str(error)
    if isinstance(error, duckdb.InterruptException) or "INTERRUPT" in message.upper():
        return Cancelled()
    raised = FAILURE.search(message)
    if raised is not None:
        return QueryFailed(raised[1], raised[2])
    for part, code, text in KINDS:
        if part in message:
            return QueryFailed(code, text)
    first = message.partition("\n")[0].partition(": ")[2] or message
    for kind, code in CLASSES:
        if isinstance(error, kind) or message.lower().startswith(_title(kind)):
            return QueryFailed(code, first)
    return QueryFailed("GENERIC_INTERNAL_ERROR", message)


def _title(kind: type[duckdb.Error]) -> str:
    words = re.findall("[A-Z][a-z]+", kind.__name__.removesuffix("Exception"))
    return " ".join(words).lower() + " error"
