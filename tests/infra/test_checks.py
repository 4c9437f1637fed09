"""The gate for templates finds what is wrong."""

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs

from infra.checks import findings
from infra.findings import accept


def test_the_gate_reports_each_finding_where_it_is_and_no_accepted_one() -> None:
    found = [tuple(line.replace(":", "").split()[:2]) for line in findings(_wrong)]
    assert found == [
        ("Wrong/Bucket/Resource", "AwsSolutions-S1"),
        ("Wrong/Queue/Resource", "AwsSolutions-SQS4"),
        ("Wrong", "W2001"),  # of CDK's own validation
        ("Wrong/Parameters/Unused", "W2001"),  # of cfn-lint
    ]


def _wrong(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Wrong")
    bucket = s3.Bucket(stack, "Bucket")
    accept(bucket, "AwsSolutions-S10", reason="Shows that what is accepted is not reported")
    queue = sqs.Queue(stack, "Queue")
    accept(queue, "AwsSolutions-SQS3", reason="Shows that what is accepted is not reported")
    cdk.CfnParameter(stack, "Unused")
