"""The HTTP/1.1 server: what it reads, what it writes, and that it stays up."""

import io
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.http import BadRequest, Request, Response, Server, encode, read_request


def parsed(raw: bytes) -> Request | None:
    return read_request(io.BufferedReader(io.BytesIO(raw)), lambda _: None)


@given(st.binary(max_size=300), st.lists(st.integers(1, 50), max_size=10))
def test_a_body_is_read_with_its_length_and_in_chunks(body: bytes, sizes: list[int]) -> None:
    plain = b"POST /p?q=1 HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    rest, chunks = body, b""
    for size in sizes:
        if rest:
            chunks += b"%x;ext=1\r\n%b\r\n" % (len(rest[:size]), rest[:size])
            rest = rest[size:]
    if rest:
        chunks += b"%X\r\n%b\r\n" % (len(rest), rest)
    chunked = (
        b"POST /p?q=1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\nTrailer: t\r\n\r\n"
        % chunks
    )
    for raw in (plain, chunked):
        request = parsed(raw)
        assert request is not None
        assert (request.method, request.target, request.path, request.body) == (
            "POST",
            "/p?q=1",
            "/p",
            body,
        )


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET / SPDY/9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n",
    ],
)
def test_what_is_not_http_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest):
        parsed(raw)


def test_a_body_that_breaks_off_is_no_request() -> None:
    with pytest.raises(ConnectionError):
        parsed(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")


def test_an_expectation_is_answered_before_the_body_is_read() -> None:
    sent: list[bytes] = []
    raw = b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
    read_request(io.BufferedReader(io.BytesIO(raw)), sent.append)
    assert sent == [b"HTTP/1.1 100 Continue\r\n\r\n"]


def test_an_answer_has_a_length_or_comes_in_chunks() -> None:
    dated = [("Date", "now")]
    whole = b"".join(encode(Response(200, dated, b"body"), head=False, keep=True))
    chunked = b"".join(
        encode(Response(200, dated, iter([b"bo", b"", b"dy"])), head=False, keep=False)
    )
    head = b"".join(
        encode(Response(200, [*dated, ("Content-Length", "4")], b""), head=True, keep=True)
    )
    empty = b"".join(encode(Response(204, dated), head=False, keep=True))
    assert [whole, chunked, head, empty] == [
        b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nDate: now\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 4\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n",
    ]


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that answers with the body it got."""
    running = Server("127.0.0.1", 0, lambda request: Response(200, [], request.body))
    running.start()
    yield running
    running.stop()


def exchange(connection: socket.socket, body: bytes) -> bytes:
    connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    return received(connection)


def received(connection: socket.socket) -> bytes:
    """The body of one answer."""
    with connection.makefile("rb") as stream:
        length = 0
        while (line := stream.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return stream.read(length)


def test_one_connection_serves_many_requests_without_delay(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        begun = time.perf_counter()
        bodies = [exchange(connection, b"%d" % number) for number in range(50)]
        took = time.perf_counter() - begun
    assert bodies == [b"%d" % number for number in range(50)]
    assert took < 50 * 0.02  # a delayed acknowledgement costs 40 ms


def test_connections_are_served_at_once(server: Server) -> None:
    with (
        socket.create_connection(("127.0.0.1", server.port)) as idle,
        socket.create_connection(("127.0.0.1", server.port)) as busy,
    ):
        assert exchange(busy, b"first") == b"first"
        assert exchange(idle, b"second") == b"second"


def test_nonsense_on_one_connection_does_not_hurt_another(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as broken:
        broken.sendall(b"\x00\xff\r\n\r\n")
        assert received(broken) == b"Bad Request"
        assert broken.recv(1) == b""
    with socket.create_connection(("127.0.0.1", server.port)) as fine:
        assert exchange(fine, b"still here") == b"still here"


def test_a_request_in_work_is_answered_when_the_server_stops() -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(_: Request) -> Response:
        entered.set()
        leave.wait(10)
        return Response(200, [], b"done")

    server = Server("127.0.0.1", 0, slow)
    server.start()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert entered.wait(10)
        server.stop()
        leave.set()
        assert received(connection) == b"done"


def test_a_taken_port_is_an_error_at_once(server: Server) -> None:
    with pytest.raises(OSError, match="Address already in use"):
        Server("127.0.0.1", server.port, lambda _: Response())
