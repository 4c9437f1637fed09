"""GetShardIterator and GetRecords."""

import time
from typing import Any

import msgspec
from msgspec import Struct

from local import model, routes
from local.http import Request, Response
from local.kinesis import errors, iterators, streams
from local.kinesis.call import Call, Operation
from local.kinesis.describing import child_shard, given
from local.kinesis.iterators import Iterator
from local.kinesis.position import Position, resolve
from local.kinesis.stream import Shard, Stream
from local.routes import AWSError
from local.settings import ACCOUNT

MOST_RECORDS = 10_000
MOST_BYTES = 10 * 2**20


class GetRecords(Struct):
    ShardIterator: str
    Limit: int = MOST_RECORDS
    StreamARN: str | None = None
    DryRun: bool | None = None


_decoder = msgspec.json.Decoder(GetRecords)


def get_shard_iterator(call: Call) -> dict[str, Any]:
    if call.get("DryRun"):
        raise errors.unsupported("the DryRun parameter")
    stream = call.stream()
    shard = stream.shard(call["ShardId"])
    if shard is None:
        raise _missing(call["ShardId"], stream.name)
    position = Position(
        call["ShardIteratorType"], call.get("StartingSequenceNumber"), call.get("Timestamp")
    )
    return {"ShardIterator": _issue(stream, shard, resolve(position, stream, shard))}


def get_records(request: Request) -> Response:
    """One page; an iterator again unless the shard is closed and read to its end."""
    wanted = _decode(request)
    iterator = _open(wanted.ShardIterator)
    stream = streams.find_by_id(iterator.stream)
    shard = None if stream is None else stream.shard(f"shardId-{iterator.shard:012d}")
    if stream is None or shard is None:
        raise errors.not_found(
            f"Shard {f'shardId-{iterator.shard:012d}'} of the iterator does not exist any more."
        )
    page = shard.page(iterator.after, wanted.Limit, MOST_BYTES)
    result: dict[str, Any] = {
        "Records": [given(record, stream.key) for record in page.records],
        "MillisBehindLatest": page.millis_behind,
    }
    if page.ended:
        result["ChildShards"] = [child_shard(child) for child in stream.children(shard.shard_id)]
    else:
        after = page.records[-1].sequence_number if page.records else iterator.after
        result["NextShardIterator"] = _issue(stream, shard, after)
    return routes.answer(result)


def _decode(request: Request) -> GetRecords:
    try:
        wanted = _decoder.decode(request.body)
    except msgspec.MsgspecError as error:
        model.service("kinesis").checked("GetRecords", request)
        raise AWSError("SerializationException", str(error)) from error
    if not 1 <= wanted.Limit <= MOST_RECORDS:
        model.service("kinesis").checked("GetRecords", request)
    if wanted.DryRun:
        raise errors.unsupported("the DryRun parameter")
    return wanted


def _open(text: str) -> Iterator:
    try:
        iterator = iterators.decode(text)
    except iterators.Unreadable as error:
        raise errors.invalid("Invalid ShardIterator.") from error
    now = time.time()
    if now - iterator.issued > iterators.LIFETIME:
        raise AWSError(
            "ExpiredIteratorException",
            f"Iterator expired. The iterator was created at time {_shown(iterator.issued)} while "
            f"right now it is {_shown(now)} which is further in the future than the tolerated "
            f"delay of {iterators.LIFETIME * 1000:.0f} milliseconds.",
        )
    return iterator


def _issue(stream: Stream, shard: Shard, after: int) -> str:
    return iterators.encode(Iterator(stream.id, shard.index, after, time.time()))


def _shown(moment: float) -> str:
    return time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(moment))


def _missing(shard_id: str, stream: str) -> AWSError:
    return errors.not_found(
        f"Shard {shard_id} in stream {stream} under account {ACCOUNT} does not exist"
    )


OPERATIONS: dict[str, Operation] = {"GetShardIterator": get_shard_iterator}
