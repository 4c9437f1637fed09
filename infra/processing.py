"""Processing: from a stream through a function, and what fails to a queue."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions.rescue.settings import SECONDS
from functions.shared.settings import Consumption
from infra.environments import Environment
from infra.findings import accept
from infra.function import Function
from infra.ingestion import Ingestion
from infra.storage import Key, of_buckets, removal_policy
from infra.watches import QUEUE_RETENTION, Dimensions


class Consumer(Construct):
    """A processor's way of reading its stream: registered for enhanced fan-out, or sharing each
    shard's throughput with all who poll it. `arn` is what an event source mapping reads."""

    def __init__(
        self, scope: Construct, name: str, *, processor: str, source: Ingestion, fan_out: bool
    ) -> None:
        super().__init__(scope, name)
        self._source = source
        self.arn = source.stream.stream_arn
        self.dimensions: Dimensions | None = None
        self._registered = fan_out
        if fan_out:
            # Its name need be unique within the stream only, so a fixed one is in nobody's way.
            consumer = kinesis.CfnStreamConsumer(
                self, "Resource", consumer_name=processor, stream_arn=source.stream.stream_arn
            )
            self.arn = consumer.attr_consumer_arn
            self.dimensions = {
                "StreamName": source.stream.stream_name,
                "ConsumerName": processor,
            }

    def grant_read(self, reader: iam.IGrantable) -> None:
        """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html#events-kinesis-permissions"""
        self._source.grant_read(reader)
        iam.Grant.add_to_principal(
            grantee=reader,
            actions=["kinesis:DescribeStreamSummary"],
            resource_arns=[self._source.stream.stream_arn],
        )
        if self._registered:
            iam.Grant.add_to_principal(
                grantee=reader, actions=["kinesis:SubscribeToShard"], resource_arns=[self.arn]
            )


