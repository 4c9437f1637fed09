"""Shard iterators: opaque and not to be forged."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.kinesis import iterators
from local.kinesis.iterators import Iterator, Unreadable


@given(st.binary(min_size=8, max_size=8), st.integers(0, 2**31), st.integers(0, 2**186 - 1))
def test_an_iterator_comes_back_as_it_was(stream: bytes, shard: int, after: int) -> None:
    iterator = Iterator(stream, shard, after, 1_700_000_000.5)
    assert iterators.decode(iterators.encode(iterator)) == iterator


@given(st.integers(0, 59), st.integers(1, 255))
def test_a_changed_iterator_is_not_read(index: int, change: int) -> None:
    raw = bytearray(base64.b64decode(iterators.encode(Iterator(b"streamid", 1, 2, 3.0))))
    raw[index] ^= change
    with pytest.raises(Unreadable):
        iterators.decode(base64.b64encode(raw).decode())


@pytest.mark.parametrize("text", ["", "AAAA", "no base64!", "ä"])
def test_what_is_no_iterator_is_not_read(text: str) -> None:
    with pytest.raises(Unreadable):
        iterators.decode(text)
