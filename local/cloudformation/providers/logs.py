"""Log groups, log streams and their filters."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, names
from local.cloudformation.providers.common import differ, tag_changes, tag_map


class LogGroup(Provider):
    type = "AWS::Logs::LogGroup"
    properties = names("KmsKeyId LogGroupClass LogGroupName RetentionInDays Tags")
    fixed = names("LogGroupClass")
    named = "LogGroupName"
    longest = 512

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws(
            "logs:CreateLogGroup",
            LogGroupName=name,
            KmsKeyId=new.get("KmsKeyId"),
            LogGroupClass=new.get("LogGroupClass"),
            Tags=tag_map(new.get("Tags")),
        )
        return name

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        if "RetentionInDays" in new:
            self._retain(aws, physical_id, new)

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        if differ(old, new, "RetentionInDays"):
            self._retain(aws, physical_id, new)
        if differ(old, new, "KmsKeyId"):
            if "KmsKeyId" in new:
                aws("logs:AssociateKmsKey", LogGroupName=physical_id, KmsKeyId=new["KmsKeyId"])
            else:
                aws("logs:DisassociateKmsKey", LogGroupName=physical_id)
        arn = aws.arn("logs", f"log-group:{physical_id}")
        changed, gone = tag_changes(old, new)
        if changed:
            aws("logs:TagResource", ResourceArn=arn, Tags=changed)
        if gone:
            aws("logs:UntagResource", ResourceArn=arn, TagKeys=gone)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("logs:DeleteLogGroup", LogGroupName=physical_id)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        return {"Arn": aws.arn("logs", f"log-group:{physical_id}:*")}

    def _retain(self, aws: Aws, name: str, new: Properties) -> None:
        if "RetentionInDays" in new:
            days = new["RetentionInDays"]
            aws("logs:PutRetentionPolicy", LogGroupName=name, RetentionInDays=days)
        else:
            aws("logs:DeleteRetentionPolicy", LogGroupName=name)


class LogStream(Provider):
    type = "AWS::Logs::LogStream"
    properties = names("LogGroupName LogStreamName")
    longest = 512

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        stream = {"LogStreamName": name} | new
        aws("logs:CreateLogStream", **stream)
        return str(stream["LogStreamName"])

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        group = old["LogGroupName"]
        aws("logs:DeleteLogStream", LogGroupName=group, LogStreamName=physical_id)


class SubscriptionFilter(Provider):
    type = "AWS::Logs::SubscriptionFilter"
    properties = names("DestinationArn Distribution FilterName FilterPattern LogGroupName RoleArn")
    longest = 512

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        wanted = {"FilterName": name} | new
        aws("logs:PutSubscriptionFilter", **wanted)
        return str(wanted["FilterName"])

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        self.create(aws, physical_id, new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        group = old["LogGroupName"]
        aws("logs:DeleteSubscriptionFilter", LogGroupName=group, FilterName=physical_id)


class MetricFilter(Provider):
    type = "AWS::Logs::MetricFilter"
    properties = names("FilterName FilterPattern LogGroupName MetricTransformations")
    longest = 512

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        transformations = [_transformation(it) for it in new["MetricTransformations"]]
        wanted = {"FilterName": name} | new | {"MetricTransformations": transformations}
        aws("logs:PutMetricFilter", **wanted)
        return str(wanted["FilterName"])

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        self.create(aws, physical_id, new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        group = old["LogGroupName"]
        aws("logs:DeleteMetricFilter", LogGroupName=group, FilterName=physical_id)


def _transformation(given: Properties) -> Properties:
    dimensions = tag_map(given.get("Dimensions"))
    return given | {"Dimensions": dimensions} if dimensions else given
