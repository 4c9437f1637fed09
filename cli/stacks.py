"""What is deployed in an environment: the stacks' outputs, which are the public interface.

Stacks are found by their tags, `headrace:environment` and either `headrace:stage` (the lake, or an
event type) or `headrace:processor`, so nothing here knows how they are named.
"""

from typing import TYPE_CHECKING, TypeVar

import msgspec

from cli.errors import MissingStack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

ENVIRONMENT_TAG = "headrace:environment"
STAGE_TAG = "headrace:stage"
PROCESSOR_TAG = "headrace:processor"
LAKE = "lake"
Outputs = TypeVar("Outputs", bound=msgspec.Struct)


class Lake(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The outputs of the lake stack."""

    bucket_name: str
    database_name: str
    work_group_name: str
    failures_name: str = ""
    """The view of the failure archive."""


class Flow(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The outputs of an event type's stack."""

    event_type: str
    stream_name: str
    delivery_stream_name: str
    table_name: str
    transform_function_name: str
    data_prefix: str
    error_prefix: str
    delivered_name: str = ""
    """The table that delivery writes, where `table_name` is a view of it."""
    unique_name: str = ""
    """The view that shows each event once."""
    rejected_name: str = ""
    resubmitted_name: str = ""
    """The table of receipts: what of the rejected was put again."""
    resubmission_stream_name: str = ""
    """The delivery stream that takes it."""
    unsent_name: str = ""
    """Empty, as the next, where no HTTP endpoint is fed."""
    endpoint_resubmission_stream_name: str = ""
    compaction_function_name: str = ""
    audit_function_name: str = ""
    http_url: str = ""
    """Where events are taken over HTTP; empty where they are not."""


class Processor(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The outputs of a processor's stack."""

    processor_name: str
    reads: str
    emits: str
    function_name: str
    failure_queue_url: str
    rescue_function_name: str = ""


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """A deployed stack; `outputs` are empty until its first deployment has succeeded."""

    name: str
    status: str
    outputs: dict[str, str]


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """One environment as it is deployed now: its stacks by stage, its processors' by name."""

    environment: str
    stacks: dict[str, Stack]
    processing: dict[str, Stack] = {}

    @property
    def event_types(self) -> list[str]:
        return sorted(stage for stage in self.stacks if stage != LAKE)

    @property
    def processors(self) -> list[str]:
        return sorted(self.processing)

    def lake(self) -> Lake:
        """Raises MissingStack."""
        return self._outputs(self.stacks.get(LAKE), Lake, "the lake")

    def flow(self, event_type: str) -> Flow:
        """Raises MissingStack."""
        return self._outputs(self.stacks.get(event_type), Flow, f"event type {event_type!r}")

    def processor(self, name: str) -> Processor:
        """Raises MissingStack."""
        return self._outputs(self.processing.get(name), Processor, f"processor {name!r}")

    def _outputs(self, stack: Stack | None, kind: type[Outputs], what: str) -> Outputs:
        deploy = f"`cdk deploy --all -c env={self.environment}`"
        if stack is None:
            raise MissingStack(
                f"There is no stack for {what} in environment {self.environment!r} of this "
                f"account and region: deploy it with {deploy}, or choose another with --env."
            )
        try:
            return msgspec.convert(stack.outputs, kind)
        except msgspec.ValidationError as error:
            raise MissingStack(
                f"Stack {stack.name} ({stack.status}) lacks outputs of {what} ({error}): wait "
                f"until it is deployed, or deploy it again with {deploy}."
            ) from None


def find(cloudformation: "CloudFormationClient", environment: str) -> Deployed:
    """Read which stacks of `environment` exist in this account and region."""
    stacks, processing = {}, {}
    for page in cloudformation.get_paginator("describe_stacks").paginate():
        for found in page["Stacks"]:
            tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
            if tags.get(ENVIRONMENT_TAG) != environment:
                continue
            stack = Stack(
                name=found["StackName"],
                status=found["StackStatus"],
                outputs={
                    output["OutputKey"]: output["OutputValue"]
                    for output in found.get("Outputs", [])
                },
            )
            if STAGE_TAG in tags:
                stacks[tags[STAGE_TAG]] = stack
            elif PROCESSOR_TAG in tags:
                processing[tags[PROCESSOR_TAG]] = stack
    return Deployed(environment=environment, stacks=stacks, processing=processing)
