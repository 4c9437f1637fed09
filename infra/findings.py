"""Findings that are accepted: each on the one construct it is about, each with its reason."""

import aws_cdk as cdk
from constructs import IConstruct


def accept(construct: IConstruct, *findings: str, reason: str) -> None:
    """Findings of cdk-nag, as it prints them: `AwsSolutions-IAM5[Resource::*]`."""
    for finding in findings:
        cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=finding, reason=reason))


def accept_lint(construct: IConstruct, *rules: str, reason: str) -> None:
    """Findings of cfn-lint, which reads them from the resource's metadata in the template."""
    resource = construct.node.default_child
    if not isinstance(resource, cdk.CfnResource):
        raise TypeError(f"{construct.node.path} is no single resource")
    resource.add_metadata("cfn-lint", {"config": {"ignore_checks": list(rules)}})
    resource.add_metadata("cfn-lint-reason", reason)
