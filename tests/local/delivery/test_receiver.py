"""HTTP endpoints: a receiver on this machine that takes, refuses, comes back and breaks rules."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import AWS
from tests.local.delivery.conftest import ROLE, Lab
from tests.local.lab import until
from tests.receiver import Receiver, receiving, refused, taken


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def delivery(lab: Lab, receiver: Receiver, **more: Any) -> str:
    bucket = {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{lab.bucket}"}
    return lab.create(
        HttpEndpointDestinationConfiguration={
            "EndpointConfiguration": {"Url": receiver.url, "Name": "here", "AccessKey": "secret"},
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 10},
            "RetryOptions": {"DurationInSeconds": 60},
            "S3Configuration": bucket
            | {
                "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
                "Prefix": "all/",
                "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 10},
            },
        }
        | more
    )


def test_records_are_posted_as_aws_posts_them(lab: Lab, receiver: Receiver) -> None:
    attributes = [{"AttributeName": "stage", "AttributeValue": "dev"}]
    name = delivery(
        lab,
        receiver,
        RequestConfiguration={"ContentEncoding": "GZIP", "CommonAttributes": attributes},
    )
    lab.put(name, b"one", b"two")
    until(lambda: receiver.requests)
    ((headers, body),) = receiver.requests
    assert receiver.records() == [b"one", b"two"]
    assert {key: headers[key] for key in headers if key.startswith("X-Amz")} == {
        "X-Amz-Firehose-Protocol-Version": "1.0",
        "X-Amz-Firehose-Request-Id": body["requestId"],
        "X-Amz-Firehose-Source-Arn": lab.describe(name)["DeliveryStreamARN"],
        "X-Amz-Firehose-Access-Key": "secret",
        "X-Amz-Firehose-Common-Attributes": '{"commonAttributes": {"stage": "dev"}}',
    }
    until(lambda: lab.metric(name, "DeliveryToHttpEndpoint.Records") == 2)
    assert lab.keys() == []


def test_a_refused_request_is_posted_again_under_the_same_id(lab: Lab, receiver: Receiver) -> None:
    def second(request: dict[str, Any]) -> tuple[int, bytes]:
        return taken(request) if len(receiver.requests) > 1 else refused(request)

    receiver.answer = second
    name = delivery(lab, receiver)
    lab.put(name, b"one")
    until(lambda: len(receiver.requests) == 2)
    ids = {body["requestId"] for _, body in receiver.requests}
    assert (receiver.records(), len(ids)) == ([b"one", b"one"], 1)
    until(lambda: lab.metric(name, "DeliveryToHttpEndpoint.Records") == 1)


def test_what_is_not_taken_in_time_goes_to_the_error_output(lab: Lab, receiver: Receiver) -> None:
    receiver.answer = refused
    name = delivery(lab, receiver, RetryOptions={"DurationInSeconds": 0})
    lab.put(name, b"one", b"two")
    one, two = lab.lines("http-endpoint-failed", 2)
    assert [base64.b64decode(line["rawData"]) for line in (one, two)] == [b"one", b"two"]
    assert (one["attemptsMade"], one["errorCode"]) == (1, "HttpEndpoint.DestinationException")
    assert '500: {"requestId"' in one["errorMessage"]
    assert one["dataId"].endswith(".0")
    assert one["subsequenceNumber"] == 0


def test_a_200_that_breaks_the_rules_is_a_failure(lab: Lab, receiver: Receiver) -> None:
    receiver.answer = lambda _: (200, b'{"requestId": null}')
    name = delivery(lab, receiver, RetryOptions={"DurationInSeconds": 0})
    lab.put(name, b"one")
    (line,) = lab.lines("http-endpoint-failed")
    assert line["errorCode"] == "HttpEndpoint.InvalidResponseFromDestination"


def test_a_413_is_neither_tried_again_nor_backed_up(lab: Lab, receiver: Receiver) -> None:
    receiver.answer = lambda _: (413, b"{}")
    name = delivery(lab, receiver)
    lab.put(name, b"one")
    until(lambda: receiver.requests)
    receiver.answer = taken
    lab.put(name, b"two")
    until(lambda: len(receiver.requests) == 2)
    assert receiver.records() == [b"one", b"two"]
    lab.firehose.delete_delivery_stream(DeliveryStreamName=name)
    assert lab.keys() == []


def test_an_unreachable_endpoint_is_logged_and_backed_up_at_the_end(
    lab: Lab, receiver: Receiver
) -> None:
    receiver.server.shutdown()
    receiver.server.server_close()
    name = delivery(lab, receiver)
    lab.put(name, b"one")
    lab.firehose.delete_delivery_stream(DeliveryStreamName=name)
    (line,) = lab.lines("http-endpoint-failed")
    assert line["errorCode"] == "HttpEndpoint.ConnectionFailed"


def test_all_data_is_backed_up_when_asked_for(lab: Lab, receiver: Receiver) -> None:
    name = delivery(lab, receiver, S3BackupMode="AllData")
    lab.put(name, b"one", b"two")
    assert lab.objects("all/")[0][1] == b"onetwo"
    until(lambda: receiver.records() == [b"one", b"two"])


def test_the_transform_comes_first(lab: Lab, receiver: Receiver) -> None:
    name = delivery(
        lab, receiver, ProcessingConfiguration=lab.transform("return ok(record, data.upper())")
    )
    lab.put(name, b"one")
    until(lambda: receiver.records() == [b"ONE"])


def test_only_https_is_taken_for_another_machine(lab: Lab, receiver: Receiver) -> None:
    with pytest.raises(ClientError) as error:
        delivery(lab, receiver, EndpointConfiguration={"Url": "http://example.test/in"})
    assert error.value.response["Error"]["Code"] == "ValidationException"


def test_the_access_key_is_read_from_its_secret_whenever_it_is_needed(
    lab: Lab, receiver: Receiver, aws: AWS
) -> None:
    secrets = aws.client("secretsmanager")
    secret = secrets.create_secret(Name=lab.name("secret"), SecretString='{"wrong": "shape"}')
    name = delivery(
        lab,
        receiver,
        EndpointConfiguration={"Url": receiver.url},
        SecretsManagerConfiguration={"Enabled": True, "SecretARN": secret["ARN"]},
    )
    lab.put(name, b"one")
    until(lambda: lab.metric(name, "IncomingRecords"))
    for key, data in (("first", b"two"), ("second", b"three")):
        secrets.put_secret_value(SecretId=secret["ARN"], SecretString=json.dumps({"api_key": key}))
        lab.put(name, data)
        until(lambda data=data: data in receiver.records())  # type: ignore[misc]
    assert receiver.records() == [b"one", b"two", b"three"]
    keys = [headers["X-Amz-Firehose-Access-Key"] for headers, _ in receiver.requests]
    assert keys[0] == "first" and keys[-1] == "second"
    described = json.dumps(lab.describe(name), default=str)
    assert secret["ARN"] in described
    assert "first" not in described


def test_a_secret_without_its_arn_is_refused(lab: Lab, receiver: Receiver) -> None:
    with pytest.raises(ClientError, match="SecretARN is required"):
        delivery(lab, receiver, SecretsManagerConfiguration={"Enabled": True})
