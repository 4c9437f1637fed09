"""Parquet footers: what columns a file has and how many bytes each takes."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from local.athena.errors import QueryFailed


@dataclass(frozen=True, slots=True)
class Footer:
    """`columns` are (name, Arrow type) in lower case and in order; `sizes` are the compressed
    bytes of each column's chunks, which is what Athena bills for reading it."""

    columns: tuple[tuple[str, str], ...]
    sizes: dict[str, int]

    def scanned(self, used: set[str]) -> int:
        return sum(self.sizes.get(name, 0) for name in used)


def footer(body: bytes, where: str) -> Footer:
    """The footer of a Parquet file; HIVE_BAD_DATA when it is none."""
    try:
        with pq.ParquetFile(pa.BufferReader(body)) as opened:
            metadata, schema = opened.metadata, opened.schema_arrow
    except (pa.ArrowInvalid, OSError) as error:
        message = f"Not valid Parquet file: {where}"
        raise QueryFailed("HIVE_BAD_DATA", message) from error
    names = [metadata.schema.column(at).path for at in range(metadata.num_columns)]
    sizes: dict[str, int] = {}
    for group in range(metadata.num_row_groups):
        chunks = metadata.row_group(group)
        for at, path in enumerate(names):
            top = path.partition(".")[0].lower()
            sizes[top] = sizes.get(top, 0) + chunks.column(at).total_compressed_size
    columns = tuple((field.name.lower(), str(field.type)) for field in schema)
    return Footer(_shared(columns), sizes)


_known: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}


def _shared(columns: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Equal schemas as one object: thousands of files have the same."""
    return _known.setdefault(columns, columns)