class FailureQueue(sqs.Queue):
    """Where the event source mapping describes the batches that it gave up: shard and sequence
    numbers, no payload. Lambda sends as the function, so the function's role alone may; where
    failures go into a bucket with their payload, only S3 may, and says which object it is."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        sender: iam.Role,
        key: Key,
        payloads: bool,
    ) -> None:
        super().__init__(
            scope,
            name,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(QUEUE_RETENTION.days),
            # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
            visibility_timeout=cdk.Duration.seconds(6 * SECONDS),
            removal_policy=removal_policy(environment),
        )
        self._key = key
        if payloads:
            self._admit_buckets(environment)
        else:
            self._refuse("OnlyTheFunctionSends", "ArnNotEquals", "PrincipalArn", sender.role_arn)
        accept(
            self,
            "AwsSolutions-SQS3",
            reason="It is itself where failed batches end; who reads it deletes a message only"
            " after success, and an alarm tells how long the oldest has waited",
        )

    def _admit_buckets(self, environment: Environment) -> None:
        self._refuse(
            "OnlyBucketsSend", "StringNotEquals", "PrincipalServiceName", "s3.amazonaws.com"
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="BucketsOfThisEnvironment",
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue_arn],
                conditions=of_buckets(environment),
            )
        )
        self._key.let_buckets_tell()

    def _refuse(self, sid: str, operator: str, key: str, sender: str) -> None:
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["sqs:SendMessage"],
                resources=[self.queue_arn],
                conditions={operator: {f"aws:{key}": sender}},
            )
        )

    def grant_send(self, sender: iam.IGrantable) -> None:
        iam.Grant.add_to_principal(
            grantee=sender, actions=["sqs:SendMessage"], resource_arns=[self.queue_arn]
        )
        self._key.grant_through("sqs", sender, "kms:Decrypt", "kms:GenerateDataKey")

    def grant_receive(self, reader: iam.IGrantable) -> None:
        """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
        iam.Grant.add_to_principal(
            grantee=reader,
            actions=["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            resource_arns=[self.queue_arn],
        )
        self._key.grant_through("sqs", reader, "kms:Decrypt")


class Payloads(s3.Bucket):
    """Where the event source mapping puts the batches that it gave up, with their records, and what
    tells the failure queue of each. A processor has its own: the lake's bucket could not name the
    queue of a stack that needs the lake."""

    PREFIX = "aws/lambda/"
    """Lambda's own: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        key: Key,
        failures: FailureQueue,
    ) -> None:
        days = environment.errors.expiry_days
        super().__init__(
            scope,
            name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="Payloads",
                    expiration=cdk.Duration.days(days) if days else None,
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
                )
            ],
            removal_policy=removal_policy(environment),
        )
        self._key = key
        # CDK's own way would be a function in the account that may change any bucket.
        resource = self.node.default_child
        if not isinstance(resource, s3.CfnBucket):
            raise TypeError("a bucket is one resource")
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                s3.CfnBucket.QueueConfigurationProperty(
                    event="s3:ObjectCreated:*",
                    queue=failures.queue_arn,
                    filter=s3.CfnBucket.NotificationFilterProperty(
                        s3_key=s3.CfnBucket.S3KeyFilterProperty(
                            rules=[
                                s3.CfnBucket.FilterRuleProperty(name="prefix", value=self.PREFIX)
                            ]
                        )
                    ),
                )
            ]
        )
        # S3 tries the queue when it is told of it.
        resource.node.add_dependency(failures.node.find_child("Policy"))
        accept(
            self,
            "AwsSolutions-S1",
            reason="An object is here for the seconds until it is rescued; who reads the archive,"
            " where it goes, is recorded",
        )

    def grant_send(self, writer: iam.Role) -> None:
        """What Lambda needs to put failures: it acts as the function."""
        self._grant(writer, "s3:PutObject")
        self._key.grant_through("s3", writer, "kms:GenerateDataKey")

    def grant_take(self, reader: iam.Role) -> None:
        """Reading objects, and deleting them."""
        self._grant(reader, "s3:DeleteObject", "s3:GetObject")
        self._key.grant_through("s3", reader, "kms:Decrypt")

    def _grant(self, grantee: iam.Role, *actions: str) -> None:
        iam.Grant.add_to_principal(
            grantee=grantee, actions=["s3:ListBucket"], resource_arns=[self.bucket_arn]
        )
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=list(actions),
            resource_arns=[self.arn_for_objects(f"{self.PREFIX}*")],
        )
        logical = self.stack.get_logical_id(self.node.default_child)  # type: ignore[arg-type]
        accept(
            grantee,
            f"AwsSolutions-IAM5[Resource::<{logical}.Arn>/{self.PREFIX}*]",
            reason="Lambda names the objects: no grant can be narrower than the prefix of its own",
        )


class Mapping(Construct):
    """The event source mapping. It starts with the oldest record, so that none that is put while it
    is deployed is skipped; it never tries for ever, so that none stops its shard."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        consumption: Consumption,
        consumer: Consumer,
        function: Function,
        destination: str,
    ) -> None:
        """`destination` is the ARN of where failures go."""
        super().__init__(scope, name)
        properties = lambda_.CfnEventSourceMapping
        self.resource = lambda_.CfnEventSourceMapping(
            self,
            "Resource",
            event_source_arn=consumer.arn,
            function_name=function.resource.function_name,
            starting_position="TRIM_HORIZON",
            batch_size=consumption.batch_size,
            maximum_batching_window_in_seconds=int(consumption.window.total_seconds()),
            parallelization_factor=consumption.factor,
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=consumption.retries,
            maximum_record_age_in_seconds=int(consumption.age.total_seconds()),
            destination_config=properties.DestinationConfigProperty(
                on_failure=properties.OnFailureProperty(destination=destination)
            ),
            metrics_config=properties.MetricsConfigProperty(metrics=["EventCount"]),
        )

    def after(self, role: iam.Role) -> None:
        """Lambda tries the role on source and destination when it creates the mapping."""
        self.resource.node.add_dependency(role.node.find_child("DefaultPolicy"))
