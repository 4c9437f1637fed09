"""Container repositories: `cdk bootstrap` makes one."""

from __future__ import annotations

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, Setting, Tagging, names, tag_list

ARN = "arn:aws:ecr:{region}:{account}:repository/{id}"


class Repository(Provider):
    type = "AWS::ECR::Repository"
    properties = names(
        "EmptyOnDelete ImageScanningConfiguration ImageTagMutability LifecyclePolicy "
        "RepositoryName RepositoryPolicyText Tags"
    )
    named = "RepositoryName"
    longest = 256
    lower = True
    subject = {"RepositoryName": "{id}"}
    settings = {
        "ImageScanningConfiguration": Setting(
            "ecr:PutImageScanningConfiguration",
            lambda value: {"ImageScanningConfiguration": value or {"ScanOnPush": False}},
        ),
        "ImageTagMutability": Setting(
            "ecr:PutImageTagMutability", lambda value: {"ImageTagMutability": value or "MUTABLE"}
        ),
        "LifecyclePolicy": Setting(
            "ecr:PutLifecyclePolicy", lambda value: value, "ecr:DeleteLifecyclePolicy"
        ),
        "RepositoryPolicyText": Setting(
            "ecr:SetRepositoryPolicy",
            lambda value: {"PolicyText": value},
            "ecr:DeleteRepositoryPolicy",
        ),
        "Tags": Tagging("ecr", {"ResourceArn": ARN}, form=tag_list),
    }
    shown = {"Arn": ARN, "RepositoryUri": "{account}.dkr.ecr.{region}.amazonaws.com/{id}"}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws("ecr:CreateRepository", RepositoryName=name)
        return name

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        force = old.get("EmptyOnDelete", False)
        aws("ecr:DeleteRepository", RepositoryName=physical_id, Force=force)
