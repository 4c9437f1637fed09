"""Stacks on the running local AWS, which are deleted afterwards."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import AWS

CAPABILITIES = ["CAPABILITY_NAMED_IAM"]
_numbers = itertools.count()


class Cloud:
    """CloudFormation by boto3, and the other services to look at what it made."""

    def __init__(self, aws: AWS) -> None:
        self._aws = aws
        self.client = cache(aws.client)
        self.formation = self.client("cloudformation")
        self.stacks: list[str] = []

    def name(self) -> str:
        """The name of a new stack."""
        self.stacks.append(f"cf-{next(_numbers)}")
        return self.stacks[-1]

    def create(self, resources: dict[str, Any], **options: Any) -> str:
        """Create a stack and return its name; `Outputs` and the like go into the template."""
        name = options.pop("name", None) or self.name()
        self.formation.create_stack(
            StackName=name, TemplateBody=body(resources, options), **_common(options)
        )
        return name

    def update(self, name: str, resources: dict[str, Any], **options: Any) -> str:
        """Update a stack; its status then."""
        self.formation.update_stack(
            StackName=name, TemplateBody=body(resources, options), **_common(options)
        )
        return self.status(name)

    def delete(self, name: str, **options: Any) -> None:
        self.formation.delete_stack(StackName=name, **options)

    def describe(self, name: str) -> dict[str, Any]:
        stack: dict[str, Any] = self.formation.describe_stacks(StackName=name)["Stacks"][0]
        return stack

    def status(self, name: str) -> str:
        return str(self.describe(name)["StackStatus"])

    def outputs(self, name: str) -> dict[str, str]:
        found = self.describe(name).get("Outputs", [])
        return {it["OutputKey"]: it["OutputValue"] for it in found}

    def resources(self, name: str) -> dict[str, str]:
        """The physical ids by logical ids."""
        found = self.formation.describe_stack_resources(StackName=name)["StackResources"]
        return {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in found}

    def events(self, name: str) -> list[dict[str, Any]]:
        """Oldest first."""
        pages = self.formation.get_paginator("describe_stack_events").paginate(StackName=name)
        return [event for page in pages for event in page["StackEvents"]][::-1]

    def history(self, name: str) -> list[tuple[str, str]]:
        return [(it["LogicalResourceId"], it["ResourceStatus"]) for it in self.events(name)]

    def reasons(self, name: str) -> dict[str, str]:
        """Why resources failed, by logical id."""
        return {
            it["LogicalResourceId"]: it["ResourceStatusReason"]
            for it in self.events(name)
            if it["ResourceStatus"].endswith("_FAILED")
        }


def body(resources: dict[str, Any], options: dict[str, Any]) -> str:
    """A template; sections are taken out of `options`."""
    sections = ("Outputs", "Conditions", "Mappings", "Rules", "Metadata", "Description")
    given = {name: options.pop(name) for name in sections if name in options}
    if "declared" in options:
        given["Parameters"] = options.pop("declared")
    return json.dumps({"Resources": resources} | given)


def _common(options: dict[str, Any]) -> dict[str, Any]:
    return {"Capabilities": CAPABILITIES} | options


@pytest.fixture
def cloud(aws: AWS) -> Iterator[Cloud]:
    cloud = Cloud(aws)
    yield cloud
    for name in reversed(cloud.stacks):
        cloud.delete(name)
        if remains := _remains(cloud, name):
            cloud.delete(name, RetainResources=remains)


def _remains(cloud: Cloud, name: str) -> list[str]:
    """What of a stack could not be deleted."""
    try:
        failed = cloud.status(name) == "DELETE_FAILED"
    except ClientError:
        return []
    return list(cloud.resources(name)) if failed else []
