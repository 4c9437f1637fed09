"""Code and layers, unpacked: one directory per content, below one directory per local AWS."""

from __future__ import annotations

import fcntl
import hashlib
import io
import shutil
import stat
import tempfile
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

PREFIX = "headrace-functions-"
LOCK = "lock"


class BadZip(Exception):
    """Bytes that no zip file can be, or one whose names lead out of its directory."""


class Assets:
    """Where assets lie while the local AWS runs; `close` removes them.

    What a killed local AWS left behind is removed by the next one.
    """

    def __init__(self) -> None:
        sweep()
        self.home = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._held = (self.home / LOCK).open("w")
        fcntl.flock(self._held, fcntl.LOCK_EX)
        self._lock = threading.Lock()

    def unpacked(self, archives: Sequence[tuple[str, bytes]]) -> Path:
        """The directory that holds what the archives hold; a later one overwrites an earlier.

        An archive is the SHA-256 of its bytes and the bytes.
        """
        names = "\n".join(digest for digest, _ in archives)
        target = self.home / hashlib.sha256(names.encode()).hexdigest()[:32]
        with self._lock:
            if not target.exists():
                staging = target.with_suffix(".part")
                remove(staging)
                staging.mkdir()
                for _, data in archives:
                    unpack(data, staging)
                staging.rename(target)
        return target

    def scratch(self, name: str) -> Path:
        """A directory of one execution environment's own."""
        path = self.home / "tmp" / name
        path.mkdir(parents=True)
        return path

    def close(self) -> None:
        self._held.close()
        remove(self.home)


def sweep() -> None:
    """Remove the directories whose local AWS is gone: their lock is free."""
    for home in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            with (home / LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(home)
        except OSError:
            continue  # in use, or another user's


def unpack(data: bytes, target: Path) -> None:
    """Write a zip file's members, read-only, with their executable bits and links.

    Raises BadZip.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                _write(archive, member, target)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadZip(str(error)) from error


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    name = PurePosixPath(member.filename)
    if name.is_absolute() or ".." in name.parts:
        raise BadZip(f"{member.filename} leads out of the archive")
    path = target / name
    if member.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    mode = member.external_attr >> 16
    if stat.S_ISLNK(mode):
        path.symlink_to(archive.read(member).decode())
        return
    with archive.open(member) as source, path.open("wb") as copy:
        shutil.copyfileobj(source, copy)
    path.chmod(0o444 | (mode & 0o111))


def remove(path: Path) -> None:
    """Remove a directory and all in it, when it is there."""
    if path.exists():
        shutil.rmtree(path, ignore_errors=True)
