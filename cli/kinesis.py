"""The producer's way to a stream: PutRecords calls and what became of each record of them, and the
stream's shards and limits.

The request's JSON is written by msgspec in one pass, in place of botocore's own, which takes far
longer than everything else together for records of this size. Signing, connections, credentials
and the reading of errors stay botocore's.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from cli.aws import THROTTLED
from cli.producer import MIB, Answer, Call, Limits, Placed
from cli.shards import Shard, Shards

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_kinesis import KinesisClient

NO_ANSWER = "NoAnswer"
"""The call was made and its answer lost: its records may be on the stream, and are put again."""
SERVER_ERROR = 500
EVENT = "before-call.kinesis.PutRecords"
SOON_OVER = THROTTLED | {"ExpiredNextTokenException", "ResourceInUseException"}
"""What a question is refused with that may be answered the next time."""


class Record(msgspec.Struct, gc=False, omit_defaults=True, rename="pascal"):
    """One record of the request."""

    data: bytes
    partition_key: str
    explicit_hash_key: str | None = None


class Request(msgspec.Struct, gc=False, rename="pascal"):
    """What PutRecords is sent."""

    stream_name: str
    records: list[Record]


class PutRecords:
    """Puts calls on one stream, from any thread. Raises what repeating the call would not mend."""

    def __init__(self, kinesis: "KinesisClient", stream: str) -> None:
        from botocore import exceptions

        self._kinesis = kinesis
        self._stream = stream
        self._refused = exceptions.ClientError
        self._unanswered = (exceptions.HTTPClientError, exceptions.ConnectionError)
        self._encode = msgspec.json.Encoder().encode
        self._body = threading.local()
        kinesis.meta.events.register(EVENT, self._write)

    def __call__(self, call: Call) -> Sequence[Answer]:
        request = Request(
            self._stream,
            [Record(entry.data, entry.key, entry.hash_key) for entry in call.entries],
        )
        self._body.bytes = self._encode(request)
        try:
            answer = self._kinesis.put_records(
                StreamName=self._stream, Records=[{"Data": b"", "PartitionKey": "-"}]
            )
        except self._refused as error:
            return [repeatable(error)] * len(call.entries)
        except self._unanswered:
            return [NO_ANSWER] * len(call.entries)
        finally:
            del self._body.bytes
        # Of an answer that was cut short botocore makes an empty one.
        records = answer.get("Records", [])
        if len(records) != len(call.entries):
            return [NO_ANSWER] * len(call.entries)
        return [
            record.get("ErrorCode") or Placed(record["ShardId"], record["SequenceNumber"])
            for record in records
        ]

    def close(self) -> None:
        """Leave the client as it was."""
        self._kinesis.meta.events.unregister(EVENT, self._write)

    def _write(self, params: dict[str, Any], **_: object) -> None:
        """In the place of what botocore has written, in the thread that makes the call."""
        body = getattr(self._body, "bytes", None)
        if body is not None:
            params["body"] = body


def repeatable(error: "ClientError") -> str:
    """The error code of a call that can be repeated; raises the error of any other."""
    code, status = _said(error)
    if code in THROTTLED:
        return code
    if status >= SERVER_ERROR:
        return NO_ANSWER
    raise error


def _said(error: "ClientError") -> tuple[str, int]:
    """The error code of an answer, and its status."""
    answer = error.response
    return (
        answer.get("Error", {}).get("Code", ""),
        answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0),
    )


def passing(error: Exception) -> bool:
    """Whether asking for the shards again may mend it: they are changing, AWS is busy, or the
    answer was lost."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        code, status = _said(error)
        return code in SOON_OVER or status >= SERVER_ERROR
    return isinstance(error, ValueError | exceptions.HTTPClientError | exceptions.ConnectionError)


def limits(kinesis: "KinesisClient", stream: str) -> Limits:
    """The limits of a stream: one that takes larger records says so."""
    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    record = summary.get("MaxRecordSizeInKiB", MIB // 1024) * 1024
    usual = Limits()
    return Limits(record_bytes=record, request_bytes=max(usual.request_bytes, record))


def open_shards(kinesis: "KinesisClient", stream: str) -> Shards:
    """The shards that take records now. Raises ValueError in the moment in which some of them are
    closed, and those that take their place are not there, and where an answer was cut short."""
    answer = kinesis.list_shards(StreamName=stream)
    listed = answer.get("Shards", [])
    while token := answer.get("NextToken"):  # which AWS does not take beside the stream's name
        answer = kinesis.list_shards(NextToken=token)
        listed += answer.get("Shards", [])
    return Shards(
        Shard(
            int(found["HashKeyRange"]["StartingHashKey"]),
            int(found["HashKeyRange"]["EndingHashKey"]),
            found["ShardId"],
        )
        for found in listed
        if "EndingSequenceNumber" not in found["SequenceNumberRange"]
    )
