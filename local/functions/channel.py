"""The Runtime API towards one process: HTTP on a port of its own.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html (2018-06-01). The thread that
invokes reads and writes the socket itself, so a call costs no hand-over between threads.
Bodies are bytes in, bytes out, received straight into their place.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from local.functions import limits

NEXT = "/2018-06-01/runtime/invocation/next"
INVOCATION = "/2018-06-01/runtime/invocation/"

LONGEST_HEAD = 2 << 20
"""Bytes of a request's head: it may carry an X-Ray cause of 1 MiB."""
PIECE = 1 << 16
REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found", 413: "Too Large"}


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the Runtime API; `body` is None when it was longer than a response may be."""

    method: str
    path: str
    header: dict[str, str]
    body: bytes | None


class Gone(Exception):
    """The process closed its connection."""


class Channel:
    """Listens for one process and holds its connection."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.connection: socket.socket | None = None
        self._buffer = bytearray()

    def accept(self) -> None:
        """Take the connection that waits; an earlier one ends."""
        self.hang_up()
        self.connection, _ = self.listener.accept()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def hang_up(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None
        self._buffer.clear()

    def close(self) -> None:
        self.hang_up()
        self.listener.close()

    def receive(self, deadline: float) -> Request:
        """The request that has begun to arrive; raises Gone, or TimeoutError at `deadline`."""
        connection = self._until(deadline)
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > LONGEST_HEAD:
                raise Gone("a head without an end")
            self._more(connection)
        first, *fields = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        pairs = (field.partition(":") for field in fields)
        header = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if header.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        method, path, *_ = [*first.split(" "), ""]
        return Request(method, path, header, self._body(connection, header))

    def send(
        self, status: int, headers: dict[str, str], body: bytes | memoryview, deadline: float
    ) -> None:
        """Answer a request; raises Gone or TimeoutError."""
        connection = self._until(deadline)
        lines = [f"HTTP/1.1 {status} {REASONS[status]}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"Content-Length: {len(body)}\r\n\r\n")
        head = "\r\n".join(lines).encode("latin-1")
        try:
            sent = connection.sendmsg([head, body]) - len(head)
            if sent < len(body):
                connection.sendall(memoryview(body)[max(sent, 0) :])
        except ConnectionError as error:
            raise Gone(str(error)) from error

    def _until(self, deadline: float) -> socket.socket:
        if self.connection is None:
            raise Gone("no connection")
        self.connection.settimeout(max(0.001, deadline - time.monotonic()))
        return self.connection

    def _more(self, connection: socket.socket) -> None:
        try:
            piece = connection.recv(PIECE)
        except ConnectionError as error:
            raise Gone(str(error)) from error
        if not piece:
            raise Gone("end of connection")
        self._buffer += piece

    def _body(self, connection: socket.socket, header: dict[str, str]) -> bytes | None:
        if "chunked" in header.get("transfer-encoding", "").lower():
            return self._chunks(connection)
        length = int(header.get("content-length") or 0)
        if length > limits.RESPONSE:
            self._discard(connection, length)
            return None
        return self._exactly(connection, length)

    def _exactly(self, connection: socket.socket, length: int) -> bytes:
        ready = self._buffer[:length]
        del self._buffer[:length]
        if len(ready) == length:
            return bytes(ready)
        whole = bytearray(length)
        whole[: len(ready)] = ready
        view = memoryview(whole)
        position = len(ready)
        while position < length:
            try:
                got = connection.recv_into(view[position:])
            except ConnectionError as error:
                raise Gone(str(error)) from error
            if not got:
                raise Gone("end of connection within a body")
            position += got
        return bytes(whole)

    def _discard(self, connection: socket.socket, length: int) -> None:
        while length:
            if not self._buffer:
                self._more(connection)
            taken = min(length, len(self._buffer))
            del self._buffer[:taken]
            length -= taken

    def _chunks(self, connection: socket.socket) -> bytes | None:
        whole = bytearray()
        too_long = False
        while size := int(self._line(connection).partition(b";")[0], 16):
            too_long = too_long or len(whole) + size > limits.RESPONSE
            if too_long:
                self._discard(connection, size)
            else:
                whole += self._exactly(connection, size)
            self._line(connection)
        while self._line(connection):
            pass  # trailers
        return None if too_long else bytes(whole)

    def _line(self, connection: socket.socket) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._more(connection)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line
