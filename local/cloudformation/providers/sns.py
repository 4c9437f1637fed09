"""Topics and their policies."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, Setting, Tagging, names, tag_list
from local.cloudformation.providers.common import found

DEFAULTS = {"DisplayName": "", "KmsMasterKeyId": "", "TracingConfig": "PassThrough"}
"""Attributes of a topic, and what one that is gone goes back to."""


def _attribute(name: str) -> Setting:
    return Setting(
        "sns:SetTopicAttributes",
        lambda value: {"AttributeName": name, "AttributeValue": value or DEFAULTS[name]},
    )


class Topic(Provider):
    type = "AWS::SNS::Topic"
    properties = names("Tags TopicName") | DEFAULTS.keys()
    named = "TopicName"
    longest = 256
    subject = {"TopicArn": "{id}"}
    deletion = "sns:DeleteTopic"
    settings = {name: _attribute(name) for name in DEFAULTS} | {
        "Tags": Tagging("sns", {"ResourceArn": "{id}"}, form=tag_list)
    }

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return str(aws("sns:CreateTopic", Name=name)["TopicArn"])

    def exists(self, aws: Aws, name: str) -> bool:
        return found(lambda: aws("sns:GetTopicAttributes", TopicArn=aws.arn("sns", name)))

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        return {"TopicArn": physical_id, "TopicName": physical_id.rpartition(":")[2]}


class TopicPolicy(Provider):
    type = "AWS::SNS::TopicPolicy"
    properties = names("PolicyDocument Topics")

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        for topic in new["Topics"]:
            _set_policy(aws, topic, new["PolicyDocument"])
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        self.create(aws, physical_id, new)
        left = [topic for topic in old["Topics"] if topic not in new["Topics"]]
        self.delete(aws, physical_id, {"Topics": left})

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        """Back to the policy that a new topic has: its owner may do everything."""
        for topic in old["Topics"]:
            statement = {
                "Sid": "__default_statement_ID",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": ["SNS:Publish", "SNS:Subscribe", "SNS:DeleteTopic"],
                "Resource": topic,
                "Condition": {"StringEquals": {"AWS:SourceOwner": aws.account}},
            }
            _set_policy(aws, topic, {"Version": "2008-10-17", "Statement": [statement]})


def _set_policy(aws: Aws, topic: str, document: Any) -> None:
    aws("sns:SetTopicAttributes", TopicArn=topic, AttributeName="Policy", AttributeValue=document)
