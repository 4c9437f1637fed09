"""Where messages about given-up batches go: a queue, a topic or a bucket.

A destination may be missing or refuse for a while; the shard has moved on by then, so a message
that cannot be delivered is kept and tried again until its mapping ends, and says so in the log.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections import deque
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from local import settings
from local.mapping import failure, meter

LOG = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Between two tries to deliver a message. AWS tries for a while and then drops it; dropping is the
one thing this must not do, so it keeps trying while the mapping exists. [open]"""


@dataclass(frozen=True, slots=True)
class Message:
    """One message about a batch; `payload` is the failed event, which only a bucket gets.

    `counted` is whether the mapping publishes EventCount metrics.
    """

    origin: failure.Origin
    body: dict[str, Any]
    payload: str
    now: float
    counted: bool

    @property
    def records(self) -> int:
        size: int = self.body["KinesisBatchInfo"]["batchSize"]
        return size


def deliver(message: Message, destination: str) -> None:
    """Send one message to a queue, topic or bucket. Raises ClientError or BotoCoreError."""
    _, _, service, region, account, name = destination.split(":", 5)
    text = json.dumps(message.body)
    match service:
        case "sqs":
            sqs = client("sqs", region)
            url = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
            sqs.send_message(QueueUrl=url, MessageBody=text)
        case "sns":
            client("sns", region).publish(TopicArn=destination, Message=text)
        case "s3":
            client("s3", region).put_object(
                Bucket=name,
                Key=failure.object_key(message.origin, now=message.now, unique=str(uuid.uuid4())),
                Body=json.dumps(message.body | {"payload": message.payload}).encode(),
            )


def client(service: str, region: str) -> Any:
    """A client of this local AWS; buckets' ARNs name no region."""
    current = settings.current()
    return _client(service, region or current.region, current.endpoint)


@cache
def _client(service: str, region: str, endpoint: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=settings.ACCESS_KEY,
        aws_secret_access_key=settings.ACCESS_KEY,
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10),
    )


@dataclass
class Outbox:
    """The messages of one mapping, delivered in order by a thread of its own.

    It lives as long as the mapping: a message that waits goes to whatever destination the mapping
    has by then, so updating, disabling and enabling lose none.
    """

    destination: str | None = None
    _messages: deque[Message] = field(default_factory=deque)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _closed: bool = False
    _thread: threading.Thread | None = None

    def put(self, message: Message) -> None:
        """Queue a message; it is sent at once if the destination takes it."""
        with self._changed:
            self._messages.append(message)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
                self._thread.start()

    def close(self, timeout: float = 5.0) -> None:
        """Deliver what can be delivered now; name in the log what cannot."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join(timeout)
        for message in self._messages:
            batch = message.body["KinesisBatchInfo"]
            LOG.error("%s never took the message about %s", self.destination, json.dumps(batch))

    def _run(self) -> None:
        while message := self._next():
            if self._try(message):
                self._messages.popleft()
                continue
            with self._changed:
                if self._closed:
                    return
                self._changed.wait_for(lambda: self._closed, RETRY_SECONDS)

    def _next(self) -> Message | None:
        with self._changed:
            self._changed.wait_for(lambda: self._messages or self._closed)
            return self._messages[0] if self._messages else None

    def _try(self, message: Message) -> bool:
        """Whether the message needs no further try."""
        destination = self.destination
        if destination is None:
            LOG.error("the destination was taken away: %s", json.dumps(message.body))
            return True
        try:
            deliver(message, destination)
        except Exception as error:
            # Whatever it is, the message must outlive it.
            LOG.warning("%s does not take a failed batch (%s): kept", destination, error)
            meter.undelivered(message.origin.function_arn)
            return False
        if message.counted:
            meter.delivered(message.origin.mapping, message.records)
        return True
