"""A function's code: its own folder, functions/shared and events, and nothing else.

The package paths of the repository are kept, so `functions.<name>.handler.handler` names the same
function here and in Lambda. Only these files enter the asset's hash: an edit to another function,
to a sample or to a test redeploys nothing.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

ROOT = Path(__file__).resolve().parent.parent
# An event type's built-in source, samples and exported schema serve people and tests; Arrow types
# serve the delivery. No function reads any of them.
LEFT_OUT_OF_EVENTS = {"source.py", "samples", "schema.json", "schema.py", "arrow.py", "presence.py"}


def files(function: str, *, root: Path = ROOT) -> list[PurePath]:
    """The paths, relative to the repository, that the function is made of, sorted."""
    packages = [root / package / "__init__.py" for package in ("functions", "events")]
    folders = [root / "functions" / function, root / "functions" / "shared", root / "events"]
    found = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    return sorted(
        path.relative_to(root) for path in found.union(packages) if not _left_out(path, root)
    )


def _left_out(path: Path, root: Path) -> bool:
    package, *inside = path.relative_to(root).parts
    if any(part.startswith(".") or part == "__pycache__" for part in inside):
        return True
    return package == "events" and not LEFT_OUT_OF_EVENTS.isdisjoint(inside)


@contextmanager
def staged(function: str, *, root: Path = ROOT) -> Iterator[Path]:
    """A folder with copies of the function's files, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix=f"headrace-{function}-") as folder:
        for path in files(function, root=root):
            target = Path(folder) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / path, target)
        yield Path(folder)
