"""Whole stacks through boto3: made, failed, changed, deleted, as AWS tells it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from tests.conftest import AWS
from tests.local.cloudformation.conftest import Cloud, body

QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue"}
ROLE: dict[str, Any] = {
    "Type": "AWS::IAM::Role",
    "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
}


def stream(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Kinesis::Stream", "Properties": properties}


def refusal(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_stack_is_made_described_and_deleted(cloud: Cloud) -> None:
    name = cloud.create(
        {"Stream": stream(ShardCount=1), "Queue": QUEUE | {"DependsOn": "Stream"}},
        Description="two things",
        Outputs={
            "StreamArn": {"Value": {"Fn::GetAtt": ["Stream", "Arn"]}, "Description": "where"},
            "QueueName": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}},
        },
        Tags=[{"Key": "stage", "Value": "test"}],
    )
    stack = cloud.describe(name)
    physical = cloud.resources(name)
    assert (stack["StackStatus"], stack["Description"]) == ("CREATE_COMPLETE", "two things")
    assert stack["Tags"] == [{"Key": "stage", "Value": "test"}]
    assert stack["Outputs"] == [
        {
            "OutputKey": "StreamArn",
            "OutputValue": f"arn:aws:kinesis:us-east-1:123456789012:stream/{physical['Stream']}",
            "Description": "where",
        },
        {"OutputKey": "QueueName", "OutputValue": physical["Queue"].rpartition("/")[2]},
    ]
    assert physical["Stream"].startswith(f"{name}-Stream-")
    assert cloud.history(name) == [
        (name, "CREATE_IN_PROGRESS"),
        ("Stream", "CREATE_IN_PROGRESS"),
        ("Stream", "CREATE_IN_PROGRESS"),
        ("Stream", "CREATE_COMPLETE"),
        ("Queue", "CREATE_IN_PROGRESS"),
        ("Queue", "CREATE_IN_PROGRESS"),
        ("Queue", "CREATE_COMPLETE"),
        (name, "CREATE_COMPLETE"),
    ]
    times = [it["Timestamp"] for it in cloud.events(name)]
    assert sorted(set(times)) == times
    cloud.delete(name)
    assert cloud.status(stack["StackId"]) == "DELETE_COMPLETE"
    with pytest.raises(ClientError) as caught:
        cloud.describe(name)
    assert refusal(caught) == ("ValidationError", f"Stack with id {name} does not exist")
    with pytest.raises(cloud.client("kinesis").exceptions.ResourceNotFoundException):
        cloud.client("kinesis").describe_stream_summary(StreamName=physical["Stream"])


def test_a_stack_with_an_unknown_type_goes_back_and_names_it(cloud: Cloud) -> None:
    rover = {"Type": "AWS::DynamoDB::Table", "DependsOn": ["Stream", "Queue"]}
    name = cloud.create({"Stream": stream(), "Queue": QUEUE, "Table": rover})
    assert cloud.status(name) == "ROLLBACK_COMPLETE"
    assert cloud.reasons(name) == {
        "Table": "Resource type AWS::DynamoDB::Table is not supported by the local AWS"
    }
    assert cloud.resources(name) == {}
    assert f"{name}-Stream" not in str(cloud.client("kinesis").list_streams()["StreamNames"])
    with pytest.raises(ClientError) as caught:
        cloud.update(name, {"Queue": QUEUE})
    code, message = refusal(caught)
    assert code == "ValidationError"
    assert message.endswith("is in ROLLBACK_COMPLETE state and can not be updated.")


@pytest.mark.parametrize(
    ("resource", "told"),
    [
        (stream(Shards=1), "#: extraneous key [Shards] is not permitted"),
        (
            stream(WarmThroughputMiBps=1),
            "Property WarmThroughputMiBps of AWS::Kinesis::Stream is not supported",
        ),
        (
            {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 8}},
            "#/RetentionInDays: 8 is not a valid enum value",
        ),
        (
            {
                "Type": "AWS::Logs::LogStream",
                "Properties": {"LogGroupName": "no-such-group"},
            },
            "(Service: CloudWatch Logs, Status Code: 400, Request ID: ",
        ),
    ],
)
def test_what_is_wrong_with_a_resource_is_told_where_it_failed(
    cloud: Cloud, resource: dict[str, Any], told: str
) -> None:
    name = cloud.create({"Queue": QUEUE, "Wrong": resource})
    assert cloud.status(name) == "ROLLBACK_COMPLETE"
    reasons = cloud.reasons(name)
    assert list(reasons) == ["Wrong"]
    assert told in reasons["Wrong"]


def test_a_stream_keeps_its_records_when_everything_else_of_it_changes(cloud: Cloud) -> None:
    kinesis = cloud.client("kinesis")
    key = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Statement": []}}}
    name = cloud.create({"Key": key, "Stream": stream(ShardCount=1)})
    physical = cloud.resources(name)["Stream"]
    kinesis.put_record(StreamName=physical, PartitionKey="a", Data=b"kept")
    encryption = {"EncryptionType": "KMS", "KeyId": {"Fn::GetAtt": ["Key", "Arn"]}}
    changes: list[dict[str, Any]] = [
        {"ShardCount": 1, "RetentionPeriodHours": 48},
        {"ShardCount": 2, "RetentionPeriodHours": 24},
        {"ShardCount": 2, "StreamEncryption": encryption},
        {"ShardCount": 2, "Tags": [{"Key": "a", "Value": "b"}]},
        {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
    ]
    for properties in changes:
        assert cloud.update(name, {"Key": key, "Stream": stream(**properties)}) == (
            "UPDATE_COMPLETE"
        )
        assert cloud.resources(name)["Stream"] == physical
        summary = kinesis.describe_stream_summary(StreamName=physical)["StreamDescriptionSummary"]
        assert summary["RetentionPeriodHours"] == properties.get("RetentionPeriodHours", 24)
        encrypted = "KMS" if "StreamEncryption" in properties else "NONE"
        assert summary.get("EncryptionType", "NONE") == encrypted
        assert summary["OpenShardCount"] == properties.get("ShardCount", 2)
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    shard = kinesis.list_shards(StreamName=physical)["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(
        StreamName=physical, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert [record["Data"] for record in records] == [b"kept"]


def test_a_stream_that_was_scaled_since_keeps_its_shards(cloud: Cloud) -> None:
    name = cloud.create({"Stream": stream(ShardCount=1)})
    physical, kinesis = cloud.resources(name)["Stream"], cloud.client("kinesis")
    kinesis.update_shard_count(
        StreamName=physical, TargetShardCount=2, ScalingType="UNIFORM_SCALING"
    )

    def updated(**properties: Any) -> tuple[str, int, int]:
        cloud.update(name, {"Stream": stream(**properties)})
        found = kinesis.describe_stream_summary(StreamName=physical)["StreamDescriptionSummary"]
        return cloud.status(name), found["OpenShardCount"], found["RetentionPeriodHours"]

    assert updated(ShardCount=1, RetentionPeriodHours=48) == ("UPDATE_COMPLETE", 2, 48)
    assert updated(ShardCount=3, RetentionPeriodHours=48) == ("UPDATE_COMPLETE", 3, 48)
    assert updated(ShardCount=9, RetentionPeriodHours=72) == ("UPDATE_ROLLBACK_COMPLETE", 3, 48)


def test_a_failed_update_goes_back_to_the_earlier_properties(cloud: Cloud) -> None:
    def queue(delay: int) -> dict[str, Any]:
        return {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": delay}}

    def delay(url: str) -> str:
        found = cloud.client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["DelaySeconds"]
        )
        return str(found["Attributes"]["DelaySeconds"])

    name = cloud.create({"Queue": queue(1), "Stream": stream(Name=f"{cloud.name()}-a")})
    before = cloud.resources(name)
    wrong = {"Type": "AWS::Mars::Rover", "DependsOn": ["Queue", "Stream", "More"]}
    status = cloud.update(
        name,
        {
            "Queue": queue(2),
            "Stream": stream(Name=f"{cloud.name()}-b"),
            "More": QUEUE,
            "Wrong": wrong,
        },
    )
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert cloud.resources(name) == before
    assert delay(before["Queue"]) == "1"
    names = cloud.client("kinesis").list_streams()["StreamNames"]
    assert [it for it in names if it.startswith("cf-") and it[-2:] in ("-a", "-b")] == [
        before["Stream"]
    ]
    stack_events = [it for it in cloud.events(name) if it["LogicalResourceId"] == name]
    assert [(it["ResourceStatus"], it.get("ResourceStatusReason")) for it in stack_events[2:]] == [
        ("UPDATE_IN_PROGRESS", "User Initiated"),
        (
            "UPDATE_ROLLBACK_IN_PROGRESS",
            "The following resource(s) failed to create: [Wrong].",
        ),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None),
        ("UPDATE_ROLLBACK_COMPLETE", None),
    ]
    assert cloud.update(name, {"Queue": queue(3)}) == "UPDATE_COMPLETE"
    assert delay(before["Queue"]) == "3"


def test_an_update_without_a_change_is_refused(cloud: Cloud) -> None:
    name = cloud.create({"Queue": QUEUE})
    with pytest.raises(ClientError) as caught:
        cloud.update(name, {"Queue": QUEUE})
    assert refusal(caught) == ("ValidationError", "No updates are to be performed.")
    outputs = {"Url": {"Value": {"Ref": "Queue"}}}
    assert cloud.update(name, {"Queue": QUEUE}, Outputs=outputs) == "UPDATE_COMPLETE"
    assert cloud.outputs(name) == {"Url": cloud.resources(name)["Queue"]}
    assert len([it for it in cloud.history(name) if it[0] == "Queue"]) == 3


def test_the_stacks_tags_reach_its_resources_and_change_with_it(cloud: Cloud) -> None:
    name = cloud.create({"Queue": QUEUE}, Tags=[{"Key": "stage", "Value": "one"}])
    url = cloud.resources(name)["Queue"]
    sqs = cloud.client("sqs")
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"stage": "one"}
    cloud.update(name, {"Queue": QUEUE}, Tags=[{"Key": "level", "Value": "two"}])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"level": "two"}
    assert cloud.describe(name)["Tags"] == [{"Key": "level", "Value": "two"}]


def test_one_stack_uses_what_another_exports(cloud: Cloud) -> None:
    exports = {"Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}, "Export": {"Name": "the-arn"}}}
    owner = cloud.create({"Queue": QUEUE}, Outputs=exports)
    redrive = {"deadLetterTargetArn": {"Fn::ImportValue": "the-arn"}, "maxReceiveCount": 3}
    user = cloud.create({"Queue": QUEUE | {"Properties": {"RedrivePolicy": redrive}}})
    arn = cloud.outputs(owner)["Arn"]
    attributes = cloud.client("sqs").get_queue_attributes(
        QueueUrl=cloud.resources(user)["Queue"], AttributeNames=["RedrivePolicy"]
    )["Attributes"]
    assert json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"] == arn
    listed = cloud.formation.list_exports()["Exports"]
    assert [it for it in listed if it["Name"] == "the-arn"] == [
        {
            "ExportingStackId": cloud.describe(owner)["StackId"],
            "Name": "the-arn",
            "Value": arn,
        }
    ]
    cloud.delete(owner)
    stack = cloud.describe(owner)
    assert (stack["StackStatus"], stack["StackStatusReason"]) == (
        "CREATE_COMPLETE",
        f"Export the-arn cannot be deleted as it is in use by {user}",
    )
    cloud.delete(user)
    cloud.delete(owner)
    assert [it for it in cloud.formation.list_exports()["Exports"] if it["Value"] == arn] == []


def test_a_protected_stack_is_not_deleted(cloud: Cloud) -> None:
    name = cloud.create({"Queue": QUEUE}, EnableTerminationProtection=True)
    with pytest.raises(ClientError) as caught:
        cloud.delete(name)
    assert refusal(caught) == (
        "ValidationError",
        f"Stack [{name}] cannot be deleted while TerminationProtection is enabled",
    )
    cloud.formation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    cloud.delete(name)


def test_a_bucket_with_objects_keeps_its_stack_until_it_is_emptied(cloud: Cloud) -> None:
    name = cloud.create({"Bucket": {"Type": "AWS::S3::Bucket"}, "Queue": QUEUE})
    bucket, s3 = cloud.resources(name)["Bucket"], cloud.client("s3")
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    cloud.delete(name)
    assert cloud.status(name) == "DELETE_FAILED"
    assert list(cloud.resources(name)) == ["Bucket"]
    assert "HandlerErrorCode: BucketNotEmpty" in cloud.reasons(name)["Bucket"]
    s3.delete_object(Bucket=bucket, Key="a")
    cloud.delete(name)
    with pytest.raises(ClientError, match="does not exist"):
        cloud.describe(name)


def test_a_template_may_lie_in_s3(cloud: Cloud) -> None:
    s3, bucket = cloud.client("s3"), f"templates-{cloud.name()}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a/b.json", Body=body({"Queue": QUEUE}, {}).encode())
    for url in (
        f"https://s3.us-east-1.amazonaws.com/{bucket}/a/b.json",
        f"https://{bucket}.s3.us-east-1.amazonaws.com/a/b.json",
    ):
        name = cloud.name()
        cloud.formation.create_stack(StackName=name, TemplateURL=url)
        assert cloud.status(name) == "CREATE_COMPLETE"
    template = cloud.formation.get_template(StackName=name)
    assert template["TemplateBody"] == {"Resources": {"Queue": QUEUE}}
    with pytest.raises(ClientError, match="S3 error"):
        cloud.formation.create_stack(StackName=cloud.name(), TemplateURL=url + "x")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"RollbackConfiguration": {"MonitoringTimeInMinutes": 1}}, "RollbackConfiguration is not"),
        ({"OnFailure": "DELETE"}, "OnFailure DELETE is not supported by the local AWS"),
        ({"Parameters": [{"ParameterKey": "A", "ParameterValue": "b"}]}, r"\[A\] do not exist"),
    ],
)
def test_what_a_request_may_not_ask_for_is_refused(
    cloud: Cloud, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ClientError, match=told):
        cloud.create({"Queue": QUEUE}, **options)
    with pytest.raises(ClientError, match="does not exist"):
        cloud.describe(cloud.stacks[-1])


def test_iam_resources_must_be_acknowledged(cloud: Cloud) -> None:
    named = ROLE | {"Properties": ROLE["Properties"] | {"RoleName": "somebody"}}
    for resource, acknowledged, wanted in (
        (ROLE, [], "CAPABILITY_IAM"),
        (named, ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
    ):
        with pytest.raises(ClientError) as caught:
            cloud.create({"Role": resource}, Capabilities=acknowledged)
        assert refusal(caught) == (
            "InsufficientCapabilitiesException",
            f"Requires capabilities : [{wanted}]",
        )


def test_a_stack_is_created_once(cloud: Cloud) -> None:
    name = cloud.create({"Queue": QUEUE})
    with pytest.raises(ClientError) as caught:
        cloud.create({"Queue": QUEUE}, name=name)
    assert refusal(caught) == ("AlreadyExistsException", f"Stack [{name}] already exists")


def test_the_type_of_a_resource_stays(cloud: Cloud) -> None:
    name = cloud.create({"Thing": QUEUE})
    with pytest.raises(ClientError, match=r"modifies resource type of .* resources: \[Thing\]"):
        cloud.update(name, {"Thing": stream()})


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("DescribeStackResource", {"StackName": "s", "LogicalResourceId": "It"}),
        ("ListImports", {"ExportName": "e"}),
        ("ListStackSets", {}),
        ("ValidateTemplate", {"TemplateBody": "{}"}),
    ],
)
def test_what_the_api_does_not_do_is_refused_by_its_name(
    aws: AWS, operation: str, given: dict[str, str]
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(aws.client("cloudformation"), xform_name(operation))(**given)
    code, message = refusal(caught)
    assert code == "UnsupportedOperation"
    assert operation in message


def test_without_rollback_a_failed_stack_can_be_rolled_back_later(cloud: Cloud) -> None:
    wrong = {"Type": "AWS::Mars::Rover", "DependsOn": "Queue"}
    name = cloud.create({"Queue": QUEUE, "Wrong": wrong}, DisableRollback=True)
    assert cloud.status(name) == "CREATE_FAILED"
    assert sorted(cloud.resources(name)) == ["Queue", "Wrong"]
    cloud.formation.rollback_stack(StackName=name)
    assert cloud.status(name) == "ROLLBACK_COMPLETE"
    assert cloud.resources(name) == {}


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::Events::Rule", {"Name": "twice", "ScheduleExpression": "rate(1 hour)"}),
        ("AWS::Glue::Database", {"CatalogId": "1", "DatabaseInput": {"Name": "twice"}}),
        ("AWS::IAM::Role", ROLE["Properties"] | {"RoleName": "twice"}),
        ("AWS::Kinesis::Stream", {"Name": "twice"}),
        ("AWS::Logs::LogGroup", {"LogGroupName": "twice"}),
        ("AWS::S3::Bucket", {"BucketName": "twice"}),
        ("AWS::SNS::Topic", {"TopicName": "twice"}),
        ("AWS::SQS::Queue", {"QueueName": "twice"}),
        ("AWS::SSM::Parameter", {"Name": "twice", "Type": "String", "Value": "x"}),
        (
            "AWS::CloudWatch::Alarm",
            {
                "AlarmName": "twice",
                "ComparisonOperator": "GreaterThanThreshold",
                "EvaluationPeriods": 1,
                "MetricName": "m",
                "Namespace": "n",
                "Period": 60,
                "Statistic": "Sum",
                "Threshold": 1,
            },
        ),
    ],
)
def test_a_second_stack_neither_takes_nor_deletes_what_has_the_same_name(
    cloud: Cloud, kind: str, properties: dict[str, Any]
) -> None:
    it = {"It": {"Type": kind, "Properties": properties}}
    first = cloud.create(it)
    assert cloud.reasons(first) == {}
    second = cloud.create(it)
    assert cloud.status(second) == "ROLLBACK_COMPLETE"
    assert "lready" in cloud.reasons(second)["It"]
    third = cloud.create(it)
    assert cloud.status(third) == "ROLLBACK_COMPLETE"
