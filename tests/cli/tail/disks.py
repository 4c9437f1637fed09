"""A disk in memory on which anything may happen between any two questions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from cli.tail.disk import Found, Identity


class FakeDisk:
    """Files by path, their content by inode; `before` runs ahead of every question."""

    def __init__(self) -> None:
        self.paths: dict[str, int] = {}
        self.content: dict[int, bytearray] = {}
        self.modified: dict[int, int] = {}
        self.opened: dict[int, int] = {}
        self.free: list[int] = []
        self.clock = 0
        self.wanted: Callable[[str], bool] = lambda _: True
        self.before: Callable[[], None] = lambda: None

    # What programs do to files

    def append(self, path: str, data: bytes) -> None:
        """Also makes the file, with the inode of one that is gone, as filesystems do."""
        if path not in self.paths:
            inode = self.free.pop() if self.free else len(self.content) + 1
            self.paths[path] = inode
            self.content[inode] = bytearray()
        self._touch(self.paths[path])
        self.content[self.paths[path]] += data

    def rename(self, path: str, other: str) -> None:
        self.paths[other] = self.paths.pop(path)

    def truncate(self, path: str) -> None:
        inode = self.paths[path]
        self._touch(inode)
        self.content[inode].clear()

    def delete(self, path: str) -> None:
        inode = self.paths.pop(path)
        if not self.opened.get(inode):
            self.free.append(inode)

    def read(self, path: str) -> bytes:
        return bytes(self.content[self.paths[path]])

    def crash(self) -> None:
        """The program that follows is gone, and its open files with it."""
        self.opened.clear()

    def _touch(self, inode: int) -> None:
        self.clock += 1
        self.modified[inode] = self.clock

    # What is asked of it

    def look(self) -> list[Found]:
        found = []
        for path in sorted(self.paths):
            self.before()
            if path in self.paths and self.wanted(path):
                found.append(self._found(path))
        return found

    def beside(self, path: str) -> list[Found]:
        self.before()
        folder = PurePath(path).parent
        return [self._found(one) for one in self.paths if PurePath(one).parent == folder]

    def open(self, path: str) -> FakeFile | None:
        self.before()
        return FakeFile(self, self.paths[path]) if path in self.paths else None

    def _found(self, path: str) -> Found:
        inode = self.paths[path]
        return Found(path, (1, inode), len(self.content[inode]), self.modified[inode])


class FakeFile:
    def __init__(self, disk: FakeDisk, inode: int) -> None:
        self.identity: Identity = (1, inode)
        self._disk = disk
        self._inode = inode
        disk.opened[inode] = disk.opened.get(inode, 0) + 1

    def state(self) -> tuple[int, int]:
        self._disk.before()
        return len(self._disk.content[self._inode]), self._disk.modified[self._inode]

    def read(self, offset: int, length: int) -> bytes:
        self._disk.before()
        return bytes(self._disk.content[self._inode][offset : offset + length])

    def close(self) -> None:
        opened = self._disk.opened
        opened[self._inode] = opened.get(self._inode, 1) - 1
        if not opened[self._inode] and self._inode not in self._disk.paths.values():
            self._disk.free.append(self._inode)
