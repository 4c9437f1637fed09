"""Keys and their aliases."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, names
from local.cloudformation.providers.common import differ, tag_changes, tag_list, tag_map

DEFAULT_WINDOW = 30


class Key(Provider):
    """Deleting a key is scheduling its deletion, as on AWS."""

    type = "AWS::KMS::Key"
    properties = names(
        "Description EnableKeyRotation Enabled KeyPolicy KeySpec KeyUsage MultiRegion "
        "PendingWindowInDays RotationPeriodInDays Tags"
    )
    fixed = names("KeySpec KeyUsage MultiRegion")

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        answer = aws(
            "kms:CreateKey",
            Policy=new.get("KeyPolicy"),
            Description=new.get("Description"),
            KeySpec=new.get("KeySpec"),
            KeyUsage=new.get("KeyUsage"),
            MultiRegion=new.get("MultiRegion"),
            Tags=tag_list(tag_map(new.get("Tags")) or {}, "TagKey", "TagValue"),
        )
        return str(answer["KeyMetadata"]["KeyId"])

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        if new.get("EnableKeyRotation"):
            self._rotate(aws, physical_id, new)
        if not new.get("Enabled", True):
            aws("kms:DisableKey", KeyId=physical_id)

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        if differ(old, new, "KeyPolicy") and "KeyPolicy" in new:
            aws(
                "kms:PutKeyPolicy", KeyId=physical_id, PolicyName="default", Policy=new["KeyPolicy"]
            )
        if differ(old, new, "Description"):
            aws(
                "kms:UpdateKeyDescription",
                KeyId=physical_id,
                Description=new.get("Description", ""),
            )
        if differ(old, new, "Enabled"):
            does = "EnableKey" if new.get("Enabled", True) else "DisableKey"
            aws(f"kms:{does}", KeyId=physical_id)
        if differ(old, new, "EnableKeyRotation", "RotationPeriodInDays"):
            self._rotate(aws, physical_id, new)
        changed, gone = tag_changes(old, new)
        if changed:
            tags = tag_list(changed, "TagKey", "TagValue")
            aws("kms:TagResource", KeyId=physical_id, Tags=tags)
        if gone:
            aws("kms:UntagResource", KeyId=physical_id, TagKeys=gone)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        window = old.get("PendingWindowInDays", DEFAULT_WINDOW)
        aws("kms:ScheduleKeyDeletion", KeyId=physical_id, PendingWindowInDays=window)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        return {"Arn": aws.arn("kms", f"key/{physical_id}"), "KeyId": physical_id}

    def _rotate(self, aws: Aws, physical_id: str, new: Properties) -> None:
        if new.get("EnableKeyRotation"):
            days = new.get("RotationPeriodInDays")
            aws("kms:EnableKeyRotation", KeyId=physical_id, RotationPeriodInDays=days)
        else:
            aws("kms:DisableKeyRotation", KeyId=physical_id)


class Alias(Provider):
    type = "AWS::KMS::Alias"
    properties = names("AliasName TargetKeyId")
    named = "AliasName"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws("kms:CreateAlias", AliasName=name, TargetKeyId=new["TargetKeyId"])
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        aws("kms:UpdateAlias", AliasName=physical_id, TargetKeyId=new["TargetKeyId"])

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("kms:DeleteAlias", AliasName=physical_id)
