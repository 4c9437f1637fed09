"""Delivery to an HTTP endpoint beside the lake: a delivery stream of its own on the same stream."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.deliveries import Endpoint
from infra.delivery import delivery_role, delivery_stream, errors_by_date
from infra.environments import Environment
from infra.logs import LogGroup
from infra.storage import Bucket, Key


class EndpointDelivery(Construct):
    """Sends every record as it is on the stream: no transform, no format. What the endpoint does
    not take in time goes under `unsent/`, and not among the errors: the lake has those records.
    Without a source, that is where they are put to be sent again."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        endpoint: Endpoint,
        source: kinesis.IStream | None,
        bucket: Bucket,
        key: Key,
        unsent_prefix: str,
    ) -> None:
        super().__init__(scope, name)
        self.role = delivery_role(self)
        log_group = LogGroup(self, "Log", environment=environment, key=key)
        log_group.grant_write(self.role)
        frozen = self.role.without_policy_updates()
        secret = secretsmanager.Secret.from_secret_complete_arn(
            self, "AccessKey", endpoint.secret_arn
        )
        iam.Grant.add_to_principal(
            grantee=self.role,
            actions=["secretsmanager:GetSecretValue"],
            resource_arns=[endpoint.secret_arn],
        )
        logging = firehose.EnableLogging(log_group)
        destination = firehose.HttpEndpoint(
            endpoint_config=firehose.HttpEndpointConfig(
                name=endpoint.name, url=endpoint.url, secret=secret
            ),
            role=frozen,
            attributes=[
                firehose.HttpAttribute(name=attribute, value=value)
                for attribute, value in endpoint.attributes.items()
            ],
            request_compression=firehose.HttpCompression.GZIP
            if endpoint.gzip
            else firehose.HttpCompression.NONE,
            buffering_hints=firehose.HttpBufferingHints(
                size=cdk.Size.mebibytes(endpoint.buffer_mib),
                interval=cdk.Duration.seconds(endpoint.buffer_seconds),
            ),
            retry_options=firehose.HttpRetryOptions(
                duration=cdk.Duration.seconds(endpoint.retry_seconds)
            ),
            backup_mode=firehose.HttpBackupMode.FAILED,
            s3_backup=firehose.DestinationS3BackupProps(
                bucket=bucket,
                error_output_prefix=errors_by_date(unsent_prefix),
                compression=firehose.Compression.GZIP,
                encryption_key=key,
                logging_config=logging,
            ),
            logging_config=logging,
        )
        self.resource = delivery_stream(
            self, source=source, destination=destination, role=self.role, key=key
        )
