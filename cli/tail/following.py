"""Which bytes of which files are lines that nobody has put yet: rotation, truncation, restarts.

Pure but for the `Disk` that it asks: no clock, no thread. What is followed is a `Log`: bytes that
are only ever added to. A log is in one file, known by device and inode, and by what is in it: its
first bytes, and those before the place where reading goes on. So

- a renamed file is the same log, and is read on where it is; so is a deleted one, while it is open;
- a file that was truncated holds another log from its first byte on, also when it has grown beyond
  the old place in the meantime, or when another file got its inode. The first log goes on in its
  copy, a file beside it with the same bytes, where there is one (copy-truncate);
- a file that is nothing but the beginning of another one with a name like its own is taken for a
  copy in the making: it waits until the other one is truncated or gone, or the two differ.

Every log has a name that no other has, and a line has the name of its log and its place in it:
together they are the line's id. A name is in a saved `State` before the first line under it is
given away (`unsaved`), with enough of the log's first bytes to find out that it is gone. So a line
that is read again after a crash has the id that it had before, and no other line has it.

What cannot be known: lines that were in a file only between two looks; two logs that are equal in
their first kilobyte and before the place where reading stopped; lines that were written after the
copy was made and before the truncation, unless they were read in between; a copy that was
compressed at once.
"""

import base64
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import PurePath

import msgspec

from cli.tail.disk import Disk, Found, Handle, Identity

LONGEST = 1_000_000
"""Bytes of a line, below what a record holds with its key. A longer one comes in pieces."""
GIVE_UP = 5
"""Looks in which a log is found nowhere before it is given up: while files are renamed one after
the other, a listing of them may miss any."""
HEAD = 1024
TAIL = 64
IDLE = 120
"""Looks without a change after which a file is closed, unless its last line has no line feed yet; a
file that is gone is then read to its end, that line too, and given up."""


class Print(msgspec.Struct, frozen=True):
    """A hash of so many bytes: what is saved of a log's content says nothing about it."""

    length: int
    digest: str

    @classmethod
    def of(cls, data: bytes) -> "Print":
        digest = blake2b(data, digest_size=16).digest()
        return cls(len(data), base64.b64encode(digest).decode())


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far one log is put: what is saved of it."""

    name: str
    path: str
    device: int
    inode: int
    offset: int
    """Everything before it is put."""
    head: Print
    tail: Print


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far everything is put."""

    version: int = 1
    places: tuple[Place, ...] = ()


@dataclass(slots=True, eq=False)
class Line:
    """Bytes of a log between two places, without the line feed."""

    log: "Log"
    start: int
    end: int
    data: bytes
    before: bytes
    """The last bytes before it, as far as they are kept."""
    done: bool = False

    @property
    def id(self) -> str:
        """What this line has and no other: 16 letters of its log, and its place."""
        return f"{self.log.name}-{self.start}"


@dataclass(slots=True, eq=False)
class Log:
    """One log, and where it is."""

    name: str
    path: str
    identity: Identity
    head: bytes
    offset: int = 0
    """The next byte to read."""
    tail: bytes = b""
    """The last bytes before it."""
    handle: Handle | None = None
    size: int = 0
    modified: int = -1
    idle: int = 0
    gone: bool = False
    """No file that is followed holds it, but for one that is open."""
    broken: bool = False
    """What it was in holds something else now."""
    missed: int = 0
    """Looks in which it was found nowhere."""
    lost: bool = False
    """No file holds it: it is here for its lines that are not put yet."""
    readable: bool = True
    """Whether there may be lines that were not read."""
    first: bytes | None = None
    """Its first line, once somebody has asked for it."""
    pending: deque[Line] = field(default_factory=deque)
    """Lines that were given away, in order; not put, or put behind one that is not."""


