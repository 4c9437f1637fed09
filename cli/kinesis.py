"""PutRecords as the sender wants it: an error code, or None, per entry of a call."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.aws import THROTTLED
from cli.producer import MIB, Call, Limits

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_kinesis import KinesisClient

NO_ANSWER = "NoAnswer"
"""The call was made and its answer lost: its records may be on the stream, and are put again."""
SERVER_ERROR = 500


class PutRecords:
    """Puts calls on one stream. Raises what repeating the call would not mend."""

    def __init__(self, kinesis: "KinesisClient", stream: str) -> None:
        from botocore import exceptions

        self._kinesis = kinesis
        self._stream = stream
        self._refused = exceptions.ClientError
        self._unanswered = (exceptions.HTTPClientError, exceptions.ConnectionError)

    def __call__(self, call: Call) -> Sequence[str | None]:
        try:
            answer = self._kinesis.put_records(
                StreamName=self._stream,
                Records=[{"Data": entry.data, "PartitionKey": entry.key} for entry in call.entries],
            )
        except self._refused as error:
            return [repeatable(error)] * len(call.entries)
        except self._unanswered:
            return [NO_ANSWER] * len(call.entries)
        if not answer.get("FailedRecordCount"):
            return [None] * len(call.entries)
        return [record.get("ErrorCode") for record in answer["Records"]]


def repeatable(error: "ClientError") -> str:
    """The error code of a call that can be repeated; raises the error of any other."""
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in THROTTLED:
        return code
    if status >= SERVER_ERROR:
        return NO_ANSWER
    raise error


def limits(kinesis: "KinesisClient", stream: str) -> Limits:
    """The limits of a stream: one that takes larger records says so."""
    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    record = summary.get("MaxRecordSizeInKiB", MIB // 1024) * 1024
    usual = Limits()
    return Limits(record_bytes=record, request_bytes=max(usual.request_bytes, record))
