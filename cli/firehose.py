"""PutRecordBatch as the sender wants it: an error code, or None, per entry of a call."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.kinesis import NO_ANSWER, repeatable
from cli.producer import MIB, Call, Limits

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient

LIMITS = Limits(records=500, request_bytes=4 * MIB, record_bytes=1000 * 1024)
"""https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html"""


class PutRecordBatch:
    """Puts calls on one delivery stream. Raises what repeating the call would not mend."""

    def __init__(self, firehose: "FirehoseClient", stream: str) -> None:
        from botocore import exceptions

        self._firehose = firehose
        self._stream = stream
        self._refused = exceptions.ClientError
        self._unanswered = (exceptions.HTTPClientError, exceptions.ConnectionError)

    def __call__(self, call: Call) -> Sequence[str | None]:
        try:
            answer = self._firehose.put_record_batch(
                DeliveryStreamName=self._stream,
                Records=[{"Data": entry.data} for entry in call.entries],
            )
        except self._refused as error:
            return [repeatable(error)] * len(call.entries)
        except self._unanswered:
            return [NO_ANSWER] * len(call.entries)
        # Of an answer that was cut short botocore makes an empty one.
        responses = answer.get("RequestResponses", [])
        if len(responses) != len(call.entries):
            return [NO_ANSWER] * len(call.entries)
        return [one.get("ErrorCode") for one in responses]
