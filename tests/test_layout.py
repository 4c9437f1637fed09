"""The house keeps its order: who may import whom, and nothing of one machine in the tree."""

import ast
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("cli", "events", "functions", "infra", "local")


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, absolute, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            assert node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def allowed(importer: tuple[str, ...], imported: tuple[str, ...]) -> bool:
    """The table of DESIGN.md, on paths split at their dots."""
    home, target = importer[0], imported[0]
    if home == target != "functions":
        return True
    match home:
        case "functions":
            own = imported[:2] in (importer[:2], ("functions", "shared"))
            return target == "events" or (target == "functions" and own)
        case "infra":
            return target == "events" or (target == "functions" and imported[2:3] == ("settings",))
        case "cli":
            return target == "events"
    return False


def test_folders_import_only_what_the_design_allows() -> None:
    files = [path for home in OURS for path in sorted((ROOT / home).rglob("*.py"))]
    assert len(files) > 20
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imports(path)
        if name.split(".")[0] in OURS
        and not allowed(path.relative_to(ROOT).with_suffix("").parts, tuple(name.split(".")))
    ]
    assert wrong == []


def test_the_rules_refuse_what_they_should() -> None:
    assert not allowed(("local", "server"), ("events", "registry"))
    assert not allowed(("cli", "local"), ("local", "server"))
    assert not allowed(("events", "flight"), ("functions", "shared", "x"))
    assert not allowed(("functions", "a", "handler"), ("functions", "b", "x"))
    assert not allowed(("functions", "shared", "x"), ("functions", "a", "x"))
    assert not allowed(("infra", "lake"), ("functions", "a", "handler"))
    assert allowed(("infra", "lake"), ("functions", "a", "settings", "Settings"))


def test_nothing_in_the_tree_names_a_download_address() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "requirements.txt", "package-lock.json", "functions/requirements.txt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    locks = listed.stdout.split()
    assert len(locks) == 3
    for lock in locks:
        text = (ROOT / lock).read_text()
        assert "://" not in text, f"{lock} names a host"
        assert "resolved" not in text


def test_the_tests_of_a_file_stay_in_one_process(request: pytest.FixtureRequest) -> None:
    """What they share is made once; xdist has lost its groups to a newer pytest before."""
    distributed = "PYTEST_XDIST_WORKER" in os.environ
    assert request.node.nodeid.endswith("@tests/test_layout.py") == distributed
