"""Compression of S3 objects: what AWS's CompressionFormat names, with its extension and encoding.

The observed extension of Hadoop-compatible Snappy is `.snappy`; documented is `.hsnappy`. [open]
"""

from __future__ import annotations

import gzip
import io
import struct
import uuid
import zipfile
import zlib
from collections.abc import Iterator

import pyarrow as pa
from msgspec import Struct

XERIAL = b"\x82SNAPPY\x00" + struct.pack(">II", 1, 1)
"""The header of snappy-java's stream: its magic, its version, and the oldest one it fits."""
XERIAL_BLOCK = 32 * 1024
HADOOP_BLOCK = 256 * 1024


class Format(Struct, frozen=True):
    extension: str
    encoding: str | None


FORMATS = {
    "UNCOMPRESSED": Format("", None),
    "GZIP": Format(".gz", "gzip"),
    "ZIP": Format(".zip", "zip"),
    "Snappy": Format(".snappy", "snappy-java"),
    "HADOOP_SNAPPY": Format(".snappy", "hadoop-snappy"),
}


def compress(name: str, data: bytes) -> bytes:
    """`data` in the format of that name, a key of `FORMATS`."""
    if name == "GZIP":
        return gzip.compress(data, compresslevel=6)
    if name == "ZIP":
        return _zip(data)
    if name == "Snappy":
        return XERIAL + b"".join(
            struct.pack(">I", len(block)) + block
            for block in map(_snappy, _blocks(data, XERIAL_BLOCK))
        )
    if name == "HADOOP_SNAPPY":
        return b"".join(
            struct.pack(">II", len(block), len(packed)) + packed
            for block in _blocks(data, HADOOP_BLOCK)
            for packed in (_snappy(block),)
        )
    return data


def _zip(data: bytes) -> bytes:
    """An archive with one entry."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=zlib.Z_BEST_SPEED) as file:
        file.writestr(str(uuid.uuid4()), data)
    return sink.getvalue()


def _blocks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def _snappy(block: bytes) -> bytes:
    packed: bytes = pa.compress(block, codec="snappy", asbytes=True)
    return packed
