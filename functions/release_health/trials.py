"""The registry as the function knows it: read from the lake's bucket, never older than it may be.

A registry that is not there yet has no trials. One that cannot be read stops the batch, which is
tried again: to go on with an older one could count a report that the newer one rules out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from events.release import KEY, REFRESH_SECONDS, Registry, decode

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOT_MODIFIED = 304


@dataclass
class Trials:
    """One object of a bucket, asked for by its ETag, through one client."""

    client: S3Client
    bucket: str
    clock: Callable[[], float] = time.monotonic
    """In seconds."""
    _registry: Registry = field(default_factory=Registry)
    _etag: str = ""
    _read_at: float = float("-inf")

    def current(self) -> Registry:
        """Raises Refused for one that is not right, and whatever the client raises."""
        now = self.clock()
        if now - self._read_at >= REFRESH_SECONDS:
            self._read()
            self._read_at = now
        return self._registry

    def _read(self) -> None:
        condition = {"IfNoneMatch": self._etag} if self._etag else {}
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=KEY, **condition)  # type: ignore[arg-type]
        except self.client.exceptions.NoSuchKey:
            self._registry, self._etag = Registry(), ""
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != NOT_MODIFIED:
                raise
        else:
            registry = decode(answer["Body"].read())
            self._registry, self._etag = registry, answer["ETag"]
