"""What must hold for every resource of every environment, those still to come included."""

from collections.abc import Iterator
from typing import Any

from infra.environments import named
from tests.infra.assembly import Assembly, Resource

# Where each type of resource names the key that encrypts it.
ENCRYPTED = {
    "AWS::KinesisFirehose::DeliveryStream": (
        "ExtendedS3DestinationConfiguration",
        "EncryptionConfiguration",
        "KMSEncryptionConfig",
        "AWSKMSKeyARN",
    ),
    "AWS::Athena::WorkGroup": (
        "WorkGroupConfiguration",
        "ResultConfiguration",
        "EncryptionConfiguration",
        "KmsKey",
    ),
    "AWS::Kinesis::Stream": ("StreamEncryption", "KeyId"),
    "AWS::Logs::LogGroup": ("KmsKeyId",),
    "AWS::S3::Bucket": (
        "BucketEncryption",
        "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionByDefault",
        "KMSMasterKeyID",
    ),
    "AWS::ElastiCache::ServerlessCache": ("KmsKeyId",),
    "AWS::SNS::Topic": ("KmsMasterKeyId",),
    "AWS::SQS::Queue": ("KmsMasterKeyId",),
}
# S3 writes access logs only into a bucket with S3's own key.
WITHOUT_CUSTOMER_KEY = {"AccessLogs"}

# The property by which each type of resource can be given a fixed name; None where it has none.
NAMES = {
    "AWS::Athena::NamedQuery": "Name",
    "AWS::Athena::WorkGroup": "Name",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::EC2::RouteTable": None,
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::EC2::SecurityGroupEgress": None,
    "AWS::EC2::SecurityGroupIngress": None,
    "AWS::EC2::Subnet": None,
    "AWS::EC2::SubnetRouteTableAssociation": None,
    "AWS::EC2::VPC": None,
    "AWS::EC2::VPCEndpoint": None,
    "AWS::ElastiCache::ServerlessCache": "ServerlessCacheName",
    "AWS::ElastiCache::User": "UserId",
    "AWS::ElastiCache::UserGroup": "UserGroupId",
    "AWS::Events::Rule": "Name",
    "AWS::Glue::Database": "DatabaseInput.Name",
    "AWS::Glue::Table": "TableInput.Name",
    "AWS::IAM::Policy": None,  # PolicyName is no name in the account, only in its role
    "AWS::IAM::Role": "RoleName",
    "AWS::KMS::Key": None,
    "AWS::Kinesis::Stream": "Name",
    "AWS::Kinesis::StreamConsumer": None,  # ConsumerName is a name within its stream only
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
    "AWS::Lambda::EventSourceMapping": None,
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::Lambda::Permission": None,
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::LogStream": "LogStreamName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::S3::BucketPolicy": None,
    "AWS::SNS::Topic": "TopicName",
    "AWS::SNS::TopicPolicy": None,
    "AWS::SQS::Queue": "QueueName",
    "AWS::SQS::QueuePolicy": None,
}
NAMED = {
    "AWS::Athena::NamedQuery",
    "AWS::Athena::WorkGroup",
    # ElastiCache makes no names; these have the environment's and the processor's.
    "AWS::ElastiCache::ServerlessCache",
    "AWS::ElastiCache::User",
    "AWS::ElastiCache::UserGroup",
    "AWS::Glue::Database",
    "AWS::Glue::Table",
}
KEPT = {
    "AWS::KMS::Key",
    "AWS::Kinesis::Stream",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
}

OF_THIS_ACCOUNT = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}

PREFIXES = (
    "/events/",
    "/errors/",
    "/rejected/",
    "/source/",
    "/unsent/",
    "/compacted/",
    "/compaction/",
    "/audits/",
    "/failures/batches/",
    "/failures/records/",
    "/failures/unreadable/",
)

