"""The door of a cache: TLS outside, the server's own socket inside, and who may pass.

The server of the wheel is built without TLS and knows no IAM. So each connection ends here: what
comes before somebody has said who he is is read, request by request; a token that is in order is
put in the place of the user's real password, which nobody knows, one that is not in the place of
nothing that fits, so that every answer is the server's own. After that bytes go through as they
come.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable

from local.cache.resp import Malformed, packed, request

PIECE = 1 << 16
HELD = 1 << 22
"""Bytes on their way in one direction from which on no more are read."""
SHAKING_SECONDS = 10.0
WRONG = b"-"
"""A password that no user has."""

Password = Callable[[str, str], str | None]
"""The real password of a user who shows this token; None when it does not fit."""


class Guard:
    """Reads one client's requests until he is let in; `pass_on` is what the server gets."""

    def __init__(self, password: Password) -> None:
        self._password = password
        self._held = bytearray()
        self.inside = False

    def pass_on(self, data: bytes) -> bytes:
        """What of `data`, and of what came before it, goes to the server now; raises Malformed."""
        if self.inside and not self._held and not _asks_again(data):
            return data
        self._held += data
        ready = bytearray()
        while self._held and (found := request(self._held)) is not None:
            words, size = found
            del self._held[:size]
            ready += packed(self._authenticated(words))
            if self.inside:
                ready += self._held
                self._held.clear()
        return bytes(ready)

    def _authenticated(self, words: list[bytes]) -> list[bytes]:
        name = words[0].upper() if words else b""
        at = 1 if name == b"AUTH" else _auth_of(words) if name == b"HELLO" else 0
        if not at or len(words) < at + 2:
            return words
        user, token = words[at].decode(errors="replace"), words[at + 1].decode(errors="replace")
        real = self._password(user, token)
        self.inside = self.inside or real is not None
        return [*words[: at + 1], WRONG if real is None else real.encode(), *words[at + 2 :]]


def _auth_of(words: list[bytes]) -> int:
    """Where HELLO has its user: after AUTH, which follows the version."""
    upper = [word.upper() for word in words]
    return upper.index(b"AUTH") + 1 if b"AUTH" in upper else 0


def _asks_again(data: bytes) -> bool:
    """Whether somebody who is inside shows another token: connections may live 12 hours."""
    return data[:1] == b"*" and data[4:14].upper() in (b"$4\r\nAUTH\r\n", b"$5\r\nHELLO\r")


def serve(client: socket.socket, context: ssl.SSLContext, inside: str, guard: Guard) -> None:
    """Let one client through until either side ends; closes both."""
    with socket.socket(socket.AF_UNIX) as server:
        client.settimeout(SHAKING_SECONDS)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(client, server_side=True) as outside:
            server.connect(inside)
            outside.settimeout(0)
            server.settimeout(0)
            _Passage(outside, server, guard).run()


class _Passage:
    def __init__(self, outside: ssl.SSLSocket, server: socket.socket, guard: Guard) -> None:
        self._outside, self._server, self._guard = outside, server, guard
        self._inward, self._outward = bytearray(), bytearray()
        self._poll = select.poll()
        self._asked = (0, 0)

    def run(self) -> None:
        """Raises OSError, Malformed when a side ends."""
        outside, inside = self._outside.fileno(), self._server.fileno()
        while True:
            self._ask(outside, inside)
            ready = dict(self._poll.poll())
            if ready.get(inside, 0) & ~select.POLLOUT:
                self._answer()
            if ready.get(outside, 0) & ~select.POLLOUT:
                self._read()
            self._write()

    def _ask(self, outside: int, inside: int) -> None:
        """Wait for what can go on only; registering costs, so only when it changes."""
        wanted = (
            (len(self._inward) < HELD) * select.POLLIN | bool(self._outward) * select.POLLOUT,
            (len(self._outward) < HELD) * select.POLLIN | bool(self._inward) * select.POLLOUT,
        )
        if wanted != self._asked:
            self._poll.register(outside, wanted[0])
            self._poll.register(inside, wanted[1])
            self._asked = wanted

    def _read(self) -> None:
        """All that TLS has: what it has deciphered already wakes nobody."""
        while len(self._inward) < HELD:
            try:
                piece = self._outside.recv(PIECE)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            if not piece:
                raise ConnectionError("the client is gone")
            self._inward += self._guard.pass_on(piece)

    def _answer(self) -> None:
        piece = self._server.recv(PIECE)
        if not piece:
            raise ConnectionError("the server is gone")
        self._outward += piece

    def _write(self) -> None:
        try:
            if self._inward:
                del self._inward[: self._server.send(self._inward)]
        except BlockingIOError:
            pass
        try:
            if self._outward:
                del self._outward[: self._outside.send(self._outward)]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass


GONE = (OSError, Malformed)
"""How a passage ends."""
