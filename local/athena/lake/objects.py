"""Objects in moto's S3: consistent listings, whole reads, writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moto.s3.exceptions import MissingBucket
from moto.s3.models import s3_backends

from local.athena.errors import QueryFailed


@dataclass(frozen=True, slots=True)
class Object:
    """One version of an object; `source` is moto's own, which never changes once it is put."""

    bucket: str
    key: str
    size: int
    source: Any

    def read(self) -> bytes:
        """All of its bytes, or QueryFailed if it was deleted meanwhile.

        moto computes an ETag by reading through the same buffer without its lock, so a read
        may come up short; then it is done again.
        """
        try:
            for _ in range(10):
                body: bytes = self.source.value
                if len(body) == self.size:
                    return body
        except ValueError:  # the buffer of a deleted object is closed
            pass
        raise QueryFailed(
            "HIVE_CANNOT_OPEN_SPLIT",
            f"Error opening Hive split s3://{self.bucket}/{self.key}: the object was deleted",
        )

    def part(self, start: int, length: int) -> bytes:
        """Some of its bytes; fewer at the end. The whole object is not copied for a page of it."""
        with self.source.lock:
            self.source._value_buffer.seek(start)
            return bytes(self.source._value_buffer.read(length))


def address(location: str) -> tuple[str, str]:
    """s3://bucket/key as bucket and key."""
    bucket, _, key = location.partition("://")[2].partition("/")
    return bucket, key


def hidden(key: str) -> bool:
    """Whether Hive does not see an object of this name."""
    return key.rpartition("/")[2][:1] in ("", "_", ".")


Entry = tuple[str, list[Any]]
"""A key and moto's versions of it, the last of which is the object."""


def objects(bucket: str, entries: list[Entry]) -> list[Object]:
    """The objects that Hive sees: not those that are empty, deleted or hidden by their name."""
    latest = [(key, versions[-1]) for key, versions in entries if versions]
    return [
        Object(bucket, key, source.contentsize, source)
        for key, source in latest
        if getattr(source, "contentsize", 0) and not hidden(key)
    ]


class Store:
    """The objects of one account."""

    def __init__(self, account: str) -> None:
        self._backend = s3_backends[account]["aws"]

    def exists(self, bucket: str) -> bool:
        try:
            self._backend.get_bucket(bucket)
        except MissingBucket:
            return False
        return True

    def folders(self, bucket: str, prefix: str) -> dict[str, list[Entry]]:
        """What is under a prefix at this moment, by folder: everything that was put whole."""
        try:
            keys = self._backend.get_bucket(bucket).keys
        except MissingBucket as error:
            message = f"The specified bucket does not exist (Bucket: {bucket})"
            raise QueryFailed("HIVE_FILESYSTEM_ERROR", message) from error
        found: dict[str, list[Entry]] = {}
        # One C call over moto's own mapping: no other thread can change it in between.
        for entry in list(dict.items(keys)):
            key = entry[0]
            if key.startswith(prefix):
                found.setdefault(key[: key.rfind("/") + 1], []).append(entry)
        return found

    def listing(self, bucket: str, prefix: str) -> list[Object]:
        """The objects under a prefix."""
        folders = self.folders(bucket, prefix).values()
        return [item for entries in folders for item in objects(bucket, entries)]

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self._backend.put_object(bucket, key, body)

    def get(self, bucket: str, key: str) -> Object | None:
        found = self._backend.get_object(bucket, key)
        return None if found is None else Object(bucket, key, found.contentsize, found)
