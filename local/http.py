"""A small HTTP/1.1 server: keep-alive, no delayed packets, one thread per connection.

moto's own server closes every connection and waits on delayed acknowledgements, which
costs each call milliseconds. This one reads a whole request (a body is at most what a
client sends in one call), hands it to a handler, and writes the answer in one piece, or
in chunks when the handler answers with an iterator.
"""

import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from io import BufferedReader

LOG = logging.getLogger(__name__)
REASONS = {status.value: status.phrase for status in HTTPStatus}
LONGEST_LINE = 65_536
MOST_HEADERS = 200
ACCEPT_PAUSE = 0.1
BODILESS = {204, 304}


@dataclass(slots=True)
class Request:
    """One request; header names are lower case, `target` is path and query as sent."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    header: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The path as sent, not decoded."""
        return self.target.partition("?")[0]


@dataclass(slots=True)
class Response:
    """An answer; an iterator as body is sent in chunks as it yields."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | Iterator[bytes] = b""


Handler = Callable[[Request], Response]


class BadRequest(Exception):
    """What was sent is not HTTP/1.x; the connection ends."""


class Server:
    """Listens on a port and serves `handler` until `stop`."""

    def __init__(self, host: str, port: int, handler: Handler) -> None:
        """Bind now, so that a taken port raises `OSError` here and the port is known."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._handler = handler
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._wake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._accept, name="http", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections, end the idle ones; a request in work may finish."""
        self._waker.send(b"x")
        if self._thread.ident is not None:
            self._thread.join()
        for end in (self._listener, self._wake, self._waker):
            end.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            _end_reading(connection)

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._wake in ready:
                    return
                self._accept_one()

    def _accept_one(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:  # no descriptor left, or the client went away
            LOG.warning("a connection was not accepted: %s", error)
            time.sleep(ACCEPT_PAUSE)
            return
        threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._connections.add(connection)
        try:
            with connection, connection.makefile("rb") as stream:
                while self._exchange(connection, stream):
                    pass
        except (ConnectionError, TimeoutError) as error:
            LOG.debug("connection ended: %s", error)
        finally:
            with self._lock:
                self._connections.discard(connection)

    def _exchange(self, connection: socket.socket, stream: BufferedReader) -> bool:
        """One request and its answer; False when the connection is to end."""
        try:
            request = read_request(stream, connection.sendall)
        except BadRequest as error:
            LOG.debug("no HTTP: %s", error)
            refusal = Response(400, [("Content-Type", "text/plain")], b"Bad Request")
            connection.sendall(b"".join(encode(refusal, head=False, keep=False)))
            return False
        if request is None:
            return False
        response = self._handler(request)
        keep = request.header.get("connection", "").lower() != "close"
        for piece in encode(response, head=request.method == "HEAD", keep=keep):
            connection.sendall(piece)
        return keep


def read_request(stream: BufferedReader, send: Callable[[bytes], object]) -> Request | None:
    """The next request of a connection, or None at its end.

    `send` answers an `Expect: 100-continue`, without which a client waits a second before
    it sends the body.
    """
    line = stream.readline(LONGEST_LINE)
    if not line:
        return None
    parts = line.split()
    if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
        raise BadRequest("no HTTP/1.x request line")
    headers = list(_headers(stream))
    request = Request(parts[0].decode("latin-1"), parts[1].decode("latin-1"), headers)
    request.header.update(headers)
    if parts[2] == b"HTTP/1.0":
        request.header["connection"] = "close"
    if request.header.get("expect", "").lower() == "100-continue":
        send(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.body = _body(request.header, stream)
    return request


def _headers(stream: BufferedReader) -> Iterator[tuple[str, str]]:
    for _ in range(MOST_HEADERS):
        line = stream.readline(LONGEST_LINE)
        if line in (b"\r\n", b"\n"):
            return
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise BadRequest("a header without a colon")
        yield name.strip().lower(), value.strip()
    raise BadRequest("too many headers")


def _body(header: dict[str, str], stream: BufferedReader) -> bytes:
    if "chunked" in header.get("transfer-encoding", "").lower():
        return b"".join(_chunks(stream))
    return _exactly(stream, _size(header.get("content-length") or "0", 10))


def _chunks(stream: BufferedReader) -> Iterator[bytes]:
    while size := _size(stream.readline(LONGEST_LINE).partition(b";")[0].decode("latin-1"), 16):
        yield _exactly(stream, size)
        stream.readline(LONGEST_LINE)
    while stream.readline(LONGEST_LINE) not in (b"\r\n", b"\n", b""):
        pass  # trailers


def _size(text: str, base: int) -> int:
    try:
        size = int(text, base)
    except ValueError as error:
        raise BadRequest("a length that is no number") from error
    if size < 0:
        raise BadRequest("a length below zero")
    return size


def _exactly(stream: BufferedReader, length: int) -> bytes:
    data = stream.read(length)
    if len(data) != length:
        raise ConnectionError("the client went away within a body")
    return data


def encode(response: Response, *, head: bool, keep: bool) -> Iterable[bytes]:
    """The bytes of an answer; `head` leaves the body out, `keep` keeps the connection."""
    body = response.body
    names = {name.lower() for name, _ in response.headers}
    lines = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    if "date" not in names:
        lines.append(f"Date: {formatdate(usegmt=True)}")
    if not keep:
        lines.append("Connection: close")
    if not isinstance(body, bytes):
        lines.append("Transfer-Encoding: chunked")
    elif "content-length" not in names and response.status not in BODILESS:
        lines.append(f"Content-Length: {len(body)}")
    start = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    if head or response.status in BODILESS:
        return [start]
    if isinstance(body, bytes):
        return [start + body] if len(body) < LONGEST_LINE else [start, body]
    return _chunked(start, body)


def _chunked(start: bytes, body: Iterator[bytes]) -> Iterator[bytes]:
    yield start
    for piece in body:
        if piece:
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _end_reading(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RD)
    except OSError as error:
        LOG.debug("already closed: %s", error)
