"""What functions log: into moto's CloudWatch Logs, and a part of it onto the terminal.

Memory is bounded: above `KEPT` bytes the oldest events of functions are forgotten.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import logs_backends

KEPT = 64 * 1024 * 1024
EVENT_OVERHEAD = 400
"""Bytes that an event costs beside its message, about."""
SHOWN = 2_000
"""Lines that may wait for a slow terminal; later ones are counted and dropped."""


class Level(IntEnum):
    """What of the functions' output is shown on the terminal."""

    NOTHING = 0
    WARNINGS = 1
    """Lines that say they are warnings or errors, and what Lambda says of a failure."""
    ALL = 2


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that were written together, oldest first."""

    stream: Any
    events: int
    size: int


_lock = threading.Lock()
_batches: deque[Batch] = deque()
_size = 0


def write(
    account: str, region: str, group: str, stream: str, events: Sequence[tuple[int, str]]
) -> None:
    """Append events (milliseconds since the epoch, message), making group and stream if needed."""
    log = _stream(account, region, group, stream)
    if log is not None:
        log.put_log_events([{"timestamp": time, "message": message} for time, message in events])
        _remember(Batch(log, len(events), sum(len(text) + EVENT_OVERHEAD for _, text in events)))


def _stream(account: str, region: str, group: str, stream: str) -> Any:
    """The log stream; None when somebody deletes its group at this very moment."""
    backend = logs_backends[account][region]
    with _lock:
        try:
            backend.ensure_log_group(group)
            backend.ensure_log_stream(group, stream)
            return backend.groups[group].streams[stream]
        except (KeyError, ResourceNotFoundException):
            return None


def _remember(batch: Batch) -> None:
    global _size
    with _lock:
        _batches.append(batch)
        _size += batch.size
        while _size > KEPT and len(_batches) > 1:
            oldest = _batches.popleft()
            _size -= oldest.size
            del oldest.stream.events[: oldest.events]


class Terminal:
    """Lines for a person, written by a thread of its own: a terminal that stands still must not
    hold up an invocation."""

    def __init__(self) -> None:
        self.level = Level.WARNINGS
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._some = threading.Condition()
        self._thread: threading.Thread | None = None

    def show(self, name: str, text: str) -> None:
        """Write the lines of `text`, each with the function's name before it."""
        lines = [f"[{name}] {line}\n" for line in text.splitlines() if line.strip()]
        with self._some:
            room = max(0, SHOWN - len(self._lines))
            self._lines.extend(lines[:room])
            self._dropped += len(lines[room:])
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="terminal", daemon=True)
                self._thread.start()
            self._some.notify()

    def _write(self) -> None:
        while True:
            with self._some:
                while not self._lines:
                    self._some.wait()
                lines = list(self._lines)
                self._lines.clear()
                if self._dropped:
                    lines.append(f"[{self._dropped} lines were dropped]\n")
                    self._dropped = 0
            sys.stderr.write("".join(lines))
            sys.stderr.flush()


terminal = Terminal()
