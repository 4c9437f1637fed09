"""Which files a function is made of, and so what redeploys it."""

import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from infra import assets


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of what functions and events hold, and a second function."""
    ignored = shutil.ignore_patterns("__pycache__")
    for package in ("functions", "events"):
        shutil.copytree(assets.ROOT / package, tmp_path / package, ignore=ignored)
    other = tmp_path / "functions" / "another"
    other.mkdir()
    (other / "handler.py").write_text("")
    return tmp_path


def fingerprint(root: Path) -> str:
    """A hash over what CDK hashes: relative paths and contents of the staged folder."""
    total = sha256()
    with assets.staged("delivery_transform", root=root) as folder:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            total.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


@pytest.mark.parametrize(
    "path",
    [
        "functions/delivery_transform/handler.py",
        "functions/delivery_transform/new.lua",
        "functions/shared/new.py",
        "functions/__init__.py",
        "events/decoding.py",
        "events/flight/event.py",
    ],
)
def test_an_edit_to_what_the_function_runs_changes_its_asset(repository: Path, path: str) -> None:
    before = fingerprint(repository)
    with (repository / path).open("a") as file:
        file.write("\n# edited\n")
    assert fingerprint(repository) != before


@pytest.mark.parametrize(
    "path",
    [
        "functions/another/handler.py",
        "functions/another/__init__.py",
        "functions/requirements.txt",
        "functions/delivery_transform/__pycache__/handler.cpython-314.pyc",
        "functions/delivery_transform/.handler.py.swp",
        "events/flight/source.py",
        "events/flight/schema.json",
        "events/flight/samples/valid/new.json",
        "events/arrow.py",
        "tests/test_new.py",
        "README.md",
    ],
)
def test_an_edit_to_anything_else_does_not(repository: Path, path: str) -> None:
    before = fingerprint(repository)
    file = repository / path
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as opened:
        opened.write("\n# edited\n")
    assert fingerprint(repository) == before


def test_an_asset_keeps_the_package_paths_so_the_handler_has_one_name(repository: Path) -> None:
    paths = {str(path) for path in assets.files("delivery_transform", root=repository)}
    assert paths > {
        "functions/__init__.py",
        "functions/delivery_transform/handler.py",
        "functions/delivery_transform/settings.py",
        "functions/shared/__init__.py",
        "events/__init__.py",
        "events/contract.py",
        "events/flight/event.py",
    }


def test_the_staged_folder_is_gone_when_it_was_used() -> None:
    with assets.staged("delivery_transform") as folder:
        assert (folder / "events" / "contract.py").is_file()
    assert not folder.exists()
