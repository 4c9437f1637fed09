"""Compressed objects, read back by other means than they were written."""

import gzip
import io
import struct
import zipfile

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from local.delivery.compression import FORMATS, compress

DATA = st.binary(max_size=100) | st.integers(0, 600_000).map(lambda size: b"record" * (size // 6))


def _decompressed(block: bytes, size: int) -> bytes:
    return bytes(pa.decompress(block, size, codec="snappy", asbytes=True))


@settings(deadline=None)
@given(DATA)
def test_gzip(data: bytes) -> None:
    assert gzip.decompress(compress("GZIP", data)) == data


@settings(deadline=None)
@given(DATA)
def test_zip_has_one_entry(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(compress("ZIP", data))) as archive:
        (name,) = archive.namelist()
        assert archive.read(name) == data


@settings(deadline=None)
@given(DATA)
def test_snappy_is_snappy_java_s_stream(data: bytes) -> None:
    stream = io.BytesIO(compress("Snappy", data))
    assert stream.read(16) == b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"
    found = b""
    while header := stream.read(4):
        block = stream.read(struct.unpack(">I", header)[0])
        size = min(32_768, len(data) - len(found))
        found += _decompressed(block, size)
    assert found == data


@settings(deadline=None)
@given(DATA)
def test_hadoop_snappy_is_blocks_with_both_lengths(data: bytes) -> None:
    stream = io.BytesIO(compress("HADOOP_SNAPPY", data))
    found = b""
    while header := stream.read(8):
        size, packed = struct.unpack(">II", header)
        found += _decompressed(stream.read(packed), size)
    assert found == data


def test_what_is_not_compressed_stays() -> None:
    assert compress("UNCOMPRESSED", b"data") == b"data"
    assert {name: (one.extension, one.encoding) for name, one in FORMATS.items()} == {
        "UNCOMPRESSED": ("", None),
        "GZIP": (".gz", "gzip"),
        "ZIP": (".zip", "zip"),
        "Snappy": (".snappy", "snappy-java"),
        "HADOOP_SNAPPY": (".snappy", "hadoop-snappy"),
    }
