"""The customer key, the bucket that it encrypts, and the record of who used the bucket."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from events import failure
from infra.environments import Environment
from infra.findings import accept

# Every object's key starts with what it is; within, with its event type.
RESULTS_PREFIX = "athena/"
EVENTS_PREFIX = "events/"
COMPACTED_PREFIX = "compacted/"
MANIFEST_PREFIX = "compaction/"
"""Which delivered files a pass of the compaction holds, until they are deleted."""
ERRORS_PREFIX = "errors/"
"""Firehose's own lines on what it could not deliver."""
REJECTED_PREFIX = "rejected/"
"""The transform's lines on what it rejected: payload and reason."""
SOURCE_PREFIX = "source/"
"""Records as they came."""
RESUBMITTED_PREFIX = "resubmitted/"
"""What of the rejected was put on delivery again, and by which run."""
FAILURES_PREFIX = failure.PREFIX
"""What processors gave up: batches, lines for SQL, receipts of redrives."""
UNSENT_PREFIX = "unsent/"
"""Records that an HTTP endpoint did not take; the lake has them all the same."""
AUDITS_PREFIX = "audits/"
"""What each scheduled audit found, and where the next goes on."""
SCALING_PREFIX = "scaling/"
"""When the shards of each scaled stream were changed: what its scaler remembers."""


def removal_policy(environment: Environment) -> cdk.RemovalPolicy:
    return cdk.RemovalPolicy.RETAIN if environment.keep_data else cdk.RemovalPolicy.DESTROY


class Key(kms.Key):
    """Encrypts streams, objects, queues and logs. Who may use it is decided by IAM policies in the
    account; only services that act for themselves are named in its own: CloudWatch Logs here, and
    CloudWatch's alarms where their topic is."""

    def __init__(self, scope: Construct, name: str, *, environment: Environment) -> None:
        self._environment = environment
        super().__init__(
            scope,
            name,
            description=f"Headrace {environment.name}: streams, objects, queues and logs",
            enable_key_rotation=True,
            removal_policy=removal_policy(environment),
        )
        stack = cdk.Stack.of(self)
        log_groups = stack.format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"Headrace-{environment.name}-*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogGroupsOfThisEnvironment",
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                actions=[
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:Encrypt",
                    "kms:GenerateDataKey*",
                    "kms:ReEncrypt*",
                ],
                resources=["*"],  # in a key's own policy: this key
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
            )
        )

    def grant_through(self, service: str, grantee: iam.IGrantable, *actions: str) -> None:
        """Let the grantee use the key only inside requests to the service, such as `s3`."""
        stack = cdk.Stack.of(self)
        endpoint = f"{service}.{stack.region}.{stack.url_suffix}"
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=list(actions),
            resource_arns=[self.key_arn],
            conditions={"StringEquals": {"kms:ViaService": endpoint}},
        )

    def let_buckets_tell(self) -> None:
        """Let S3 use the key for messages about objects: buckets of this environment alone.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
        """
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="BucketsOfThisEnvironment",
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key's own policy: this key
                conditions=of_buckets(self._environment),
            )
        )


def of_buckets(environment: Environment) -> dict[str, dict[str, str]]:
    """The condition that S3 speaks for a bucket of this environment, by the start of the name that
    CloudFormation gives to it; the very bucket could not be named without a circle."""
    return {
        "ArnLike": {"aws:SourceArn": f"arn:{cdk.Aws.PARTITION}:s3:::headrace-{environment.name}-*"},
        "StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID},
    }


