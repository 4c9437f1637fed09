"""The layer of the functions' dependencies, built without Docker: `python -m infra.layer`.

Wheels for Lambda (its Python, arm64, manylinux) are unpacked into `build/layer/<hash>/python`, and
the compiled parts of the same wheels for this machine's interpreter are laid beside them. The names
of extension modules carry interpreter and platform, so each interpreter loads its own: the very
layer that is deployed also runs on the local AWS.

functions/requirements.txt lists everything, dependencies included, with exact versions; nothing is
resolved here. The hash covers that file, this recipe and this machine's interpreter, and a folder
appears under its hash only when it is whole.
"""

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import uv

from infra.errors import CannotSynthesize, LayerUnavailable

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "functions" / "requirements.txt"
BUILD = ROOT / "build" / "layer"
PYTHON = "3.14"
LAMBDA = ("--python-version", PYTHON, "--python-platform", "aarch64-manylinux_2_28")
# Scripts name this machine's interpreter, and what the installer writes about itself differs from
# run to run; no import reads either.
STABLE_ABI = ".abi3.so"
"""Modules for every newer Python have one name on every platform. This machine's gets the name that
its interpreter looks for first."""
NOISE = (
    "bin",
    ".lock",
    "**/__pycache__",
    *(f"*.dist-info/{name}" for name in ("INSTALLER", "RECORD", "REQUESTED", "uv_cache.json")),
)


def folder(*, requirements: Path = REQUIREMENTS, build: Path = BUILD) -> Path:
    """The layer's folder, which holds `python/`. Built when it is not there yet.

    Raises LayerUnavailable when it is not built and the package index cannot be reached.
    """
    layer = build / _key(requirements)
    if not layer.is_dir():
        build.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=build) as scratch:
            _publish(_built(requirements, Path(scratch)), layer)
    return layer


def _key(requirements: Path) -> str:
    interpreter = f"{sys.implementation.cache_tag} {sysconfig.get_platform()}"
    parts = (requirements.read_bytes(), Path(__file__).read_bytes(), interpreter.encode())
    digests = [hashlib.sha256(part).digest() for part in parts]
    return hashlib.sha256(b"".join(digests)).hexdigest()[:16]


def _built(requirements: Path, scratch: Path) -> Path:
    layer = scratch / "layer"
    here = scratch / "here"
    _install(requirements, layer / "python", LAMBDA)
    _install(requirements, here, ())
    for source in sorted(path for path in here.rglob("*") if path.is_file()):
        target = layer / "python" / source.relative_to(here)
        if target.exists() and target.name.endswith(STABLE_ABI):
            target = target.with_name(target.name.removesuffix(STABLE_ABI) + EXTENSION_SUFFIXES[0])
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return layer


def _install(requirements: Path, target: Path, platform: tuple[str, ...]) -> None:
    command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--link-mode", "copy", "--python", sys.executable]
    command += [*platform, "--target", str(target), "--requirements", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own arguments
    if done.returncode:
        said = " ".join(done.stderr.split())
        raise LayerUnavailable(
            "The functions' layer is not built yet and could not be built now; run `make setup`"
            f" once where a package index can be reached. The installer said: {said}"
        )
    for pattern in NOISE:
        for path in list(target.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _publish(built: Path, layer: Path) -> None:
    try:
        built.rename(layer)
    except OSError:
        if not layer.is_dir():
            raise  # otherwise another process has just published the same content


def main() -> None:
    try:
        for requirements in (REQUIREMENTS, *sorted(ROOT.glob("functions/*/requirements.txt"))):
            print(folder(requirements=requirements).relative_to(ROOT))
    except CannotSynthesize as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    main()