# Actions that know no resources: https://docs.aws.amazon.com/xray/latest/devguide/security_iam_service-with-iam.html
WITHOUT_RESOURCE = {
    "cloudwatch:GetMetricData",
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def test_every_bucket_is_closed_to_the_public_and_to_plain_http(assembly: Assembly) -> None:
    policies = {
        (policy.stack, policy.properties["Bucket"]["Ref"]): policy
        for policy in assembly.resources("AWS::S3::BucketPolicy")
    }
    for bucket in assembly.resources("AWS::S3::Bucket"):
        assert bucket.properties["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }, bucket
        policy = policies[bucket.stack, bucket.name]
        assert _refuses_plain_http(policy, bucket), bucket


def _refuses_plain_http(policy: Resource, bucket: Resource) -> bool:
    arn = {"Fn::GetAtt": [bucket.name, "Arn"]}
    wanted = {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": [arn, {"Fn::Join": ["", [arn, "/*"]]}],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return wanted in policy.properties["PolicyDocument"]["Statement"]


def test_only_its_function_sends_to_a_queue_and_nobody_over_plain_http(assembly: Assembly) -> None:
    policies = {
        (policy.stack, queue["Ref"]): policy.properties["PolicyDocument"]["Statement"]
        for policy in assembly.resources("AWS::SQS::QueuePolicy")
        for queue in policy.properties["Queues"]
    }
    functions = {
        function.stack: function.properties["Role"]
        for function in assembly.resources("AWS::Lambda::Function")
        if not function.name.startswith("Rescue")
    }
    for queue in assembly.resources("AWS::SQS::Queue"):
        to_all = {
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Resource": {"Fn::GetAtt": [queue.name, "Arn"]},
        }
        assert policies[queue.stack, queue.name] == [
            {
                **to_all,
                "Action": "sqs:*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
            {
                **to_all,
                "Action": "sqs:SendMessage",
                "Condition": {"ArnNotEquals": {"aws:PrincipalArn": functions[queue.stack]}},
                "Sid": "OnlyTheFunctionSends",
            },
        ], queue


def test_only_alarms_of_this_account_and_roles_publish_to_a_topic_and_nobody_over_plain_http(
    assembly: Assembly,
) -> None:
    policies = {
        (policy.stack, topic["Ref"]): policy.properties["PolicyDocument"]["Statement"]
        for policy in assembly.resources("AWS::SNS::TopicPolicy")
        for topic in policy.properties["Topics"]
    }
    for topic in assembly.resources("AWS::SNS::Topic"):
        here = {"Ref": topic.name}
        encrypted, *alarms = policies[topic.stack, topic.name]
        assert encrypted == {
            "Sid": "AllowPublishThroughSSLOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": here,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }, topic
        let_in = {
            "Sid": "AlarmsOfThisAccount",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": here,
            "Condition": OF_THIS_ACCOUNT,
        }
        assert alarms == ([let_in] if topic.stack.endswith("-lake") else []), topic


def test_the_key_is_used_by_no_service_for_another_account(assembly: Assembly) -> None:
    for key in assembly.resources("AWS::KMS::Key"):
        statements = key.properties["KeyPolicy"]["Statement"]
        services = {
            str(statement["Principal"]["Service"]): (statement["Action"], statement["Condition"])
            for statement in statements
            if "Service" in statement["Principal"]
        }
        alarms, logs = sorted(services.items(), key=lambda item: "Fn::Join" in item[0])
        assert alarms == (
            "cloudwatch.amazonaws.com",
            (["kms:Decrypt", "kms:GenerateDataKey"], OF_THIS_ACCOUNT),
        ), key
        assert list(logs[1][1]) == ["ArnLike"], key
        (grant,) = (one for one in statements if "Service" not in one["Principal"])
        assert ":root" in str(grant["Principal"]), key


def test_everything_that_stores_is_encrypted_with_the_customer_key(assembly: Assembly) -> None:
    keys = [str(key) for key in assembly.resources("AWS::KMS::Key")]
    for resource in assembly.resources(*ENCRYPTED):
        found = _at(resource.properties, ENCRYPTED[resource.type])
        key = assembly.key({"stack": resource.stack, **found} if isinstance(found, dict) else found)
        if any(resource.name.startswith(name) for name in WITHOUT_CUSTOMER_KEY):
            assert key is None, resource
        else:
            assert key in keys, resource


def _at(properties: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if isinstance(properties, list):
            (properties,) = properties
        properties = properties.get(step) if properties else None
    return properties


def test_every_key_is_rotated(assembly: Assembly) -> None:
    for key in assembly.resources("AWS::KMS::Key"):
        assert key.properties["EnableKeyRotation"] is True, key


def test_no_role_may_do_more_than_it_must(assembly: Assembly) -> None:
    for role, statement in _statements(assembly):
        actions = _list(statement["Action"])
        assert not [action for action in actions if "*" in action], role
        for resource in _list(statement["Resource"]):
            if resource == "*":
                assert WITHOUT_RESOURCE.issuperset(actions), role
            else:
                assert not _is_wild(resource), (role, resource)


def _statements(assembly: Assembly) -> Iterator[tuple[Resource, dict[str, Any]]]:
    for policy in assembly.resources("AWS::IAM::Policy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow", policy
            yield policy, statement
    for role in assembly.resources("AWS::IAM::Role"):
        assert {"AssumeRolePolicyDocument"} == set(role.properties), role


def _is_wild(resource: object) -> bool:
    """Whether an ARN has a wildcard other than for the objects under a type's own prefix, and for
    results of queries."""
    match resource:
        case {"Fn::Join": ["", [_, "/athena/*"]]}:
            return False  # the workgroup writes every result there
        case {"Fn::Join": ["", [_, str(path)]]} if path.count("/") == 3:
            return not path.startswith(PREFIXES) or path.index("*") < len(path) - 1
        case _:
            return "*" in str(resource)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_role_is_assumed_by_one_service_and_for_this_account(assembly: Assembly) -> None:
    for role in assembly.resources("AWS::IAM::Role"):
        (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        by_firehose = {
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": {"Ref": "AWS::AccountId"}}},
            "Effect": "Allow",
            "Principal": {"Service": "firehose.amazonaws.com"},
        }
        by_lambda = {
            "Action": "sts:AssumeRole",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
        }
        assert statement in (by_firehose, by_lambda), role


def test_every_log_group_forgets(assembly: Assembly) -> None:
    days = {"dev": 7, "prod": 365}[assembly.environment]
    for group in assembly.resources("AWS::Logs::LogGroup"):
        assert group.properties["RetentionInDays"] == days, group


def test_every_function_is_arm64_on_the_newest_python_traced_and_bounded(
    assembly: Assembly,
) -> None:
    prod = assembly.environment == "prod"
    bounds = {
        "delay_alerts": {"Timeout": 60, "MemorySize": 1024 if prod else 512},
        "delivery_transform": {"Timeout": 60, "MemorySize": 1024 if prod else 512},
        "audit": {"Timeout": 900, "MemorySize": 1769},
        "compaction": {"Timeout": 900, "MemorySize": 3008 if prod else 1769},
        "release_health": {"Timeout": 60, "MemorySize": 1024 if prod else 512},
        "rescue": {"Timeout": 60, "MemorySize": 512},
        "shard_scaler": {"Timeout": 50, "MemorySize": 512},
    }
    for function in assembly.resources("AWS::Lambda::Function"):
        shown = {
            name: function.properties[name]
            for name in ("Architectures", "Runtime", "TracingConfig", "Timeout", "MemorySize")
        }
        assert shown == {
            "Architectures": ["arm64"],
            "Runtime": "python3.14",
            "TracingConfig": {"Mode": "Active"},
            **bounds[function.properties["Handler"].split(".")[1]],
        }, function
        assert "Ref" in function.properties["LoggingConfig"]["LogGroup"], function


def test_only_what_must_be_spelled_has_a_fixed_name(assembly: Assembly) -> None:
    for resource in assembly.resources():
        where = NAMES[resource.type]  # a new type must be entered above
        name = _at(resource.properties, tuple(where.split("."))) if where else None
        assert (name is not None) == (resource.type in NAMED), resource


def test_prod_keeps_its_data_and_dev_leaves_nothing(assembly: Assembly) -> None:
    keep = named(assembly.environment).keep_data
    for resource in assembly.resources(*KEPT):
        assert resource.deletion == ("Retain" if keep else "Delete"), resource
    protected = {stack.get("terminationProtection", False) for stack in assembly.manifest.values()}
    assert protected == {keep}


def test_nothing_runs_that_is_not_in_functions(assembly: Assembly) -> None:
    """CDK adds functions of its own for custom resources; there is none."""
    handlers = {
        function.properties["Handler"] for function in assembly.resources("AWS::Lambda::Function")
    }
    scaler = {"functions.shard_scaler.handler.handler"}
    assert handlers - (scaler if assembly.environment == "prod" else set()) == {
        "functions.audit.handler.handler",
        "functions.compaction.handler.handler",
        "functions.delay_alerts.handler.handler",
        "functions.delivery_transform.handler.handler",
        "functions.release_health.handler.handler",
        "functions.rescue.handler.handler",
    }
    assert not [resource for resource in assembly.resources() if "Custom" in resource.type]
