"""A case per resource type: how it is declared, changed, and what its service then shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.local.cloudformation.conftest import Cloud

Ids = dict[str, str]
Look = Callable[[Cloud, Ids], Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """The resource `It` before and after an update, and what a client sees of it."""

    type: str
    before: dict[str, Any]
    after: dict[str, Any] | None = None
    """None: the type has nothing that changes in place."""
    look: Look
    shown: Any
    changed: Any = None
    attributes: tuple[str, ...] = ()
    """Attributes that must have a value."""
    beside: dict[str, Any] = field(default_factory=dict)
    """Resources that it needs."""
    remains: bool = False
    """Whether its service still shows it after it was deleted."""


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def document(**statement: Any) -> dict[str, Any]:
    """A policy document with one statement."""
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | statement]}


def trusted(service: str) -> dict[str, Any]:
    return document(Principal={"Service": f"{service}.amazonaws.com"}, Action="sts:AssumeRole")


def arn(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, "Arn"]}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


ROLE = resource("AWS::IAM::Role", AssumeRolePolicyDocument=trusted("lambda"))
CODE = {"ZipFile": "def handler(event, context):\n    return 1\n"}
FUNCTION = resource(
    "AWS::Lambda::Function",
    Code=CODE,
    Handler="index.handler",
    Role=arn("Role"),
    Runtime="python3.14",
)
RUNNING = {"Role": ROLE, "Function": FUNCTION}
STREAM = resource("AWS::Kinesis::Stream", ShardCount=1)
QUEUE = resource("AWS::SQS::Queue")
TOPIC = resource("AWS::SNS::Topic")
GROUP = resource("AWS::Logs::LogGroup")
BUCKET = resource("AWS::S3::Bucket")
KEY = resource("AWS::KMS::Key", KeyPolicy=document(Principal="*", Action="kms:*", Resource="*"))
DATABASE = resource("AWS::Glue::Database", CatalogId="123456789012", DatabaseInput={"Name": "cfd"})
TAG = [{"Key": "stage", "Value": "one"}]
TAGGED = [{"Key": "stage", "Value": "two"}]


def _table(columns: list[dict[str, str]]) -> dict[str, Any]:
    table = {
        "Name": "flights",
        "Parameters": {"EXTERNAL": True},
        "StorageDescriptor": {"Columns": columns},
    }
    return {"CatalogId": "123456789012", "DatabaseName": ref("Database"), "TableInput": table}


def _seen_table(cloud: Cloud, ids: Ids) -> Any:
    found = cloud.client("glue").get_table(DatabaseName="cfd", Name=ids["It"])["Table"]
    return found["Parameters"], [it["Name"] for it in found["StorageDescriptor"]["Columns"]]


def _destination(**more: Any) -> dict[str, Any]:
    return {
        "DeliveryStreamType": "DirectPut",
        "ExtendedS3DestinationConfiguration": {
            "BucketARN": arn("Bucket"),
            "RoleARN": arn("Role"),
            **more,
        },
    }


def _seen_delivery(cloud: Cloud, ids: Ids) -> Any:
    found = cloud.client("firehose").describe_delivery_stream(DeliveryStreamName=ids["It"])
    description = found["DeliveryStreamDescription"]
    destination = description["Destinations"][0]["ExtendedS3DestinationDescription"]
    return (
        description["DeliveryStreamStatus"],
        destination["BufferingHints"],
        destination["Prefix"],
    )


def _seen_function(cloud: Cloud, ids: Ids) -> Any:
    client = cloud.client("lambda")
    found = client.get_function(FunctionName=ids["It"])
    shown = ("Runtime", "MemorySize", "Timeout", "Handler", "Description")
    configuration = found["Configuration"]
    variables = configuration.get("Environment", {}).get("Variables", {})
    reserved = found.get("Concurrency", {}).get("ReservedConcurrentExecutions")
    layers = [it["Arn"].rpartition(":")[2] for it in configuration.get("Layers", [])]
    return ([configuration[it] for it in shown], variables, layers, reserved, found.get("Tags", {}))


def _mapping(**more: Any) -> dict[str, Any]:
    return {
        "EventSourceArn": arn("Stream"),
        "FunctionName": ref("Function"),
        "StartingPosition": "TRIM_HORIZON",
        **more,
    }


def _seen_mapping(cloud: Cloud, ids: Ids) -> Any:
    found = cloud.client("lambda").get_event_source_mapping(UUID=ids["It"])
    shown = ("BatchSize", "MaximumRetryAttempts", "BisectBatchOnFunctionError", "State")
    return [found[it] for it in shown]


def _queue_mapping(**more: Any) -> dict[str, Any]:
    return {"EventSourceArn": arn("Queue"), "FunctionName": ref("Function"), **more}


def _seen_queue_mapping(cloud: Cloud, ids: Ids) -> Any:
    found = cloud.client("lambda").get_event_source_mapping(UUID=ids["It"])
    concurrency = found.get("ScalingConfig", {}).get("MaximumConcurrency")
    return found["BatchSize"], found["FunctionResponseTypes"], concurrency, found["State"]


def _policies(cloud: Cloud, name: str) -> list[str]:
    listed = cloud.client("iam").list_role_policies(RoleName=name)
    return list(listed["PolicyNames"])


def _role(cloud: Cloud, ids: Ids) -> Any:
    iam, name = cloud.client("iam"), ids["It"]
    role = iam.get_role(RoleName=name)["Role"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    return (
        role.get("Description", ""),
        role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"],
        [it["PolicyName"] for it in attached],
        _policies(cloud, name),
        role.get("Tags", []),
    )


def _managed(cloud: Cloud, ids: Ids) -> Any:
    iam = cloud.client("iam")
    policy = iam.get_policy(PolicyArn=ids["It"])["Policy"]
    version = iam.get_policy_version(PolicyArn=ids["It"], VersionId=policy["DefaultVersionId"])
    attached = iam.list_attached_role_policies(RoleName=ids["Role"])["AttachedPolicies"]
    return version["PolicyVersion"]["Document"]["Statement"][0]["Action"], len(attached)


def _queue(cloud: Cloud, ids: Ids) -> Any:
    sqs, url = cloud.client("sqs"), ids["It"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return (
        found["VisibilityTimeout"],
        found["DelaySeconds"],
        sqs.list_queue_tags(QueueUrl=url).get("Tags", {}),
    )


def _queue_policy(cloud: Cloud, ids: Ids) -> Any:
    found = cloud.client("sqs").get_queue_attributes(
        QueueUrl=ids["Queue"], AttributeNames=["Policy"]
    )
    policy = json.loads(found.get("Attributes", {}).get("Policy") or "{}")
    return [it["Action"] for it in policy.get("Statement", [])]


def _topic(cloud: Cloud, ids: Ids) -> Any:
    sns = cloud.client("sns")
    found = sns.get_topic_attributes(TopicArn=ids["It"])["Attributes"]
    return found["DisplayName"], sns.list_tags_for_resource(ResourceArn=ids["It"])["Tags"]


def _topic_policy(cloud: Cloud, ids: Ids) -> Any:
    found = cloud.client("sns").get_topic_attributes(TopicArn=ids["Topic"])["Attributes"]
    return json.loads(found["Policy"])["Statement"][0]["Action"]


def _alarm(cloud: Cloud, ids: Ids) -> Any:
    alarms = cloud.client("cloudwatch").describe_alarms(AlarmNames=[ids["It"]])["MetricAlarms"]
    return [it["Threshold"] for it in alarms] or _nothing()


def _alarm_properties(threshold: float) -> dict[str, Any]:
    return {
        "AlarmActions": [ref("Topic")],
        "ComparisonOperator": "GreaterThanThreshold",
        "Dimensions": [{"Name": "QueueName", "Value": "q"}],
        "EvaluationPeriods": "1",
        "MetricName": "NumberOfMessagesSent",
        "Namespace": "AWS/SQS",
        "Period": 60,
        "Statistic": "Sum",
        "Threshold": threshold,
    }


def _bucket(cloud: Cloud, ids: Ids) -> Any:
    s3, name = cloud.client("s3"), ids["It"]
    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    encryption = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]
    default = encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
    status = s3.get_bucket_versioning(Bucket=name).get("Status")
    told = s3.get_bucket_notification_configuration(Bucket=name).get("QueueConfigurations", ())
    prefixes = [it["Filter"]["Key"]["FilterRules"][0]["Value"] for it in told]
    return rules, default, status, s3.get_bucket_tagging(Bucket=name)["TagSet"], prefixes


LETS_S3_SEND = resource(
    "AWS::SQS::QueuePolicy",
    Queues=[ref("Queue")],
    PolicyDocument=document(
        Action="sqs:SendMessage", Principal={"Service": "s3.amazonaws.com"}, Resource="*"
    ),
)
NOTIFIED = {
    "Event": "s3:ObjectCreated:*",
    # The queue, once it has its policy: S3 looks whether it may send.
    "Queue": {"Fn::Select": [0, [arn("Queue"), ref("Policy")]]},
    "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "failures/"}]}},
}


def _bucket_properties(days: int, versioning: str | None, tags: list[Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            ]
        },
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Id": "one",
                    "Status": "Enabled",
                    "Prefix": "a/",
                    "ExpirationInDays": days,
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 3},
                    "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 2}],
                },
                {
                    "Id": "two",
                    "Status": "Enabled",
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                },
            ]
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
        "Tags": tags,
    }
    if versioning:
        properties["NotificationConfiguration"] = {"QueueConfigurations": [NOTIFIED]}
        properties["VersioningConfiguration"] = {"Status": versioning}
    return properties


def _bucket_rules(days: int) -> list[dict[str, Any]]:
    return [
        {
            "ID": "one",
            "Status": "Enabled",
            "Filter": {"Prefix": "a/"},
            "Expiration": {"Days": days},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 3},
            "Transitions": [{"Days": 2, "StorageClass": "GLACIER"}],
        },
        {
            "ID": "two",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
    ]


def _bucket_policy(cloud: Cloud, ids: Ids) -> Any:
    found = cloud.client("s3").get_bucket_policy(Bucket=ids["It"])
    return json.loads(found["Policy"])["Statement"][0]["Action"]


def _work_group(cloud: Cloud, ids: Ids) -> Any:
    found = cloud.client("athena").get_work_group(WorkGroup=ids["It"])["WorkGroup"]
    configuration = found["Configuration"]
    return found.get("Description"), configuration["ResultConfiguration"]["OutputLocation"]


def _named_query(cloud: Cloud, ids: Ids) -> Any:
    found = cloud.client("athena").get_named_query(NamedQueryId=ids["It"])["NamedQuery"]
    return found["Name"], found["QueryString"]


def _stream(cloud: Cloud, ids: Ids) -> Any:
    kinesis = cloud.client("kinesis")
    found = kinesis.describe_stream_summary(StreamName=ids["It"])["StreamDescriptionSummary"]
    tags = kinesis.list_tags_for_resource(ResourceARN=found["StreamARN"])["Tags"]
    (monitored,) = found["EnhancedMonitoring"]
    metrics = monitored["ShardLevelMetrics"]
    return found["OpenShardCount"], found["RetentionPeriodHours"], metrics, tags


def _consumer(cloud: Cloud, ids: Ids) -> Any:
    found = cloud.client("kinesis").describe_stream_consumer(ConsumerARN=ids["It"])
    description = found["ConsumerDescription"]
    return description["ConsumerName"], description["ConsumerStatus"]


def _key(cloud: Cloud, ids: Ids) -> Any:
    kms = cloud.client("kms")
    found = kms.describe_key(KeyId=ids["It"])["KeyMetadata"]
    if found["KeyState"] == "PendingDeletion":
        return "PendingDeletion"
    rotates = kms.get_key_rotation_status(KeyId=ids["It"])["KeyRotationEnabled"]
    return found["Description"], rotates, kms.list_resource_tags(KeyId=ids["It"])["Tags"]


def _alias(cloud: Cloud, ids: Ids) -> Any:
    found = cloud.client("kms").list_aliases()["Aliases"]
    return [
        it["TargetKeyId"] in (ids["Key"], ids["Other"])
        for it in found
        if it["AliasName"] == ids["It"]
    ] or _nothing()


def _nothing() -> Any:
    raise LookupError


def _layer(cloud: Cloud, ids: Ids) -> Any:
    *_, name, version = ids["It"].split(":")
    found = cloud.client("lambda").get_layer_version(LayerName=name, VersionNumber=int(version))
    return found["Version"], found["CompatibleRuntimes"]


def _permission(cloud: Cloud, ids: Ids) -> Any:
    found = cloud.client("lambda").get_policy(FunctionName=ids["Function"])["Policy"]
    return [it["Principal"] for it in json.loads(found)["Statement"]] or _nothing()


def _group(cloud: Cloud, ids: Ids) -> Any:
    logs = cloud.client("logs")
    [found] = logs.describe_log_groups(logGroupNamePrefix=ids["It"])["logGroups"] or [_nothing()]
    return found.get("retentionInDays"), logs.list_tags_for_resource(
        resourceArn=found["arn"].removesuffix(":*")
    )["tags"]


def _log_stream(cloud: Cloud, ids: Ids) -> Any:
    found = cloud.client("logs").describe_log_streams(logGroupName=ids["Group"])["logStreams"]
    return [it["logStreamName"] == ids["It"] for it in found] or _nothing()


def _rule(cloud: Cloud, ids: Ids) -> Any:
    events = cloud.client("events")
    found = events.describe_rule(Name=ids["It"])
    targets = events.list_targets_by_rule(Rule=ids["It"])["Targets"]
    return found["ScheduleExpression"], sorted(it["Id"] for it in targets)


def _parameter(cloud: Cloud, ids: Ids) -> Any:
    ssm = cloud.client("ssm")
    found = ssm.get_parameter(Name=ids["It"])["Parameter"]
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=ids["It"])["TagList"]
    return found["Value"], tags


def _repository(cloud: Cloud, ids: Ids) -> Any:
    ecr, name = cloud.client("ecr"), ids["It"]
    [found] = ecr.describe_repositories(repositoryNames=[name])["repositories"]
    policy = json.loads(ecr.get_repository_policy(repositoryName=name)["policyText"])
    return found["imageTagMutability"], policy["Statement"][0]["Action"]


CASES = [
    Case(
        type="AWS::Athena::NamedQuery",
        before={"Database": "d", "Name": "q", "QueryString": "SELECT 1"},
        look=_named_query,
        shown=("q", "SELECT 1"),
        attributes=("NamedQueryId",),
    ),
    Case(
        type="AWS::Athena::WorkGroup",
        before={
            "Name": "cf-work",
            "Description": "one",
            "WorkGroupConfiguration": {"ResultConfiguration": {"OutputLocation": "s3://a/"}},
        },
        after={
            "Name": "cf-work",
            "Description": "two",
            "WorkGroupConfiguration": {"ResultConfiguration": {"OutputLocation": "s3://b/"}},
        },
        look=_work_group,
        shown=("one", "s3://a/"),
        changed=("two", "s3://b/"),
    ),
    Case(
        type="AWS::CloudWatch::Alarm",
        before=_alarm_properties(1),
        after=_alarm_properties(2),
        look=_alarm,
        shown=[1.0],
        changed=[2.0],
        attributes=("Arn",),
        beside={"Topic": TOPIC},
    ),
    Case(
        type="AWS::ECR::Repository",
        before={
            "ImageTagMutability": "IMMUTABLE",
            "RepositoryPolicyText": document(Principal="*", Action="ecr:BatchGetImage"),
        },
        after={
            "ImageTagMutability": "MUTABLE",
            "RepositoryPolicyText": document(Principal="*", Action="ecr:PutImage"),
        },
        look=_repository,
        shown=("IMMUTABLE", "ecr:BatchGetImage"),
        changed=("MUTABLE", "ecr:PutImage"),
        attributes=("Arn", "RepositoryUri"),
    ),
    Case(
        type="AWS::Events::Rule",
        before={
            "ScheduleExpression": "rate(1 hour)",
            "Targets": [{"Id": name, "Arn": arn("Function")} for name in ("a", "b")],
        },
        after={
            "ScheduleExpression": "rate(2 hours)",
            "Targets": [{"Id": "b", "Arn": arn("Function"), "Input": "{}"}],
        },
        look=_rule,
        shown=("rate(1 hour)", ["a", "b"]),
        changed=("rate(2 hours)", ["b"]),
        attributes=("Arn",),
        beside=RUNNING,
    ),
    Case(
        type="AWS::KinesisFirehose::DeliveryStream",
        before=_destination(BufferingHints={"IntervalInSeconds": 60, "SizeInMBs": 64}, Prefix="a/"),
        after=_destination(BufferingHints={"IntervalInSeconds": 120, "SizeInMBs": 64}, Prefix="b/"),
        look=_seen_delivery,
        shown=("ACTIVE", {"IntervalInSeconds": 60, "SizeInMBs": 64}, "a/"),
        changed=("ACTIVE", {"IntervalInSeconds": 120, "SizeInMBs": 64}, "b/"),
        attributes=("Arn",),
        beside={"Bucket": BUCKET, "Role": ROLE},
    ),
    Case(
        type="AWS::Glue::Database",
        before={"CatalogId": "123456789012", "DatabaseInput": {"Description": "one"}},
        after={"CatalogId": "123456789012", "DatabaseInput": {"Description": "two"}},
        look=lambda cloud, ids: cloud.client("glue").get_database(Name=ids["It"])["Database"][
            "Description"
        ],
        shown="one",
        changed="two",
    ),
    Case(
        type="AWS::Glue::Table",
        before=_table([{"Name": "a", "Type": "string"}]),
        after=_table([{"Name": "a", "Type": "string"}, {"Name": "b", "Type": "bigint"}]),
        look=_seen_table,
        shown=({"EXTERNAL": "true"}, ["a"]),
        changed=({"EXTERNAL": "true"}, ["a", "b"]),
        beside={"Database": DATABASE},
    ),
    Case(
        type="AWS::IAM::ManagedPolicy",
        before={
            "PolicyDocument": document(Action="s3:GetObject", Resource="*"),
            "Roles": [ref("Role")],
        },
        after={"PolicyDocument": document(Action="s3:PutObject", Resource="*"), "Roles": []},
        look=_managed,
        shown=("s3:GetObject", 1),
        changed=("s3:PutObject", 0),
        attributes=("PolicyArn", "PolicyId"),
        beside={"Role": ROLE},
    ),
    Case(
        type="AWS::IAM::Policy",
        before={
            "PolicyName": "one",
            "PolicyDocument": document(Action="s3:GetObject", Resource="*"),
            "Roles": [ref("Role")],
        },
        after={
            "PolicyName": "two",
            "PolicyDocument": document(Action="s3:GetObject", Resource="*"),
            "Roles": [ref("Role")],
        },
        look=lambda cloud, ids: _policies(cloud, ids["Role"]) or _nothing(),
        shown=["one"],
        changed=["two"],
        beside={"Role": ROLE},
    ),
    Case(
        type="AWS::IAM::Role",
        before={
            "AssumeRolePolicyDocument": trusted("lambda"),
            "Description": "one",
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
            "Policies": [{"PolicyName": "a", "PolicyDocument": document(Action="*", Resource="*")}],
            "Tags": TAG,
        },
        after={
            "AssumeRolePolicyDocument": trusted("firehose"),
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"],
            "Policies": [{"PolicyName": "b", "PolicyDocument": document(Action="*", Resource="*")}],
            "Tags": TAGGED,
        },
        look=_role,
        shown=("one", "lambda.amazonaws.com", ["ReadOnlyAccess"], ["a"], TAG),
        changed=("", "firehose.amazonaws.com", ["AdministratorAccess"], ["b"], TAGGED),
        attributes=("Arn", "RoleId"),
    ),
    Case(
        type="AWS::Kinesis::Stream",
        before={
            "ShardCount": 1,
            "DesiredShardLevelMetrics": ["IncomingBytes", "OutgoingBytes"],
            "Tags": TAG,
        },
        after={
            "ShardCount": 2,
            "RetentionPeriodHours": 48,
            "DesiredShardLevelMetrics": ["IncomingRecords", "IncomingBytes"],
            "Tags": TAGGED,
        },
        look=_stream,
        shown=(1, 24, ["IncomingBytes", "OutgoingBytes"], TAG),
        changed=(2, 48, ["IncomingBytes", "IncomingRecords"], TAGGED),
        attributes=("Arn",),
    ),
    Case(
        type="AWS::Kinesis::StreamConsumer",
        before={"ConsumerName": "reader", "StreamARN": arn("Stream")},
        look=_consumer,
        shown=("reader", "ACTIVE"),
        attributes=("ConsumerARN", "ConsumerStatus", "ConsumerCreationTimestamp"),
        beside={"Stream": STREAM},
    ),
    Case(
        type="AWS::KMS::Alias",
        before={"AliasName": "alias/cf-one", "TargetKeyId": ref("Key")},
        after={"AliasName": "alias/cf-one", "TargetKeyId": ref("Other")},
        look=_alias,
        shown=[True],
        changed=[True],
        beside={"Key": KEY, "Other": KEY},
    ),
    Case(
        type="AWS::KMS::Key",
        before=KEY["Properties"] | {"Description": "one", "Tags": TAG},
        after=KEY["Properties"] | {"Description": "two", "EnableKeyRotation": True},
        look=_key,
        shown=("one", False, [{"TagKey": "stage", "TagValue": "one"}]),
        changed=("two", True, []),
        attributes=("Arn", "KeyId"),
        remains=True,
    ),
    Case(
        type="AWS::Lambda::EventSourceMapping",
        before=_mapping(BatchSize=10, MaximumRetryAttempts=2, BisectBatchOnFunctionError=True),
        after=_mapping(BatchSize=20, Enabled=False),
        look=_seen_mapping,
        shown=[10, 2, True, "Enabled"],
        changed=[20, -1, False, "Disabled"],
        attributes=("Id", "EventSourceMappingArn"),
        beside=RUNNING | {"Stream": STREAM},
    ),
    Case(
        type="AWS::Lambda::EventSourceMapping",
        before=_queue_mapping(
            BatchSize=5,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            ScalingConfig={"MaximumConcurrency": 2},
        ),
        after=_queue_mapping(BatchSize=20, MaximumBatchingWindowInSeconds=1, Enabled=False),
        look=_seen_queue_mapping,
        shown=(5, ["ReportBatchItemFailures"], 2, "Enabled"),
        changed=(20, [], None, "Disabled"),
        attributes=("Id", "EventSourceMappingArn"),
        beside=RUNNING | {"Queue": QUEUE},
    ),
    Case(
        type="AWS::Lambda::Function",
        before=FUNCTION["Properties"]
        | {
            "Description": "one",
            "Environment": {"Variables": {"A": "1"}},
            "Layers": [ref("Layer")],
            "MemorySize": 512,
            "ReservedConcurrentExecutions": 5,
            "Tags": TAG,
            "Timeout": 60,
            "TracingConfig": {"Mode": "Active"},
        },
        after=FUNCTION["Properties"] | {"Code": {"ZipFile": "def handler(e, c):\n    return 2\n"}},
        look=_seen_function,
        shown=(
            ["python3.14", 512, 60, "index.handler", "one"],
            {"A": "1"},
            ["1"],
            5,
            {"stage": "one"},
        ),
        changed=(["python3.14", 128, 3, "index.handler", ""], {}, [], None, {}),
        attributes=("Arn",),
        beside={
            "Role": ROLE,
            "Layer": resource("AWS::Lambda::LayerVersion", Content=ref("Content")),
        },
    ),
    Case(
        type="AWS::Lambda::LayerVersion",
        before={"Content": ref("Content"), "CompatibleRuntimes": ["python3.14"]},
        look=_layer,
        shown=(1, ["python3.14"]),
        attributes=("LayerVersionArn",),
    ),
    Case(
        type="AWS::Lambda::Permission",
        before={
            "Action": "lambda:InvokeFunction",
            "FunctionName": ref("Function"),
            "Principal": "events.amazonaws.com",
        },
        look=_permission,
        shown=[{"Service": "events.amazonaws.com"}],
        beside=RUNNING,
    ),
    Case(
        type="AWS::Logs::LogGroup",
        before={"RetentionInDays": 7, "Tags": TAG},
        after={"Tags": TAGGED},
        look=_group,
        shown=(7, {"stage": "one"}),
        changed=(None, {"stage": "two"}),
        attributes=("Arn",),
    ),
    Case(
        type="AWS::Logs::LogStream",
        before={"LogGroupName": ref("Group")},
        look=_log_stream,
        shown=[True],
        beside={"Group": GROUP},
    ),
    Case(
        type="AWS::S3::Bucket",
        before=_bucket_properties(7, "Enabled", TAG),
        after=_bucket_properties(8, None, TAGGED),
        look=_bucket,
        shown=(_bucket_rules(7), "AES256", "Enabled", TAG, ["failures/"]),
        changed=(_bucket_rules(8), "AES256", "Suspended", TAGGED, []),
        attributes=("Arn", "DomainName", "RegionalDomainName"),
        beside={"Queue": QUEUE, "Policy": LETS_S3_SEND},
    ),
    Case(
        type="AWS::S3::BucketPolicy",
        before={"Bucket": ref("Bucket"), "PolicyDocument": document(Action="s3:GetObject")},
        after={"Bucket": ref("Bucket"), "PolicyDocument": document(Action="s3:PutObject")},
        look=_bucket_policy,
        shown="s3:GetObject",
        changed="s3:PutObject",
        beside={"Bucket": BUCKET},
    ),
    Case(
        type="AWS::SNS::Topic",
        before={"DisplayName": "one", "Tags": TAG},
        after={"DisplayName": "two", "Tags": TAGGED},
        look=_topic,
        shown=("one", TAG),
        changed=("two", TAGGED),
        attributes=("TopicArn", "TopicName"),
    ),
    Case(
        type="AWS::SNS::TopicPolicy",
        before={"Topics": [ref("Topic")], "PolicyDocument": document(Action="sns:Publish")},
        after={"Topics": [ref("Topic")], "PolicyDocument": document(Action="sns:Subscribe")},
        look=_topic_policy,
        shown="sns:Publish",
        changed="sns:Subscribe",
        beside={"Topic": TOPIC},
        remains=True,
    ),
    Case(
        type="AWS::SQS::Queue",
        before={"VisibilityTimeout": "60", "DelaySeconds": 5, "Tags": TAG},
        after={"VisibilityTimeout": 90, "Tags": TAGGED},
        look=_queue,
        shown=("60", "5", {"stage": "one"}),
        changed=("90", "0", {"stage": "two"}),
        attributes=("Arn", "QueueName", "QueueUrl"),
    ),
    Case(
        type="AWS::SQS::QueuePolicy",
        before={
            "Queues": [ref("Queue")],
            "PolicyDocument": document(Action="sqs:SendMessage", Principal="*", Resource="*"),
        },
        after={
            "Queues": [ref("Queue")],
            "PolicyDocument": document(Action="sqs:ReceiveMessage", Principal="*", Resource="*"),
        },
        look=lambda cloud, ids: _queue_policy(cloud, ids) or _nothing(),
        shown=["sqs:SendMessage"],
        changed=["sqs:ReceiveMessage"],
        beside={"Queue": QUEUE},
    ),
    Case(
        type="AWS::SSM::Parameter",
        before={"Type": "String", "Value": "one", "Tags": {"stage": "one"}},
        after={"Type": "String", "Value": "two", "Tags": {"stage": "one"}},
        look=_parameter,
        shown=("one", TAG),
        changed=("two", TAG),
        attributes=("Type", "Value"),
    ),
]
