"""Rescue: from a processor's failure queue, through a function, into the failure archive."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from events import failure
from functions.rescue.settings import MESSAGES, SECONDS, Settings
from infra.environments import Environment
from infra.function import Dependencies, Function
from infra.processing import FailureQueue, Payloads
from infra.storage import Bucket, Key

MEMORY_MIB = 512
"""A batch of 6 MB, as records, as lines and compressed, takes about a fifth."""
TOGETHER = 2
"""Runs at once, the fewest that SQS allows: each reads the shard that the processor reads."""


class Rescue(Construct):
    """The function that reads failed batches back, and the mapping that feeds it from the queue. It
    may read that one stream, take from that one queue, and put into the archive."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        settings: Settings,
        dependencies: Dependencies,
        key: Key,
        failures: FailureQueue,
    ) -> None:
        super().__init__(scope, name)
        self.function = Function(
            self,
            "Function",
            environment=environment,
            package="rescue",
            settings=settings.environment(),
            dependencies=dependencies,
            key=key,
            memory_mib=MEMORY_MIB,
            seconds=SECONDS,
            description=f"Keeps what {settings.processor} gave up before its stream forgets it",
        )
        self.role = self.function.role
        self._key = key
        self._failures = failures
        self.mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            event_source_arn=failures.queue_arn,
            function_name=self.function.resource.function_name,
            batch_size=MESSAGES,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(
                maximum_concurrency=TOGETHER
            ),
        )

    def grant(self, *, stream_arn: str, archive: Bucket, payloads: Payloads | None) -> None:
        """The function's arrows: stream, queue and bucket of payloads in, archive out."""
        iam.Grant.add_to_principal(
            grantee=self.role,
            actions=["kinesis:GetRecords", "kinesis:GetShardIterator"],
            resource_arns=[stream_arn],
        )
        self._key.grant_through("kinesis", self.role, "kms:Decrypt")
        self._failures.grant_receive(self.role)
        archive.grant_archive(
            self.role,
            put=[failure.BATCHES_PREFIX, failure.RECORDS_PREFIX, failure.UNREADABLE_PREFIX],
            get=[failure.BATCHES_PREFIX],
        )
        if payloads:
            payloads.grant_take(self.role)
        # Lambda tries the role on the queue when it creates the mapping.
        self.mapping.node.add_dependency(self.role.node.find_child("DefaultPolicy"))
