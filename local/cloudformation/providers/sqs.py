"""Queues and their policies."""

from __future__ import annotations

import json
from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, names
from local.cloudformation.providers.common import differ, found, tag_changes, tag_map

ATTRIBUTES: dict[str, str] = {
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "DelaySeconds": "0",
    "FifoThroughputLimit": "perQueue",
    "KmsDataKeyReusePeriodSeconds": "300",
    "KmsMasterKeyId": "",
    "MaximumMessageSize": "262144",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedriveAllowPolicy": "",
    "RedrivePolicy": "",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}
"""What SetQueueAttributes sets, and what a property that is gone goes back to."""


class Queue(Provider):
    type = "AWS::SQS::Queue"
    properties = names("FifoQueue QueueName Tags") | ATTRIBUTES.keys()
    named = "QueueName"
    longest = 80 - len(".fifo")

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        attributes = {key: _text(new[key]) for key in ATTRIBUTES if key in new}
        if new.get("FifoQueue"):
            attributes["FifoQueue"] = "true"
            name = name if "QueueName" in new else f"{name}.fifo"
        tags = tag_map(new.get("Tags"))
        answer = aws("sqs:CreateQueue", QueueName=name, Attributes=attributes, Tags=tags)
        return str(answer["QueueUrl"])

    def exists(self, aws: Aws, name: str) -> bool:
        return found(lambda: aws("sqs:GetQueueUrl", QueueName=name))

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        changed = {
            key: _text(new.get(key, default))
            for key, default in ATTRIBUTES.items()
            if differ(old, new, key)
        }
        if changed:
            aws("sqs:SetQueueAttributes", QueueUrl=physical_id, Attributes=changed)
        tags, gone = tag_changes(old, new)
        if tags:
            aws("sqs:TagQueue", QueueUrl=physical_id, Tags=tags)
        if gone:
            aws("sqs:UntagQueue", QueueUrl=physical_id, TagKeys=gone)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("sqs:DeleteQueue", QueueUrl=physical_id)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        name = physical_id.rpartition("/")[2]
        return {"Arn": aws.arn("sqs", name), "QueueName": name, "QueueUrl": physical_id}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)


class QueuePolicy(Provider):
    type = "AWS::SQS::QueuePolicy"
    properties = names("PolicyDocument Queues")

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        for queue in new["Queues"]:
            attributes = {"Policy": _text(new["PolicyDocument"])}
            aws("sqs:SetQueueAttributes", QueueUrl=queue, Attributes=attributes)
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        self.create(aws, physical_id, new)
        left = [queue for queue in old["Queues"] if queue not in new["Queues"]]
        self.delete(aws, physical_id, {"Queues": left})

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        for queue in old["Queues"]:
            aws("sqs:SetQueueAttributes", QueueUrl=queue, Attributes={"Policy": ""})
