"""The real filesystem, as following sees it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.tail.disk import Files


def test_patterns_find_files_once_and_no_compressed_ones(tmp_path: Path) -> None:
    for name in ("app.log", "app.log.1", "app.log.2.gz", "other"):
        (tmp_path / name).write_text("12345\n")
    (tmp_path / "app.log.folder").mkdir()
    (tmp_path / "app.log.link").symlink_to(tmp_path / "app.log")
    files = Files([f"{tmp_path}/app.log*", f"{tmp_path}/app.log", f"{tmp_path}/none"], print)
    found = {Path(file.path).name: file.size for file in files.look()}
    assert found == {"app.log": 6, "app.log.1": 6}
    beside = {Path(file.path).name for file in files.beside(f"{tmp_path}/gone")}
    assert beside == {"app.log", "app.log.1", "app.log.link", "other"}
    assert files.beside(f"{tmp_path}/none/x") == []


def test_an_open_file_stays_the_same_one(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(b"12345")
    handle = Files([str(path)], print).open(str(path))
    assert handle is not None
    path.rename(tmp_path / "app.log.1")
    path.write_bytes(b"other")
    (tmp_path / "app.log.1").unlink()
    assert handle.identity != (path.stat().st_dev, path.stat().st_ino)
    assert (handle.read(1, 3), handle.read(4, 9), handle.state()[0]) == (b"234", b"5", 5)
    handle.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told_once(tmp_path: Path) -> None:
    path, told = tmp_path / "app.log", list[str]()
    path.touch(mode=0)
    files = Files([str(path)], told.append)
    assert files.open(str(path)) is None
    assert files.open(str(path)) is None
    assert told == [f"headrace: {path} cannot be read (Permission denied), so it waits."]
    assert files.open(f"{path}.none") is None
    assert len(told) == 1
