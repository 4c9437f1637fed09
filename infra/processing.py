"""Processing: from a stream through a function, and what fails to a queue."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions.shared.settings import Consumption
from infra.environments import Environment
from infra.findings import accept
from infra.function import Function
from infra.ingestion import Ingestion
from infra.storage import Key, removal_policy
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
    numbers, no payload. Lambda sends as the function, so the function's role alone may."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        sender: iam.Role,
        key: Key,
    ) -> None:
        super().__init__(
            scope,
            name,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(QUEUE_RETENTION.days),
            removal_policy=removal_policy(environment),
        )
        self._key = key
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="OnlyTheFunctionSends",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["sqs:SendMessage"],
                resources=[self.queue_arn],
                conditions={"ArnNotEquals": {"aws:PrincipalArn": sender.role_arn}},
            )
        )
        accept(
            self,
            "AwsSolutions-SQS3",
            reason="It is itself where failed batches end; who reads it deletes a message only"
            " after success, and an alarm tells how long the oldest has waited",
        )

    def grant_send(self, sender: iam.IGrantable) -> None:
        iam.Grant.add_to_principal(
            grantee=sender, actions=["sqs:SendMessage"], resource_arns=[self.queue_arn]
        )
        self._key.grant_through("sqs", sender, "kms:Decrypt", "kms:GenerateDataKey")


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
        failures: FailureQueue,
    ) -> None:
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
                on_failure=properties.OnFailureProperty(destination=failures.queue_arn)
            ),
            metrics_config=properties.MetricsConfigProperty(metrics=["EventCount"]),
        )

    def after(self, role: iam.Role) -> None:
        """Lambda tries the role on source and destination when it creates the mapping."""
        self.resource.node.add_dependency(role.node.find_child("DefaultPolicy"))
