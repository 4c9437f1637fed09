"""S3's event notifications to SQS queues: what moto's buckets tell, in AWS's words.

moto matches events and keys with configurations; the message, its way to the queue and what is
accepted are here: destinations are queues, events are those of created objects, all else is refused
by name. A queue must let S3 send, and so must its key: Allow statements are looked for, without
their conditions.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from moto.kms.models import kms_backends
from moto.s3 import notifications
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, S3Backend
from moto.sqs.models import Queue, sqs_backends

from local import queues, settings
from local.patching import replace

LOG = logging.getLogger(__name__)

SERVICE = "s3.amazonaws.com"
CREATED = "s3:ObjectCreated:"
EVENTS = {CREATED + name for name in ("*", "Put", "Copy", "CompleteMultipartUpload")}
OTHER_DESTINATIONS = (
    "CloudFunctionConfiguration",
    "EventBridgeConfiguration",
    "TopicConfiguration",
)
SET = FakeBucket.set_notification_configuration
COMPLETE = S3Backend.complete_multipart_upload
_completing = threading.local()


def install() -> None:
    replace(FakeBucket, set_notification_configuration=configure)
    replace(S3Backend, complete_multipart_upload=complete)
    notifications.send_event = created
    notifications.send_test_event = configured


class Refused(S3ClientError):
    def __init__(self, message: str) -> None:
        super().__init__("InvalidArgument", message)


def configure(self: FakeBucket, notification_config: dict[str, Any] | None) -> None:
    """PutBucketNotificationConfiguration; moto parsed the request."""
    config = notification_config or {}
    for name in OTHER_DESTINATIONS:
        if name in config:
            raise Refused(f"The local AWS does not support {name}: notifications go to queues")
    for one in config.get("QueueConfiguration") or ():
        if unknown := sorted(set(one["Event"]) - EVENTS):
            raise Refused(f"The local AWS does not support notifications of {unknown[0]}")
        queue = queues.find(one["Queue"])
        if queue is None or queue.fifo_queue or not lets_send(queue):
            raise Refused("Unable to validate the following destination configurations")
    SET(self, notification_config)


def created(account_id: str, event_name: str, bucket: Any, key: Any) -> None:  # noqa: ARG001  moto's
    """Something happened to an object: tell the queues that asked for it."""
    if getattr(_completing, "now", False) and event_name == CREATED + "Put":
        return
    config = bucket.notification_configuration
    for one in config.queue if config else ():
        if one.matches(event_name, key.name):
            send(one.arn, {"Records": [record(event_name, bucket, key, one.id)]})


def complete(self: S3Backend, *given: Any, **named: Any) -> Any:
    """CompleteMultipartUpload: moto puts the object first, which nobody is told of."""
    _completing.now = True
    try:
        return COMPLETE(self, *given, **named)
    finally:
        _completing.now = False


def configured(account_id: str, bucket: Any) -> None:  # noqa: ARG001  moto's
    """The message that every queue of a new configuration gets."""
    for arn in {one.arn for one in bucket.notification_configuration.queue}:
        said = {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": instant(time.time()),
            "Bucket": bucket.name,
        }
        send(arn, said | {"RequestId": uuid.uuid4().hex[:16].upper(), "HostId": uuid.uuid4().hex})


def send(arn: str, message: dict[str, Any]) -> None:
    queue = queues.find(arn)
    if queue is None:
        LOG.warning("%s is gone: a notification is lost, as on AWS", arn)
        return
    backend = sqs_backends[queue.account_id][queue.region]
    backend.send_message(queue.name, json.dumps(message))


def record(event_name: str, bucket: Any, key: Any, configuration: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""
    owner = {"principalId": settings.ACCOUNT}
    it = {
        "key": quote_plus(key.name, safe="/*").replace("~", "%7E"),
        "size": key.size,
        "eTag": key.etag.strip('"'),
        "sequencer": f"{time.time_ns():018X}",
    }
    if bucket.is_versioned:
        it["versionId"] = key.version_id
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region_name,
        "eventTime": instant(time.time()),
        "eventName": event_name.removeprefix("s3:"),
        "userIdentity": owner,
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {
            "x-amz-request-id": uuid.uuid4().hex[:16].upper(),
            "x-amz-id-2": uuid.uuid4().hex,
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration,
            "bucket": {"name": bucket.name, "ownerIdentity": owner, "arn": bucket.arn},
            "object": it,
        },
    }


def instant(seconds: float) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def lets_send(queue: Queue) -> bool:
    """Whether S3 may send to a queue, and use the key that encrypts it."""
    if not permits(queue.policy, "sqs:SendMessage"):
        return False
    key: str | None = queue.attributes.get("KmsMasterKeyId")
    if not key:
        return True
    backend = kms_backends[queue.account_id][queue.region]
    try:
        policy = backend.describe_key(key).policy
    except KeyError:
        return False
    return all(permits(policy, action) for action in ("kms:GenerateDataKey", "kms:Decrypt"))


def permits(policy: str | None, action: str) -> bool:
    """Whether some statement allows S3 the action."""
    for statement in json.loads(policy)["Statement"] if policy else ():
        principal = statement.get("Principal", {})
        services = principal if isinstance(principal, str) else principal.get("Service", ())
        if (
            statement["Effect"] == "Allow"
            and {"*", SERVICE} & set(_list(services))
            and any(_covers(pattern, action) for pattern in _list(statement.get("Action", ())))
        ):
            return True
    return False


def _covers(pattern: str, action: str) -> bool:
    name, star, _ = pattern.lower().partition("*")
    return action.lower().startswith(name) if star else action.lower() == name


def _list(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)
