"""The dependency layer: one folder for Lambda's interpreter and for this one."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from infra import layer
from infra.compaction import REQUIREMENTS
from infra.errors import LayerUnavailable
from infra.function import ARCHITECTURE, RUNTIME


def test_the_layer_has_the_compiled_modules_of_lambda_and_of_this_machine() -> None:
    compiled = {path.name for path in (layer.folder() / "python" / "msgspec").glob("_core.*.so")}
    here = sysconfig.get_config_var("EXT_SUFFIX")
    assert compiled == {"_core.cpython-314-aarch64-linux-gnu.so", f"_core{here}"}
    assert (RUNTIME.name, ARCHITECTURE.name) == (f"python{layer.PYTHON}", "arm64")


def test_the_layer_is_all_that_its_packages_need() -> None:
    """-S and -I: no site-packages of ours, no environment."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import msgspec, aws_lambda_powertools\n"
        "if sys.version_info < (3, 14): from backports import zstd; zstd.compress(b'')"
    )
    python = str(layer.folder() / "python")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, python], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_one_name_for_every_platform_hides_neither_module_of_duckdb() -> None:
    """Lambda's has the name that holds for every newer Python; ours is found before it."""
    python = layer.folder(requirements=REQUIREMENTS) / "python"
    here = sysconfig.get_config_var("EXT_SUFFIX")
    machines = {path.name: path.read_bytes()[18:20] for path in python.glob("_duckdb.*.so")}
    aarch64 = (183).to_bytes(2, "little")  # EM_AARCH64 in an ELF header's e_machine
    assert machines.keys() == {"_duckdb.abi3.so", f"_duckdb{here}"}
    assert machines["_duckdb.abi3.so"] == aarch64
    code = "import sys; sys.path.insert(0, sys.argv[1]); import duckdb; duckdb.sql('SELECT 1')"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(python)], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_both_layers_together_are_within_lambda_s_limit() -> None:
    """250 MB unpacked: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    sizes = [
        path.stat().st_size
        for folder in (layer.folder(), layer.folder(requirements=REQUIREMENTS))
        for path in folder.rglob("*")
        if path.is_file()
    ]
    assert sum(sizes) < 200 * 10**6


def test_building_again_gives_the_same_files(tmp_path: Path) -> None:
    assert contents(layer.folder(build=tmp_path)) == contents(layer.folder())


def contents(folder: Path) -> dict[str, bytes]:
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert found
    return found


def test_a_built_layer_is_used_without_asking_anyone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("")
    built = layer.folder(requirements=requirements, build=tmp_path)
    requirements_of_another = tmp_path / "other.txt"
    requirements_of_another.write_text("# other\n")
    monkeypatch.setattr("infra.layer.subprocess.run", None)
    assert layer.folder(requirements=requirements, build=tmp_path) == built
    with pytest.raises(TypeError):
        layer.folder(requirements=requirements_of_another, build=tmp_path)


def test_offline_and_unbuilt_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    shutil.copytree(layer.ROOT / "infra", tmp_path / "infra")
    (tmp_path / "functions").mkdir()
    shutil.copy(layer.REQUIREMENTS, tmp_path / "functions")
    done = subprocess.run(
        [sys.executable, "-m", "infra.layer"],
        cwd=tmp_path,
        env=os.environ | {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and done.stdout == ""
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith(
        "The functions' layer is not built yet and could not be built now; run `make setup`"
        " once where a package index can be reached."
    )
    assert list((tmp_path / "build" / "layer").iterdir()) == []


def test_two_builders_at_once_publish_one_layer(tmp_path: Path) -> None:
    first, second, published = tmp_path / "first", tmp_path / "second", tmp_path / "published"
    for builder in (first, second):
        builder.mkdir()
        (builder / "file").write_text(builder.name)
    for builder in (first, second):
        layer._publish(builder, published)
    assert (published / "file").read_text() == "first"
    with pytest.raises(OSError, match="nowhere"):
        layer._publish(tmp_path / "nowhere", tmp_path / "unpublished")


def test_a_requirement_that_does_not_exist_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("no-such-package-of-headrace==0.0.1\n")
    with pytest.raises(LayerUnavailable, match="no-such-package-of-headrace"):
        layer.folder(requirements=requirements, build=tmp_path / "build")
