"""Roles and policies."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, names
from local.cloudformation.providers.common import differ, drop, tag_changes, tag_list

LONGEST_SESSION = 3600
VERSIONS_KEPT = 5
HOLDERS = {"Roles": "Role", "Users": "User", "Groups": "Group"}
"""What policies are attached to: the property, and the API's word for one of them."""


class Role(Provider):
    type = "AWS::IAM::Role"
    properties = names(
        "AssumeRolePolicyDocument Description ManagedPolicyArns MaxSessionDuration Path "
        "PermissionsBoundary Policies RoleName Tags"
    )
    named = "RoleName"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        given = drop(new, "ManagedPolicyArns", "Policies", "RoleName")
        aws("iam:CreateRole", RoleName=name, **given)
        return name

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        self._policies(aws, physical_id, {}, new)

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        if differ(old, new, "AssumeRolePolicyDocument"):
            document = new["AssumeRolePolicyDocument"]
            aws("iam:UpdateAssumeRolePolicy", RoleName=physical_id, PolicyDocument=document)
        if differ(old, new, "Description", "MaxSessionDuration"):
            aws(
                "iam:UpdateRole",
                RoleName=physical_id,
                Description=new.get("Description", ""),
                MaxSessionDuration=new.get("MaxSessionDuration", LONGEST_SESSION),
            )
        if differ(old, new, "PermissionsBoundary"):
            self._bound(aws, physical_id, new.get("PermissionsBoundary"))
        self._policies(aws, physical_id, old, new)
        changed, gone = tag_changes(old, new)
        if changed:
            aws("iam:TagRole", RoleName=physical_id, Tags=tag_list(changed))
        if gone:
            aws("iam:UntagRole", RoleName=physical_id, TagKeys=gone)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        self._policies(aws, physical_id, old, {})
        aws("iam:DeleteRole", RoleName=physical_id)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        role = aws("iam:GetRole", RoleName=physical_id)["Role"]
        return {"Arn": role["Arn"], "RoleId": role["RoleId"]}

    def _bound(self, aws: Aws, name: str, boundary: str | None) -> None:
        if boundary:
            aws("iam:PutRolePermissionsBoundary", RoleName=name, PermissionsBoundary=boundary)
        else:
            aws("iam:DeleteRolePermissionsBoundary", RoleName=name)

    def _policies(self, aws: Aws, name: str, old: Properties, new: Properties) -> None:
        """The role's own policies, attached and inline ones, as they are wanted."""
        attached, wanted = old.get("ManagedPolicyArns", []), new.get("ManagedPolicyArns", [])
        for arn in [it for it in attached if it not in wanted]:
            aws("iam:DetachRolePolicy", RoleName=name, PolicyArn=arn)
        for arn in [it for it in wanted if it not in attached]:
            aws("iam:AttachRolePolicy", RoleName=name, PolicyArn=arn)
        before, after = _inline(old), _inline(new)
        for policy in before.keys() - after.keys():
            aws("iam:DeleteRolePolicy", RoleName=name, PolicyName=policy)
        for policy, document in after.items():
            if before.get(policy) != document:
                aws("iam:PutRolePolicy", RoleName=name, PolicyName=policy, PolicyDocument=document)


def _inline(properties: Properties) -> dict[str, Any]:
    return {it["PolicyName"]: it["PolicyDocument"] for it in properties.get("Policies", ())}


class Policy(Provider):
    """An inline policy of every role, user and group that it names."""

    type = "AWS::IAM::Policy"
    properties = names("Groups PolicyDocument PolicyName Roles Users")
    longest = 64

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        self._put(aws, new)
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        self._put(aws, new)
        kept = new if old["PolicyName"] == new["PolicyName"] else {}
        left = {
            plural: [it for it in old.get(plural, []) if it not in kept.get(plural, [])]
            for plural in HOLDERS
        }
        self._remove(aws, left | {"PolicyName": old["PolicyName"]})

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        self._remove(aws, old)

    def _put(self, aws: Aws, new: Properties) -> None:
        for plural, holder in HOLDERS.items():
            for name in new.get(plural, ()):
                aws(
                    f"iam:Put{holder}Policy",
                    PolicyName=new["PolicyName"],
                    PolicyDocument=new["PolicyDocument"],
                    **{f"{holder}Name": name},
                )

    def _remove(self, aws: Aws, old: Properties) -> None:
        for plural, holder in HOLDERS.items():
            for name in old.get(plural, ()):
                aws(
                    f"iam:Delete{holder}Policy",
                    PolicyName=old["PolicyName"],
                    **{f"{holder}Name": name},
                )


class ManagedPolicy(Provider):
    type = "AWS::IAM::ManagedPolicy"
    properties = names("Description Groups ManagedPolicyName Path PolicyDocument Roles Users")
    named = "ManagedPolicyName"
    longest = 128

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        given = drop(new, "ManagedPolicyName", *HOLDERS)
        return str(aws("iam:CreatePolicy", PolicyName=name, **given)["Policy"]["Arn"])

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        self._attach(aws, physical_id, {}, new)

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        if differ(old, new, "PolicyDocument"):
            self._forget(aws, physical_id, keep=VERSIONS_KEPT - 1)
            aws(
                "iam:CreatePolicyVersion",
                PolicyArn=physical_id,
                SetAsDefault=True,
                PolicyDocument=new["PolicyDocument"],
            )
        self._attach(aws, physical_id, old, new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        self._attach(aws, physical_id, old, {})
        self._forget(aws, physical_id, keep=1)
        aws("iam:DeletePolicy", PolicyArn=physical_id)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        policy = aws("iam:GetPolicy", PolicyArn=physical_id)["Policy"]
        shown = ("PolicyId", "AttachmentCount", "DefaultVersionId")
        return {"PolicyArn": physical_id} | {name: policy[name] for name in shown}

    def _forget(self, aws: Aws, arn: str, keep: int) -> None:
        """Delete the oldest versions that are not the default one, but for `keep` versions."""
        versions = aws("iam:ListPolicyVersions", PolicyArn=arn)["Versions"]
        versions.sort(key=lambda it: (it["IsDefaultVersion"], int(it["VersionId"][1:])))
        for version in versions[: max(0, len(versions) - keep)]:
            aws("iam:DeletePolicyVersion", PolicyArn=arn, VersionId=version["VersionId"])

    def _attach(self, aws: Aws, arn: str, old: Properties, new: Properties) -> None:
        for plural, holder in HOLDERS.items():
            before, after = old.get(plural, []), new.get(plural, [])
            for name in [it for it in before if it not in after]:
                aws(f"iam:Detach{holder}Policy", PolicyArn=arn, **{f"{holder}Name": name})
            for name in [it for it in after if it not in before]:
                aws(f"iam:Attach{holder}Policy", PolicyArn=arn, **{f"{holder}Name": name})
