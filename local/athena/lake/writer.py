"""Storing the rows of a query as files of a table: CREATE TABLE AS, INSERT INTO, UNLOAD."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pyarrow.orc as orc
import pyarrow.parquet as pq

from local.athena import engine
from local.athena.errors import QueryFailed
from local.athena.lake.cache import Cache
from local.athena.lake.planner import Plan
from local.athena.sql.relations import Relation, output
from local.athena.sql.types import quote, text

LIMIT = 100
"""Partitions that one statement may write, as in Athena."""

CODECS = {
    "parquet": {"SNAPPY", "GZIP", "ZSTD", "LZ4", "UNCOMPRESSED", "NONE"},
    "orc": {"SNAPPY", "ZLIB", "ZSTD", "LZ4", "UNCOMPRESSED", "NONE"},
}
DEFAULT_CODEC = {"parquet": "GZIP", "orc": "ZLIB"}


@dataclass(slots=True)
class File:
    """One file to store; `values` are those of its partition."""

    values: tuple[str, ...]
    body: bytes


@dataclass(slots=True)
class Layout:
    """How rows are stored."""

    format: str = "parquet"
    codec: str | None = None
    partitioned: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.format not in CODECS:
            message = f"Writing {self.format} is not supported by the local Athena"
            raise QueryFailed("NOT_SUPPORTED", message)
        self.codec = (self.codec or DEFAULT_CODEC[self.format]).upper()
        if self.codec not in CODECS[self.format]:
            message = f"Compression {self.codec} of {self.format} is not supported"
            raise QueryFailed("NOT_SUPPORTED", message)


def write(
    cursor: duckdb.DuckDBPyConnection,
    cache: Cache,
    relation: Relation,
    plan: Plan,
    names: Sequence[str],
    layout: Layout,
) -> tuple[int, list[File]]:
    """The rows of a query as files, and how many rows they are."""
    folder = cache.temporary()
    try:
        target = folder / "rows"
        rows = _copy(cursor, relation, plan, names, layout, target)
        return rows, list(_files(target, layout)) if rows else []
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(
    cursor: duckdb.DuckDBPyConnection,
    relation: Relation,
    plan: Plan,
    names: Sequence[str],
    layout: Layout,
    target: Path,
) -> int:
    columns = ", ".join(f"{output(at)} AS {quote(name)}" for at, name in enumerate(names))
    options = ["FORMAT parquet", f"COMPRESSION {_codec(layout)}"]
    path = target / "0.parquet"
    if layout.partitioned:
        options.append(f"PARTITION_BY ({', '.join(map(quote, layout.partitioned))})")
        path = target
    else:
        target.mkdir()
    sql = f"COPY ({plan.scans}SELECT {columns} FROM ({relation.sql}) AS o_) TO {text(str(path))}"
    try:
        found = cursor.execute(f"{sql} ({', '.join(options)})", plan.parameters or None).fetchone()
    except duckdb.Error as error:
        raise engine.failure(error) from error
    return int(found[0]) if found else 0


def _codec(layout: Layout) -> str:
    if layout.format != "parquet":
        return "uncompressed"
    return {"NONE": "uncompressed", "LZ4": "lz4_raw"}.get(layout.codec or "", layout.codec or "")


def _files(target: Path, layout: Layout) -> Iterator[File]:
    found = sorted(target.rglob("*.parquet"))
    if len({path.parent for path in found}) > LIMIT:
        message = f"Exceeded limit of {LIMIT} open writers for partitions/buckets"
        raise QueryFailed("HIVE_TOO_MANY_OPEN_PARTITIONS", message)
    for path in found:
        folders = path.relative_to(target).parts[:-1]
        values = tuple(unquote(folder.partition("=")[2]) for folder in folders)
        yield File(values, path.read_bytes() if layout.format == "parquet" else _orc(path, layout))


def _orc(path: Path, layout: Layout) -> bytes:
    codec = "uncompressed" if layout.codec == "NONE" else str(layout.codec).lower()
    sink = io.BytesIO()
    orc.write_table(pq.ParquetFile(path).read(), sink, compression=codec)
    return sink.getvalue()
