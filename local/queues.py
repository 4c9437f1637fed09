"""SQS: moto's queues, made safe for many threads, and awake.

moto answers requests in threads but guards no queue: what is sent while another message is deleted
is lost, and two receivers may get the same message. One condition guards all of them here. Who
waits for a message sleeps until something happens to a queue or a message's time comes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

from local import settings
from local.patching import replace

CHANGED = threading.Condition()
"""Held by whoever looks at a queue or changes it; notified after every change."""

AFTER_SECONDS = 0.005
"""A message is visible after its time; the others that were received with it are soon after."""

ADD, DELETE = Queue.add_message, Queue.delete_message
RECEIVE, CHANGE, PURGE, DELETE_QUEUE, SET = (
    SQSBackend.receive_message,
    SQSBackend.change_message_visibility,
    SQSBackend.purge_queue,
    SQSBackend.delete_queue,
    SQSBackend.set_queue_attributes,
)


def install() -> None:
    """Guard moto's queues."""
    replace(Queue, add_message=_guarded(ADD), delete_message=_guarded(DELETE))
    replace(
        SQSBackend,
        receive_message=_receive,
        change_message_visibility=_guarded(CHANGE),
        purge_queue=_guarded(PURGE),
        delete_queue=_guarded(DELETE_QUEUE),
        set_queue_attributes=_guarded(SET),
    )


def find(arn: str) -> Queue | None:
    """The queue that has this ARN now."""
    _, _, _, region, _, name = arn.split(":", 5)
    return sqs_backends[settings.ACCOUNT][region].queues.get(name)


def take(queue: Queue, count: int, seconds: float, ended: Callable[[], bool]) -> list[Message]:
    """Receive up to `count` messages, as soon as there are any.

    None when `seconds` are over or `ended` says so, which is asked whenever `wake` is called; a
    count of 0 only waits.
    """
    backend = sqs_backends[queue.account_id][queue.region]

    def look() -> list[Message]:
        # The timeout of now, not of when the wait began; what is never hidden has no end.
        timeout = max(1, queue.attributes["VisibilityTimeout"])
        return RECEIVE(backend, queue.name, count, 0, timeout, ["All"])

    return _first(look, queue, seconds, ended) if count else _first(list, None, seconds, ended)


def delete(queue: Queue, ids: Collection[str]) -> None:
    """Delete messages by their ids, whoever received them last."""
    with CHANGED:
        gone = [message for message in queue._messages if message.id in ids]
        queue._messages = [message for message in queue._messages if message.id not in ids]
        queue.pending_messages.difference_update(gone)
        for message in gone:
            queue.deleted_messages.update(filter(None, message.all_receipt_handles))
        CHANGED.notify_all()


def wake() -> None:
    """Let everyone who waits look again."""
    with CHANGED:
        CHANGED.notify_all()


def _receive(
    self: SQSBackend,
    queue_name: str,
    count: int,
    wait_seconds_timeout: int,
    visibility_timeout: int,
    message_attribute_names: list[str] | None = None,
) -> list[Message]:
    """ReceiveMessage; long polling without moto's polling."""
    names = message_attribute_names
    return _first(
        lambda: RECEIVE(self, queue_name, count, 0, visibility_timeout, names),
        self.get_queue(queue_name),
        wait_seconds_timeout,
    )


def _first(
    look: Callable[[], list[Message]],
    queue: Queue | None,
    seconds: float,
    ended: Callable[[], bool] = lambda: False,
) -> list[Message]:
    """The first messages that `look` finds; it is asked again whenever there may be some."""
    end = time.monotonic() + seconds
    with CHANGED:
        while not ended():
            left = end - time.monotonic()
            if (found := look()) or left <= 0:
                return found
            CHANGED.wait(min(left, _visible_in(queue)))
    return []


def _visible_in(queue: Queue | None) -> float:
    """Seconds until the next message becomes visible by itself; capped at a day."""
    now, times = time.time(), [86_400.0]
    for message in queue._messages if queue else ():
        left = max(message.visible_at, message.delayed_until) / 1000 - now
        if left > 0:
            times.append(left + AFTER_SECONDS)
    return min(times)


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(*given: Any, **named: Any) -> Any:
        with CHANGED:
            try:
                return method(*given, **named)
            finally:
                CHANGED.notify_all()

    return call
