"""The failure archive, and the buckets whose objects hold failures: S3 through one client."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from events import failure
from events.failure import Batch

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THERE_ALREADY = ("PreconditionFailed", "412")
NOT_THERE = ("NoSuchKey", "404")


@dataclass(frozen=True)
class Archive:
    """Where batches are kept."""

    client: S3Client
    bucket: str

    def keep(self, batch: Batch) -> Batch:
        """Put a batch, its lines first; the one that is kept. What is there already stays: it was
        written when the stream had not forgotten as much."""
        for key, body in failure.objects(batch):
            new = self._put_new(key, body)
        if not new and (there := self.fetch(self.bucket, key)):
            return failure.decode(there)
        return batch

    def keep_unreadable(self, body: bytes, why: str, now: datetime, **origin: Any) -> None:
        """Put what came to the queue and is no failure, with where it came from."""
        text: dict[str, str]
        try:
            text = {"body": body.decode()}
        except UnicodeDecodeError:
            text = {"body_base64": b64encode(body).decode()}
        said = {"why": why, "kept_at": now.astimezone(UTC), **origin, **text}
        self._put_new(failure.unreadable_key(body), msgspec.json.encode(said))

    def fetch(self, bucket: str, key: str) -> bytes | None:
        """An object; None when it is not there, as when a notification came twice."""
        try:
            return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in NOT_THERE:
                return None
            raise

    def delete(self, bucket: str, key: str) -> None:
        self.client.delete_object(Bucket=bucket, Key=key)

    def _put_new(self, key: str, body: bytes) -> bool:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
        try:
            self.client.put_object(Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] in THERE_ALREADY:
                return False
            raise
        return True
