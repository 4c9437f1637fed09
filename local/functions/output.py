"""The log of one execution environment: bounded, in order, to CloudWatch Logs and terminal."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

from local import logs, metrics
from local.functions import emf, limits
from local.functions.definition import Definition
from local.functions.framing import Framing, Line
from local.logs import Level

FLUSH_SECONDS = 1.0
PENDING_BYTES = 1 << 20
BAD = re.compile(r"\[(WARNING|ERROR|CRITICAL)\]|\"level\":\s*\"(WARN(ING)?|ERROR|CRITICAL|FATAL)\"")
BAD_LEVELS = {"WARN", "ERROR", "FATAL"}
SEARCHED = 2048


class Output:
    """What an environment writes, from the pipe to the log stream.

    `begin` starts an invocation's budget and tail, `end` closes it.
    """

    def __init__(self, definition: Definition, stream: str) -> None:
        self._definition = definition
        self._stream = stream
        self._framing = Framing()
        self._pending: list[tuple[int, str]] = []
        self._waiting = 0
        self._flushed = 0.0
        self._last = 0
        self.begin()

    def begin(self) -> None:
        self._lines = 0
        self._bytes = 0
        self._read = 0
        self._tail = b""
        self._framing.only = None
        self._framing.skipped = 0

    def feed(self, piece: bytes) -> None:
        """Take what was read from the pipe."""
        if self._framing.only is not None:
            self._read += len(piece)
        self._take(self._framing.feed(piece))

    def say(self, text: str, *, bad: bool = False) -> None:
        """A line of Lambda itself: never dropped; an empty one was not asked for."""
        if not text:
            return
        self._keep(text.encode(), None)
        if logs.terminal.level is Level.ALL or (bad and logs.terminal.level is Level.WARNINGS):
            logs.terminal.show(self._definition.name, text)

    def close(self) -> None:
        """Everything of this invocation's own output was fed; say what was left out."""
        self._take(self._framing.flush())
        if self._framing.skipped:
            self.say(
                f"Headrace dropped {self._framing.skipped:,} lines of this invocation's output "
                f"({self._read:,} bytes): it logged more than {limits.OUTPUT_BYTES:,} bytes or "
                f"{limits.OUTPUT_LINES:,} lines.\n",
                bad=True,
            )

    def tail(self) -> bytes:
        """The last 4 KB of this invocation's log, as the Invoke API returns them."""
        return self._tail[-limits.LOG_TAIL :]

    def flush(self) -> None:
        """Write what is pending to the log stream."""
        self._flushed = time.monotonic()
        if self._pending:
            events, self._pending, self._waiting = self._pending, [], 0
            one = self._definition
            logs.write(one.account, one.region, one.log_group, self._stream, events)

    def _take(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._measure(line.message)
            if self._framing.only is not None:
                self._framing.skipped += 1
                continue
            self._lines += 1
            self._bytes += len(line.message)
            self._keep(line.message, line.milliseconds)
            self._show(line)
            if self._lines >= limits.OUTPUT_LINES or self._bytes >= limits.OUTPUT_BYTES:
                self._framing.only = emf.MARK
        if self._waiting > PENDING_BYTES or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def _keep(self, message: bytes, milliseconds: int | None) -> None:
        now = int(time.time() * 1000)
        self._last = max(self._last, min(milliseconds or now, now))
        self._pending.append((self._last, message.decode("utf-8", "replace")))
        self._waiting += len(message)
        self._tail = (self._tail + message)[-limits.LOG_TAIL :]

    def _show(self, line: Line) -> None:
        if logs.terminal.level is Level.NOTHING:
            return
        text = line.message.decode("utf-8", "replace")
        bad = line.level in BAD_LEVELS or BAD.search(text, 0, SEARCHED)
        if bad or logs.terminal.level is Level.ALL:
            logs.terminal.show(self._definition.name, text)

    def _measure(self, message: bytes) -> None:
        for point in emf.points(message):
            metrics.put_all(
                point.namespace,
                point.name,
                point.values,
                point.unit,
                dict(point.dimensions),
                point.time,
                region=self._definition.region,
                account=self._definition.account,
            )
