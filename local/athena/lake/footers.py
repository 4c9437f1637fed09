"""Parquet footers: what columns a file has and how many bytes each takes."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from local.athena.errors import QueryFailed

Schema = tuple[tuple[str, str], ...]
"""The columns of a file: name in lower case and Arrow type, in order."""


@dataclass(frozen=True, slots=True)
class Footer:
    """`sizes` are the compressed bytes of each column's chunks, which is what Athena bills for
    reading it."""

    columns: Schema
    sizes: dict[str, int]


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


_known: dict[Schema, Schema] = {}


def _shared(columns: Schema) -> Schema:
    """Equal schemas as one object: thousands of files have the same."""
    return _known.setdefault(columns, columns)
