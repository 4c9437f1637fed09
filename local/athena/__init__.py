"""A local Athena: Trino's SQL answered by DuckDB over the objects in moto's S3.

api/         Athena's operations
statements/  what a statement is and does
executions   queries as they are queued, run, stopped and described
sql/         Trino's SQL to DuckDB's
catalog/     Glue's tables, partition projection
lake/        objects as files, formats, what a query reads
engine       DuckDB
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
