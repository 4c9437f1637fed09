"""Queues and their policies."""

from __future__ import annotations

import json
from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, Tagging, names
from local.cloudformation.providers.common import differ, found

ATTRIBUTES: dict[str, str] = {
    "DelaySeconds": "0",
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
    properties = names("QueueName Tags") | ATTRIBUTES.keys()
    named = "QueueName"
    longest = 80
    subject = {"QueueUrl": "{id}"}
    deletion = "sqs:DeleteQueue"
    settings = {"Tags": Tagging("sqs", {"QueueUrl": "{id}"}, calls=("TagQueue", "UntagQueue"))}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return str(aws("sqs:CreateQueue", QueueName=name)["QueueUrl"])

    def exists(self, aws: Aws, name: str) -> bool:
        return found(lambda: aws("sqs:GetQueueUrl", QueueName=name))

    def configure(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        super().configure(aws, physical_id, old, new)
        changed = {
            key: _text(new.get(key, default))
            for key, default in ATTRIBUTES.items()
            if differ(old, new, key)
        }
        if changed:
            aws("sqs:SetQueueAttributes", QueueUrl=physical_id, Attributes=changed)

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
