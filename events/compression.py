"""User records compressed with zstd, where their contract says so.

A compressed record is one frame of RFC 8878. It begins with four bytes that no JSON begins with, so
readers are told by nobody: they take both kinds, and a contract may change while records of the
other kind are on the stream, in the failure archive or in a queue.
"""

import sys
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import ModuleType

    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdCompressor
    else:
        from backports.zstd import ZstdCompressor

FRAME: Final = b"\x28\xb5\x2f\xfd"
"""How a compressed record begins."""
LARGEST: Final = 1024 * 1024
"""Bytes of a record before it was compressed, at most: as large as one that is put plainly."""
WINDOW: Final = 23
"""Binary logarithm of what a frame may make its reader hold in memory: 8 MiB, as RFC 8878, section
3.1.1.1.2, recommends to decoders. An encoder that does not know how much will come writes the
window of its level, 2 MiB and more, however small the record turns out."""


def compressed(data: bytes) -> bytes:
    """A frame of `data`, or `data` itself where a frame is no smaller or would be refused."""
    if len(data) > LARGEST:
        return data
    compressor = _compressor()
    frame = compressor.compress(data, compressor.FLUSH_FRAME)
    return frame if len(frame) < len(data) else data


def decompressed(frame: bytes) -> bytes:
    """What is in one whole frame; raises ValueError for anything else, and says what is wrong
    without a word of what is in it."""
    zstd = _zstd()
    limits = {zstd.DecompressionParameter.window_log_max: WINDOW}
    reader = zstd.ZstdDecompressor(options=limits)
    try:
        data: bytes = reader.decompress(frame, LARGEST + 1)
    except zstd.ZstdError:
        raise ValueError("the frame is damaged, or needs too much memory") from None
    if len(data) > LARGEST:
        raise ValueError(f"it holds more than {LARGEST} bytes")
    if not reader.eof:
        raise ValueError("the frame is cut short")
    if reader.unused_data:
        raise ValueError("something follows the frame")
    return data


def readable(data: bytes) -> bytes:
    """`data` for people and for SQL: what is in it where it is a frame, else as it is."""
    if not data.startswith(FRAME):
        return data
    try:
        return decompressed(data)
    except ValueError:
        return data


@cache
def _zstd() -> "ModuleType":
    """Imported when a record needs it: most functions never do, and start the sooner."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


@cache
def _compressor() -> "ZstdCompressor":
    """One for all records, whose memory is not asked for again with each; it locks itself."""
    compressor: ZstdCompressor = _zstd().ZstdCompressor()
    return compressor
