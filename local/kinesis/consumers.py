"""Enhanced fan-out consumers through the API."""

import time
from typing import Any

from local.kinesis import errors, streams, tags
from local.kinesis.call import Call, Operation, find_consumer
from local.kinesis.describing import moment
from local.kinesis.stream import Consumer, Stream
from local.settings import ACCOUNT

MOST = 20


def register(call: Call) -> dict[str, Any]:
    """Register a consumer; it is ACTIVE at once."""
    stream, name = streams.find(call["StreamARN"]), call["ConsumerName"]
    wanted = tags.checked(call.get("Tags", {}))
    now = time.time()
    with stream.lock:
        if name in stream.consumers:
            raise errors.in_use(
                f"Consumer {name} of stream {stream.name} under account {ACCOUNT} already exists."
            )
        if len(stream.consumers) >= MOST:
            raise errors.limit(
                f"Stream {stream.name} under account {ACCOUNT} has {MOST} registered consumers, "
                "which is the limit."
            )
        arn = f"{stream.arn}/consumer/{name}:{int(now)}"
        consumer = stream.consumers[name] = Consumer(name, arn, now, wanted)
    return {"Consumer": _described(consumer)}


def deregister(call: Call) -> None:
    stream, consumer = _find(call)
    with stream.lock:
        stream.consumers.pop(consumer.name, None)
        consumer.subscriptions.clear()
        stream.changed()


def describe(call: Call) -> dict[str, Any]:
    stream, consumer = _find(call)
    return {"ConsumerDescription": {**_described(consumer), "StreamARN": stream.arn}}


def listed(call: Call) -> dict[str, Any]:
    """Consumers by name; the token of the next page is the last name of this one."""
    stream = streams.find(call["StreamARN"])
    after, limit = call.get("NextToken", ""), call.get("MaxResults", 100)
    found = [stream.consumers[name] for name in sorted(stream.consumers) if name > after]
    result: dict[str, Any] = {"Consumers": [_described(consumer) for consumer in found[:limit]]}
    if len(found) > limit:
        result["NextToken"] = found[limit - 1].name
    return result


def _find(call: Call) -> tuple[Stream, Consumer]:
    """By ConsumerARN, or by StreamARN and ConsumerName."""
    arn = call.get("ConsumerARN")
    if arn is not None:
        return find_consumer(arn)
    if call.get("StreamARN") is None or call.get("ConsumerName") is None:
        raise errors.invalid("Specify ConsumerARN, or StreamARN and ConsumerName.")
    stream = streams.find(call["StreamARN"])
    consumer = stream.consumers.get(call["ConsumerName"])
    if consumer is None:
        raise errors.not_found(
            f"Consumer {call['ConsumerName']} of stream {stream.name} under account "
            f"{ACCOUNT} not found."
        )
    return stream, consumer


def _described(consumer: Consumer) -> dict[str, Any]:
    return {
        "ConsumerName": consumer.name,
        "ConsumerARN": consumer.arn,
        "ConsumerStatus": "ACTIVE",
        "ConsumerCreationTimestamp": moment(consumer.created),
    }


OPERATIONS: dict[str, Operation] = {
    "RegisterStreamConsumer": register,
    "DeregisterStreamConsumer": deregister,
    "DescribeStreamConsumer": describe,
    "ListStreamConsumers": listed,
}
