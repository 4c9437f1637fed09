"""Stored parameters."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, names
from local.cloudformation.providers.common import drop, tag_list


class Parameter(Provider):
    """Its tags are a map, unlike those of other types."""

    type = "AWS::SSM::Parameter"
    properties = names("AllowedPattern DataType Description Name Policies Tags Tier Type Value")
    named = "Name"
    longest = 1011

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        tags = tag_list(new.get("Tags", {}))
        aws("ssm:PutParameter", Name=name, Tags=tags or None, **drop(new, "Name", "Tags"))
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        given = {"Description": ""} | drop(new, "Name", "Tags")
        aws("ssm:PutParameter", Name=physical_id, Overwrite=True, **given)
        before, after = old.get("Tags", {}), new.get("Tags", {})
        subject = {"ResourceType": "Parameter", "ResourceId": physical_id}
        if gone := [name for name in before if name not in after]:
            aws("ssm:RemoveTagsFromResource", TagKeys=gone, **subject)
        if after != before and after:
            aws("ssm:AddTagsToResource", Tags=tag_list(after), **subject)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("ssm:DeleteParameter", Name=physical_id)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        arn = aws.arn("ssm", f"parameter/{physical_id.lstrip('/')}")
        return {"Arn": arn, "Type": new["Type"], "Value": new["Value"]}
