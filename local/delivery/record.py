"""A record on its way through a delivery stream."""

from __future__ import annotations

from msgspec import Struct


class Source(Struct, frozen=True, gc=False):
    """A record as it entered, de-aggregated; `arrival` is epoch milliseconds.

    Direct puts have no shard and no partition key, their sequence number is the stream's own.
    """

    data: bytes
    arrival: int
    sequence_number: str
    subsequence_number: int = 0
    shard_id: str = ""
    partition_key: str = ""

    @property
    def record_id(self) -> str:
        """What a transform has to return to say which record it means."""
        return f"{self.sequence_number}{self.subsequence_number:06d}"


class Row(Struct, frozen=True, gc=False):
    """What is delivered of a record: its own bytes, or what the transform made of them."""

    data: bytes
    source: Source
