"""Where the export of failed batches goes."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cli.commands.failures import _write_file

LINES = [b"one\n", b"two\n"]


def test_a_file_is_whole_or_as_it_was_and_a_link_leads_to_it(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("before")
    link.symlink_to(file)

    def broken() -> object:
        yield LINES[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _write_file(str(link), broken())  # type: ignore[arg-type]
    assert file.read_text() == "before"
    assert _write_file(str(link), LINES) == 2
    assert (file.read_bytes(), link.is_symlink()) == (b"one\ntwo\n", True)
    assert {entry.name for entry in tmp_path.iterdir()} == {"file", "link"}


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as reader:
        read = reader.submit(pipe.read_bytes)
        assert _write_file(str(pipe), LINES) == 2
        assert read.result(10) == b"one\ntwo\n"
    assert pipe.is_fifo()
