"""Container repositories: `cdk bootstrap` makes one."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, names
from local.cloudformation.providers.common import differ, drop, tag_changes, tag_list


class Repository(Provider):
    type = "AWS::ECR::Repository"
    properties = names(
        "EmptyOnDelete EncryptionConfiguration ImageScanningConfiguration ImageTagMutability "
        "LifecyclePolicy RepositoryName RepositoryPolicyText Tags"
    )
    named = "RepositoryName"
    longest = 256
    lower = True

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        later = ("EmptyOnDelete", "LifecyclePolicy", "RepositoryPolicyText", "RepositoryName")
        aws("ecr:CreateRepository", RepositoryName=name, **drop(new, *later))
        return name

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        self._policies(aws, physical_id, {}, new)

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        self._policies(aws, physical_id, old, new)
        if differ(old, new, "ImageTagMutability"):
            mutability = new.get("ImageTagMutability", "MUTABLE")
            aws(
                "ecr:PutImageTagMutability",
                RepositoryName=physical_id,
                ImageTagMutability=mutability,
            )
        if differ(old, new, "ImageScanningConfiguration"):
            scanning = new.get("ImageScanningConfiguration", {"ScanOnPush": False})
            aws(
                "ecr:PutImageScanningConfiguration",
                RepositoryName=physical_id,
                ImageScanningConfiguration=scanning,
            )
        arn = self._arn(aws, physical_id)
        changed, gone = tag_changes(old, new)
        if changed:
            aws("ecr:TagResource", ResourceArn=arn, Tags=tag_list(changed))
        if gone:
            aws("ecr:UntagResource", ResourceArn=arn, TagKeys=gone)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        force = old.get("EmptyOnDelete", False)
        aws("ecr:DeleteRepository", RepositoryName=physical_id, Force=force)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        host = f"{aws.account}.dkr.ecr.{aws.region}.amazonaws.com"
        return {"Arn": self._arn(aws, physical_id), "RepositoryUri": f"{host}/{physical_id}"}

    def _arn(self, aws: Aws, name: str) -> str:
        return aws.arn("ecr", f"repository/{name}")

    def _policies(self, aws: Aws, name: str, old: Properties, new: Properties) -> None:
        if differ(old, new, "LifecyclePolicy"):
            if text := new.get("LifecyclePolicy", {}).get("LifecyclePolicyText"):
                aws("ecr:PutLifecyclePolicy", RepositoryName=name, LifecyclePolicyText=text)
            else:
                aws("ecr:DeleteLifecyclePolicy", RepositoryName=name)
        if differ(old, new, "RepositoryPolicyText"):
            if policy := new.get("RepositoryPolicyText"):
                aws("ecr:SetRepositoryPolicy", RepositoryName=name, PolicyText=policy)
            else:
                aws("ecr:DeleteRepositoryPolicy", RepositoryName=name)
