"""What Firehose sends to a transform, made of records."""

from base64 import b64encode
from typing import Any

ARRIVAL = 1_767_225_600_123
"""2026-01-01T00:00:00.123Z in milliseconds."""

SHARD = "shardId-000000000003"


def sequence(number: int) -> str:
    """A sequence number as Kinesis writes them."""
    return str(49590338271490256608559692538361571095921575989136588898 + number)


def request(*payloads: bytes, direct: bool = False) -> list[dict[str, Any]]:
    """Records of a transform request; `direct` ones were put on the delivery stream itself."""
    return [
        {
            # Firehose's ids of records from a stream have 56 digits of sequence number and 12 more.
            "recordId": sequence(number) + "000000000000",
            "approximateArrivalTimestamp": ARRIVAL,
            "data": b64encode(payload).decode(),
        }
        | (
            {}
            if direct
            else {
                "kinesisRecordMetadata": {
                    "shardId": SHARD,
                    "partitionKey": "key",
                    "approximateArrivalTimestamp": ARRIVAL,
                    "sequenceNumber": sequence(number),
                    "subsequenceNumber": 0,
                }
            }
        )
        for number, payload in enumerate(payloads)
    ]
