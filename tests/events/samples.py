"""The sample files of every event type: walking them is the test table."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from events import registry
from events.contract import Event

ARRIVAL = datetime(2026, 1, 1, tzinfo=UTC)
"""When the samples arrive, for those that are from the future."""


class Sample(NamedTuple):
    """A file of samples/; `expected` is valid or a reason."""

    type_name: str
    kind: type[Event]
    expected: str
    path: Path

    def __str__(self) -> str:
        return f"{self.type_name}-{self.expected}-{self.path.stem}"

    @property
    def data(self) -> bytes:
        """The record."""
        return self.path.read_bytes()


def samples(folder: str) -> list[Sample]:
    """Those under samples/valid or samples/rejected of every event type."""
    found = list(_walk(folder))
    missing = set(registry.names()) - {sample.type_name for sample in found}
    if missing or not found:
        raise AssertionError(f"no sample is {folder} for {missing or 'any type'}")
    return found


def _walk(folder: str) -> Iterator[Sample]:
    for name, kind in registry.types().items():
        root = registry.HOME / name / "samples" / folder
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            yield Sample(name, kind, path.parent.name, path)
