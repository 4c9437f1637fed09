"""JSON records to one Parquet or ORC object by a table's columns; a record fails alone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct
from pyarrow import orc

from local.delivery import openx, typed
from local.delivery.typed import Layout

CHUNK = 2_000
"""Records that are decoded together: few enough to stay in the processor's cache."""

NOT_CANONICAL = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, typed.Unfit)


class Output(Struct, frozen=True):
    """How rows are written: the serializer's settings."""

    format: str = "parquet"
    compression: str = "snappy"
    dictionary: bool = True
    page_version: str = "1.0"
    page_bytes: int = 1 << 20
    stripe_bytes: int = 64 << 20

    @property
    def extension(self) -> str:
        return f".{self.format}"


class Failed(Struct, frozen=True):
    """A record that is no row: its place among the records, and why."""

    index: int
    code: str
    message: str


def convert(layout: Layout, records: Sequence[bytes]) -> tuple[Any, list[Failed]]:
    """The rows of all records as an Arrow table, and the records that failed."""
    batches: list[Any] = []
    failures: list[Failed] = []
    for start in range(0, len(records), CHUNK):
        batch, failed = _chunk(layout, records[start : start + CHUNK], start)
        batches.append(batch)
        failures += failed
    return pa.Table.from_batches(batches, schema=layout.schema), failures


def _chunk(layout: Layout, records: Sequence[bytes], start: int) -> tuple[Any, list[Failed]]:
    decode = layout.decode
    try:
        return layout.batch([decode(record) for record in records]), []
    except NOT_CANONICAL:
        pass
    try:
        rows, failures = _one_by_one(layout, records, start, careful=False)
        return layout.batch(rows), failures
    except typed.Unfit:
        rows, failures = _one_by_one(layout, records, start, careful=True)
        return layout.batch(rows), failures


def _one_by_one(
    layout: Layout, records: Sequence[bytes], start: int, *, careful: bool
) -> tuple[list[Any], list[Failed]]:
    """Each record for itself; `careful` also for those that the typed decoder takes."""
    rows: list[Any] = []
    failures: list[Failed] = []
    for index, record in enumerate(records, start):
        try:
            rows += layout.rows(record) if careful else _either(layout, record)
        except openx.Unfit as unfit:
            failures.append(Failed(index, unfit.code, unfit.message))
    return rows, failures


def _either(layout: Layout, record: bytes) -> list[Any]:
    try:
        return [layout.decode(record)]
    except NOT_CANONICAL:
        return layout.rows(record)


def write(table: Any, output: Output) -> bytes:
    """The object that holds the rows."""
    sink = io.BytesIO()
    if output.format == "orc":
        orc.write_table(
            table, sink, compression=output.compression, stripe_size=output.stripe_bytes
        )
    else:
        pq.write_table(
            table,
            sink,
            compression=output.compression,
            use_dictionary=output.dictionary,
            data_page_version=output.page_version,
            data_page_size=output.page_bytes,
        )
    return sink.getvalue()
