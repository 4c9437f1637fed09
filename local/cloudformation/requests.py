"""What requests have in common: the template, its parameters, tags and capabilities."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from local.cloudformation.backend import Backend
from local.cloudformation.errors import Failure, Invalid
from local.cloudformation.stacks import Stack, Target
from local.cloudformation.template import Template, parse

Parameters = dict[str, Any]
NAMES_OF_IAM = {"RoleName", "ManagedPolicyName", "UserName", "GroupName", "InstanceProfileName"}


def target(backend: Backend, given: Parameters, stack: Stack | None) -> Target:
    """What the request wants a stack to be; `stack` is the one that is there already."""
    wanted = template(backend, given, stack)
    before = stack.target if stack else Target()
    acknowledged = tuple(given.get("Capabilities", ()))
    check_capabilities(wanted, acknowledged)
    tags = {it["Key"]: it["Value"] for it in given.get("Tags", ())}
    return Target(
        template=wanted,
        given=_given(given, before),
        tags=tags if "Tags" in given or not stack else before.tags,
        role=given.get("RoleARN") or before.role,
        notifications=tuple(given.get("NotificationARNs") or before.notifications),
        capabilities=acknowledged,
        imports=bool(given.get("ImportExistingResources")),
    )


def _given(given: Parameters, before: Target) -> dict[str, str]:
    values = {}
    for it in given.get("Parameters", ()):
        name = it["ParameterKey"]
        if not it.get("UsePreviousValue"):
            values[name] = it.get("ParameterValue", "")
        elif name in before.given:
            values[name] = before.given[name]
        elif name not in before.template.parameters:
            raise Invalid(
                f"Invalid input for parameter key {name}. Cannot use previous value "
                "as there is none"
            )
    return values


def template(backend: Backend, given: Parameters, stack: Stack | None) -> Template:
    if given.get("UsePreviousTemplate") and stack:
        return stack.target.template
    if given.get("TemplateBody"):
        return parse(given["TemplateBody"])
    if given.get("TemplateURL"):
        return parse(_download(backend, given["TemplateURL"]))
    raise Invalid("Either Template URL or Template Body must be specified.")


def _download(backend: Backend, url: str) -> str:
    """A template that was uploaded to S3; the address has the bucket as host or in the path."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path.lstrip("/"))
    bucket, dot, _ = host.partition(".s3")
    if host.startswith("s3") or not dot:
        bucket, _, path = path.partition("/")
    try:
        body: bytes = backend.aws("s3:GetObject", Bucket=bucket, Key=path)["Body"].read()
    except Failure as failure:
        raise Invalid(f"S3 error: {failure.message}") from failure
    return body.decode()


def capabilities(template: Template) -> list[str]:
    """What a request must acknowledge: that it makes IAM resources, and whether it names them."""
    iam = [it for it in template.resources.values() if it.type.startswith("AWS::IAM::")]
    if any(NAMES_OF_IAM & it.properties.keys() for it in iam):
        return ["CAPABILITY_NAMED_IAM"]
    return ["CAPABILITY_IAM"] if iam else []


def check_capabilities(template: Template, given: tuple[str, ...]) -> None:
    implied = {"CAPABILITY_IAM": {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}}
    for wanted in capabilities(template):
        if not implied.get(wanted, {wanted}) & set(given):
            raise Invalid(
                f"Requires capabilities : [{wanted}]", "InsufficientCapabilitiesException"
            )


def no_rollback(given: Parameters) -> bool:
    config = given.get("DeploymentConfig", {})
    return bool(given.get("DisableRollback") or config.get("DisableRollback"))
