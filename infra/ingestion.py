"""Ingestion: an event type's stream."""

from datetime import timedelta
from math import ceil

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from events.contract import Contract, OnDemand, Provisioned
from infra.environments import Environment
from infra.findings import accept
from infra.storage import Key, removal_policy

SHARD_METRICS = [
    kinesis.ShardLevelMetrics.INCOMING_BYTES,
    kinesis.ShardLevelMetrics.INCOMING_RECORDS,
    kinesis.ShardLevelMetrics.WRITE_PROVISIONED_THROUGHPUT_EXCEEDED,
]
"""What tells a hot shard, and cold neighbours. CloudWatch takes 0.30 USD a month for each."""


class Ingestion(Construct):
    """Capacity and retention are the contract's; records are encrypted with the customer key."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        contract: Contract,
        key: Key,
        watch_shards: bool = False,
    ) -> None:
        """`watch_shards` has each shard report what it takes, for 3 cents a day."""
        super().__init__(scope, name)
        mode, self.shards = _capacity(contract.capacity)
        self.retention = contract.retention
        self._key = key
        self.stream = kinesis.Stream(
            self,
            "Stream",
            stream_mode=mode,
            shard_count=self.shards,
            retention_period=cdk.Duration.hours(ceil(contract.retention / timedelta(hours=1))),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=key,
            shard_level_metrics=SHARD_METRICS if watch_shards else None,
            removal_policy=removal_policy(environment),
        )
        accept(
            self.stream,
            "AwsSolutions-KDS3",
            reason="The customer key costs more than aws/kinesis, but only its use can be granted,"
            " audited and withdrawn by the account",
        )

    def grant_read(self, reader: iam.IGrantable) -> None:
        """What a consumer that polls the shards needs, and not one action more."""
        iam.Grant.add_to_principal(
            grantee=reader,
            actions=[
                "kinesis:DescribeStream",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            ],
            resource_arns=[self.stream.stream_arn],
        )
        self._key.grant_through("kinesis", reader, "kms:Decrypt")

    def grant_reshard(self, scaler: iam.IGrantable) -> None:
        """What whoever changes the number of shards needs, and not one record."""
        iam.Grant.add_to_principal(
            grantee=scaler,
            actions=[
                "kinesis:DescribeStreamSummary",
                "kinesis:ListShards",
                "kinesis:ListStreamConsumers",
                "kinesis:MergeShards",
                "kinesis:SplitShard",
                "kinesis:UpdateShardCount",
            ],
            resource_arns=[self.stream.stream_arn],
        )

    def grant_write(self, writer: iam.IGrantable) -> None:
        """Putting whole batches: a processor has no use for single records."""
        iam.Grant.add_to_principal(
            grantee=writer,
            actions=["kinesis:PutRecords"],
            resource_arns=[self.stream.stream_arn],
        )
        self._key.grant_through("kinesis", writer, "kms:GenerateDataKey")


def _capacity(capacity: OnDemand | Provisioned) -> tuple[kinesis.StreamMode, int | None]:
    if isinstance(capacity, Provisioned):
        return kinesis.StreamMode.PROVISIONED, capacity.shards
    return kinesis.StreamMode.ON_DEMAND, None
