"""Where replayed events come from: JSON lines of a file or of stdin, gzip or not, or an event
type's built-in data. Lines are bytes that nobody here changes.
"""

import io
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from cli.errors import UnreadableSource

CHUNK = 256 * 1024
GZIP = b"\x1f\x8b"
LONGEST_LINE = 32 * 1024 * 1024
"""Far above any record; what is longer is not JSON lines, and must not fill the memory."""
STDIN = "-"


class Source:
    """The bytes of a file or of stdin, and how far they are read.

    Raises UnreadableSource.
    """

    def __init__(self, name: str) -> None:
        self.name = "standard input" if name == STDIN else name
        self.position = 0
        self.size: int | None = None
        try:
            if name == STDIN:
                self._file: BinaryIO = io.FileIO(os.dup(0), "rb")
            else:
                self._file = io.FileIO(name, "rb")
                self.size = Path(name).stat().st_size if Path(name).is_file() else None
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error

    def lines(self) -> Iterator[list[bytes]]:
        """Lists of lines without their line feed, as soon as they can be read."""
        chunks = self._chunks()
        head = b""
        while len(head) < len(GZIP) and (more := next(chunks, b"")):
            head += more
        whole = self._chain(head, chunks)
        yield from self._split(self._gunzip(whole) if head.startswith(GZIP) else whole)

    def close(self) -> None:
        """Nothing more is read."""
        self._file.close()

    @staticmethod
    def _chain(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
        yield head
        yield from chunks

    def _chunks(self) -> Iterator[bytes]:
        while True:
            try:
                chunk = self._file.read(CHUNK)
            except OSError as error:
                raise self._unreadable(error.strerror or str(error)) from error
            if not chunk:
                return
            self.position += len(chunk)
            yield chunk

    def _gunzip(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Decompress one gzip member after the other, as `gzip -c a b > c` writes them."""
        member = None
        for compressed in chunks:
            left = compressed
            while left:
                if member is None:
                    left = left.lstrip(b"\0")  # padding after a member
                    if not left:
                        break
                    member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
                try:
                    yield member.decompress(left, CHUNK * 4)
                except zlib.error as error:
                    raise self._unreadable(f"it is damaged gzip ({error})") from error
                left = member.unconsumed_tail or member.unused_data
                if member.eof:
                    member = None
        if member is not None:
            raise self._unreadable("its gzip data ends in the middle")

    def _split(self, chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
        parts: list[bytes] = []
        size = 0
        for chunk in chunks:
            first, *rest = chunk.split(b"\n")
            parts.append(first)
            size += len(first)
            if size > LONGEST_LINE:
                raise self._unreadable("it has a line of more than 32 MiB, so it is no JSON lines")
            if rest:
                *whole, last = [b"".join(parts), *rest]
                parts, size = [last], len(last)
                yield whole
        if size:
            yield [b"".join(parts)]

    def _unreadable(self, why: str) -> UnreadableSource:
        return UnreadableSource(
            f"Cannot read {self.name}: {why}. Give a file of JSON lines (gzip or not) with "
            "--source, or - for standard input."
        )
