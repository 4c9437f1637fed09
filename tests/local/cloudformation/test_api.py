"""The rest of the API as its clients use it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.cloudformation.conftest import Cloud, body

QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue"}
DECLARED = {
    "Delay": {"Type": "Number", "Default": 1, "Description": "seconds"},
    "Hidden": {"Type": "String", "Default": "hidden", "NoEcho": True},
}
DELAYED = {
    "Queue": QUEUE | {"Properties": {"DelaySeconds": {"Ref": "Delay"}}},
}


def given(**values: str) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": it} for name, it in values.items()]


def test_parameters_are_kept_changed_and_hidden(cloud: Cloud) -> None:
    name = cloud.create(DELAYED, declared=DECLARED, Parameters=given(Delay="5", Hidden="abc"))
    assert cloud.describe(name)["Parameters"] == [
        {"ParameterKey": "Delay", "ParameterValue": "5"},
        {"ParameterKey": "Hidden", "ParameterValue": "****"},
    ]
    previous = [{"ParameterKey": it, "UsePreviousValue": True} for it in DECLARED]
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cloud.formation.update_stack(StackName=name, UsePreviousTemplate=True, Parameters=previous)
    cloud.formation.update_stack(
        StackName=name, UsePreviousTemplate=True, Parameters=given(Delay="7")
    )
    found = cloud.client("sqs").get_queue_attributes(
        QueueUrl=cloud.resources(name)["Queue"], AttributeNames=["DelaySeconds"]
    )
    assert found["Attributes"] == {"DelaySeconds": "7"}


def test_a_template_is_summarized(cloud: Cloud) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    text = body(DELAYED | {"Role": role}, {"declared": DECLARED, "Description": "it"})
    summary = cloud.formation.get_template_summary(TemplateBody=text)
    del summary["ResponseMetadata"]
    assert summary == {
        "Parameters": [
            {
                "ParameterKey": "Delay",
                "DefaultValue": "1",
                "ParameterType": "Number",
                "NoEcho": False,
                "Description": "seconds",
                "ParameterConstraints": {"AllowedValues": []},
            },
            {
                "ParameterKey": "Hidden",
                "DefaultValue": "hidden",
                "ParameterType": "String",
                "NoEcho": True,
                "ParameterConstraints": {"AllowedValues": []},
            },
        ],
        "Description": "it",
        "Capabilities": ["CAPABILITY_IAM"],
        "ResourceTypes": ["AWS::IAM::Role", "AWS::SQS::Queue"],
    }
    with pytest.raises(ClientError, match="At least one Resources member must be defined"):
        cloud.formation.get_template_summary(TemplateBody="{}")


def test_the_template_comes_back_as_it_was_sent(cloud: Cloud) -> None:
    yaml = "Resources:\n  Queue:\n    Type: AWS::SQS::Queue  # a comment\n"
    name = cloud.name()
    cloud.formation.create_stack(StackName=name, TemplateBody=yaml)
    assert cloud.formation.get_template(StackName=name)["TemplateBody"] == yaml


def test_stacks_resources_and_events_are_listed(cloud: Cloud) -> None:
    name = cloud.create({f"Queue{index:02}": QUEUE for index in range(40)})
    identity = cloud.describe(name)["StackId"]
    url = cloud.resources(name)["Queue07"]
    listed = cloud.formation.list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"]
    assert [it["StackName"] for it in listed if it["StackId"] == identity] == [name]
    assert len(cloud.formation.describe_stack_events(StackName=name)["StackEvents"]) == 100
    assert len(cloud.events(name)) == 2 + 3 * 40
    summaries = cloud.formation.list_stack_resources(StackName=name)["StackResourceSummaries"]
    assert len(summaries) == 40
    by_id = cloud.formation.describe_stack_resources(PhysicalResourceId=url)["StackResources"]
    assert {it["StackName"] for it in by_id} == {name}
    (shown,) = (it for it in summaries if it["LogicalResourceId"] == "Queue07")
    assert (shown["PhysicalResourceId"], shown["ResourceType"], shown["ResourceStatus"]) == (
        url,
        "AWS::SQS::Queue",
        "CREATE_COMPLETE",
    )
    properties = [
        json.loads(it["ResourceProperties"])
        for it in cloud.events(name)
        if it["LogicalResourceId"] == "Queue07"
    ]
    assert properties == [{}] * 3


def test_the_events_of_one_operation_are_told_by_its_id(cloud: Cloud) -> None:
    wrong = {"Type": "AWS::Mars::Rover", "DependsOn": "Queue"}
    name = cloud.create({"Queue": QUEUE, "Wrong": wrong}, ClientRequestToken="token-1")
    events = cloud.events(name)
    assert {it["ClientRequestToken"] for it in events} == {"token-1"}
    forward, back = dict.fromkeys(it["OperationId"] for it in events)
    failed = cloud.formation.describe_events(
        StackName=name, OperationId=forward, Filters={"FailedEvents": True}
    )["OperationEvents"]
    assert [it["LogicalResourceId"] for it in failed] == ["Wrong"]
    assert [it["LogicalResourceId"] for it in events if it["OperationId"] == back] == [
        name, "Wrong", "Queue", "Queue", name
    ]  # fmt: skip


def test_a_way_back_that_failed_is_continued(cloud: Cloud) -> None:
    sqs = cloud.client("sqs")
    name = cloud.create(DELAYED, declared=DECLARED)
    url = cloud.resources(name)["Queue"]
    wrong = {"Type": "AWS::Mars::Rover", "DependsOn": "Changed"}
    changed = {"Changed": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String"}}}
    changed["Changed"]["Properties"]["Value"] = {"Ref": "Queue"}  # type: ignore[index]
    sqs.delete_queue(QueueUrl=url)
    status = cloud.update(
        name, DELAYED | changed | {"Wrong": wrong}, declared=DECLARED, Parameters=given(Delay="9")
    )
    assert status == "UPDATE_ROLLBACK_FAILED"
    with pytest.raises(ClientError, match="UPDATE_ROLLBACK_FAILED state and can not be updated"):
        cloud.update(name, {"Other": QUEUE})
    cloud.formation.continue_update_rollback(StackName=name, ResourcesToSkip=["Queue"])
    assert cloud.status(name) == "UPDATE_ROLLBACK_COMPLETE"
    cloud.delete(name)
    with pytest.raises(ClientError, match="does not exist"):
        cloud.describe(name)


def test_a_bucket_that_was_kept_is_taken_over_again(cloud: Cloud) -> None:
    bucket = f"kept-{cloud.name()}"
    resources = {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "DeletionPolicy": "Retain",
            "Properties": {"BucketName": bucket},
        }
    }
    first = cloud.create(resources)
    cloud.client("s3").put_object(Bucket=bucket, Key="a", Body=b"a")
    cloud.delete(first)
    refused = cloud.create(resources)
    assert cloud.status(refused) == "ROLLBACK_COMPLETE"
    assert "already exists." in cloud.reasons(refused)["Bucket"]
    name = cloud.name()
    cloud.formation.create_change_set(
        StackName=name,
        ChangeSetName="again",
        ChangeSetType="CREATE",
        TemplateBody=body(resources, {}),
        ImportExistingResources=True,
    )
    cloud.formation.execute_change_set(StackName=name, ChangeSetName="again")
    assert cloud.history(name)[1:] == [
        (name, "CREATE_IN_PROGRESS"),
        ("Bucket", "IMPORT_IN_PROGRESS"),
        ("Bucket", "IMPORT_COMPLETE"),
        (name, "CREATE_COMPLETE"),
    ]
    assert cloud.client("s3").get_object(Bucket=bucket, Key="a")["Body"].read() == b"a"


def test_a_policy_that_wants_tls_leaves_its_bucket_usable(cloud: Cloud) -> None:
    policy = {
        "Statement": [
            {
                "Action": "s3:*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
            }
        ]
    }
    logs = {"DestinationBucketName": {"Ref": "Logs"}}
    name = cloud.create(
        {
            "Logs": {"Type": "AWS::S3::Bucket"},
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "Properties": {"LoggingConfiguration": logs},
            },
            "Policy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": policy},
            },
        }
    )
    assert cloud.reasons(name) == {}
    bucket, s3 = cloud.resources(name)["Bucket"], cloud.client("s3")
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"a"
    denied = {"Statement": [policy["Statement"][0] | {"Condition": {}, "Resource": "*"}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(denied))
    with pytest.raises(ClientError, match="Forbidden"):
        s3.get_object(Bucket=bucket, Key="a")
    s3.delete_bucket_policy(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="a")
    stack = cloud.describe(name)["StackId"]
    cloud.delete(name)
    assert cloud.status(stack) == "DELETE_COMPLETE"
