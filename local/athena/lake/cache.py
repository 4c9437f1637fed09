"""Objects as files that DuckDB can open: each is written once, and goes when its object goes.

Whatever its format, a cached file is Parquet; its path names its partition (`column=value/`),
so DuckDB adds the partition columns by itself.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from local.athena.lake.footers import Footer, footer
from local.athena.lake.objects import Object


@dataclass(eq=False, slots=True, weakref_slot=True)
class Cached:
    """A file on disk; it is removed with the last reference to this object, so a running
    query keeps what it reads. `size` is that of the object, `footer` of the cached Parquet."""

    path: str
    size: int
    footer: Footer


class Cache:
    """The cached files of this process."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="headrace-athena-"))
        self._files: weakref.WeakKeyDictionary[object, dict[str, Cached]] = (
            weakref.WeakKeyDictionary()
        )
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def file(
        self,
        found: Object,
        partition: dict[str, str],
        variant: str = "",
        convert: Callable[[bytes, str], bytes] | None = None,
    ) -> Cached:
        """The file of an object in a partition; `convert` makes Parquet of another format,
        `variant` tells apart what it may make of the same object."""
        folder = "/".join(f"{name}={quote(value, safe='')}" for name, value in partition.items())
        known = self._files.get(found.source)
        cached = known.get(f"{variant}/{folder}") if known else None
        if cached is not None:
            return cached
        where = f"s3://{found.bucket}/{found.key}"
        body = found.read()
        if convert is not None:
            body = convert(body, where)
        made = self._write(body, folder, found.size, where)
        with self._lock:
            return self._files.setdefault(found.source, {}).setdefault(f"{variant}/{folder}", made)

    def _write(self, body: bytes, folder: str, size: int, where: str) -> Cached:
        parsed = footer(body, where)
        directory = self.root / "files" / folder
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{next(self._numbers)}.parquet"
        path.write_bytes(body)
        cached = Cached(str(path), size, parsed)
        weakref.finalize(cached, path.unlink, missing_ok=True)
        return cached

    def temporary(self) -> Path:
        """A fresh directory for what a query writes; the caller removes it."""
        return Path(tempfile.mkdtemp(prefix="query-", dir=self.root))

    def close(self) -> None:
        self._files.clear()
        shutil.rmtree(self.root, ignore_errors=True)
