"""Shard iterators: opaque, signed, and good for five minutes.

An iterator holds a stream's own id (not its name: one that was deleted and made again is
another stream), a shard, a position, and the time of issue.
"""

import base64
import binascii
import secrets
import struct
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple

KEY = secrets.token_bytes(32)
LIFETIME = 300.0
POSITION_BYTES = 24
FORMAT = struct.Struct(f">8sI{POSITION_BYTES}sd")
SIGNATURE_BYTES = 16


class Iterator(NamedTuple):
    """Read what follows the position `after` in shard number `shard` of a stream."""

    stream: bytes
    shard: int
    after: int
    issued: float


class Unreadable(Exception):
    """This is no iterator of ours."""


def encode(iterator: Iterator) -> str:
    after = iterator.after.to_bytes(POSITION_BYTES)
    packed = FORMAT.pack(iterator.stream, iterator.shard, after, iterator.issued)
    return base64.b64encode(packed + _signature(packed)).decode()


def decode(text: str) -> Iterator:
    """The iterator that was encoded; `Unreadable` when it was not, or was changed."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unreadable from error
    packed, signature = raw[: FORMAT.size], raw[FORMAT.size :]
    if len(packed) < FORMAT.size or not compare_digest(signature, _signature(packed)):
        raise Unreadable
    stream, shard, after, issued = FORMAT.unpack(packed)
    return Iterator(stream, shard, int.from_bytes(after), issued)


def _signature(packed: bytes) -> bytes:
    return blake2b(packed, digest_size=SIGNATURE_BYTES, key=KEY).digest()
