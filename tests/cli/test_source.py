"""JSON lines, gzip or not, however they come in."""

import gzip
import os
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import source as module
from cli.errors import UnreadableSource
from cli.source import Source

HINT = "Give a file of JSON lines (gzip or not) with --source, or - for standard input."


def read(path: Path) -> list[bytes]:
    with closing(Source(str(path))) as source:
        return [line for lines in source.lines() for line in lines]


def test_lines_are_the_bytes_between_line_feeds(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b'{"a": 1}\r\n\n\xff\xfe not utf-8 \x00\n  {"b":2}  \nlast')
    assert read(path) == [b'{"a": 1}\r', b"", b"\xff\xfe not utf-8 \x00", b'  {"b":2}  ', b"last"]


@pytest.mark.parametrize(
    ("content", "lines"), [(b"", []), (b"\n", [b""]), (b"a", [b"a"]), (b"a\n", [b"a"])]
)
def test_a_line_feed_ends_a_line(tmp_path: Path, content: bytes, lines: list[bytes]) -> None:
    path = tmp_path / "lines"
    path.write_bytes(content)
    assert read(path) == lines


def test_gzip_is_recognised_by_its_bytes_also_in_several_members(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes(gzip.compress(b"one\ntw") + gzip.compress(b"o\nthree\n") + b"\0" * 512)
    assert read(path) == [b"one", b"two", b"three"]


@given(
    content=st.lists(st.binary(max_size=20)).map(b"\n".join),
    zipped=st.booleans(),
    chunk=st.integers(1, 50),
)
def test_how_the_bytes_are_cut_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, zipped: bool, chunk: int
) -> None:
    if not zipped and content.startswith(module.GZIP):
        content = b" " + content
    path = tmp_path_factory.mktemp("source") / "lines"
    path.write_bytes(gzip.compress(content) if zipped else content)
    wanted = content.split(b"\n")
    if wanted[-1] == b"":
        wanted.pop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        assert read(path) == wanted


def test_progress_is_the_bytes_read_of_the_bytes_there(tmp_path: Path) -> None:
    path = tmp_path / "lines.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n" * 1000))
    with closing(Source(str(path))) as source:
        assert (source.position, source.size) == (0, path.stat().st_size)
        for _ in source.lines():
            pass
        assert source.position == source.size


def test_a_pipe_is_read_as_its_lines_come(monkeypatch: pytest.MonkeyPatch) -> None:
    out, into = os.pipe()
    monkeypatch.setattr(os, "dup", lambda _: out)
    with closing(Source("-")) as source:
        lines = source.lines()
        os.write(into, b"on")
        threading.Timer(0.01, lambda: os.write(into, b"e\ntwo\nthr")).start()
        assert next(lines) == [b"one", b"two"]
        os.write(into, b"ee")
        os.close(into)
        assert list(lines) == [[b"three"]]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (gzip.compress(b"one\n" * 1000)[:-9], "its gzip data ends in the middle"),
        (module.GZIP, "its gzip data ends in the middle"),
        (
            gzip.compress(b"one\n")[:10] + b"\xff" * 40,
            "it is damaged gzip (Error -3 while decompressing data: invalid block type)",
        ),
    ],
    ids=["cut", "header only", "garbage"],
)
def test_damaged_gzip_is_unreadable(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "lines.gz"
    path.write_bytes(content)
    with pytest.raises(UnreadableSource) as raised:
        read(path)
    assert str(raised.value).startswith(f"Cannot read {path}: {why}")
    assert str(raised.value).endswith(HINT)


def test_what_comes_before_the_damage_is_read(tmp_path: Path) -> None:
    path = tmp_path / "lines.gz"
    path.write_bytes(gzip.compress(b"one\n" * 100_000)[:-20])
    with closing(Source(str(path))) as source:
        assert next(source.lines())[0] == b"one"


def test_a_file_without_lines_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_LINE", 1000)
    monkeypatch.setattr(module, "CHUNK", 100)
    path = tmp_path / "lines"
    path.write_bytes(b"short\n" + b"x" * 1001)
    with pytest.raises(UnreadableSource, match="a line of more than 32 MiB"):
        read(path)


def test_a_missing_file_and_a_folder_are_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource) as raised:
        Source(str(tmp_path / "none"))
    assert str(raised.value) == f"Cannot read {tmp_path}/none: No such file or directory. {HINT}"
    with pytest.raises(UnreadableSource) as raised:
        Source(str(tmp_path))
    assert str(raised.value) == f"Cannot read {tmp_path}: Is a directory. {HINT}"
