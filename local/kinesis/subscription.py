"""SubscribeToShard: records are pushed as they arrive, for up to five minutes.

One subscription per consumer and shard: a second call within five seconds is refused with
`ResourceInUseException`; later it takes over and the first one ends with that error. On AWS
the events come over HTTP/2; here over the chunks of HTTP/1.1, which SDKs read as well.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from local import model
from local.http import Request, Response
from local.kinesis import errors, eventstream
from local.kinesis.call import find_consumer
from local.kinesis.describing import child_shard, given
from local.kinesis.log import Record
from local.kinesis.position import Position, resolve
from local.kinesis.stream import Consumer, Shard, Stream
from local.routes import AWSError
from local.settings import ACCOUNT

LIFETIME = 300.0
TAKEOVER = 5.0
HEARTBEAT = 5.0
"""An event without records is sent when nothing arrived for so long."""
MOST_RECORDS = 10_000
MOST_BYTES = BYTES_PER_SECOND = 2 * 2**20


@dataclass(slots=True, eq=False)
class Subscription:
    """What one call serves: a shard of a stream to a consumer, until `ends`."""

    stream: Stream
    shard: Shard
    consumer: Consumer
    position: int
    started: float

    def current(self) -> bool:
        """Whether no later call took over, and the consumer still exists."""
        return self.consumer.subscriptions.get(self.shard.shard_id) is self


def subscribe_to_shard(request: Request) -> Response:
    parameters = model.service("kinesis").checked("SubscribeToShard", request)
    if parameters.get("DryRun"):
        raise errors.unsupported("the DryRun parameter")
    stream, consumer = find_consumer(parameters["ConsumerARN"])
    shard = stream.shard(parameters["ShardId"])
    if shard is None:
        raise errors.no_shard(parameters["ShardId"], stream.name)
    start = parameters["StartingPosition"]
    wanted = Position(start["Type"], start.get("SequenceNumber"), start.get("Timestamp"))
    position = resolve(wanted, stream, shard)
    subscription = _start(Subscription(stream, shard, consumer, position, time.monotonic()))
    return Response(200, [("Content-Type", eventstream.CONTENT_TYPE)], _events(subscription))


def _start(subscription: Subscription) -> Subscription:
    """Let it be the one for its consumer and shard."""
    stream, shard_id = subscription.stream, subscription.shard.shard_id
    with stream.lock:
        existing = subscription.consumer.subscriptions.get(shard_id)
        if (
            isinstance(existing, Subscription)
            and subscription.started - existing.started < TAKEOVER
        ):
            raise _taken(subscription)
        subscription.consumer.subscriptions[shard_id] = subscription
        stream.changed()
    return subscription


def _events(subscription: Subscription) -> Iterator[bytes]:
    yield eventstream.event("initial-response", b"{}")
    heard = subscription.started - HEARTBEAT
    ends = subscription.started + LIFETIME
    while subscription.current() and not subscription.stream.deleted:
        version, now = subscription.stream.version, time.monotonic()
        records = _advance(subscription)
        ended = subscription.shard.ended(subscription.position)
        if records or ended or now - heard >= HEARTBEAT:
            yield _event(subscription, records, ended=ended)
            heard = now
            _pace(subscription, records)
        if ended or now >= ends:
            return
        if not records:
            subscription.stream.wait(min(heard + HEARTBEAT, ends) - now, since=version)
    yield _exception(subscription)


def _pace(subscription: Subscription, records: list[Record]) -> None:
    """With shard limits, a consumer gets 2 MiB a second of each shard."""
    if subscription.stream.limited:
        time.sleep(sum(record.size for record in records) / BYTES_PER_SECOND)


def _advance(subscription: Subscription) -> list[Record]:
    records = subscription.shard.read(subscription.position, MOST_RECORDS, MOST_BYTES)
    if records:
        subscription.position = records[-1].sequence_number
    return records


def _event(subscription: Subscription, records: list[Record], *, ended: bool) -> bytes:
    stream, shard = subscription.stream, subscription.shard
    behind = shard.behind(subscription.position)
    stream.report(
        {
            "SubscribeToShardEvent.Records": len(records),
            "SubscribeToShardEvent.MillisBehindLatest": behind,
        },
        subscription.consumer.name,
    )
    payload: dict[str, Any] = {
        "Records": [given(record, stream.key) for record in records],
        "ContinuationSequenceNumber": str(subscription.position),
        "MillisBehindLatest": behind,
    }
    if ended:
        payload["ChildShards"] = [child_shard(child) for child in stream.children(shard.shard_id)]
    return eventstream.event("SubscribeToShardEvent", msgspec.json.encode(payload))


def _exception(subscription: Subscription) -> bytes:
    """Why a subscription ends before its time."""
    error = _taken(subscription)
    if subscription.stream.deleted:
        error = errors.no_stream(subscription.stream.name)
    elif subscription.consumer.name not in subscription.stream.consumers:
        error = errors.not_found(f"Consumer {subscription.consumer.arn} not found.")
    return eventstream.exception(error.code, msgspec.json.encode({"message": error.message}))


def _taken(subscription: Subscription) -> AWSError:
    return errors.in_use(
        f"Another active subscription exists for this consumer: "
        f"{subscription.consumer.arn}, {subscription.shard.shard_id}, account {ACCOUNT}."
    )
