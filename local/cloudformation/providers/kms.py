"""Keys and their aliases."""

from __future__ import annotations

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, Setting, Tagging, names
from local.cloudformation.providers.common import drop

DEFAULT_WINDOW = 30


def tags(given: dict[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": name, "TagValue": text} for name, text in given.items()]


class Key(Provider):
    """Deleting a key is scheduling its deletion, as on AWS."""

    type = "AWS::KMS::Key"
    properties = names(
        "Description EnableKeyRotation Enabled KeyPolicy KeySpec KeyUsage PendingWindowInDays Tags"
    )
    fixed = names("KeySpec KeyUsage")
    subject = {"KeyId": "{id}"}
    settings = {
        "KeyPolicy": Setting(
            "kms:PutKeyPolicy", lambda value: {"PolicyName": "default", "Policy": value}
        ),
        "Description": Setting(
            "kms:UpdateKeyDescription", lambda value: {"Description": value or ""}
        ),
        "Tags": Tagging("kms", {"KeyId": "{id}"}, form=tags),
    }
    shown = {"Arn": "arn:aws:kms:{region}:{account}:key/{id}", "KeyId": "{id}"}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        later = (*self.settings, "EnableKeyRotation", "Enabled", "PendingWindowInDays")
        return str(aws("kms:CreateKey", **drop(new, *later))["KeyMetadata"]["KeyId"])

    def configure(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        super().configure(aws, physical_id, old, new)
        for name, switch, default in (
            ("EnableKeyRotation", "KeyRotation", False),
            ("Enabled", "Key", True),
        ):
            wanted = new.get(name, default)
            if old.get(name, default) != wanted:
                aws(f"kms:{'Enable' if wanted else 'Disable'}{switch}", KeyId=physical_id)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        window = old.get("PendingWindowInDays", DEFAULT_WINDOW)
        aws("kms:ScheduleKeyDeletion", KeyId=physical_id, PendingWindowInDays=window)


class Alias(Provider):
    type = "AWS::KMS::Alias"
    properties = names("AliasName TargetKeyId")
    named = "AliasName"
    subject = {"AliasName": "{id}"}
    creation = "kms:CreateAlias"
    deletion = "kms:DeleteAlias"

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        aws("kms:UpdateAlias", **new)
