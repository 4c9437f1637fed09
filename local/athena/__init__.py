"""A local Athena: Trino's SQL answered by DuckDB over the objects in moto's S3.

    api/         Athena's operations
    statements/  what a statement is and does
    executions   queries as they are queued, run, stopped and described
    sql/         Trino's SQL to DuckDB's
    catalog/     Glue's tables, partition projection
    lake/        objects as files, formats, what a query reads
    engine       DuckDB

What is not as in Athena, besides what is refused by its name:
- approx_percentile and approx_distinct are exact (within the bounds that Athena promises);
- regular expressions are RE2's: look-around and back-references fail;
- a timestamp with an offset other than UTC keeps its instant; asking for its local clock fails
  unless AT TIME ZONE says where;
- NaN equals itself inside of arrays, rows and maps, in IN, ANY and ALL of a subquery, and is the
  greatest number in array_max, max_by and max of several; a row group of a file that holds NaN and
  otherwise only one number, by its statistics, is skipped where that number is not wanted;
- of the keys of a JSON object that differ in case alone a row takes one; Athena's cast fails;
- numbers taken out of JSON as text lose trailing zeros, objects keep the order of their keys;
- DataScannedInBytes counts whole column chunks, as if no row group or page could be skipped, and
  whole objects of any format but Parquet; a query over its workgroup's limit is cancelled before
  it reads anything;
- a syntax error names its place and the input, and not every token that could stand there;
- error types other than "not found", "DDL task failed" and "data error" are 1000 (user error).
"""

from __future__ import annotations

from local.athena import api, state
from local.athena.api import queries
from local.athena.catalog import versions
from local.athena.sql.translator import load


def install() -> None:
    """Answer Athena's operations; DuckDB is started with the first query."""
    load()
    versions.install()
    api.register()


def stop() -> None:
    """Cancel what runs, remove every temporary file, forget the executions."""
    queries.stop()
    state.reset()
