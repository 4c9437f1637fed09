"""Files of other formats as Parquet, by the table's columns: JSON and ORC.

Only Parquet is fast here: the others are read once, in Python, and cached as Parquet.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq

from local.athena.errors import QueryFailed
from local.athena.lake.arrow import arrow
from local.athena.lake.cache import Convert
from local.athena.lake.values import value
from local.athena.sql.relations import Field

SERDES = {
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe": "parquet",
    "org.apache.hadoop.hive.ql.io.orc.OrcSerde": "orc",
    "org.openx.data.jsonserde.JsonSerDe": "json",
    "org.apache.hive.hcatalog.data.JsonSerDe": "json",
    "com.amazon.ionhiveserde.IonHiveSerDe": "ion",
    "org.apache.hadoop.hive.serde2.OpenCSVSerde": "csv",
    "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe": "text",
    "org.apache.hadoop.hive.serde2.avro.AvroSerDe": "avro",
    "org.apache.hadoop.hive.serde2.RegexSerDe": "regex",
}


def converter(
    form: str, fields: Sequence[Field], properties: dict[str, str]
) -> tuple[str, Convert | None]:
    """What makes Parquet of a file, and a name for it; nothing for what is Parquet already."""
    columns = [field for field in fields if not field.partition]
    shape = ",".join(f"{field.name}:{field.type}" for field in columns)
    if form == "parquet":
        return "", None
    if form == "orc":
        return "orc", _orc
    if form == "json":
        return f"json {shape} {properties}", lambda body, where: _parquet(
            columns, _json_rows(body, where, columns, properties)
        )
    message = f"Tables of the format {form} are not supported by the local Athena"
    raise QueryFailed("NOT_SUPPORTED", message)


def unpacked(body: bytes, where: str) -> bytes:
    """The contents of a file that its name says is compressed."""
    suffix = where.rpartition(".")[2].lower()
    if suffix == "gz":
        return gzip.decompress(body)
    if suffix == "bz2":
        return bz2.decompress(body)
    if suffix in ("zst", "zstd"):
        with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
            return bytes(stream.read())
    if suffix in ("snappy", "lz4", "lzo", "deflate"):
        raise QueryFailed("NOT_SUPPORTED", f"{suffix} files are not supported by the local Athena")
    return body


def _parquet(columns: Sequence[Field], rows: Iterator[Sequence[Any]]) -> bytes:
    kept = list(rows)
    arrays = [
        pa.array([row[at] for row in kept], type=arrow(column.type))
        for at, column in enumerate(columns)
    ]
    return written(pa.table(arrays, names=[column.name for column in columns]))


def written(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="snappy")
    return sink.getvalue()


def _orc(body: bytes, where: str) -> bytes:
    try:
        return written(orc.ORCFile(pa.BufferReader(body)).read())
    except (pa.ArrowInvalid, OSError) as error:
        raise QueryFailed("HIVE_BAD_DATA", f"Malformed ORC file. {where}") from error


def _json_rows(
    body: bytes, where: str, columns: Sequence[Field], properties: dict[str, str]
) -> Iterator[list[Any]]:
    """One object per line; keys match whatever their case, unless they are mapped."""
    lenient = properties.get("ignore.malformed.json", "false").lower() == "true"
    keys = [properties.get(f"mapping.{column.name}", column.name).lower() for column in columns]
    for line in unpacked(body, where).splitlines():
        if not line.strip():
            continue
        try:
            found = {key.lower(): inner for key, inner in json.loads(line).items()}
            yield [value(c.type, found.get(key)) for c, key in zip(columns, keys, strict=True)]
        except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
            if not lenient:
                message = f"Row is not a valid JSON Object - {error}. {where}"
                raise QueryFailed("HIVE_CURSOR_ERROR", message) from error
            yield [None] * len(columns)
