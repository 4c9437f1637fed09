"""One flow, run: files are looked at, lines are put, and how far that is, is saved."""

import secrets
import threading
import time

import msgspec

from cli.tail.checkpoint import Checkpoint
from cli.tail.disk import Disk
from cli.tail.following import Follower, Line
from cli.tail.outlet import Outlet
from cli.tail.rules import Parser
from cli.terminal import say

SOONEST, LATEST = 0.1, 1.0
"""Seconds from one look to the next: soon while files change, later while they do not."""
SAVE_EVERY = 1.0
GRACE = 5.0
"""Seconds that calls get to be answered after Ctrl-C."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow has put."""

    event_type: str
    stream: str
    files: int
    put: int
    put_bytes: int
    invalid: dict[str, int]
    retried: dict[str, int]


class Tail:
    """Follows the files of one flow onto one stream, until it is stopped or, with `once`, until
    everything that was there is put."""

    def __init__(
        self,
        *,
        event_type: str,
        stream: str,
        disk: Disk,
        parser: Parser,
        outlet: Outlet,
        checkpoint: Checkpoint,
        from_end: bool,
        once: bool,
    ) -> None:
        self.error: Exception | None = None
        self._event_type = event_type
        self._stream = stream
        self._parser = parser
        self._outlet = outlet
        self._checkpoint = checkpoint
        self._once = once
        self._over = threading.Event()
        self._saved = 0.0
        self._progress = False
        self._follower = Follower(
            disk,
            checkpoint.load(),
            fresh=lambda: secrets.token_hex(8),
            from_end=from_end,
            once=once,
        )

    @property
    def put(self) -> int:
        """Records on the stream."""
        return self._outlet.tally.put

    @property
    def behind(self) -> int:
        """Bytes that are to be read."""
        return self._follower.behind

    def account(self) -> Account:
        tally = self._outlet.tally
        return Account(
            event_type=self._event_type,
            stream=self._stream,
            files=self._follower.followed,
            put=tally.put,
            put_bytes=tally.put_bytes,
            invalid=dict(self._parser.invalid),
            retried=dict(tally.retried),
        )

    def stop(self) -> None:
        """End soon, with everything saved that is put; safe in a signal handler."""
        self._over.set()
        self._outlet.wake()

    def run(self) -> None:
        """Return when it is over; `error` says why, if nobody wanted that."""
        try:
            try:
                self._follow()
                self._wind_down()
            finally:
                if self._progress:
                    self._save()
        except Exception as error:  # it is told where the command ends
            self.error = error
        finally:
            self._outlet.close()
            self._follower.close()
            self._checkpoint.close()

    def _follow(self) -> None:
        rest = SOONEST
        while not self._over.is_set():
            changed = self._follower.look()
            self._tell()
            read = self._read()
            if self._once:
                if not (changed or read):
                    return
                continue
            rest = SOONEST if changed or read else min(LATEST, 1.5 * rest)
            self._until(time.monotonic() + rest)

    def _read(self) -> bool:
        """Put what can be read; whether there was anything."""
        found = False
        while not self._over.is_set():
            self._until(0.0, room=True)
            lines = self._follower.read()
            if self._follower.unsaved:
                self._save()  # no line is put before the name of its log is safe
            if not lines:
                break
            found = True
            for line in lines:
                self._offer(line)
        return found

    def _offer(self, line: Line) -> None:
        record = None
        if line.start or not self._parser.header:
            record = self._parser.parse(
                line.data, line.id, lambda: self._follower.first_line(line.log)
            )
        if record is None:
            self._done(line)
        else:
            self._outlet.offer(*record, lambda: self._done(line))

    def _done(self, line: Line) -> None:
        self._follower.acknowledge(line)
        self._progress = True

    def _until(self, when: float, *, room: bool = False) -> None:
        """Let calls be made and answered until then, and until there is room if that is wanted."""
        while not self._over.is_set():
            left = when - time.monotonic()
            if left <= 0 and (self._outlet.room or not room):
                if self._outlet.pending:
                    self._outlet.turn(0.0)
                break
            self._outlet.turn(left if left > 0 else LATEST)
            self._save_soon()
        self._save_soon()

    def _wind_down(self) -> None:
        """What was read is put, if it is answered in time; the rest is read the next time."""
        end = time.monotonic() + (GRACE if self._over.is_set() else float("inf"))
        while self._outlet.pending and (left := end - time.monotonic()) > 0:
            self._outlet.turn(min(left, LATEST))
            if self._over.is_set():
                end = min(end, time.monotonic() + GRACE)
        self._save()

    def _save_soon(self) -> None:
        if self._progress and time.monotonic() - self._saved >= SAVE_EVERY:
            self._save()

    def _save(self) -> None:
        self._checkpoint.save(self._follower.state())
        self._saved = time.monotonic()
        self._progress = False

    def _tell(self) -> None:
        for note in self._follower.notes:
            say(f"headrace: {note}")
        self._follower.notes.clear()
