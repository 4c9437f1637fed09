"""Delivery: from the stream through the transform into the lake, as Parquet by event date."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from constructs import Construct

from events.columns import PARTITION_COLUMN
from functions.delivery_transform.settings import BUFFER_MEGABYTES, Settings
from infra.catalog import Table
from infra.deliveries import Delivered
from infra.environments import Environment
from infra.findings import accept
from infra.function import Dependencies, Function
from infra.logs import LogGroup
from infra.storage import Bucket, Key

TRANSFORM_BUFFER_SECONDS = 15
# The most that Firehose takes. After its default of 3 it skips the batch, to the error prefix, also
# when the function was only throttled: an account without free concurrency for some seconds.
# https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
TRANSFORM_RETRIES = 300
PARTITION_RETRY_SECONDS = 300


class Transform(Function):
    """The delivery transform of one event type (functions/delivery_transform)."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        event_type: str,
        dependencies: Dependencies,
        key: Key,
        bucket: Bucket,
        rejected_prefix: str,
    ) -> None:
        super().__init__(
            scope,
            name,
            environment=environment,
            package="delivery_transform",
            settings=Settings(
                event_type=event_type,
                bucket=bucket.bucket_name,
                rejected_prefix=rejected_prefix,
            ).environment(),
            dependencies=dependencies,
            key=key,
            memory_mib=environment.transform_memory_mib,
            seconds=environment.transform_seconds,
            description=f"Validates {event_type} events on their way into the lake",
        )


class Delivery(Construct):
    """The delivery stream and the role it works with, which can do nothing until it is granted:
    CDK's own grants would be to the whole bucket, so its role is shown to it frozen.

    Without a source, records are put on the delivery stream itself: so come back those that were
    rejected, through delivery alone and past every other consumer of the type's stream."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        source: kinesis.IStream | None,
        transform: Function,
        table: Table,
        bucket: Bucket,
        key: Key,
        data_prefix: str,
        error_prefix: str,
        source_prefix: str,
        options: Delivered,
    ) -> None:
        super().__init__(scope, name)
        self.role = delivery_role(self)
        log_group = LogGroup(self, "Log", environment=environment, key=key)
        log_group.grant_write(self.role)
        frozen = self.role.without_policy_updates()
        destination = firehose.S3Bucket(
            bucket,
            role=frozen,
            processors=[
                firehose.LambdaFunctionProcessor(
                    transform.resource,
                    buffer_size=cdk.Size.mebibytes(BUFFER_MEGABYTES),
                    buffer_interval=cdk.Duration.seconds(TRANSFORM_BUFFER_SECONDS),
                    retries=TRANSFORM_RETRIES,
                )
            ],
            dynamic_partitioning=firehose.DynamicPartitioningProps(
                enabled=True,
                retry_duration=cdk.Duration.seconds(PARTITION_RETRY_SECONDS),
            ),
            data_format_conversion=firehose.DataFormatConversionProps(
                schema_configuration=firehose.SchemaConfiguration.from_cfn_table(table.resource),
                input_format=firehose.InputFormat.OPENX_JSON,
                output_format=firehose.ParquetOutputFormat(
                    compression=firehose.ParquetCompression.of(options.compression)
                ),
            ),
            buffering_size=cdk.Size.mebibytes(environment.buffer_mib),
            buffering_interval=cdk.Duration.seconds(environment.buffer_seconds),
            data_output_prefix=(
                f"{data_prefix}{PARTITION_COLUMN}=!{{partitionKeyFromLambda:{PARTITION_COLUMN}}}/"
            ),
            error_output_prefix=errors_by_date(error_prefix),
            encryption_key=key,
            logging_config=firehose.EnableLogging(log_group),
            s3_backup=_backup(environment, bucket, key, log_group, source_prefix)
            if options.source_backup and source
            else None,
        )
        self.resource = delivery_stream(
            self, source=source, destination=destination, role=self.role, key=key
        )


def delivery_stream(
    scope: Construct,
    *,
    source: kinesis.IStream | None,
    destination: firehose.IDestination,
    role: iam.Role,
    key: Key,
) -> firehose.DeliveryStream:
    """The delivery stream itself, made after its role's policy. Without a source it stores what is
    put on it until it is delivered, under the customer key."""
    stream = firehose.DeliveryStream(
        scope,
        "Resource",
        source=firehose.KinesisStreamSource(source) if source else None,
        encryption=None if source else firehose.StreamEncryption.customer_managed_key(key),
        destination=destination,
        role=role.without_policy_updates(),
    )
    # Firehose tries its source and its key when it is created: the policy must be there first.
    stream.node.add_dependency(role.node.find_child("DefaultPolicy"))
    if source:
        accept(
            stream,
            "AwsSolutions-KDF1",
            reason="A delivery stream that reads a Kinesis stream stores nothing of its own: the"
            " records rest in the stream, under the customer key, and Firehose takes no other",
        )
    # Addresses for Redshift in a VPC, which CDK adds to every stack with a delivery stream.
    cdk.Stack.of(stream).node.try_remove_child("@aws-cdk--aws-kinesisfirehose.CidrBlocks")
    return stream


def errors_by_date(prefix: str) -> str:
    """Where Firehose puts what fails: by date first, as the table of errors is partitioned."""
    return f"{prefix}arrival_date=!{{timestamp:yyyy-MM-dd}}/!{{firehose:error-output-type}}/"


def _backup(
    environment: Environment, bucket: Bucket, key: Key, log_group: LogGroup, prefix: str
) -> firehose.DestinationS3BackupProps:
    """Every record as it came, before the transform."""
    return firehose.DestinationS3BackupProps(
        mode=firehose.BackupMode.ALL,
        bucket=bucket,
        data_output_prefix=f"{prefix}arrival_date=!{{timestamp:yyyy-MM-dd}}/",
        error_output_prefix=f"{prefix}failed/!{{firehose:error-output-type}}/",
        compression=firehose.Compression.GZIP,
        buffering_size=cdk.Size.mebibytes(environment.buffer_mib),
        buffering_interval=cdk.Duration.seconds(environment.buffer_seconds),
        encryption_key=key,
        logging_config=firehose.EnableLogging(log_group),
    )


def delivery_role(scope: Construct) -> iam.Role:
    """Firehose names the account it acts for as the external id: it acts for no other one here."""
    account = {"StringEquals": {"sts:ExternalId": cdk.Stack.of(scope).account}}
    firehose_service = iam.ServicePrincipal("firehose.amazonaws.com", conditions=account)
    return iam.Role(scope, "Role", assumed_by=firehose_service)
