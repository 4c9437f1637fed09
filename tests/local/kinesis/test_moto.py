"""moto's services put records on our streams."""

import gzip
import json
import time
from typing import TYPE_CHECKING

from tests.local.kinesis.conftest import MakeStream, arn, read

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

    from tests.conftest import AWS


def test_a_subscription_filter_of_cloudwatch_logs_puts_log_events_on_a_stream(
    aws: "AWS", kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    logs = aws.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="one")
    logs.put_subscription_filter(
        logGroupName=name,
        filterName="all",
        filterPattern="",
        destinationArn=arn(name),
        roleArn="arn:aws:iam::123456789012:role/any",
    )
    logs.put_log_events(
        logGroupName=name,
        logStreamName="one",
        logEvents=[{"timestamp": int(time.time() * 1000), "message": "hello"}],
    )
    logs.close()
    messages = [json.loads(gzip.decompress(data)) for data in read(kinesis, name, 0)]
    assert [event["message"] for message in messages for event in message["logEvents"]] == ["hello"]
