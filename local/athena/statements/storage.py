"""How tables are stored, as Glue describes it: formats, serdes, and what DDL calls them."""

from __future__ import annotations

from typing import Any

HADOOP = "org.apache.hadoop.hive.ql.io"
TEXT_IN = "org.apache.hadoop.mapred.TextInputFormat"
TEXT_OUT = f"{HADOOP}.HiveIgnoreKeyTextOutputFormat"

FORMATS = {
    "PARQUET": "parquet",
    "ORC": "orc",
    "JSON": "json",
}
LAYOUTS: dict[str, tuple[str, str, str]] = {
    "parquet": (
        f"{HADOOP}.parquet.MapredParquetInputFormat",
        f"{HADOOP}.parquet.MapredParquetOutputFormat",
        f"{HADOOP}.parquet.serde.ParquetHiveSerDe",
    ),
    "orc": (
        f"{HADOOP}.orc.OrcInputFormat",
        f"{HADOOP}.orc.OrcOutputFormat",
        f"{HADOOP}.orc.OrcSerde",
    ),
    "json": (TEXT_IN, TEXT_OUT, "org.openx.data.jsonserde.JsonSerDe"),
}


def descriptor(form: str, serde: dict[str, str] | None = None) -> dict[str, Any]:
    """The part of a StorageDescriptor that says how files are read."""
    reader, writer, library = LAYOUTS[form]
    return {
        "InputFormat": reader,
        "OutputFormat": writer,
        "SerdeInfo": {
            "SerializationLibrary": library,
            "Parameters": {"serialization.format": "1", **(serde or {})},
        },
    }
