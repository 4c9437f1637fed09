"""Shards through the API: listing, splitting, merging, and having more or fewer of them."""

import base64
import time
from typing import Any

import msgspec

from local import settings
from local.kinesis import errors, streams
from local.kinesis.call import Call, Operation
from local.kinesis.control import DAY, provisioned
from local.kinesis.describing import described_shard
from local.kinesis.errors import SHARD_LIMIT
from local.kinesis.limits import Bucket
from local.kinesis.log import ShardLog
from local.kinesis.shards import NotAdjacent, NotOpen
from local.kinesis.stream import Stream
from local.routes import AWSError

MOST_LISTED = 1000
TOKEN_LIFETIME = 300.0
RESIZES_PER_DAY = 10
MOST_SHARDS = 10_000
"""UpdateShardCount goes no further."""
FILTERS = ("AT_LATEST", "AFTER_SHARD_ID", "FROM_TRIM_HORIZON")
CALLS_PER_SECOND = 5.0
"""Splits and merges, each, of all streams of a region together."""

_calls: dict[tuple[str, str], Bucket] = {}


class Token(msgspec.Struct, frozen=True):
    """Where the next page of ListShards starts."""

    arn: str
    after: str
    issued: float
    only_open: bool = False


def list_shards(call: Call) -> dict[str, Any]:
    token = _token(call)
    stream = streams.find(token.arn)
    limit = call.get("MaxResults", MOST_LISTED)
    with stream.lock:
        stream.trim()
        found = [
            shard
            for shard in stream.topology.listed()
            if shard.shard_id > token.after and not (token.only_open and shard.closed_at)
        ]
    page = found[:limit]
    result: dict[str, Any] = {"Shards": [described_shard(shard) for shard in page]}
    if len(found) > limit:
        following = Token(token.arn, page[-1].shard_id, time.time(), token.only_open)
        result["NextToken"] = base64.b64encode(msgspec.json.encode(following)).decode()
    return result


def _token(call: Call) -> Token:
    """Where this call starts: at its own parameters or where the page before ended."""
    text = call.get("NextToken")
    if text is None:
        arn, only_open = call.stream().arn, _only_open(call)
        after = call.get("ExclusiveStartShardId", "") or call.get("ShardFilter", {}).get("ShardId")
        return Token(arn, after or "", time.time(), only_open)
    if call.get("StreamName") is not None:
        raise errors.invalid("NextToken and StreamName cannot be provided together.")
    try:
        token = msgspec.json.decode(base64.b64decode(text), type=Token)
    except (ValueError, msgspec.MsgspecError) as error:
        raise errors.invalid("NextToken is invalid.") from error
    if time.time() - token.issued > TOKEN_LIFETIME:
        raise AWSError("ExpiredNextTokenException", "NextToken has expired.")
    return token


def _only_open(call: Call) -> bool:
    """What a ShardFilter is about: the open shards, those after one, or all."""
    kind = call.get("ShardFilter", {}).get("Type", "FROM_TRIM_HORIZON")
    if kind not in FILTERS:
        raise errors.unsupported(f"the ShardFilter {kind}")
    if kind == "AFTER_SHARD_ID" and not call["ShardFilter"].get("ShardId"):
        raise errors.invalid("ShardId must be specified when ShardFilter Type is AFTER_SHARD_ID.")
    return bool(kind == "AT_LATEST")


def split_shard(call: Call) -> None:
    stream = call.active_stream()
    _require_provisioned(stream)
    _require_seldom(stream, "SplitShard")
    shard = _log(stream, call["ShardToSplit"])
    key = int(call["NewStartingHashKey"])
    if provisioned(stream.region) + 1 > SHARD_LIMIT:
        raise errors.too_many_shards(stream.region, provisioned(stream.region), 1)
    if not shard.first_hash + 1 < key < shard.last_hash:
        raise errors.invalid(
            f"NewStartingHashKey {key} used in SplitShard() on shard {shard.shard_id} in stream "
            f"{stream.name} under account {settings.ACCOUNT} is not both greater than one plus "
            f"the shard's StartingHashKey {shard.first_hash} and less than the shard's "
            f"EndingHashKey {shard.last_hash}."
        )
    with stream.lock:
        try:
            stream.topology.split(shard, key, stream.clock())
        except NotOpen as error:
            raise _closed(shard.shard_id, stream) from error
        stream.reshard()