class Bucket(s3.Bucket):
    """Events, delivery's errors and query results, each under its own prefix."""

    def __init__(self, scope: Construct, name: str, *, environment: Environment, key: Key) -> None:
        self._key = key
        super().__init__(
            scope,
            name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=environment.old_version_days > 0,
            lifecycle_rules=_lifecycle(environment),
            server_access_logs_bucket=AccessLogs(scope, "AccessLogs", environment=environment),
            removal_policy=removal_policy(environment),
        )

    def grant_store(self, writer: iam.Role, *prefixes: str) -> None:
        """What Firehose needs to write whole objects under these prefixes and nowhere else.
        https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html"""
        iam.Grant.add_to_principal(
            grantee=writer,
            actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            resource_arns=[self.bucket_arn],
        )
        iam.Grant.add_to_principal(
            grantee=writer,
            actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            resource_arns=[self.arn_for_objects(f"{prefix}*") for prefix in prefixes],
        )
        self._key.grant_through("s3", writer, "kms:Decrypt", "kms:GenerateDataKey")
        accept(
            writer,
            *(f"AwsSolutions-IAM5[Resource::{self._arn_abroad}/{prefix}*]" for prefix in prefixes),
            reason="Firehose names the objects: no grant can be narrower than the prefix that is"
            " this event type's own",
        )

    def grant_rewrite(
        self, writer: iam.IRole, *, read: Sequence[str], write: Sequence[str]
    ) -> None:
        """Reading and deleting what is under `read`, and putting objects under `write`."""
        iam.Grant.add_to_principal(
            grantee=writer,
            actions=["s3:ListBucket"],
            resource_arns=[self.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in read]}},
        )
        for actions, prefixes in (
            (["s3:DeleteObject", "s3:GetObject"], read),
            (["s3:AbortMultipartUpload", "s3:PutObject"], write),
        ):
            iam.Grant.add_to_principal(
                grantee=writer,
                actions=actions,
                resource_arns=[self.arn_for_objects(f"{prefix}*") for prefix in prefixes],
            )
        self._key.grant_through("s3", writer, "kms:Decrypt", "kms:GenerateDataKey")
        accept(
            writer,
            *(f"AwsSolutions-IAM5[Resource::{self._arn_abroad}/{prefix}*]" for prefix in read),
            reason="Firehose and compaction name the objects: no grant can be narrower than the"
            " prefixes that are this event type's own",
        )

    def grant_look(self, reader: iam.IRole, name: str) -> None:
        """Reading one object that may be missing, which S3 says only to whom may list the bucket:
        to others it says that they may not read. The object's name stands for the prefix then.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html and, of the prefix,
        https://github.com/ceph/ceph/pull/68577"""
        iam.Grant.add_to_principal(
            grantee=reader,
            actions=["s3:GetObject"],
            resource_arns=[self.arn_for_objects(name)],
        )
        iam.Grant.add_to_principal(
            grantee=reader,
            actions=["s3:ListBucket"],
            resource_arns=[self.bucket_arn],
            conditions={"StringEquals": {"s3:prefix": name}},
        )
        self._key.grant_through("s3", reader, "kms:Decrypt")

    def grant_add(self, writer: iam.IRole, prefix: str) -> None:
        """Putting whole objects under the prefix, in one request each."""
        iam.Grant.add_to_principal(
            grantee=writer,
            actions=["s3:PutObject"],
            resource_arns=[self.arn_for_objects(f"{prefix}*")],
        )
        self._key.grant_through("s3", writer, "kms:GenerateDataKey")
        accept(
            writer,
            f"AwsSolutions-IAM5[Resource::{self._arn_abroad}/{prefix}*]",
            reason="The writer names the objects by what is in them: no grant can be narrower than"
            " the prefix that is this event type's own",
        )

    def grant_state(self, keeper: iam.IRole, name: str) -> None:
        """Reading and replacing one object that is not there at first."""
        self.grant_look(keeper, name)
        iam.Grant.add_to_principal(
            grantee=keeper,
            actions=["s3:PutObject"],
            resource_arns=[self.arn_for_objects(name)],
        )
        self._key.grant_through("s3", keeper, "kms:GenerateDataKey")

    def grant_query(self, reader: iam.IRole, *, read: Sequence[str], keep: str) -> None:
        """What Athena needs of whoever asks it: the objects under `read`, and the results, which it
        writes in the asker's name; and reading and putting the asker's own objects under `keep`.
        https://docs.aws.amazon.com/athena/latest/ug/s3-permissions.html"""
        iam.Grant.add_to_principal(
            grantee=reader,
            actions=["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
            resource_arns=[self.bucket_arn],
        )
        iam.Grant.add_to_principal(
            grantee=reader,
            actions=["s3:ListBucket"],
            resource_arns=[self.bucket_arn],
            conditions={
                "StringLike": {
                    "s3:prefix": [f"{prefix}*" for prefix in (*read, keep, RESULTS_PREFIX)]
                },
            },
        )
        for actions, prefixes in (
            (["s3:GetObject"], [*read, keep, RESULTS_PREFIX]),
            (["s3:PutObject"], [keep, RESULTS_PREFIX]),
            (["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], [RESULTS_PREFIX]),
        ):
            iam.Grant.add_to_principal(
                grantee=reader,
                actions=actions,
                resource_arns=[self.arn_for_objects(f"{prefix}*") for prefix in prefixes],
            )
        self._key.grant_through("s3", reader, "kms:Decrypt", "kms:GenerateDataKey")
        accept(
            reader,
            *(
                f"AwsSolutions-IAM5[Resource::{self._arn_abroad}/{prefix}*]"
                for prefix in (*read, keep, RESULTS_PREFIX)
            ),
            reason="Firehose, compaction and Athena name the objects: no grant can be narrower than"
            " the prefixes that are this event type's own, and the one of all results",
        )

    def grant_archive(self, writer: iam.IRole, *, put: Sequence[str], get: Sequence[str]) -> None:
        """Putting whole objects under some prefixes, and reading them again under others."""
        for action, prefixes in (("s3:PutObject", put), ("s3:GetObject", get)):
            iam.Grant.add_to_principal(
                grantee=writer,
                actions=[action],
                resource_arns=[self.arn_for_objects(f"{prefix}*") for prefix in prefixes],
            )
        self._key.grant_through("s3", writer, "kms:Decrypt", "kms:GenerateDataKey")
        accept(
            writer,
            *(
                f"AwsSolutions-IAM5[Resource::{self._arn_abroad}/{prefix}*]"
                for prefix in sorted({*put, *get})
            ),
            reason="Failures are named by what failed, whatever processor it was: no grant can be"
            " narrower than the prefix that is theirs",
        )

    @property
    def _arn_abroad(self) -> str:
        """The bucket's ARN as cdk-nag prints it for other stacks: the name of its export."""
        imported = self.stack.resolve(self.stack.export_value(self.bucket_arn))
        return str(imported["Fn::ImportValue"])


def _lifecycle(environment: Environment) -> list[s3.LifecycleRule]:
    rules = [
        s3.LifecycleRule(
            id="AbandonedUploads", abort_incomplete_multipart_upload_after=cdk.Duration.days(7)
        ),
        s3.LifecycleRule(
            id="QueryResults",
            prefix=RESULTS_PREFIX,
            expiration=cdk.Duration.days(environment.query_result_days),
        ),
    ]
    for name, prefix, lifetime in (
        ("Events", EVENTS_PREFIX, environment.events),
        ("Compacted", COMPACTED_PREFIX, environment.events),
        ("Errors", ERRORS_PREFIX, environment.errors),
        ("Rejected", REJECTED_PREFIX, environment.errors),
        ("Resubmitted", RESUBMITTED_PREFIX, environment.errors),
        ("Failures", FAILURES_PREFIX, environment.errors),
        ("Unsent", UNSENT_PREFIX, environment.errors),
        ("Source", SOURCE_PREFIX, environment.source),
    ):
        if rule := lifetime.rule(name, prefix):
            rules.append(rule)
    if environment.old_version_days:
        kept = cdk.Duration.days(environment.old_version_days)
        rules.append(
            s3.LifecycleRule(
                id="OldVersions",
                noncurrent_version_expiration=kept,
                expired_object_delete_marker=True,
            )
        )
    return rules


class AccessLogs(s3.Bucket):
    """S3's record of every request to the bucket. S3 writes it with its own key only:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html"""

    def __init__(self, scope: Construct, name: str, *, environment: Environment) -> None:
        super().__init__(
            scope,
            name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="AccessLogs", expiration=cdk.Duration.days(environment.access_log_days)
                )
            ],
            removal_policy=removal_policy(environment),
        )
