"""What stands for nothing outside the stack."""

from __future__ import annotations

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, names


class Metadata(Provider):
    """What the CDK tells of itself."""

    type = "AWS::CDK::Metadata"
    properties = names("Analytics Modules")

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return name

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        """Nothing to do."""