def _require_seldom(stream: Stream, operation: str) -> None:
    """With shard limits on, so many calls a second."""
    if not stream.limited:
        return
    bucket = _calls.setdefault((stream.region, operation), Bucket(CALLS_PER_SECOND))
    if bucket.level(stream.clock()) < 1:
        raise errors.too_often(stream.name)
    bucket.spend(1)


def merge_shards(call: Call) -> None:
    stream = call.active_stream()
    _require_provisioned(stream)
    _require_seldom(stream, "MergeShards")
    lower = _log(stream, call["ShardToMerge"])
    upper = _log(stream, call["AdjacentShardToMerge"])
    with stream.lock:
        try:
            stream.topology.merge(lower, upper, stream.clock())
        except NotAdjacent as error:
            raise errors.invalid(
                f"Shards {lower.shard_id} and {upper.shard_id} in stream {stream.name} under "
                f"account {settings.ACCOUNT} are not an adjacent pair of shards eligible for "
                "merging"
            ) from error
        except NotOpen as error:
            raise _closed(str(error), stream) from error
        stream.reshard()


def update_shard_count(call: Call) -> dict[str, Any]:
    stream, target = call.active_stream(), call["TargetShardCount"]
    _require_provisioned(stream)
    with stream.lock:
        current = len(stream.topology.open)
        _require_resizable(stream, current, target)
        stream.resizes.append(stream.clock())
        stream.topology.resize(target, stream.clock())
        stream.reshard()
    return {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "CurrentShardCount": current,
        "TargetShardCount": target,
    }


def _require_resizable(stream: Stream, current: int, target: int) -> None:
    counts = f"Current open shard count: {current} Target shard count: {target}"
    if target > 2 * current:
        raise errors.invalid(
            f"UpdateShardCount cannot scale up over double your current open shard count. {counts}"
        )
    if target * 2 < current:
        raise errors.invalid(
            "UpdateShardCount cannot scale down below half your current open shard count. " + counts
        )
    if target > MOST_SHARDS:
        raise errors.invalid(f"UpdateShardCount cannot scale a stream to over {MOST_SHARDS} shards")
    existing = provisioned(stream.region)
    if existing + target - current > SHARD_LIMIT:
        raise errors.too_many_shards(stream.region, existing, target - current)
    stream.resizes = [moment for moment in stream.resizes if moment > stream.clock() - DAY]
    if len(stream.resizes) >= RESIZES_PER_DAY:
        raise errors.limit(
            f"Stream {stream.name} under account {settings.ACCOUNT} was scaled "
            f"{RESIZES_PER_DAY} times within 24 hours."
        )


def _require_provisioned(stream: Stream) -> None:
    if stream.on_demand:
        raise errors.on_demand(stream.name)


def _log(stream: Stream, shard_id: str) -> ShardLog:
    found = stream.topology.find(shard_id)
    if found is None:
        raise errors.no_shard(shard_id, stream.name)
    return found


def _closed(shard_id: str, stream: Stream) -> AWSError:
    return errors.invalid(
        f"Shard {shard_id} in stream {stream.name} under account {settings.ACCOUNT} has already "
        "been merged or split, and thus is not eligible for merging or splitting."
    )


OPERATIONS: dict[str, Operation] = {
    "ListShards": list_shards,
    "SplitShard": split_shard,
    "MergeShards": merge_shards,
    "UpdateShardCount": update_shard_count,
}
