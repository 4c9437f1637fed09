"""What following needs of a filesystem, and the real one.

`cli.tail.following` sees files through `Disk` alone, so a test can put any change of a file between
any two of its questions.
"""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

COMPRESSED = (".bz2", ".gz", ".lz4", ".xz", ".zip", ".zst")
"""Files of these names hold no lines: what rotation has compressed was read before."""
Identity = tuple[int, int]
"""Device and inode: what a file keeps when it is renamed."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it is when somebody looks; `modified` is nanoseconds of the epoch."""

    path: str
    identity: Identity
    size: int
    modified: int


class Handle(Protocol):
    """An open file: the same one also when it is renamed or deleted."""

    identity: Identity

    def state(self) -> tuple[int, int]:
        """Its size and when it was modified, now."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes; fewer at the end."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Disk(Protocol):
    """Where the files are."""

    def look(self) -> list[Found]:
        """The files that are to be followed, each once."""
        ...

    def beside(self, path: str) -> list[Found]:
        """Every file in the folder of a path."""
        ...

    def open(self, path: str) -> Handle | None:
        """None when there is none any more, or it may not be read."""
        ...


class OpenFile:
    """A handle of the operating system's."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        stat = os.fstat(descriptor)
        self.identity = (stat.st_dev, stat.st_ino)

    def state(self) -> tuple[int, int]:
        stat = os.fstat(self._descriptor)
        return stat.st_size, stat.st_mtime_ns

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)

    def close(self) -> None:
        os.close(self._descriptor)


class Files:
    """The files that patterns such as `/var/log/app*.log` name at the moment, but compressed ones.

    `tell` is given a sentence for each file that may not be read, once.
    """

    def __init__(self, patterns: Sequence[str], tell: Callable[[str], None]) -> None:
        self._patterns = patterns
        self._tell = tell
        self._told: set[str] = set()

    def look(self) -> list[Found]:
        found: dict[Identity, Found] = {}
        for pattern in self._patterns:
            names = [pattern]
            if glob.has_magic(pattern):
                names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
            for file in _stats(names):
                found.setdefault(file.identity, file)
        return list(found.values())

    def beside(self, path: str) -> list[Found]:
        try:
            return list(_stats(str(one) for one in Path(path).parent.iterdir()))
        except OSError:
            return []

    def open(self, path: str) -> Handle | None:
        try:
            return OpenFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            if not isinstance(error, FileNotFoundError) and path not in self._told:
                self._told.add(path)
                self._tell(f"headrace: {path} cannot be read ({error.strerror}), so it waits.")
            return None


def _stats(names: Iterator[str] | Sequence[str]) -> Iterator[Found]:
    for name in names:
        if name.endswith(COMPRESSED):
            continue
        try:
            stat = os.stat(name)  # noqa: PTH116  a Path for each, ten times a second, costs more
        except OSError:
            continue  # it is gone again, or may not be seen
        if os.path.isfile(name):  # noqa: PTH113
            yield Found(name, (stat.st_dev, stat.st_ino), stat.st_size, stat.st_mtime_ns)
