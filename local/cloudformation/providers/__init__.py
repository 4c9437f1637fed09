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
        cloudwatch.Dashboard(),
        ecr.Repository(),
        events.Rule(),
        events.Schedule(),
        firehose.DeliveryStream(),
        glue.Database(),
        glue.Table(),
        iam.ManagedPolicy(),
        iam.Policy(),
        iam.Role(),
        kinesis.ResourcePolicy(),
        kinesis.Stream(),
        kinesis.StreamConsumer(),
        kms.Alias(),
        kms.Key(),
        lambdas.Alias(),
        lambdas.EventInvokeConfig(),
        lambdas.EventSourceMapping(),
        lambdas.Function(),
        lambdas.LayerVersion(),
        lambdas.Permission(),
        lambdas.Version(),
        logs.LogGroup(),
        logs.LogStream(),
        logs.MetricFilter(),
        logs.SubscriptionFilter(),
        markers.Metadata(),
        markers.WaitCondition(),
        markers.WaitConditionHandle(),
        s3.Bucket(),
        s3.BucketPolicy(),
        sns.Subscription(),
        sns.Topic(),
        sns.TopicPolicy(),
        sqs.Queue(),
        sqs.QueuePolicy(),
        ssm.Parameter(),
    )
}
