"""The resource types that stacks may have."""

from __future__ import annotations

from local.cloudformation.provider import Provider
from local.cloudformation.providers import (
    athena,
    cloudwatch,
    ecr,
    events,
    firehose,
    glue,
    iam,
    kinesis,
    kms,
    lambdas,
    logs,
    mappings,
    markers,
    s3,
    sns,
    sqs,
    ssm,
)

PROVIDERS: dict[str, Provider] = {
    provider.type: provider
    for provider in (
        athena.NamedQuery(),
        athena.WorkGroup(),
        cloudwatch.Alarm(),
        ecr.Repository(),
        events.Rule(),
        firehose.DeliveryStream(),
        glue.Database(),
        glue.Table(),
        iam.ManagedPolicy(),
        iam.Policy(),
        iam.Role(),
        kinesis.Stream(),
        kinesis.StreamConsumer(),
        kms.Alias(),
        kms.Key(),
        lambdas.Function(),
        lambdas.LayerVersion(),
        lambdas.Permission(),
        logs.LogGroup(),
        logs.LogStream(),
        mappings.EventSourceMapping(),
        markers.Metadata(),
        s3.Bucket(),
        s3.BucketPolicy(),
        sns.Topic(),
        sns.TopicPolicy(),
        sqs.Queue(),
        sqs.QueuePolicy(),
        ssm.Parameter(),
    )
}
