"""Log groups and log streams."""

from __future__ import annotations

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, Setting, Tagging, names

ARN = "arn:aws:logs:{region}:{account}:log-group:{id}"


class LogGroup(Provider):
    type = "AWS::Logs::LogGroup"
    properties = names("KmsKeyId LogGroupClass LogGroupName RetentionInDays Tags")
    fixed = names("KmsKeyId LogGroupClass")  # moto has no AssociateKmsKey
    named = "LogGroupName"
    longest = 512
    subject = {"LogGroupName": "{id}"}
    creation = "logs:CreateLogGroup"
    deletion = "logs:DeleteLogGroup"
    settings = {
        "RetentionInDays": Setting(
            "logs:PutRetentionPolicy",
            lambda value: {"RetentionInDays": value},
            "logs:DeleteRetentionPolicy",
        ),
        "Tags": Tagging("logs", {"ResourceArn": ARN}),
    }
    shown = {"Arn": f"{ARN}:*"}


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
