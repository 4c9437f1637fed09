"""What a person asks of the failure archive, put together from everywhere that knows a part."""

from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from cli.failures import Archive, Stored, Summary, chosen
from cli.moments import since as instant
from events.failure import Batch, lines

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_sqs import SQSClient

    from cli.stacks import Deployed


class Failed(Summary, frozen=True, kw_only=True):
    """A failed batch, and what passes."""

    why: str
    forgotten_in_seconds: float | None
    """Until the stream forgets its oldest record, negative since then; null when nobody knows."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The archive now; `waiting` are messages in the failure queues, by processor."""

    batches: list[Failed]
    waiting: dict[str, int]
    unreadable_messages: int
    unreadable_objects: list[str]


def archive_of(environment: str) -> Archive:
    """Raises MissingStack."""
    from cli.aws import Account
    from cli.stacks import find

    account = Account()
    return Archive(account.s3, find(account.cloudformation, environment).lake().bucket_name)


def choose(
    archive: Archive, ids: Sequence[str], *, function: str | None, since: str | None
) -> list[Stored]:
    """Those named, or those that the options leave. Raises WrongUsage."""
    then = instant(since, datetime.now(UTC)) if since else None
    return archive.find(ids) if ids else chosen(archive.scan(), function=function, since=then)


def standing(environment: str, *, function: str | None, since: str | None) -> Standing:
    """Raises WrongUsage and MissingStack."""
    from cli.aws import Account
    from cli.stacks import find

    account = Account()
    deployed = find(account.cloudformation, environment)
    archive = Archive(account.s3, deployed.lake().bucket_name)
    stored = choose(archive, [], function=function, since=since)
    now = datetime.now(UTC)
    arns = sorted({one.summary.stream_arn for one in stored})
    kept = {arn: retention(account.kinesis, arn) for arn in arns}
    return Standing(
        batches=[_failed(one.summary, kept[one.summary.stream_arn], now) for one in stored],
        waiting=waiting(account.sqs, deployed),
        unreadable_messages=archive.messages_unread(),
        unreadable_objects=archive.unreadable,
    )


def _failed(summary: Summary, retention: timedelta | None, now: datetime) -> Failed:
    left = None
    if retention is not None and summary.first_arrived_at is not None:
        left = (summary.first_arrived_at + retention - now).total_seconds()
    return Failed(**msgspec.structs.asdict(summary), why=summary.told, forgotten_in_seconds=left)


def retention(kinesis: "KinesisClient", stream_arn: str) -> timedelta | None:
    """How long a stream keeps a record; None when it is gone."""
    try:
        answer = kinesis.describe_stream_summary(StreamARN=stream_arn)
    except kinesis.exceptions.ResourceNotFoundException:
        return None
    return timedelta(hours=answer["StreamDescriptionSummary"]["RetentionPeriodHours"])


def waiting(sqs: "SQSClient", deployed: "Deployed") -> dict[str, int]:
    """Messages of each processor's failure queue that are not rescued, as SQS counts them."""
    counted = {}
    for name in deployed.processors:
        found = sqs.get_queue_attributes(
            QueueUrl=deployed.processor(name).failure_queue_url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
            ],
        )["Attributes"]
        counted[name] = sum(int(number) for number in found.values())
    return counted


def exported(batches: Iterable[Batch]) -> Iterator[bytes]:
    """A JSON line for every user record and every range that is gone, with the words of the view
    `failures`: `payload` is text, and null where it is none; `payload_base64` is every byte."""
    for batch in batches:
        for line in lines(batch):
            found = msgspec.structs.asdict(line)
            found["payload_base64"] = line.payload
            found["payload"] = None if line.payload is None else _text(line.payload)
            yield msgspec.json.encode(found) + b"\n"


def _text(encoded: str) -> str | None:
    try:
        return b64decode(encoded).decode()
    except UnicodeDecodeError:
        return None
