"""Many Parquet files into few, each event once, sorted: DuckDB on local disk.

Not Athena: its INSERT and CTAS drop ORDER BY, as SQL lets them, and write as many files as they
have writers, so neither the order nor the number of files could be had. DuckDB sorts what exceeds
memory on disk, and needs no scan that is billed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from events.columns import COMPACTION_COLUMN

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FIRST = "ingested_at, shard_id, length(sequence_number), sequence_number, subsequence_number"
"""Which of an event's rows stays: the first delivered. Sequence numbers are decimal numbers."""

GROUP_ROWS, VECTOR_ROWS = 122_880, 2_048
"""Rows of a row group, DuckDB's usual number; the least that it works on at once."""
GROUP_SHARE = 20
"""Of the memory, for one row group."""

EPOCH = "TIMESTAMP '1970-01-01'"


class Miscounted(Exception):
    """The files written do not hold the rows that they must: nothing was changed."""


@dataclass(frozen=True)
class Merged:
    """The files that were written; rows = what they hold, duplicates = what they do not."""

    files: list[Path]
    rows: int
    duplicates: int


@dataclass
class Merging:
    """DuckDB with what it may use; `folder` takes what exceeds memory."""

    memory_mib: int
    folder: Path
    connection: DuckDBPyConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = duckdb.connect(
            config={
                "memory_limit": f"{self.memory_mib}MiB",
                "temp_directory": str(self.folder / "overflow"),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self.connection.execute("SET TimeZone = 'UTC'")

    def spans(self, paths: Sequence[str]) -> dict[str, tuple[datetime, datetime]]:
        """The instants of the oldest and the newest row of each file (UTC, naive)."""
        instant = f"coalesce(CAST(ingested_at AS TIMESTAMP), {EPOCH})"
        rows = self.connection.execute(
            f"SELECT filename, min({instant}), max({instant}) "  # noqa: S608  our own words
            "FROM read_parquet($1, union_by_name = true, filename = true,"
            " hive_partitioning = false) GROUP BY filename",
            [list(paths)],
        ).fetchall()
        return {path: (oldest, newest) for path, oldest, newest in rows}

    def identifiers(self, path: str, id_column: str, target: Path) -> None:
        """Keep the event ids of a file, which may then be removed."""
        self.connection.execute(
            f"COPY (SELECT {quoted(id_column)} FROM read_parquet({literal(path)})) "  # noqa: S608
            f"TO {literal(str(target))} (FORMAT parquet)"
        )

    def merge(
        self,
        paths: Sequence[str],
        *,
        number: int,
        id_column: str,
        sort_columns: Sequence[str],
        known: Sequence[str] = (),
        pieces: int,
        target: Path,
    ) -> Merged:
        """Write the files' rows, each event once and none whose id is in the files `known`.

        Each output file is sorted, and follows on the one before. Raises Miscounted.
        """
        target.mkdir(parents=True)
        source = (
            "read_parquet($paths, union_by_name = true, filename = true, file_row_number = true,"
            " hive_partitioning = false)"
        )
        total, surplus = self._find_surplus(source, list(paths), quoted(id_column), list(known))
        columns = self._columns(source, list(paths))
        order = ", ".join(f"{quoted(name)} NULLS LAST" for name in (*sort_columns, id_column))
        whole = target / "whole.parquet"
        self.connection.execute(
            f"COPY (SELECT {columns}, CAST({number} AS BIGINT) AS {COMPACTION_COLUMN}"  # noqa: S608
            f" FROM {source} AS s"
            " ANTI JOIN surplus AS d"
            " ON s.filename = d.filename AND s.file_row_number = d.file_row_number"
            f" ORDER BY {order}) TO {literal(str(whole))} ({self._format(paths)})",
            {"paths": list(paths)},
        )
        files = self._divided(whole, total - surplus, pieces, self._format(paths))
        written = sum(self._rows(path) for path in files)
        if written != total - surplus:
            raise Miscounted(f"{written} rows were written of {total - surplus}")
        return Merged(files, written, surplus)

    def _find_surplus(
        self, source: str, paths: list[str], id_column: str, known: list[str]
    ) -> tuple[int, int]:
        """Note where the rows are that are not to be written; all rows, and how many of them."""
        elsewhere = "false"
        if known:
            elsewhere = f"{id_column} IN (SELECT {id_column} FROM read_parquet($known))"  # noqa: S608
        self.connection.execute(
            "CREATE OR REPLACE TEMP TABLE surplus AS SELECT filename, file_row_number FROM ("  # noqa: S608
            f"SELECT filename, file_row_number, {elsewhere} AS elsewhere,"
            f" row_number() OVER (PARTITION BY {id_column} ORDER BY {FIRST}) AS place"
            f" FROM {source}) WHERE elsewhere OR place > 1",
            {"paths": paths, **({"known": known} if known else {})},
        )
        total = self._one(f"SELECT count(*) FROM {source}", {"paths": paths})  # noqa: S608
        return total, self._one("SELECT count(*) FROM surplus", {})

    def _columns(self, source: str, paths: list[str]) -> str:
        described = self.connection.execute(
            f"DESCRIBE SELECT * FROM {source}",  # noqa: S608
            {"paths": paths},
        ).fetchall()
        ours = {"filename", "file_row_number", COMPACTION_COLUMN}
        return ", ".join(f"s.{quoted(name)}" for name, *_ in described if name not in ours)

    def _format(self, paths: Sequence[str]) -> str:
        """How files are written. A row group is made in memory, by each thread one: of wide rows
        there are fewer in it."""
        rows, size = self.connection.execute(
            "SELECT sum(row_group_num_rows) FILTER (WHERE column_id = 0),"
            " sum(total_uncompressed_size) FROM parquet_metadata($paths)",
            {"paths": list(paths)},
        ).fetchall()[0]
        wanted = self.memory_mib * 1024**2 // GROUP_SHARE // max(1, (size or 0) // (rows or 1))
        number = min(GROUP_ROWS, max(VECTOR_ROWS, wanted))
        return f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {number}"

    def _divided(self, whole: Path, rows: int, pieces: int, form: str) -> list[Path]:
        """The sorted file in pieces of as many rows."""
        if pieces == 1:
            return [whole]
        each = -(-rows // pieces)
        files = []
        for piece in range(pieces):
            path = whole.parent / f"{piece:03}.parquet"
            first = piece * each
            self.connection.execute(
                f"COPY (SELECT * EXCLUDE (file_row_number) FROM read_parquet({literal(str(whole))},"  # noqa: S608
                f" file_row_number = true) WHERE file_row_number >= {first}"
                f" AND file_row_number < {first + each})"
                f" TO {literal(str(path))} ({form})"
            )
            files.append(path)
        whole.unlink()
        return files

    def _rows(self, path: Path) -> int:
        return self._one(
            "SELECT sum(num_rows) FROM parquet_file_metadata($path)", {"path": str(path)}
        )

    def _one(self, sql: str, parameters: dict[str, object]) -> int:
        row = self.connection.execute(sql, parameters).fetchone()
        assert row is not None  # noqa: S101  an aggregate has one row
        return int(row[0])


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
