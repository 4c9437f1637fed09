"""Change sets: what they tell of a deployment, and what executing one does."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.cloudformation.conftest import CAPABILITIES, Cloud, body

QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue"}


def stream(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Kinesis::Stream", "Properties": properties}


def parameter(value: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}


def propose(
    cloud: Cloud, name: str, resources: dict[str, Any], kind: str = "UPDATE", **sections: Any
) -> dict[str, Any]:
    """A change set as it is described, with property values."""
    cloud.formation.create_change_set(
        StackName=name,
        ChangeSetName="next",
        ChangeSetType=kind,
        TemplateBody=body(resources, sections),
        Capabilities=CAPABILITIES,
    )
    described: dict[str, Any] = cloud.formation.describe_change_set(
        StackName=name, ChangeSetName="next", IncludePropertyValues=True
    )
    return described


def execute(cloud: Cloud, name: str) -> str:
    cloud.formation.execute_change_set(StackName=name, ChangeSetName="next")
    return cloud.status(name)


def test_a_stack_is_created_by_a_change_set(cloud: Cloud) -> None:
    name = cloud.name()
    described = propose(cloud, name, {"Queue": QUEUE}, "CREATE")
    assert (described["Status"], described["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert [it["ResourceChange"] for it in described["Changes"]] == [
        {
            "Action": "Add",
            "LogicalResourceId": "Queue",
            "ResourceType": "AWS::SQS::Queue",
            "Scope": [],
            "Details": [],
        }
    ]
    assert cloud.status(name) == "REVIEW_IN_PROGRESS"
    assert cloud.history(name) == [(name, "REVIEW_IN_PROGRESS")]
    summaries = cloud.formation.list_change_sets(StackName=name)["Summaries"]
    assert [it["ChangeSetName"] for it in summaries] == ["next"]
    assert execute(cloud, name) == "CREATE_COMPLETE"
    assert list(cloud.resources(name)) == ["Queue"]
    with pytest.raises(cloud.formation.exceptions.ChangeSetNotFoundException):
        cloud.formation.describe_change_set(StackName=name, ChangeSetName="next")
    with pytest.raises(ClientError, match="already exists and cannot be created again"):
        propose(cloud, name, {"Queue": QUEUE}, "CREATE")


def test_a_stack_in_review_is_deleted_at_once(cloud: Cloud) -> None:
    name = cloud.name()
    propose(cloud, name, {"Queue": QUEUE}, "CREATE")
    cloud.delete(name)
    with pytest.raises(ClientError, match="does not exist"):
        cloud.describe(name)


def test_a_change_set_tells_what_is_changed_replaced_added_and_removed(cloud: Cloud) -> None:
    name, first, second = cloud.name(), cloud.name(), cloud.name()
    reads = {"Fn::GetAtt": ["Stream", "Arn"]}
    cloud.create(
        {
            "Stream": stream(Name=first),
            "Reader": parameter(reads),
            "Same": parameter("same"),
            "Changed": parameter("one"),
            "Moved": parameter("x") | {"Metadata": {"path": "a"}},
            "Gone": QUEUE,
            "Kept": QUEUE | {"DeletionPolicy": "Retain"},
        },
        name=name,
    )
    described = propose(
        cloud,
        name,
        {
            "Stream": stream(Name=second),
            "Reader": parameter(reads),
            "Same": parameter("same"),
            "Changed": parameter("two"),
            "Moved": parameter("x") | {"Metadata": {"path": "b"}},
            "New": QUEUE,
        },
    )
    changes = [it["ResourceChange"] for it in described["Changes"]]
    physical = cloud.resources(name)
    assert {it["LogicalResourceId"]: it.get("PhysicalResourceId") for it in changes} == {
        **{it: physical[it] for it in ("Stream", "Reader", "Changed", "Moved", "Gone", "Kept")},
        "New": None,
    }
    told = {
        it["LogicalResourceId"]: (
            it["Action"],
            it.get("Replacement"),
            it.get("PolicyAction"),
            it["Scope"],
        )
        for it in changes
    }
    assert told == {
        "Stream": ("Modify", "True", "ReplaceAndDelete", ["Properties"]),
        "Reader": ("Modify", "False", None, ["Properties"]),
        "Changed": ("Modify", "False", None, ["Properties"]),
        "Moved": ("Modify", "False", None, ["Metadata"]),
        "New": ("Add", None, None, []),
        "Gone": ("Remove", None, "Delete", []),
        "Kept": ("Remove", None, "Retain", []),
    }
    details = {it["LogicalResourceId"]: it["Details"] for it in changes}
    assert details["Stream"] == [
        {
            "Target": {
                "Attribute": "Properties",
                "Name": "Name",
                "RequiresRecreation": "Always",
                "Path": "/Properties/Name",
                "BeforeValue": first,
                "AfterValue": second,
            },
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
    ]
    assert details["Reader"] == [
        {
            "Target": {
                "Attribute": "Properties",
                "Name": "Value",
                "RequiresRecreation": "Never",
                "Path": "/Properties/Value",
                "BeforeValue": f"arn:aws:kinesis:us-east-1:123456789012:stream/{first}",
                "AfterValue": "{{changeSet:KNOWN_AFTER_APPLY}}",
            },
            "Evaluation": "Dynamic",
            "ChangeSource": "ResourceAttribute",
            "CausingEntity": "Stream.Arn",
        }
    ]
    assert execute(cloud, name) == "UPDATE_COMPLETE"
    after = cloud.resources(name)
    assert {it for it in after if after[it] == physical.get(it)} == {
        "Reader", "Same", "Changed", "Moved"
    }  # fmt: skip
    value = cloud.client("ssm").get_parameter(Name=after["Reader"])["Parameter"]["Value"]
    assert value.endswith(second)
    sqs = cloud.client("sqs")
    assert sqs.get_queue_attributes(QueueUrl=physical["Kept"], AttributeNames=["All"])
    with pytest.raises(ClientError):
        sqs.get_queue_attributes(QueueUrl=physical["Gone"], AttributeNames=["All"])
    sqs.delete_queue(QueueUrl=physical["Kept"])


def test_a_change_set_without_changes_fails_and_is_not_executed(cloud: Cloud) -> None:
    name = cloud.create({"Queue": QUEUE})
    described = propose(cloud, name, {"Queue": QUEUE}, Description="only the description")
    assert (described["Status"], described["ExecutionStatus"], described["StatusReason"]) == (
        "FAILED",
        "UNAVAILABLE",
        "The submitted information didn't contain changes. "
        "Submit different information to create a change set.",
    )
    with pytest.raises(cloud.formation.exceptions.InvalidChangeSetStatusException):
        execute(cloud, name)
    for _ in range(2):
        cloud.formation.delete_change_set(StackName=name, ChangeSetName="next")
    assert cloud.status(name) == "CREATE_COMPLETE"


def test_only_an_output_changes(cloud: Cloud) -> None:
    name = cloud.create({"Queue": QUEUE})
    outputs = {"Url": {"Value": {"Ref": "Queue"}}}
    described = propose(cloud, name, {"Queue": QUEUE}, Outputs=outputs)
    assert (described["Status"], described["Changes"]) == ("CREATE_COMPLETE", [])
    assert execute(cloud, name) == "UPDATE_COMPLETE"
    assert cloud.outputs(name) == {"Url": cloud.resources(name)["Queue"]}


def test_what_cannot_be_planned_is_told_by_the_change_set(cloud: Cloud) -> None:
    described = propose(
        cloud, cloud.name(), {"P": parameter({"Fn::ImportValue": "never"})}, "CREATE"
    )
    assert (described["Status"], described["StatusReason"]) == (
        "FAILED",
        "No export named never found.",
    )