class Follower:
    """Follows the files of a disk.

    look() finds out what has changed; read() gives lines while there are any; acknowledge(line)
    says that one is put; state() is what may be saved now. `notes` are sentences for a person.
    """

    def __init__(
        self,
        disk: Disk,
        state: State | None,
        *,
        fresh: Callable[[], str],
        from_end: bool = False,
        once: bool = False,
    ) -> None:
        """`fresh` gives a name that was never given. `from_end`: without a saved state, what is
        there already is passed over. `once`: the last line needs no line feed."""
        self.unsaved = state is None
        self.notes: list[str] = []
        self._disk = disk
        self._fresh = fresh
        self._once = once
        self._logs: list[Log] = []
        self._skip = from_end and state is None
        self._restore: tuple[Place, ...] = state.places if state else ()
        self._missed = 0
        self._turn = 0

    @property
    def followed(self) -> int:
        """Files."""
        return sum(not log.lost for log in self._logs)

    @property
    def behind(self) -> int:
        """Bytes that are not given away, by the last look."""
        return sum(max(0, log.size - log.offset) for log in self._logs if not log.lost)

    def look(self) -> bool:
        """Find new, rotated and truncated files; whether anything has changed."""
        found = self._disk.look()
        here = {file.identity: file for file in found}
        if self._restore:
            self._restored(here)
        changed = bool(self._restore)
        for log in self._logs:
            if not log.lost:
                changed |= self._followed(log, here.get(log.identity))
        for log in self._logs:
            if (log.broken or log.gone) and not log.lost:
                self._resume(log)
        if not self._restore:  # what is not found yet may be one of the new files
            changed |= any(log.missed for log in self._logs) or self._adopt(found)
        self._logs = [log for log in self._logs if not self._over(log)]
        self._skip = False
        return changed

    def read(self) -> list[Line]:
        """The next lines, of one log; nothing when there are none until the next look."""
        for _ in range(len(self._logs)):
            order = self._turns()
            if not order:
                break
            self._turn += 1
            for log in order[self._turn % len(order)]:
                if lines := self._read(log):
                    return lines
        return []

    def acknowledge(self, line: Line) -> None:
        """The line is on its stream, or holds nothing that would be put."""
        line.done = True
        pending = line.log.pending
        while pending and pending[0].done:
            pending.popleft()

    def first_line(self, log: Log) -> bytes:
        """What stands at the beginning of a log, which a header is; nothing where it is longer than
        what is kept of the log, and its file holds something else by now."""
        if log.first is None:
            data = log.head
            if b"\n" not in data:
                handle = self._opened(log)
                data = handle.read(0, LONGEST) if handle else b""
                if handle is None or not _intact(log, handle):
                    return b""
            log.first = data.partition(b"\n")[0].rstrip(b"\r")
        return log.first

    def state(self) -> State:
        """How far everything is put."""
        self.unsaved = False
        return State(places=(*self._restore, *(_place(log) for log in self._logs)))

    def close(self) -> None:
        """Let go of every file."""
        for log in self._logs:
            self._close(log)

    # Where the logs are

    def _restored(self, here: dict[Identity, Found]) -> None:
        """The logs of the saved state, each found again by its file or by its content."""
        places, self._restore = self._restore, ()
        for place in places:
            log = Log(place.name, place.path, (place.device, place.inode), b"", place.offset)
            if self._found_again(log, place, here):
                self._logs.append(log)
            elif self._missed < GIVE_UP:
                self._restore += (place,)
            else:
                self.notes.append(_lost(place.path))
                self.unsaved = True
        self._missed += 1

    def _found_again(self, log: Log, place: Place, here: dict[Identity, Found]) -> bool:
        files = [*here.values(), *self._disk.beside(place.path)]
        taken = {one.identity for one in self._logs}
        same = [file for file in files if file.identity == log.identity]
        named_so = [file for file in files if _related(file.path, place.path)]
        return any(
            self._matches(file, place, log)
            for file in (*same, *named_so)
            if file.identity not in taken
        )

    def _matches(self, file: Found, place: Place, log: Log) -> bool:
        handle = self._disk.open(file.path)
        if handle is None:
            return False
        head = handle.read(0, place.head.length)
        tail = handle.read(place.offset - place.tail.length, place.tail.length)
        if (
            handle.identity != file.identity
            or Print.of(head) != place.head
            or Print.of(tail) != place.tail
        ):
            handle.close()
            return False
        if file.identity != log.identity:
            self.unsaved = True
        log.path, log.identity, log.handle = file.path, file.identity, handle
        log.head, log.tail = head, tail
        return True

    def _followed(self, log: Log, file: Found | None) -> bool:
        """Whether a log has changed where it is."""
        gone, log.gone = log.gone, file is None
        if file is None:
            if log.handle is None:
                return False
            if not gone:
                log.idle = 0  # from now on its last line waits for its line feed
            size, modified = log.handle.state()
        else:
            log.path, size, modified = file.path, file.size, file.modified
            log.missed = 0 if not log.broken else log.missed
        if (size, modified) == (log.size, log.modified):
            log.idle += 1
            if log.idle == IDLE - 1 and log.gone:
                log.readable = True  # its last line, if it has no line feed
            elif log.idle >= IDLE and not log.readable and (log.gone or log.size == log.offset):
                self._close(log)
            return False
        log.idle = 0
        log.readable = True
        handle = self._opened(log)
        if handle is None:
            log.gone = True
            return True
        log.broken = not _intact(log, handle)
        log.missed = log.missed if log.broken else 0
        log.size, log.modified = size, modified
        return True

    def _resume(self, log: Log) -> None:
        """A log whose file is gone, or holds something else, goes on in its copy."""
        if log.gone and log.handle is not None and not log.broken:
            return  # still open: it is read to its end where it is
        if self._moved(log):
            log.missed = 0
            return
        log.missed += 1
        if log.missed <= GIVE_UP:
            return
        if log.broken or log.size > log.offset:
            self.notes.append(_lost(log.path))
        log.lost, log.missed = True, 0
        self._close(log)

    def _moved(self, log: Log) -> bool:
        """Whether a log is in another file now, from which it is read on."""
        taken = {one.identity for one in self._logs if one is not log and not one.broken}
        for file in self._disk.beside(log.path):
            if file.identity in taken or not _related(file.path, log.path):
                continue
            handle = self._disk.open(file.path)
            if handle is None:
                continue
            if handle.identity == file.identity and _intact(log, handle):
                self._close(log)
                log.handle, log.identity, log.path = handle, file.identity, file.path
                log.broken, log.gone = False, False
                log.size, log.modified, log.idle, log.readable = file.size, file.modified, 0, True
                self.unsaved = True
                return True
            handle.close()
        return False

    def _over(self, log: Log) -> bool:
        """Whether nothing of a log is to be read or waited for."""
        if log.lost and not log.pending:
            self.unsaved = True
            return True
        return False

    def _adopt(self, found: list[Found]) -> bool:
        """Follow files that are new; the shorter name first, as a copy has the longer one. They are
        read in the order in which they were last written."""
        known = {log.identity for log in self._logs if not log.lost}
        new = [file for file in found if file.size and file.identity not in known]
        new.sort(key=lambda file: (len(file.path), file.path))
        adopted = []
        for file in new:
            if not self._skip and self._maybe_a_copy(file):
                continue
            handle = self._disk.open(file.path)
            if handle is None:
                continue
            head = handle.read(0, HEAD)
            if handle.identity != file.identity or len(head) < min(HEAD, file.size):
                handle.close()
                continue
            log = Log(self._fresh(), file.path, file.identity, head, handle=handle)
            log.size, log.modified = file.size, file.modified
            if self._skip:
                self._to_the_end(log, handle)
            self._logs.append(log)
            adopted.append(log)
            self.unsaved = True
        if len(adopted) > 1:
            place = {id(log): (log.modified, log.path) for log in adopted}
            self._logs[-len(adopted) :] = sorted(adopted, key=lambda log: place[id(log)])
        return bool(adopted)

    def _maybe_a_copy(self, file: Found) -> bool:
        """Whether a new file is, as far as one can see, a copy of a log that is followed; also
        while that one is about to be found truncated."""
        handle: Handle | None = None
        try:
            for log in self._logs:
                if log.lost or not _related(file.path, log.path):
                    continue
                if handle is None:
                    handle = self._disk.open(file.path)
                if handle is None:
                    return True  # gone again
                length = min(len(log.head), file.size)
                if handle.read(0, length) != log.head[:length]:
                    continue
                other = self._opened(log)
                if other is None or _begins(other, handle, file.size) or not _intact(log, other):
                    return True  # or the next look will know
            return False
        finally:
            if handle is not None:
                handle.close()

    def _to_the_end(self, log: Log, handle: Handle) -> None:
        """Pass over what is there, up to its last line feed."""
        start = max(0, log.size - LONGEST)
        data = handle.read(start, log.size - start)
        log.offset = start + data.rfind(b"\n") + 1
        if log.offset == 0 and start == 0:
            return
        length = min(TAIL, log.offset)
        log.tail = handle.read(log.offset - length, length)

    # Reading

    def _turns(self) -> list[list[Log]]:
        """The logs in groups, which take turns: in a group an older one is read to its end."""
        groups: dict[tuple[str, str], list[Log]] = {}
        for log in self._logs:
            if log.readable and not log.broken:
                groups.setdefault(_group(log.path), []).append(log)
        return list(groups.values())

    def _read(self, log: Log) -> list[Line]:
        handle = self._opened(log)
        if handle is None:
            log.gone = True
            return []
        kept = len(log.tail)
        data = handle.read(log.offset - kept, kept + LONGEST)
        known = log.head[log.offset - kept :]
        if data[:kept] != log.tail or data[: len(known)] != known:
            log.broken = True  # the next look finds out where it is
            log.modified = -1
            return []
        at_end = len(data) < kept + LONGEST
        ends = list(_ends(data, kept, whole=at_end and self._last_is_whole(log, handle)))
        if not ends:
            log.readable = False
            return []
        lines = []
        start = kept
        for end in ends:
            begin = log.offset - kept + start
            text = data[start:end].removesuffix(b"\n")
            line = Line(log, begin, begin + end - start, text, data[max(0, start - TAIL) : start])
            lines.append(line)
            start = end
        log.pending.extend(lines)
        self._advance(log, data[kept:start])
        return lines

    def _last_is_whole(self, log: Log, handle: Handle) -> bool:
        """Whether a last line without a line feed will get none any more."""
        return self._once or (log.gone and log.idle >= IDLE - 1 and handle.state()[0] == log.size)

    def _advance(self, log: Log, data: bytes) -> None:
        if log.offset + len(data) > len(log.head) and len(log.head) < HEAD:
            log.head += data[len(log.head) - log.offset :][: HEAD - len(log.head)]
            self.unsaved = True
        log.offset += len(data)
        log.tail = (log.tail + data)[-TAIL:]

    # Open files

    def _opened(self, log: Log) -> Handle | None:
        if log.handle is None:
            handle = self._disk.open(log.path)
            if handle is not None and handle.identity != log.identity:
                handle.close()
                handle = None
            log.handle = handle
        return log.handle

    @staticmethod
    def _close(log: Log) -> None:
        if log.handle is not None:
            log.handle.close()
            log.handle = None


