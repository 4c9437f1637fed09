"""Roles and policies; policies of users and groups are refused, there are only roles here."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, Setting, Tagging, names, tag_list
from local.cloudformation.providers.common import differ, pick

VERSIONS_KEPT = 5
TRUST, ATTACHED = "AssumeRolePolicyDocument", "ManagedPolicyArns"


class Role(Provider):
    type = "AWS::IAM::Role"
    properties = names(
        "AssumeRolePolicyDocument Description ManagedPolicyArns MaxSessionDuration Path "
        "PermissionsBoundary Policies RoleName Tags"
    )
    named = "RoleName"
    subject = {"RoleName": "{id}"}
    deletion = "iam:DeleteRole"
    settings = {
        TRUST: Setting("iam:UpdateAssumeRolePolicy", lambda value: {"PolicyDocument": value}),
        "Description": Setting("iam:UpdateRole", lambda value: {"Description": value or ""}),
        "MaxSessionDuration": Setting(
            "iam:UpdateRole", lambda value: {"MaxSessionDuration": value or 3600}
        ),
        "PermissionsBoundary": Setting(
            "iam:PutRolePermissionsBoundary",
            lambda value: {"PermissionsBoundary": value},
            "iam:DeleteRolePermissionsBoundary",
        ),
        "Tags": Tagging("iam", {"RoleName": "{id}"}, calls=("TagRole", "UntagRole"), form=tag_list),
    }

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws("iam:CreateRole", RoleName=name, **pick(new, ("Path", TRUST)))
        return name

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        self.configure(aws, physical_id, pick(new, [TRUST]), new)

    def configure(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        """Its settings, and its own policies, attached and inline ones, as they are wanted."""
        super().configure(aws, physical_id, old, new)
        attached, wanted = old.get(ATTACHED, []), new.get(ATTACHED, [])
        for arn in [it for it in attached if it not in wanted]:
            aws("iam:DetachRolePolicy", RoleName=physical_id, PolicyArn=arn)
        for arn in [it for it in wanted if it not in attached]:
            aws("iam:AttachRolePolicy", RoleName=physical_id, PolicyArn=arn)
        before, after = _inline(old), _inline(new)
        for name in before.keys() - after.keys():
            aws("iam:DeleteRolePolicy", RoleName=physical_id, PolicyName=name)
        for name, policy in after.items():
            if before.get(name) != policy:
                aws("iam:PutRolePolicy", RoleName=physical_id, **policy)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        self.configure(aws, physical_id, pick(old, (ATTACHED, "Policies")), {})
        super().delete(aws, physical_id, old)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        return pick(aws("iam:GetRole", RoleName=physical_id)["Role"], ("Arn", "RoleId"))


def _inline(properties: Properties) -> dict[str, Any]:
    return {it["PolicyName"]: it for it in properties.get("Policies", ())}


class Policy(Provider):
    """An inline policy of every role that it names."""

    type = "AWS::IAM::Policy"
    properties = names("PolicyDocument PolicyName Roles")

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        policy = pick(new, ("PolicyName", "PolicyDocument"))
        for role in new.get("Roles", ()):
            aws("iam:PutRolePolicy", RoleName=role, **policy)
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        self.create(aws, physical_id, new)
        kept = () if differ(old, new, "PolicyName") else new.get("Roles", ())
        left = [role for role in old.get("Roles", ()) if role not in kept]
        self.delete(aws, physical_id, old | {"Roles": left})

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        for role in old.get("Roles", ()):
            aws("iam:DeleteRolePolicy", RoleName=role, PolicyName=old["PolicyName"])


class ManagedPolicy(Provider):
    type = "AWS::IAM::ManagedPolicy"
    properties = names("Description ManagedPolicyName Path PolicyDocument Roles")
    named = "ManagedPolicyName"
    longest = 128
    subject = {"PolicyArn": "{id}"}
    deletion = "iam:DeletePolicy"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        given = pick(new, ("Description", "Path", "PolicyDocument"))
        return str(aws("iam:CreatePolicy", PolicyName=name, **given)["Policy"]["Arn"])

    def configure(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        before, after = old.get("Roles", []), new.get("Roles", [])
        for role in [it for it in before if it not in after]:
            aws("iam:DetachRolePolicy", RoleName=role, PolicyArn=physical_id)
        for role in [it for it in after if it not in before]:
            aws("iam:AttachRolePolicy", RoleName=role, PolicyArn=physical_id)

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        if differ(old, new, "PolicyDocument"):
            self._forget(aws, physical_id, keep=VERSIONS_KEPT - 1)
            aws(
                "iam:CreatePolicyVersion",
                PolicyArn=physical_id,
                SetAsDefault=True,
                PolicyDocument=new["PolicyDocument"],
            )
        super().update(aws, physical_id, old, new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        self.configure(aws, physical_id, old, {})
        self._forget(aws, physical_id, keep=1)
        super().delete(aws, physical_id, old)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        policy = aws("iam:GetPolicy", PolicyArn=physical_id)["Policy"]
        return {"PolicyArn": physical_id, "PolicyId": policy["PolicyId"]}

    def _forget(self, aws: Aws, arn: str, keep: int) -> None:
        """Delete the oldest versions that are not the default one, but for `keep` versions."""
        versions = aws("iam:ListPolicyVersions", PolicyArn=arn)["Versions"]
        versions.sort(key=lambda it: (it["IsDefaultVersion"], int(it["VersionId"][1:])))
        for version in versions[: max(0, len(versions) - keep)]:
            aws("iam:DeletePolicyVersion", PolicyArn=arn, VersionId=version["VersionId"])
