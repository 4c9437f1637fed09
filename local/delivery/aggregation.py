"""The KPL's aggregated record format: many user records inside one Kinesis record.

magic F3 89 9A C2, a protobuf message, and the MD5 of that message:

    AggregatedRecord: 1 partition_key_table, 2 explicit_hash_key_table, 3 records
    Record:           1 partition_key_index, 2 explicit_hash_key_index, 3 data, 4 tags

https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from msgspec import Struct

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_BYTES = 16
MOST_VARINT_BYTES = 10

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class UserRecord(Struct, frozen=True, gc=False):
    """What a producer put, before the library packed it."""

    partition_key: str
    explicit_hash_key: str | None
    data: bytes


class _Malformed(Exception):
    """The message is not what the format says."""


def deaggregate(record: bytes) -> list[UserRecord] | None:
    """The user records inside, in order; None when it is a plain record.

    Anything that is not wholly right (magic, digest, message) is a plain record, as for the KCL.
    """
    if not record.startswith(MAGIC) or len(record) < len(MAGIC) + DIGEST_BYTES:
        return None
    message = record[len(MAGIC) : -DIGEST_BYTES]
    digest = hashlib.md5(message, usedforsecurity=False).digest()
    if digest != record[-DIGEST_BYTES:]:
        return None
    try:
        return _message(message)
    except (_Malformed, UnicodeDecodeError):
        return None


def _message(message: bytes) -> list[UserRecord]:
    keys: list[str] = []
    hashes: list[str] = []
    records: list[bytes] = []
    for number, value in _fields(message):
        if number in (1, 2, 3) and not isinstance(value, bytes):
            raise _Malformed
        if number == 1:
            keys.append(value.decode())  # type: ignore[union-attr]  # checked above
        elif number == 2:
            hashes.append(value.decode())  # type: ignore[union-attr]
        elif number == 3:
            records.append(value)  # type: ignore[arg-type]
    return [_record(record, keys, hashes) for record in records]


def _record(message: bytes, keys: list[str], hashes: list[str]) -> UserRecord:
    values = dict(_fields(message))
    key, explicit, data = values.get(1), values.get(2), values.get(3)
    if not isinstance(key, int) or not isinstance(data, bytes) or key >= len(keys):
        raise _Malformed
    if explicit is None:
        return UserRecord(keys[key], None, data)
    if not isinstance(explicit, int) or explicit >= len(hashes):
        raise _Malformed
    return UserRecord(keys[key], hashes[explicit], data)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: number and value, a group is malformed."""
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = _varint(message, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise _Malformed
        if at + size > end:
            raise _Malformed
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for byte in message[at : at + MOST_VARINT_BYTES]:
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise _Malformed
