"""Workgroups and named queries."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, Tagging, names, tag_list
from local.cloudformation.providers.common import drop

RESULT = "ResultConfiguration"
REMOVABLE_RESULTS = ("OutputLocation", "EncryptionConfiguration", "ExpectedBucketOwner")


class WorkGroup(Provider):
    type = "AWS::Athena::WorkGroup"
    properties = names("Description Name RecursiveDeleteOption State Tags WorkGroupConfiguration")
    named = "Name"
    settings = {
        "Tags": Tagging(
            "athena",
            {"ResourceARN": "arn:aws:athena:{region}:{account}:workgroup/{id}"},
            form=tag_list,
        )
    }

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws(
            "athena:CreateWorkGroup",
            Name=name,
            Description=new.get("Description"),
            Configuration=new.get("WorkGroupConfiguration"),
        )
        return name

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        super().finish(aws, physical_id, new)
        if new.get("State") == "DISABLED":
            aws("athena:UpdateWorkGroup", WorkGroup=physical_id, State="DISABLED")

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        super().update(aws, physical_id, old, new)
        aws(
            "athena:UpdateWorkGroup",
            WorkGroup=physical_id,
            Description=new.get("Description", ""),
            State=new.get("State", "ENABLED"),
            ConfigurationUpdates=_updates(new.get("WorkGroupConfiguration", {})),
        )

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
    subject = {"NamedQueryId": "{id}"}
    deletion = "athena:DeleteNamedQuery"
    shown = {"NamedQueryId": "{id}"}

    def create(self, aws: Aws, name: str, new: Properties) -> Any:
        return aws("athena:CreateNamedQuery", **{"Name": name} | new)["NamedQueryId"]
