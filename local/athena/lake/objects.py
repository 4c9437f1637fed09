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


def address(location: str) -> tuple[str, str]:
    """s3://bucket/key as bucket and key."""
    bucket, _, key = location.partition("://")[2].partition("/")
    return bucket, key


def hidden(key: str) -> bool:
    """Whether Hive does not see an object of this name."""
    return key.rpartition("/")[2][:1] in ("", "_", ".")


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

    def listing(self, bucket: str, prefix: str) -> list[Object]:
        """What is under a prefix at this moment: everything that was put whole, nothing else.

        Empty objects and what Hive hides (names that start with `_` or `.`) are left out.
        """
        try:
            keys = self._backend.get_bucket(bucket).keys
        except MissingBucket as error:
            message = f"The specified bucket does not exist (Bucket: {bucket})"
            raise QueryFailed("HIVE_FILESYSTEM_ERROR", message) from error
        # One C call over moto's own mapping: no other thread can change it in between.
        versions = list(dict.items(keys))
        found = ((key, known[-1]) for key, known in versions if known and key.startswith(prefix))
        return [
            Object(bucket, key, latest.contentsize, latest)
            for key, latest in found
            if getattr(latest, "contentsize", 0) and not hidden(key)
        ]

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self._backend.put_object(bucket, key, body)

    def get(self, bucket: str, key: str) -> bytes | None:
        found = self._backend.get_object(bucket, key)
        return None if found is None else Object(bucket, key, found.contentsize, found).read()
