"""What waits for delivery: one buffer per shard or partition, per error type, per shard's backup.

Pure: the time is given, nothing is delivered here. A buffer that is full or due is *sealed*; a
sealed one still counts as active until `done` says that its object is written.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from local.delivery.failure import Line
from local.delivery.prefix import Template
from local.delivery.record import Row, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OVERHEAD = 400
"""Bytes that Python takes for a waiting record beside its data, for the memory account."""

Item = Row | Line | Source


class Kind(Enum):
    DATA = "data"
    ERROR = "error"
    BACKUP = "backup"


class Key(NamedTuple):
    """Which object a record will be in: its partition or shard, or its error type."""

    kind: Kind
    name: str | Template


class Hints(Struct, frozen=True):
    """When a buffer is delivered: bytes, or seconds (already scaled)."""

    size: int
    interval: float


class Buffer(Struct):
    """Records of one future object; `oldest` is the first arrival, epoch milliseconds."""

    key: Key
    opened: float
    oldest: int
    items: list[Item] = []
    size: int = 0


class Buffers:
    """All buffers of one delivery stream; `hints` may change while it runs."""

    def __init__(self, hints: Callable[[Kind], Hints]) -> None:
        self._hints = hints
        self._open: dict[Key, Buffer] = {}
        self._sealed: deque[Buffer] = deque()
        self._active: dict[Key, int] = {}
        self.memory = 0

    def add(self, key: Key, items: Sequence[Item], now: float) -> None:
        """Append in order; what reaches the size is sealed on the way."""
        limit = self._hints(key.kind).size
        sizes = [_size(item) for item in items]
        self.memory += sum(sizes) + OVERHEAD * len(items)
        start = 0
        while start < len(items):
            buffer = self._open.get(key) or self._new(key, now, _arrival(items[start]))
            end = _fitting(sizes, start, limit - buffer.size)
            if end == start and buffer.items:
                self._seal(buffer)
                continue
            end = max(end, start + 1)
            buffer.items += items[start:end]
            buffer.size += sum(sizes[start:end])
            buffer.oldest = min(buffer.oldest, *map(_arrival, items[start:end]))
            if buffer.size >= limit:
                self._seal(buffer)
            start = end

    def active(self, kind: Kind) -> set[Key]:
        """Keys with records that are not delivered yet."""
        return {key for key in self._active if key.kind is kind}

    def take(self, now: float) -> Buffer | None:
        """A buffer that is full or due, None when there is none; `done` ends its delivery."""
        for buffer in [one for one in self._open.values() if self._due(one) <= now]:
            self._seal(buffer)
        return self._sealed.popleft() if self._sealed else None

    def take_biggest(self) -> Buffer | None:
        """The buffer that frees most memory, due or not."""
        if not self._sealed and self._open:
            self._seal(max(self._open.values(), key=lambda one: one.size))
        return self._sealed.popleft() if self._sealed else None

    def seal_all(self) -> None:
        """Make everything due."""
        for buffer in list(self._open.values()):
            self._seal(buffer)

    def done(self, buffer: Buffer) -> None:
        """The buffer is delivered: it is not active any more and its memory is free."""
        self.memory -= buffer.size + OVERHEAD * len(buffer.items)
        self._active[buffer.key] -= 1
        if not self._active[buffer.key]:
            del self._active[buffer.key]

    def due(self) -> float | None:
        """When `take` will have something, None when nothing waits."""
        if self._sealed:
            return self._sealed[0].opened
        return min((self._due(one) for one in self._open.values()), default=None)

    def __len__(self) -> int:
        """Buffers that are open or sealed and not taken."""
        return len(self._open) + len(self._sealed)

    def _due(self, buffer: Buffer) -> float:
        return buffer.opened + self._hints(buffer.key.kind).interval

    def _new(self, key: Key, now: float, arrival: int) -> Buffer:
        buffer = self._open[key] = Buffer(key, now, arrival)
        self._active[key] = self._active.get(key, 0) + 1
        return buffer

    def _seal(self, buffer: Buffer) -> None:
        del self._open[buffer.key]
        self._sealed.append(buffer)


def _size(item: Item) -> int:
    return len(item.content if isinstance(item, Line) else item.data)


def _arrival(item: Item) -> int:
    return item.arrival if isinstance(item, Source) else item.source.arrival


def _fitting(sizes: Sequence[int], start: int, free: int) -> int:
    """How far the items fit into what is free."""
    if sum(sizes[start:]) <= free:
        return len(sizes)
    end = start
    while sizes[end] <= free:
        free -= sizes[end]
        end += 1
    return end
