"""The calls of the last day, in one object of the lake's bucket.

S3 replaces it only for who has seen what it replaces (If-Match), so a call that is put down before
it is made is made once, however many invocations decide it at the same time. A tag on the stream
holds 256 characters, is changed by the next deployment, and whoever writes it last wins; so does a
parameter of Systems Manager. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from functions.shard_scaler.budget import Call

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")
"""How S3 says that somebody else was first."""


class Taken(Exception):
    """Another invocation has made a call since the calls were read."""


@dataclass(frozen=True)
class Remembered:
    """The calls, and the version of the object that has them; None when there is no object."""

    calls: list[Call]
    version: str | None


@dataclass(frozen=True)
class Memory:
    client: S3Client
    bucket: str
    key: str

    def recall(self) -> Remembered:
        """The calls; none when none was ever made."""
        try:
            found = self.client.get_object(Bucket=self.bucket, Key=self.key)
        except self.client.exceptions.NoSuchKey:
            return Remembered([], None)
        calls = msgspec.json.decode(found["Body"].read(), type=list[Call])
        return Remembered(calls, found["ETag"])

    def put_down(self, calls: Sequence[Call], seen: Remembered) -> Remembered:
        """Replace the calls that were seen. Raises Taken when they are no longer the last."""
        seen_as: dict[str, Any] = (
            {"IfNoneMatch": "*"} if seen.version is None else {"IfMatch": seen.version}
        )
        body = msgspec.json.encode(calls)
        try:
            put = self.client.put_object(
                Bucket=self.bucket,
                Key=self.key,
                Body=body,
                ContentType="application/json",
                **seen_as,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in TAKEN:
                raise Taken(f"s3://{self.bucket}/{self.key} was changed meanwhile") from error
            raise
        return Remembered(list(calls), put["ETag"])