def _intact(log: Log, handle: Handle) -> bool:
    """Whether an open file holds a log as far as it is known."""
    length = len(log.tail)
    return (
        handle.state()[0] >= log.offset
        and handle.read(0, len(log.head)) == log.head
        and handle.read(log.offset - length, length) == log.tail
    )


def _begins(whole: Handle, part: Handle, size: int) -> bool:
    """Whether a file begins, as far as its ends tell, with the `size` bytes of another."""
    last = max(0, size - HEAD)
    return whole.state()[0] >= size and all(
        part.read(at, length) == whole.read(at, length)
        for at, length in ((0, min(HEAD, size)), (last, size - last))
    )


def _ends(data: bytes, start: int, *, whole: bool) -> Iterator[int]:
    """Where the lines after `start` end."""
    at = start
    while (found := data.find(b"\n", at)) >= 0:
        at = found + 1
        yield at
    if at < len(data) and (whole or len(data) - at >= LONGEST):
        yield len(data)


def _place(log: Log) -> Place:
    first = log.pending[0] if log.pending else None
    return Place(
        name=log.name,
        path=log.path,
        device=log.identity[0],
        inode=log.identity[1],
        offset=first.start if first else log.offset,
        head=Print.of(log.head),
        tail=Print.of(first.before if first else log.tail),
    )


def _related(one: str, other: str) -> bool:
    """Whether two files of a folder have names of one log: app.log, app.log.1, app-20261121.log."""
    first, second = PurePath(one), PurePath(other)
    a, b = first.name.partition(".")[0], second.name.partition(".")[0]
    return first.parent == second.parent and (a.startswith(b) or b.startswith(a))


def _group(path: str) -> tuple[str, str]:
    pure = PurePath(path)
    return str(pure.parent), pure.name.partition(".")[0]


def _lost(path: str) -> str:
    return (
        f"{path} was truncated or deleted, and no copy of it is beside it: lines that were not "
        "read until then are gone."
    )
