"""The protocol of Valkey, as much of it as a door needs: requests that come, and small answers.

https://valkey.io/topics/protocol/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

END = b"\r\n"
LONGEST_WORD = 1 << 20
"""Bytes of a word, and MOST_WORDS words, that somebody may send before he has said who he is."""
MOST_WORDS = 64


class Malformed(Exception):
    """What came is no request."""


class Socket(Protocol):
    def sendall(self, data: bytes, /) -> object: ...
    def recv(self, size: int, /) -> bytes: ...


def packed(words: Sequence[bytes]) -> bytes:
    """A request as it goes over the wire."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


def request(data: bytes | bytearray) -> tuple[list[bytes], int] | None:
    """The first request in `data` and how many bytes it takes; None when it is not whole yet.

    Raises Malformed.
    """
    found = _number(data, 0, b"*")
    if found is None:
        return None
    count, at = found
    if count > MOST_WORDS:
        raise Malformed(f"{count} words")
    words = []
    for _ in range(count):
        found = _number(data, at, b"$")
        if found is None:
            return None
        size, at = found
        if size > LONGEST_WORD:
            raise Malformed(f"a word of {size} bytes")
        if len(data) < at + size + len(END):
            return None
        words.append(bytes(data[at : at + size]))
        at += size + len(END)
    return words, at


def _number(data: bytes | bytearray, at: int, kind: bytes) -> tuple[int, int] | None:
    end = data.find(END, at, at + 32)
    if data[at : at + 1] not in (kind, b""):
        raise Malformed(repr(bytes(data[at : at + 1])))
    if end < 0:
        if len(data) - at > 32:
            raise Malformed("a number without an end")
        return None
    try:
        return int(data[at + 1 : end]), end + len(END)
    except ValueError as error:
        raise Malformed(str(error)) from None


class Refused(Exception):
    """The server's answer is an error; the message is its own."""


class Asker:
    """Asks a server one small thing after the other over a socket."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._left = bytearray()

    def __call__(self, *words: str) -> bytes:
        """The answer: a line, a number or a text; raises Refused, ConnectionError."""
        self._socket.sendall(packed([word.encode() for word in words]))
        kind, line = self._line()
        if kind == b"-":
            raise Refused(line.decode())
        if kind != b"$":
            return line
        size = int(line)
        while len(self._left) < size + len(END):
            self._more()
        text = bytes(self._left[:size])
        del self._left[: size + len(END)]
        return text

    def _line(self) -> tuple[bytes, bytes]:
        while (end := self._left.find(END)) < 0:
            self._more()
        line = bytes(self._left[:end])
        del self._left[: end + len(END)]
        return line[:1], line[1:]

    def _more(self) -> None:
        piece = self._socket.recv(1 << 16)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self._left += piece
