"""Where reading starts: the five starting positions as one, "what follows this number"."""

import re
import time
from typing import NamedTuple

from local.kinesis import errors, sequence
from local.kinesis.stream import Shard, Stream
from local.routes import AWSError
from local.settings import ACCOUNT

BY_NUMBER = ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")


class Position(NamedTuple):
    """A ShardIteratorType with its sequence number or timestamp (epoch seconds)."""

    kind: str
    number: str | None = None
    timestamp: float | None = None


def resolve(position: Position, stream: Stream, shard: Shard) -> int:
    """The sequence number after which reading starts."""
    kind = position.kind
    if kind in BY_NUMBER:
        number = _number(position, stream, shard)
        return shard.preceding(number) if kind == "AT_SEQUENCE_NUMBER" else number
    if position.number is not None:
        raise _mismatch(kind, "also a StartingSequenceNumber")
    if kind == "AT_TIMESTAMP":
        return shard.before(_timestamp(position))
    return shard.latest() if kind == "LATEST" else shard.start


def _number(position: Position, stream: Stream, shard: Shard) -> int:
    """The number, when it is one of this shard's."""
    text = position.number
    if text is None:
        raise _mismatch(position.kind, "no StartingSequenceNumber")
    parts = sequence.parse(int(text)) if re.fullmatch(r"\d{1,129}", text) else None
    used = (
        f"StartingSequenceNumber {text} used in GetShardIterator on shard {shard.shard_id} in "
        f"stream {stream.name} under account {ACCOUNT} is invalid"
    )
    if parts is None:
        raise errors.invalid(f"{used}.")
    if parts.shard != shard.index:
        raise errors.invalid(
            f"Invalid StartingSequenceNumber. It encodes shardId-{parts.shard:012d}, while it was "
            f"used in a call to a shard with {shard.shard_id}"
        )
    if parts.created != shard.created:
        raise errors.invalid(f"{used} because it did not come from this stream.")
    return int(text)


def _timestamp(position: Position) -> float:
    timestamp, now = position.timestamp, time.time()
    if timestamp is None:
        raise errors.invalid(
            "Must specify timestamp parameter for iterator of type AT_TIMESTAMP. Current request "
            "has no timestamp parameter."
        )
    if timestamp > now:
        raise errors.invalid(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
            f"timestampInMillis: {timestamp * 1000:.0f}, currentTimestampInMillis: "
            f"{now * 1000:.0f}"
        )
    return timestamp


def _mismatch(kind: str, what: str) -> AWSError:
    return errors.invalid(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
        "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
        f"Request specified {kind} and {what}."
    )
