"""Nobody passes the door before he has shown a token, and the server answers for itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from local.cache.door import Guard
from local.cache.resp import Malformed, packed, request

GET = packed([b"GET", b"a"])


def guard() -> Guard:
    """Lets the user fleet in who shows `token`."""
    return Guard(lambda user, token: "real" if (user, token) == ("fleet", "token") else None)


def auth(token: bytes, user: bytes = b"fleet") -> bytes:
    return packed([b"AUTH", user, token])


def test_a_token_becomes_the_password_and_then_everything_passes_as_it_comes() -> None:
    door = guard()
    assert door.pass_on(auth(b"token")) == auth(b"real")
    assert door.inside
    assert door.pass_on(b"*1\r\n$4\r\nPI") == b"*1\r\n$4\r\nPI"


def test_a_wrong_token_becomes_a_wrong_password_and_the_door_stays_shut() -> None:
    door = guard()
    assert door.pass_on(auth(b"real")) == auth(b"-")  # the real password is no token
    assert door.pass_on(auth(b"token", b"default")) == auth(b"-", b"default")
    assert not door.inside
    assert door.pass_on(GET) == GET  # the server says that it knows nobody


def test_hello_authenticates_too() -> None:
    door = guard()
    said = [b"HELLO", b"3", b"AUTH", b"fleet", b"token", b"SETNAME", b"x"]
    assert door.pass_on(packed(said)) == packed([*said[:4], b"real", *said[5:]])
    assert door.inside
    assert guard().pass_on(packed([b"HELLO", b"3"])) == packed([b"HELLO", b"3"])


def test_who_is_inside_may_show_another_token() -> None:
    door = guard()
    door.pass_on(auth(b"token"))
    again = auth(b"token")
    assert door.pass_on(again[:9] + again[9:] + GET) == auth(b"real") + GET
    assert door.pass_on(again[:20]) == b""
    assert door.pass_on(again[20:]) == auth(b"real")
    assert door.pass_on(auth(b"old")) == auth(b"-")
    assert door.inside


@given(some.lists(some.integers(1, 60), max_size=8))
def test_in_whatever_pieces_it_comes_the_server_gets_the_same(sizes: list[int]) -> None:
    said = GET + auth(b"wrong") + auth(b"token") + GET + b"*1\r\n$4"
    door, got, rest = guard(), b"", said
    for size in sizes:
        got += door.pass_on(rest[:size])
        rest = rest[size:]
    got += door.pass_on(rest)
    assert got == GET + auth(b"-") + auth(b"real") + GET + b"*1\r\n$4"


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"*x\r\n", b"*99999\r\n", b"*1\r\n$9999999\r\n"]
)
def test_what_is_no_request_ends_the_connection(data: bytes) -> None:
    with pytest.raises(Malformed):
        guard().pass_on(data)


@given(some.lists(some.binary(max_size=40), min_size=1, max_size=5), some.binary(max_size=9))
def test_a_request_is_read_as_it_was_written(words: list[bytes], rest: bytes) -> None:
    data = packed(words)
    assert request(data + rest) == (words, len(data))
    assert all(request(data[:size]) is None for size in range(len(data)))
