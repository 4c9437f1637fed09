"""The failure archive as a person's commands see it: `failures/` of the lake's bucket."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import msgspec

from cli.errors import AccountFailure, Overtaken, WrongUsage
from events.failure import (
    BATCHES_PREFIX,
    UNREADABLE_PREFIX,
    Batch,
    Gone,
    Reason,
    batch_key,
    decode,
    lines_key,
    objects,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TOGETHER = 8
"""Objects read at a time: AWS answers each in some 20 ms."""
MEMORY = 64 * 1024 * 1024
"""Bytes of payloads that are kept after they were read; what is above is read again."""
DELETED_AT_ONCE = 1_000
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""
CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404"})


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A failed batch without its records, as `headrace failures list --json` prints it."""

    failure_id: str
    failed_at: datetime
    processor: str
    event_type: str
    function_arn: str
    stream_arn: str
    shard_id: str
    condition: str
    error: str
    batch_size: int
    """Records of the invocation that failed."""
    records: int
    lost: int
    """Records that the stream had no longer when the batch was rescued, at least."""
    gone: list[Gone]
    """Which sequence numbers those are, and why."""
    exact: bool
    size: int
    """Bytes of the records' payloads in base64."""
    failed_again: int
    """Records that a redrive tried and that failed alone."""
    last_reason: str
    """Why the last of them did; empty when none did."""
    start_sequence_number: str
    end_sequence_number: str
    first_arrived_at: datetime | None
    key: str

    @classmethod
    def of(cls, batch: Batch) -> Self:
        alone: list[Reason] = [one for one in batch.history if one.sequence_number]
        own = [name for name in cls.__struct_fields__ if hasattr(batch, name)]
        return cls(
            **{name: getattr(batch, name) for name in own}
            | {
                "records": len(batch.records),
                "size": sum(len(one["kinesis"]["data"]) for one in batch.records),
                "failed_again": len({one.sequence_number for one in alone}),
                "last_reason": alone[-1].error if alone else "",
                "key": batch_key(batch.failure_id),
            }
        )

    @property
    def told(self) -> str:
        """Why, in one line."""
        said = f"{self.condition}: {self.error}" if self.error else self.condition
        return f"{said}; again: {self.last_reason}" if self.last_reason else said


class Stored:
    """A batch's object: its summary, and the batch itself when it is asked for."""

    def __init__(self, summary: Summary, read: Callable[[], Batch]) -> None:
        self.summary = summary
        self._read = read

    def batch(self) -> Batch:
        """Raises Overtaken when it is not the same any more."""
        return self._read()


