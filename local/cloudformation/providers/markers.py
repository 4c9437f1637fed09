"""Types that stand for nothing outside the stack."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.errors import Failure
from local.cloudformation.provider import Properties, Provider, names


class Marker(Provider):
    """There is only its name."""

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        """Nothing to do."""

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        """Nothing to do."""


class Metadata(Marker):
    """What the CDK tells of itself."""

    type = "AWS::CDK::Metadata"
    properties = names("Analytics Modules")


class WaitConditionHandle(Marker):
    type = "AWS::CloudFormation::WaitConditionHandle"
    properties = names("")


class WaitCondition(Marker):
    """Without signals to wait for (Count 0) it only orders what depends on it."""

    type = "AWS::CloudFormation::WaitCondition"
    properties = names("Count Handle Timeout")

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        if new.get("Handle") and new.get("Count", 1) > 0:
            raise Failure("Signals to a WaitCondition are not supported by the local AWS")
        return name

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        return {"Data": "{}"}
