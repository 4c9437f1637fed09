"""Shards and moments as the API shows them."""

from typing import Any

from msgspec import Struct

from local.kinesis.log import Record, ShardLog
from local.kinesis.stream import Shard


class Given(Struct, gc=False, omit_defaults=True):
    """A record as readers get it; the bytes are encoded in base64 on the way out."""

    SequenceNumber: str
    ApproximateArrivalTimestamp: float
    Data: bytes
    PartitionKey: str
    EncryptionType: str | None = None


def moment(seconds: float) -> float:
    """A timestamp of the JSON protocol: seconds since the epoch, to the millisecond."""
    return round(seconds, 3)


def described_shard(shard: ShardLog) -> dict[str, Any]:
    """A Shard of DescribeStream and ListShards."""
    numbers = {"StartingSequenceNumber": str(shard.start)}
    if shard.end is not None:
        numbers["EndingSequenceNumber"] = str(shard.end)
    parents = dict(zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False))
    return {
        "ShardId": shard.shard_id,
        **parents,
        "HashKeyRange": _hashes(shard.first_hash, shard.last_hash),
        "SequenceNumberRange": numbers,
    }


def child_shard(shard: Shard) -> dict[str, Any]:
    """A ChildShard, as a reader gets it at the end of a closed shard."""
    return {
        "ShardId": shard.shard_id,
        "ParentShards": list(shard.parents),
        "HashKeyRange": _hashes(*shard.hashes),
    }


def given(record: Record, key: str | None) -> Given:
    """A record for a reader; `key` is the stream's encryption key."""
    return Given(
        str(record.sequence_number),
        record.arrival,
        record.data,
        record.partition_key,
        None if key is None else "KMS",
    )


def _hashes(first: int, last: int) -> dict[str, str]:
    return {"StartingHashKey": str(first), "EndingHashKey": str(last)}