class Archive:
    """Reads and writes the batches of one lake's archive.

    What is put again is put only if it is still what was read (If-Match): whoever was overtaken by
    another redrive notices before anything is lost. Deleting needs no condition, because only what
    was acknowledged is deleted.
    """

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._etags: dict[str, str] = {}
        self.unreadable: list[str] = []
        """Keys of objects below the batches' prefix that hold no batch."""

    def scan(self, beginning: str = "") -> list[Stored]:
        """Every batch whose id begins so, in the order in which they failed."""
        room = MEMORY
        found = []
        with ThreadPoolExecutor(TOGETHER) as threads:
            for key, read in threads.map(self._get, self._keys(BATCHES_PREFIX + beginning)):
                if read is None:
                    continue
                body, etag = read
                try:
                    batch = decode(body)
                except (ValueError, OSError, EOFError):
                    self.unreadable.append(key)
                    continue
                summary = Summary.of(batch)
                room -= summary.size
                again = partial(self._again, key, etag)
                found.append(Stored(summary, again if room < 0 else partial(_itself, batch)))
                self._etags[batch.failure_id] = etag
        return sorted(found, key=lambda one: (one.summary.failed_at, one.summary.failure_id))

    def find(self, ids: Iterable[str]) -> list[Stored]:
        """The batches of these ids, or of the only one that begins so. Raises WrongUsage."""
        found: dict[str, Stored] = {}
        for given in ids:
            matching = self.scan(_checked(given))
            if len(matching) != 1:
                raise WrongUsage(
                    f"There is no failed batch {given} in the archive: `headrace failures list` "
                    "shows those that are; a redrive may have recovered it."
                    if not matching
                    else f"{len(matching)} failed batches begin with {given}: give more of the id."
                )
            found[matching[0].summary.failure_id] = matching[0]
        return list(found.values())

    def messages_unread(self) -> int:
        """Messages of failure queues that were no failures, and lie aside."""
        return sum(1 for _ in self._keys(UNREADABLE_PREFIX))

    def keep(self, batches: Sequence[Batch]) -> None:
        """Put batches as they are now. Raises Overtaken."""
        for batch in batches:
            (lines, rows), (key, body) = objects(batch)
            self._s3.put_object(Bucket=self._bucket, Key=lines, Body=rows)
            self._etags[batch.failure_id] = self._replace(key, body, self._etags[batch.failure_id])

    def finish(self, batches: Sequence[Batch]) -> None:
        """Delete batches: the lines first, so that a batch that is there can be finished again."""
        for at in range(0, len(batches), DELETED_AT_ONCE):
            some = batches[at : at + DELETED_AT_ONCE]
            self._delete([lines_key(one.failure_id, one.failed_at) for one in some])
            self._delete([batch_key(one.failure_id) for one in some])

    def put(self, key: str, body: bytes) -> None:
        """Put what stands beside the batches: a receipt."""
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)

    def _replace(self, key: str, body: bytes, etag: str) -> str:
        from botocore.exceptions import ClientError

        try:
            return self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, IfMatch=etag)[
                "ETag"
            ]
        except ClientError as error:
            if error.response["Error"]["Code"] not in CHANGED:
                raise
            raise _changed(key) from None

    def _delete(self, keys: list[str]) -> None:
        answer = self._s3.delete_objects(
            Bucket=self._bucket,
            Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
        )
        for error in answer.get("Errors", []):
            raise AccountFailure(
                f"AWS refused to delete {error.get('Key')} ({error.get('Code')}: "
                f"{error.get('Message')}); what it holds is processed, and is again next time."
            )

    def _keys(self, prefix: str) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        for page in pages:
            yield from (one["Key"] for one in page.get("Contents", []))

    def _get(self, key: str) -> tuple[str, tuple[bytes, str] | None]:
        """Key, body and ETag; without the latter when it is gone since it was listed."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
        except self._s3.exceptions.NoSuchKey:
            return key, None
        return key, (answer["Body"].read(), answer["ETag"])

    def _again(self, key: str, etag: str) -> Batch:
        _, read = self._get(key)
        if read is None or read[1] != etag:
            raise _changed(key)
        return decode(read[0])


def _itself(batch: Batch) -> Batch:
    return batch


def _checked(given: str) -> str:
    if not given or not set(given) <= set("0123456789abcdef"):
        raise WrongUsage(f"{given!r} is no id of a failed batch: `headrace failures list`.")
    return given


def _changed(key: str) -> Overtaken:
    return Overtaken(
        f"{key} was changed by somebody else while it was redriven: nothing of it is deleted; "
        "see that only one redrive runs, and repeat the command."
    )


def chosen(
    stored: Iterable[Stored], *, function: str | None, since: datetime | None
) -> list[Stored]:
    """Those of one processor, or of a function by its name or ARN, that failed since then."""
    return [
        one
        for one in stored
        if (function is None or function in names(one.summary))
        and (since is None or one.summary.failed_at >= since)
    ]


def names(summary: Summary) -> tuple[str, ...]:
    """All words for the function that failed a batch: the processor's, its ARN and its name, with
    and without the qualifier."""
    bare = ":".join(summary.function_arn.split(":")[:7])
    return summary.processor, summary.function_arn, bare, bare.rpartition(":")[2]


def encoded(value: Any) -> bytes:
    """JSON for a person to read."""
    return msgspec.json.format(msgspec.json.encode(value))
