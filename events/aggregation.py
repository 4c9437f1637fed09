"""Records as the Kinesis Producer Library aggregates them: several user records in one.

Format: https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md: four
magic bytes, an `AggregatedRecord` protobuf message, and the MD5 of that message. The message is
small and fixed, so its wire format is read here instead of through a protobuf runtime, whose
import alone would cost a cold start more than anything else in a function.
"""

from __future__ import annotations

from hashlib import md5
from typing import NamedTuple

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST = 16

KEY_TABLE, HASH_TABLE, RECORDS = 1, 2, 3
KEY_INDEX, HASH_INDEX, DATA, TAGS = 1, 2, 3, 4
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
WIDTHS = {FIXED64: 8, FIXED32: 4}
LONGEST_VARINT = 10


class UserRecord(NamedTuple):
    """One of the records that were aggregated; its place among them is its subsequence number."""

    partition_key: str
    data: bytes
    explicit_hash_key: str | None = None
    """The hash key in decimal by which the producer chose the shard, if not by the key's MD5."""


class Malformed(ValueError):
    """Not an aggregated record, whatever its first bytes say."""


def deaggregate(data: bytes) -> list[UserRecord] | None:
    """The user records in a Kinesis record, in order; None if it is a plain one.

    A record with the magic bytes but a wrong digest, or cut short, is a plain one too: the
    producer's own libraries pass it through as it is.
    """
    if data[:4] != MAGIC:
        return None
    message, digest = data[4:-DIGEST], data[-DIGEST:]
    if len(data) < len(MAGIC) + DIGEST or md5(message, usedforsecurity=False).digest() != digest:
        return None
    try:
        return parse(message)
    except (Malformed, IndexError, UnicodeDecodeError):
        return None


def parse(message: bytes) -> list[UserRecord]:
    """Read an AggregatedRecord message. Raises Malformed, IndexError or UnicodeDecodeError."""
    keys: list[str] = []
    hashes: list[str] = []
    records: list[tuple[int, int | None, bytes]] = []
    for number, value in fields(message):
        if number == KEY_TABLE and isinstance(value, bytes):
            keys.append(value.decode())
        elif number == HASH_TABLE and isinstance(value, bytes):
            hashes.append(value.decode())
        elif number == RECORDS and isinstance(value, bytes):
            records.append(user_record(value))
    return [
        UserRecord(keys[index], data)
        if explicit is None
        else UserRecord(keys[index], data, hashes[explicit])
        for index, explicit, data in records
    ]


def user_record(message: bytes) -> tuple[int, int | None, bytes]:
    """The index of a record's partition key, that of its explicit hash key, which it need not
    have, and its data."""
    index: int | None = None
    explicit: int | None = None
    data: bytes | None = None
    for number, value in fields(message):
        if number == KEY_INDEX and isinstance(value, int):
            index = value
        elif number == HASH_INDEX and isinstance(value, int):
            explicit = value
        elif number == DATA and isinstance(value, bytes):
            data = value
    if index is None or data is None:
        raise Malformed("a record without partition key or data")
    return index, explicit, data


def fields(message: bytes) -> list[tuple[int, int | bytes]]:
    """The fields of a protobuf message in order: numbers for varints, bytes for all else."""
    found: list[tuple[int, int | bytes]] = []
    at, end = 0, len(message)
    while at < end:
        tag, at = varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, at = varint(message, at)
            found.append((number, value))
            continue
        if wire == BYTES:
            width, at = varint(message, at)
        elif wire in WIDTHS:
            width = WIDTHS[wire]
        else:
            raise Malformed(f"wire type {wire}")
        if at + width > end:
            raise Malformed("cut short")
        found.append((number, message[at : at + width]))
        at += width
    return found


def varint(message: bytes, at: int) -> tuple[int, int]:
    """A base-128 number and where it ends. Raises IndexError at the end of the message."""
    value = shift = 0
    for _ in range(LONGEST_VARINT):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Malformed("a number without an end")
