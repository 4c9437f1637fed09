"""The objects of one bucket: listed, fetched to disk side by side, stored, deleted."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from functions.compaction.planning import Found

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TOGETHER = 16
MOST_DELETED = 1000
CHUNK = 1024**2


class NotDeleted(Exception):
    """S3 refused to delete an object; the message has its code and key."""


@dataclass(frozen=True)
class Store:
    """S3 through one client, made once per execution environment."""

    client: S3Client
    bucket: str

    def list(self, prefix: str) -> Iterator[Found]:
        """Every object under a prefix, in the order of keys."""
        pages = self.client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
            for one in page.get("Contents", []):
                yield Found(one["Key"], one["Size"], one["LastModified"])

    def fetch(self, keys: Sequence[str], folder: Path) -> dict[str, str]:
        """Download objects; the path of each by its key, in the order of `keys`."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = {key: str(folder / f"{number:06}.parquet") for number, key in enumerate(keys)}
        with ThreadPoolExecutor(TOGETHER) as pool:
            list(pool.map(lambda key: self._download(key, paths[key]), keys))
        return paths

    def _download(self, key: str, path: str) -> None:
        body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"]
        with Path(path).open("wb") as file:
            shutil.copyfileobj(body, file, CHUNK)

    def upload(self, path: Path, key: str) -> None:
        """Store a file."""
        self.client.upload_file(str(path), self.bucket, key)

    def put(self, key: str, body: bytes) -> None:
        """Store a small object."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def get(self, key: str) -> bytes | None:
        """A small object; None when there is none."""
        try:
            return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return None

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are not there are no error. Raises NotDeleted."""
        objects = [{"Key": key} for key in keys]
        for start in range(0, len(objects), MOST_DELETED):
            answer = self.client.delete_objects(
                Bucket=self.bucket,
                Delete={"Objects": objects[start : start + MOST_DELETED], "Quiet": True},  # type: ignore[typeddict-item]
            )
            for error in answer.get("Errors", []):
                raise NotDeleted(f"{error.get('Code')}: {error.get('Key')}")
