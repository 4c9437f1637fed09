"""Makes the records that `events.aggregation` reads: many user records in one, as the Kinesis
Producer Library packs them.

A producer's hottest loop ends here, so what is the same for records of one length or of one key is
made once, and a record that is added costs a look into two tables.
"""

from hashlib import md5
from typing import Final

from events.aggregation import DIGEST, MAGIC

ENVELOPE: Final = len(MAGIC) + DIGEST
KEY_TAG, HASH_TAG, RECORD_TAG = b"\x0a", b"\x12", b"\x1a"
KEY_INDEX_TAG, HASH_INDEX_TAG, DATA_TAG = b"\x08", b"\x10", b"\x1a"
PARTS = 4
"""What one user record is made of in `Aggregate.records`: its head, its indexes, the length of its
data, the data."""

LARGEST_HEAD = 16
"""Bytes of a record beside its data, at most, for data of less than 2 MiB."""


def varint(number: int) -> bytes:
    """A number in base 128, the lowest seven bits first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class Frames(dict[int, tuple[bytes, bytes, int]]):
    """By the length of a record's data: what comes before its indexes, what comes before its data,
    and how long the whole is. `width` is the length of the indexes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def __missing__(self, length: int) -> tuple[bytes, bytes, int]:
        before_data = DATA_TAG + varint(length)
        inner = self.width + len(before_data) + length
        head = RECORD_TAG + varint(inner)
        if len(self) >= 1 << 16:
            self.clear()
        frame = self[length] = head, before_data, len(head) + inner
        return frame


_frames: dict[int, Frames] = {}
_places: list[tuple[bytes, Frames]] = []
"""By the number of a key: its index as a record says it, and the frames for it."""


class Aggregate:
    """User records on their way into one Kinesis record; used again after `seal`.

    `size` is that of the record `seal` would make, its own partition key not counted.
    """

    __slots__ = ("_hash_table", "_hashes", "_key_table", "index", "records", "size")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget what was added."""
        self.index: dict[str, tuple[bytes, Frames]] = {}
        """By partition key: its place in the table as a record says it, and the frames for it."""
        self.records: list[bytes] = []
        self.size = ENVELOPE
        self._key_table: list[bytes] = []
        self._hash_table: list[bytes] = []
        self._hashes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.records) // PARTS

    @property
    def payload(self) -> int:
        """Bytes of the user records' data."""
        return sum(map(len, self.records[PARTS - 1 :: PARTS]))

    def add(self, key: str, data: bytes, hash_key: str | None = None) -> None:
        """Add a user record; `hash_key` is its explicit hash key in decimal."""
        place = self.index.get(key) or self.enter(key, listed(key))
        if hash_key is not None:
            place = _place(place[0] + HASH_INDEX_TAG + varint(self._hash(hash_key)))
        indexes, frames = place
        head, before_data, size = frames[len(data)]
        self.records += (head, indexes, before_data, data)
        self.size += size

    def needs(self, key: str, data: bytes, hash_key: str | None = None) -> int:
        """By how much another user record would make the record larger; a few bytes too much."""
        size = len(data) + LARGEST_HEAD
        if key not in self.index:
            size += 3 + len(key.encode())
        if hash_key is not None:
            size += 8 + len(hash_key)
        return size

    @property
    def alone(self) -> tuple[str, str | None] | None:
        """The partition key and the explicit hash key of the only user record, which `seal` does
        not wrap, unless it would be taken for an aggregate."""
        if len(self.records) != PARTS or self.records[-1].startswith(MAGIC):
            return None
        return next(iter(self.index)), next(iter(self._hashes), None)

    def seal(self) -> bytes:
        """The Kinesis record's data; what comes then is another's."""
        if self.alone is not None:
            data = self.records[-1]
            self.clear()
            return data
        message = b"".join([*self._key_table, *self._hash_table, *self.records])
        self.clear()
        return MAGIC + message + md5(message, usedforsecurity=False).digest()

    def enter(self, key: str, entry: bytes) -> tuple[bytes, Frames]:
        """Put a key that it does not have into its table; `entry` is `listed(key)`."""
        number = len(self.index)
        if number >= len(_places):
            _places.append(_place(KEY_INDEX_TAG + varint(number)))
        place = self.index[key] = _places[number]
        self._key_table.append(entry)
        self.size += len(entry)
        return place

    def _hash(self, hash_key: str) -> int:
        if hash_key not in self._hashes:
            self._hashes[hash_key] = len(self._hashes)
            entry = HASH_TAG + varint(len(hash_key)) + hash_key.encode()
            self._hash_table.append(entry)
            self.size += len(entry)
        return self._hashes[hash_key]


def listed(key: str) -> bytes:
    """A partition key as it stands in the table."""
    text = key.encode()
    return KEY_TAG + varint(len(text)) + text


def _place(indexes: bytes) -> tuple[bytes, Frames]:
    """Indexes as a record says them, with the frames for their width."""
    width = len(indexes)
    frames = _frames.get(width)
    if frames is None:
        frames = _frames[width] = Frames(width)
    return indexes, frames
