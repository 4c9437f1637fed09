"""What a function writes, cut into log events.

One pipe carries two things: plain text (stdout and stderr), where a newline ends an event,
and the frames in which awslambdaric writes what is logged, so that a traceback stays one
event. A frame is: type, length, microseconds since the epoch (4, 4 and 8 bytes, big-endian),
then the message. Its type begins with a byte that no UTF-8 character begins with.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from local.functions import limits

MAGIC = b"\xa5\x5a\x00"
HEADER = struct.Struct(">3sBIQ")
LEVELS = {1: "TRACE", 2: "DEBUG", 3: "INFO", 4: "WARN", 5: "ERROR", 6: "FATAL"}
"""By the type's last byte, shifted right by two; 0 (awslambdaric's default) has none."""
LONGEST_FRAME = 1 << 28
EARLIEST, LATEST = 10**15, 10**16
"""A frame's time lies between 2001 and 2286, else it is text that looks like a frame."""


@dataclass(frozen=True, slots=True)
class Line:
    """One log event, its newline included; cut at 256 KiB as CloudWatch Logs demands."""

    message: bytes
    milliseconds: int | None = None
    level: str | None = None


class Framing:
    """Turns pieces of the pipe into lines, in order; memory is bounded by one event.

    With `only` set, text lines without that mark are not cut out, only counted in `skipped`:
    a function that floods its output must not cost more than reading it.
    """

    def __init__(self) -> None:
        self.only: bytes | None = None
        self.skipped = 0
        self._text = bytearray()
        self._pending = b""
        self._frame: bytearray | None = None
        self._missing = 0
        self._time = 0
        self._level: str | None = None

    def feed(self, piece: bytes) -> Iterator[Line]:
        """The lines that `piece` completes."""
        data = self._pending + piece if self._pending else piece
        self._pending = b""
        position = 0
        while position < len(data):
            if self._frame is not None:
                position = self._take(data, position)
                if not self._missing:
                    yield self._framed()
                continue
            start = _find(data, position)
            yield from self._lines(data[position:start])
            position = self._open(data, start)

    def flush(self) -> Iterator[Line]:
        """What was written last and has no newline (an invocation ends, the process died)."""
        self._append(self._pending)
        self._pending = b""
        if self._frame is not None:
            self._missing = 0
            yield self._framed()
        if self._text:
            yield self._line()

    def _open(self, data: bytes, start: int) -> int:
        """Begin the frame at `start`; the position after its header."""
        if len(data) - start < HEADER.size:
            self._pending = data[start:]
            return len(data)
        _, kind, length, time = HEADER.unpack_from(data, start)
        if length > LONGEST_FRAME or not EARLIEST < time < LATEST:
            self._append(data[start : start + len(MAGIC)])
            return start + len(MAGIC)
        self._frame, self._missing, self._time = bytearray(), length, time
        self._level = LEVELS.get(kind >> 2)
        return start + HEADER.size

    def _take(self, data: bytes, position: int) -> int:
        frame = self._frame or bytearray()
        end = min(len(data), position + self._missing)
        room = limits.LOG_EVENT - len(frame)
        if room > 0:
            frame += data[position : min(end, position + room)]
        self._frame = frame
        self._missing -= end - position
        return end

    def _framed(self) -> Line:
        line = Line(bytes(self._frame or b""), self._time // 1000, self._level)
        self._frame = None
        return line

    def _lines(self, text: bytes) -> Iterator[Line]:
        if self.only is not None and self.only not in self._text[-len(self.only) :] + text:
            self._skip(text)
            return
        *ended, rest = text.split(b"\n")
        for part in ended:
            self._append(part)
            self._text += b"\n"
            line = self._line()
            if self.only is None or self.only in line.message:
                yield line
            else:
                self.skipped += 1
        self._append(rest)

    def _skip(self, text: bytes) -> None:
        ended = text.count(b"\n")
        if ended:
            self.skipped += ended
            self._text.clear()
        self._append(text[text.rfind(b"\n") + 1 :])

    def _append(self, part: bytes) -> None:
        room = limits.LOG_EVENT - 1 - len(self._text)
        if room > 0:
            self._text += part[:room]

    def _line(self) -> Line:
        line = Line(bytes(self._text))
        self._text.clear()
        return line


def _find(data: bytes, position: int) -> int:
    """Where the next frame may begin: a whole mark, or the beginning of one at the end."""
    start = data.find(MAGIC, position)
    if start >= 0:
        return start
    for length in (2, 1):
        if data.endswith(MAGIC[:length]) and len(data) - length >= position:
            return len(data) - length
    return len(data)
