"""Objects as files that DuckDB can open: each is written once, and goes when its object goes.

Whatever its format, a cached file is Parquet; its path names its partition (`column=value/`),
so DuckDB adds the partition columns by itself. What a partition adds up to is kept as long as
its objects are the same, so that a query over thousands of small files plans in milliseconds.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from local.athena.lake.footers import Footer, Schema, footer
from local.athena.lake.objects import Entry, Object, objects

Convert = Callable[[bytes, str], bytes]


@dataclass(eq=False, slots=True, weakref_slot=True)
class Cached:
    """A file on disk; it is removed with the last reference to this object, so a running
    query keeps what it reads. `where` and `size` are the object's, `footer` is the file's."""

    path: str
    where: str
    size: int
    footer: Footer


@dataclass(eq=False, slots=True)
class Folder:
    """The files of one partition: by schema, and how many bytes they and their columns have."""

    sources: list[weakref.ref[Any]]
    files: list[Cached]
    schemas: dict[Schema, list[str]] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    size: int = 0

    def __post_init__(self) -> None:
        for file in self.files:
            self.schemas.setdefault(file.footer.columns, []).append(file.path)
            self.size += file.size
            for name, size in file.footer.sizes.items():
                self.columns[name] = self.columns.get(name, 0) + size

    def has(self, sources: list[Any]) -> bool:
        """Whether it was made of exactly these objects, which never change."""
        return [reference() for reference in self.sources] == sources


def folder_of(values: Iterable[tuple[str, str]]) -> str:
    """A partition as a path that DuckDB reads its values from."""
    return "/".join(f"{name}={quote(value, safe='')}" for name, value in values)


class Cache:
    """The cached files of this process."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="headrace-athena-"))
        self._folders: dict[tuple[str, ...], Folder] = {}
        self._files: weakref.WeakKeyDictionary[Any, dict[tuple[str, str], Cached]] = (
            weakref.WeakKeyDictionary()
        )
        self._numbers = itertools.count()

    def folder(
        self,
        table: str,
        path: str,
        bucket: str,
        entries: list[Entry],
        variant: str = "",
        convert: Convert | None = None,
    ) -> Folder:
        """The files of a partition of a table, in the folder `path`; `convert` makes Parquet of
        another format, `variant` tells apart what it may make of the same object."""
        sources = [versions[-1] for _, versions in entries if versions]
        key = (table, path, variant)
        known = self._folders.get(key)
        if known is not None and known.has(sources):
            return known
        files = [self._file(item, path, variant, convert) for item in objects(bucket, entries)]
        made = Folder([weakref.ref(source) for source in sources], files)
        self._folders[key] = made
        return made

    def _file(self, item: Object, path: str, variant: str, convert: Convert | None) -> Cached:
        known = self._files.setdefault(item.source, {})
        cached = known.get((variant, path))
        if cached is None:
            where = f"s3://{item.bucket}/{item.key}"
            body = item.read()
            if convert is not None:
                body = convert(body, where)
            cached = known.setdefault((variant, path), self._write(body, path, item.size, where))
        return cached

    def _write(self, body: bytes, path: str, size: int, where: str) -> Cached:
        parsed = footer(body, where)
        directory = self.root / "files" / path
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / f"{next(self._numbers)}.parquet"
        file.write_bytes(body)
        cached = Cached(str(file), where, size, parsed)
        weakref.finalize(cached, file.unlink, missing_ok=True)
        return cached

    def temporary(self) -> Path:
        """A fresh directory for what a query writes; the caller removes it."""
        return Path(tempfile.mkdtemp(prefix="query-", dir=self.root))

    def close(self) -> None:
        self._folders.clear()
        self._files.clear()
        shutil.rmtree(self.root, ignore_errors=True)


def merged(folders: Iterable[Folder]) -> dict[Schema, list[str]]:
    """The files of many partitions by schema."""
    found: dict[Schema, list[str]] = {}
    for folder in folders:
        for schema, paths in folder.schemas.items():
            found.setdefault(schema, []).extend(paths)
    return found
