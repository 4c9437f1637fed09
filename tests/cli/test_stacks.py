"""What is deployed, read from stacks' tags and outputs."""

from typing import Any

import pytest

from cli.errors import MissingStack
from cli.stacks import Flow, Lake, find

LAKE = {"BucketName": "b", "DatabaseName": "d", "WorkGroupName": "w", "KeyArn": "k"}
FLIGHT = {
    "EventType": "flight",
    "StreamName": "s",
    "DeliveryStreamName": "ds",
    "TableName": "flight",
    "TransformFunctionName": "f",
    "DataPrefix": "events/flight/",
    "ErrorPrefix": "errors/flight/",
}


def stack(name: str, outputs: dict[str, str], **tags: str) -> dict[str, Any]:
    return {
        "StackName": name,
        "StackStatus": "CREATE_COMPLETE",
        "Tags": [{"Key": f"headrace:{key}", "Value": value} for key, value in tags.items()],
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
    }


class CloudFormation:
    """Answers DescribeStacks in pages of one."""

    def __init__(self, *stacks: dict[str, Any]) -> None:
        self.stacks = stacks

    def get_paginator(self, operation: str) -> Any:
        assert operation == "describe_stacks"
        return self

    def paginate(self) -> Any:
        return ({"Stacks": [one]} for one in self.stacks)


def deployed(*stacks: dict[str, Any]) -> Any:
    client: Any = CloudFormation(*stacks)
    return find(client, "dev")


def test_stacks_are_found_by_their_tags_among_others() -> None:
    found = deployed(
        stack("CDKToolkit", {}),
        stack("A", LAKE, environment="dev", stage="lake"),
        stack("B", LAKE, environment="prod", stage="lake"),
        stack("C", FLIGHT, environment="dev", stage="flight"),
        stack("D", {}, environment="dev"),
    )
    assert sorted(found.stacks) == ["flight", "lake"]
    assert found.event_types == ["flight"]
    assert found.lake() == Lake(bucket_name="b", database_name="d", work_group_name="w")
    assert found.flow("flight") == Flow(
        event_type="flight",
        stream_name="s",
        delivery_stream_name="ds",
        table_name="flight",
        transform_function_name="f",
        data_prefix="events/flight/",
        error_prefix="errors/flight/",
    )


def test_a_missing_stack_is_named_with_the_command_that_deploys_it() -> None:
    found = deployed(stack("A", LAKE, environment="dev", stage="lake"))
    with pytest.raises(MissingStack) as raised:
        found.flow("flight")
    assert str(raised.value) == (
        "There is no stack for event type 'flight' in environment 'dev' of this account and "
        "region: deploy it with `cdk deploy --all -c env=dev`, or choose another with --env."
    )


def test_a_stack_without_its_outputs_is_named_with_its_state() -> None:
    broken = stack("A", {}, environment="dev", stage="lake") | {"StackStatus": "CREATE_IN_PROGRESS"}
    with pytest.raises(MissingStack) as raised:
        deployed(broken).lake()
    assert str(raised.value) == (
        "Stack A (CREATE_IN_PROGRESS) lacks outputs of the lake (Object missing required field "
        "`BucketName`): wait until it is deployed, or deploy it again with "
        "`cdk deploy --all -c env=dev`."
    )
