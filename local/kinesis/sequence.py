"""Sequence numbers, laid out as AWS's own (version 2), so that they look and order alike.

A number has 186 bits and therefore 56 decimal digits. From the top, in hexadecimal digits:
`2`, 9 of the second in which the shard was created, 1 of the shard's index (its lowest),
16 of a counter, 2 zeros, 9 of the second of arrival, 8 of the shard's index, and `2`, the
version. Within a shard the counter decides; a child shard is created in a later second than
its parents, so its numbers are above theirs.
"""

from typing import NamedTuple

VERSION = 2
CREATED, NIBBLE, COUNTER, TIME, SHARD = 148, 144, 80, 36, 4
TOP = 2 << 184
LAST_COUNTER = 2**63 - 1
SECONDS = 2**36 - 1
SHARDS = 2**31 - 1


class Parts(NamedTuple):
    """What a sequence number says: seconds since the epoch, shard index, counter."""

    created: int
    shard: int
    counter: int
    time: int


def compose(parts: Parts) -> int:
    """The number of these parts; the counter may stay 0 and be added by `step`."""
    return (
        TOP
        | parts.created << CREATED
        | (parts.shard & 15) << NIBBLE
        | parts.counter << COUNTER
        | parts.time << TIME
        | parts.shard << SHARD
        | VERSION
    )


def parse(number: int) -> Parts | None:
    """The parts of a number, None when it is no number of this layout."""
    parts = Parts(
        created=number >> CREATED & SECONDS,
        shard=number >> SHARD & 2**32 - 1,
        counter=number >> COUNTER & 2**64 - 1,
        time=number >> TIME & SECONDS,
    )
    fits = parts.shard <= SHARDS and parts.counter <= LAST_COUNTER
    return parts if fits and compose(parts) == number else None
