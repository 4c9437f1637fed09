"""The Parquet types of an event type, as Arrow's: for whoever reads or writes the files.

Apart from columns.py, because pyarrow is large and no function needs it.
"""

import re

import pyarrow as pa

from events.columns import glue_columns
from events.contract import Event

_SCALARS = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    # Without a zone, as Athena reads it; ours are UTC throughout.
    "timestamp": pa.timestamp("us"),
}


def arrow_schema(kind: type[Event]) -> pa.Schema:
    """The schema of the type's files: its Glue columns, without the partition column."""
    return pa.schema(
        [
            pa.field(column.name, arrow_type(column.type), metadata={"comment": column.comment})
            for column in glue_columns(kind)
        ]
    )


def arrow_type(hive: str) -> pa.DataType:
    """The Arrow type of a Hive type that columns.py writes; raises KeyError for any other."""
    composed = re.fullmatch(r"(array|map|struct)<(.*)>", hive)
    if not composed:
        return _SCALARS[hive]
    parts = _split(composed[2])
    if composed[1] == "array":
        return pa.list_(arrow_type(parts[0]))
    if composed[1] == "map":
        return pa.map_(arrow_type(parts[0]), arrow_type(parts[1]))
    named = (part.split(":", 1) for part in parts)
    return pa.struct([pa.field(name, arrow_type(type_)) for name, type_ in named])


def _split(inner: str) -> list[str]:
    """Split at the commas that are outside of any angle brackets."""
    parts, depth = [""], 0
    for character in inner:
        depth += {"<": 1, ">": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
