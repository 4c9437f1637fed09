"""What an audit says: how many records ended where, and the names of those that are missing."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import astuple


class Tally(Struct, frozen=True, kw_only=True):
    """Where the user records of a stretch of the stream are:

    stream = lake + rejected + dropped + repeated + on_its_way + missing + gone

    The other figures are of rows, and no part of that sum.
    """

    stream: int = 0
    lake: int = 0
    """With a row."""
    rejected: int = 0
    """With a line among the rejected, and no row."""
    dropped: int = 0
    """Marked as replayed from this lake: delivery drops them by rule."""
    repeated: int = 0
    """Without a row of its own, and another row has its event id: the same event, put twice, once
    compaction has removed the second."""
    on_its_way: int = 0
    """Nowhere yet, and younger than delivery may take."""
    missing: int = 0
    gone: int = 0
    """Trimmed from the stream between the first reading and the second, so that they cannot be
    named; counted as not proven."""
    resubmitted: int = 0
    """With a row, and among the rejected too: put right since."""
    twice: int = 0
    """Rows beyond the first of one record: Firehose delivers at least once."""
    strange: int = 0
    """Identities in the lake, between two records of the stream, that the stream does not have."""

    def __add__(self, other: Tally) -> Tally:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Tally(**dict(zip(self.__struct_fields__, (a + b for a, b in pairs), strict=True)))


class Missing(Struct, frozen=True, kw_only=True):
    """A record of the stream that is nowhere else; `arrived_at` in epoch milliseconds.

    `event_id` and `event_date` are empty when it is no event of the contract; `payload` is the
    SHA-256 of its base64, in hexadecimal capitals.
    """

    shard_id: str
    sequence_number: str
    subsequence_number: int
    arrived_at: int
    event_id: str
    event_date: str
    payload: str
