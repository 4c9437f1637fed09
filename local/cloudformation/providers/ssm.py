"""Stored parameters: `cdk bootstrap` keeps its version in one."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, names, tag_list
from local.cloudformation.providers.common import drop


class Parameter(Provider):
    type = "AWS::SSM::Parameter"
    properties = names("AllowedPattern DataType Description Name Tags Tier Type Value")
    fixed = names("Tags")
    named = "Name"
    longest = 1011
    subject = {"Name": "{id}"}
    deletion = "ssm:DeleteParameter"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        tags = tag_list(new.get("Tags", {})) or None
        aws("ssm:PutParameter", **new | {"Name": name, "Tags": tags})
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        given = {"Description": ""} | drop(new, "Name", "Tags")
        aws("ssm:PutParameter", Name=physical_id, Overwrite=True, **given)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        arn = aws.arn("ssm", f"parameter/{physical_id.lstrip('/')}")
        return {"Arn": arn, "Type": new["Type"], "Value": new["Value"]}
