"""Results in S3: the metadata object beside each, and pages read back for the API.

The metadata is the protobuf message that Athena writes (undocumented; field numbers as found
in https://gist.github.com/iconara/4969c247e8abb69600cdbe6f4b20f50b).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from local.athena.sql.types import UNBOUNDED, Type

PRECISION = {
    "tinyint": 3,
    "smallint": 5,
    "integer": 10,
    "bigint": 19,
    "real": 17,
    "double": 17,
    "varbinary": 1073741824,
}
CELL = re.compile(rb'(?:"((?:[^"]|"")*)")?(,|\r?\n|$)')
NULLABLE_UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result as the API describes it."""

    name: str
    type: str
    precision: int = 0
    scale: int = 0
    case_sensitive: bool = False

    @property
    def described(self) -> dict[str, Any]:
        return {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": self.name,
            "Label": self.name,
            "Type": self.type,
            "Precision": self.precision,
            "Scale": self.scale,
            "Nullable": "UNKNOWN",
            "CaseSensitive": self.case_sensitive,
        }


def column(name: str, kind: Type) -> ResultColumn:
    """The description of a column of this type."""
    precision = PRECISION.get(kind.name, kind.precision or 0)
    if kind.name == "varchar":
        precision = UNBOUNDED if kind.precision is None else kind.precision
    return ResultColumn(name, kind.athena, precision, kind.scale, kind.is_text)


def utility(*names: str) -> list[ResultColumn]:
    """Columns of SHOW and DESCRIBE: all of them strings."""
    return [ResultColumn(name, "string") for name in names]


ROWS = [ResultColumn("rows", "bigint", 19)]
"""What CREATE TABLE AS, INSERT and UNLOAD return: only a count."""


def metadata(columns: Sequence[ResultColumn], query: str) -> bytes:
    """The `.metadata` object: the engine's own query id, then each column."""
    message = _text(1, query)
    for item in columns:
        described = _text(1, "hive") + _text(4, item.name) + _text(5, item.name)
        described += _text(6, item.type)
        described += _number(7, item.precision) + _number(8, item.scale)
        described += _number(9, NULLABLE_UNKNOWN) + _number(10, int(item.case_sensitive))
        message += _bytes(4, described)
    return message


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())


def _number(number: int, value: int) -> bytes:
    """Zero is protobuf's default and is left out."""
    return _varint(number << 3) + _varint(value) if value else b""


Row = list[str | None]


def csv_rows(data: bytes, limit: int, *, whole: bool) -> tuple[list[Row], int]:
    """Up to `limit` rows of a result file, and how many bytes they take.

    Every value is quoted and a null is nothing, so an empty text and a null differ. Unless
    `whole`, the bytes may break off inside a row, which then does not count.
    """
    rows: list[Row] = []
    row: Row = []
    at = taken = 0
    while at < len(data) and len(rows) < limit:
        found = CELL.match(data, at)
        if found is None or (found.end() == len(data) and not whole):
            break
        cell, end = found.groups()
        row.append(None if cell is None else cell.replace(b'""', b'"').decode())
        at = found.end()
        if end != b",":
            rows.append(row)
            row, taken = [], at
    return rows, taken


def text_rows(data: bytes, limit: int, *, whole: bool) -> tuple[list[Row], int]:
    """Up to `limit` lines of a `.txt` result, each a row of one value, and their bytes."""
    rows: list[Row] = []
    at = 0
    while at < len(data) and len(rows) < limit:
        end = data.find(b"\n", at)
        if end < 0 and not whole:
            break
        end = len(data) if end < 0 else end
        rows.append([data[at:end].decode()])
        at = end + 1
    return rows, at
