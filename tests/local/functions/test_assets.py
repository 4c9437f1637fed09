"""Assets and layers, unpacked."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.functions.assets import Assets, BadZip


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Assets]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = Assets()
    yield made
    made.close()
    assert list(tmp_path.iterdir()) == []


def archive(*members: tuple[str, int, str]) -> tuple[str, bytes]:
    """A digest (any text will do) and the zip file of members: name, Unix mode, content."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        for name, mode, content in members:
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            made.writestr(member, content)
    return f"{members}", data.getvalue()


def test_files_are_read_only_and_keep_their_executable_bits_and_links(assets: Assets) -> None:
    root = assets.unpacked(
        [
            archive(
                ("bin/tool", stat.S_IFREG | 0o755, "#!"),
                ("plain.txt", 0, "text"),
                ("link", stat.S_IFLNK | 0o777, "bin/tool"),
                ("empty/", stat.S_IFDIR | 0o755, ""),
            )
        ]
    )
    found = {str(path.relative_to(root)): oct(path.lstat().st_mode) for path in root.rglob("*")}
    assert found.pop("bin") == found.pop("empty")
    assert found == {
        "bin/tool": "0o100555",
        "plain.txt": "0o100444",
        "link": "0o120777",
    }
    assert (root / "link").read_text() == "#!"


def test_the_same_archives_are_unpacked_once_and_their_order_counts(assets: Assets) -> None:
    one, two = archive(("a", 0o644, "1"), ("b", 0o644, "1")), archive(("b", 0o644, "2"))
    first = assets.unpacked([one, two])
    assert assets.unpacked([one, two]) == first
    assert [(first / name).read_text() for name in "ab"] == ["1", "2"]
    assert (assets.unpacked([two, one]) / "b").read_text() == "1"
    assert list(assets.unpacked([]).iterdir()) == []


@pytest.mark.parametrize("name", ["../out", "/out", "in/../../out"])
def test_an_archive_that_leads_out_of_its_directory_is_refused(assets: Assets, name: str) -> None:
    with pytest.raises(BadZip, match="leads out of the archive"):
        assets.unpacked([archive((name, 0o644, "x"))])
    with pytest.raises(BadZip):
        assets.unpacked([("nonsense", b"no zip")])
