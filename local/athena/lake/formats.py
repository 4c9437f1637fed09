"""Files of other formats as Parquet, by the table's columns: JSON and ORC.

Only Parquet is fast here: the others are read once, and cached as Parquet.
"""

from __future__ import annotations

import bz2
import gzip
import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq

from local.athena.errors import QueryFailed
from local.athena.lake.cache import Convert
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
        return f"json {shape} {properties}", lambda body, where: _json(
            body, where, columns, properties
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


def written(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="snappy")
    return sink.getvalue()


def _orc(body: bytes, where: str) -> bytes:
    try:
        return written(orc.ORCFile(pa.BufferReader(body)).read())
    except (pa.ArrowInvalid, OSError) as error:
        raise QueryFailed("HIVE_BAD_DATA", f"Malformed ORC file. {where}") from error


def _json(body: bytes, where: str, columns: Sequence[Field], properties: dict[str, str]) -> bytes:
    """One object per line, by the rules of the OpenX SerDe, which are also those of delivery."""
    from local.delivery import conversion, hive  # which need this package's types
    from local.delivery.typed import Layout, Options

    options = Options(
        case_insensitive=_on(properties, "case.insensitive", "true"),
        dots_to_underscores=_on(properties, "dots.in.keys", "false"),
        keys={
            column.name: properties.get(f"mapping.{column.name}", column.name) for column in columns
        },
    )
    try:
        layout = Layout([(column.name, column.type) for column in columns], options)
    except hive.UnsupportedType as error:
        message = f"The type {error} in JSON is not supported by the local Athena"
        raise QueryFailed("NOT_SUPPORTED", message) from error
    lines = [line for line in unpacked(body, where).splitlines() if line.strip()]
    table, failures = conversion.convert(layout, lines)
    if failures:
        if not _on(properties, "ignore.malformed.json", "false"):
            message = f"Row is not a valid JSON Object - {failures[0].message}. {where}"
            raise QueryFailed("HIVE_CURSOR_ERROR", message)
        nulls = [pa.nulls(len(failures), field.type) for field in layout.schema]
        table = pa.concat_tables([table, pa.table(nulls, schema=layout.schema)])
    return written(table)


def _on(properties: dict[str, str], name: str, usual: str) -> bool:
    return properties.get(name, usual).lower() == "true"
