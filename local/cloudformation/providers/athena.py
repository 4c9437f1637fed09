"""Workgroups and named queries."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, names
from local.cloudformation.providers.common import drop, tag_changes, tag_list

RESULT = "ResultConfiguration"
REMOVABLE_RESULTS = ("OutputLocation", "EncryptionConfiguration", "ExpectedBucketOwner")


class WorkGroup(Provider):
    type = "AWS::Athena::WorkGroup"
    properties = names("Description Name RecursiveDeleteOption State Tags WorkGroupConfiguration")
    named = "Name"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws(
            "athena:CreateWorkGroup",
            Name=name,
            Description=new.get("Description"),
            Configuration=new.get("WorkGroupConfiguration"),
            Tags=new.get("Tags"),
        )
        return name

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        if new.get("State") == "DISABLED":
            aws("athena:UpdateWorkGroup", WorkGroup=physical_id, State="DISABLED")

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        aws(
            "athena:UpdateWorkGroup",
            WorkGroup=physical_id,
            Description=new.get("Description", ""),
            State=new.get("State", "ENABLED"),
            ConfigurationUpdates=_updates(new.get("WorkGroupConfiguration", {})),
        )
        arn = aws.arn("athena", f"workgroup/{physical_id}")
        changed, gone = tag_changes(old, new)
        if changed:
            aws("athena:TagResource", ResourceARN=arn, Tags=tag_list(changed))
        if gone:
            aws("athena:UntagResource", ResourceARN=arn, TagKeys=gone)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        recursive = old.get("RecursiveDeleteOption", False)
        aws("athena:DeleteWorkGroup", WorkGroup=physical_id, RecursiveDeleteOption=recursive)


def _updates(configuration: Properties) -> Properties:
    """The whole configuration as an update, which must say what is to be removed."""
    result = configuration.get(RESULT, {})
    removed = {f"Remove{name}": True for name in REMOVABLE_RESULTS if name not in result}
    updates = drop(configuration, RESULT) | {"ResultConfigurationUpdates": result | removed}
    if "BytesScannedCutoffPerQuery" not in configuration:
        updates["RemoveBytesScannedCutoffPerQuery"] = True
    return updates


class NamedQuery(Provider):
    type = "AWS::Athena::NamedQuery"
    properties = names("Database Description Name QueryString WorkGroup")

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return str(aws("athena:CreateNamedQuery", **{"Name": name} | new)["NamedQueryId"])

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("athena:DeleteNamedQuery", NamedQueryId=physical_id)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        return {"NamedQueryId": physical_id}
