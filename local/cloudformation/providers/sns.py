"""Topics, their policies and subscriptions."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, names
from local.cloudformation.providers.common import differ, found, tag_changes, tag_list

ATTRIBUTES = {
    "ContentBasedDeduplication": "false",
    "DisplayName": "",
    "KmsMasterKeyId": "",
    "SignatureVersion": "1",
    "TracingConfig": "PassThrough",
}
"""What SetTopicAttributes sets, and what a property that is gone goes back to."""
SUBSCRIBED = names(
    "DeliveryPolicy FilterPolicy FilterPolicyScope RawMessageDelivery RedrivePolicy "
    "SubscriptionRoleArn"
)
GONE = {"FilterPolicyScope": "MessageAttributes", "RawMessageDelivery": "false"}


class Topic(Provider):
    type = "AWS::SNS::Topic"
    properties = names("FifoTopic Tags TopicName") | ATTRIBUTES.keys()
    named = "TopicName"
    longest = 256 - len(".fifo")

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        attributes = {key: new[key] for key in ATTRIBUTES if key in new}
        if new.get("FifoTopic"):
            attributes["FifoTopic"] = "true"
            name = name if "TopicName" in new else f"{name}.fifo"
        answer = aws("sns:CreateTopic", Name=name, Attributes=attributes, Tags=new.get("Tags"))
        return str(answer["TopicArn"])

    def exists(self, aws: Aws, name: str) -> bool:
        return found(lambda: aws("sns:GetTopicAttributes", TopicArn=aws.arn("sns", name)))

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        for name, default in ATTRIBUTES.items():
            if differ(old, new, name):
                value = new.get(name, default)
                aws(
                    "sns:SetTopicAttributes",
                    TopicArn=physical_id,
                    AttributeName=name,
                    AttributeValue=value,
                )
        changed, gone = tag_changes(old, new)
        if changed:
            aws("sns:TagResource", ResourceArn=physical_id, Tags=tag_list(changed))
        if gone:
            aws("sns:UntagResource", ResourceArn=physical_id, TagKeys=gone)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("sns:DeleteTopic", TopicArn=physical_id)

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


class Subscription(Provider):
    type = "AWS::SNS::Subscription"
    properties = names("Endpoint Protocol TopicArn") | SUBSCRIBED

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        answer = aws(
            "sns:Subscribe",
            TopicArn=new["TopicArn"],
            Protocol=new["Protocol"],
            Endpoint=new.get("Endpoint"),
            Attributes={key: new[key] for key in SUBSCRIBED if key in new},
            ReturnSubscriptionArn=True,
        )
        return str(answer["SubscriptionArn"])

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        for name in SUBSCRIBED:
            if differ(old, new, name):
                value = new.get(name, GONE.get(name, "{}"))
                aws(
                    "sns:SetSubscriptionAttributes",
                    SubscriptionArn=physical_id,
                    AttributeName=name,
                    AttributeValue=value,
                )

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("sns:Unsubscribe", SubscriptionArn=physical_id)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        return {"Arn": physical_id}
