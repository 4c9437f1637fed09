"""A bucket tells queues about its objects."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any
from urllib.parse import unquote_plus

import pytest

from tests.conftest import AWS

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ACCOUNT = "123456789012"
NAMES = itertools.count()


def policy(*actions: str, service: str = "s3.amazonaws.com") -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": list(actions)}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | {"Resource": "*"}]})


class Place:
    """A bucket and a queue that S3 may send to."""

    def __init__(self, aws: AWS, **attributes: str) -> None:
        number = next(NAMES)
        self.s3, self.sqs = aws.client("s3"), aws.client("sqs")
        self.bucket = f"notifying-{number}"
        self.s3.create_bucket(Bucket=self.bucket)
        given = {"Policy": policy("sqs:SendMessage")} | attributes
        name = f"notified-{number}"
        self.url = self.sqs.create_queue(QueueName=name, Attributes=given)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"

    def queue(self, *events: str, **rules: str) -> dict[str, Any]:
        """The configuration of its queue for these events and a filter."""
        found: dict[str, Any] = {"QueueArn": self.arn, "Events": list(events)}
        if rules:
            filters = [{"Name": name, "Value": text} for name, text in rules.items()]
            found["Filter"] = {"Key": {"FilterRules": filters}}
        return found

    def notify(self, *queues: dict[str, Any], **others: Any) -> None:
        config = {"QueueConfigurations": list(queues)} if queues else {}
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration=config | others
        )

    def messages(self) -> list[dict[str, Any]]:
        """What is in the queue: each message once."""
        found: list[dict[str, Any]] = []
        while batch := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10):
            if "Messages" not in batch:
                return found
            for message in batch["Messages"]:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def told(self) -> list[tuple[str, str]]:
        """The events that the queue was told of: their names and keys."""
        records = [record for message in self.messages() for record in message["Records"]]
        return [(it["eventName"], unquote_plus(it["s3"]["object"]["key"])) for it in records]


@pytest.fixture
def place(aws: AWS) -> Place:
    return Place(aws)


def test_a_new_configuration_sends_the_test_event(place: Place) -> None:
    place.notify(place.queue("s3:ObjectCreated:*", prefix="in/") | {"Id": "one"})
    [message] = place.messages()
    assert INSTANT.fullmatch(message.pop("Time"))
    assert message.pop("RequestId")
    assert message.pop("HostId")
    assert message == {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": place.bucket}
    shown = place.s3.get_bucket_notification_configuration(Bucket=place.bucket)
    assert shown["QueueConfigurations"] == [
        place.queue("s3:ObjectCreated:*", prefix="in/") | {"Id": "one"}
    ]


def test_an_object_is_told_in_the_words_of_aws(place: Place) -> None:
    place.notify(place.queue("s3:ObjectCreated:*") | {"Id": "one"})
    place.messages()
    key = "a folder/year=2026/é+~*.json"
    tag = place.s3.put_object(Bucket=place.bucket, Key=key, Body=b"12345")["ETag"]
    [message] = place.messages()
    [record] = message["Records"]
    assert INSTANT.fullmatch(record.pop("eventTime"))
    assert record.pop("responseElements").keys() == {"x-amz-request-id", "x-amz-id-2"}
    assert re.fullmatch("[0-9A-F]+", record["s3"]["object"].pop("sequencer"))
    assert record == {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": ACCOUNT},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "one",
            "bucket": {
                "name": place.bucket,
                "ownerIdentity": {"principalId": ACCOUNT},
                "arn": f"arn:aws:s3:::{place.bucket}",
            },
            "object": {
                "key": "a+folder/year%3D2026/%C3%A9%2B%7E*.json",
                "size": 5,
                "eTag": tag.strip('"'),
            },
        },
    }


def test_prefix_and_suffix_choose_the_keys_and_events_the_ways(place: Place) -> None:
    place.notify(
        place.queue("s3:ObjectCreated:Put", "s3:ObjectCreated:Copy", prefix="in/", suffix=".json")
    )
    place.messages()
    for key in ("in/a.json", "in/a.txt", "out/a.json"):
        place.s3.put_object(Bucket=place.bucket, Key=key, Body=b"{}")
    source = {"Bucket": place.bucket, "Key": "out/a.json"}
    place.s3.copy_object(Bucket=place.bucket, Key="in/b.json", CopySource=source)
    upload(place, "in/c.json")
    place.s3.delete_object(Bucket=place.bucket, Key="in/a.json")
    assert place.told() == [("ObjectCreated:Put", "in/a.json"), ("ObjectCreated:Copy", "in/b.json")]


def upload(place: Place, key: str) -> None:
    """One object in two parts."""
    where = {"Bucket": place.bucket, "Key": key}
    where["UploadId"] = place.s3.create_multipart_upload(**where)["UploadId"]
    parts = []
    for number, size in ((1, 5 * 1024 * 1024), (2, 3)):
        tag = place.s3.upload_part(**where, PartNumber=number, Body=b"x" * size)["ETag"]
        parts.append({"PartNumber": number, "ETag": tag})
    place.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})


def test_an_upload_in_parts_is_told_once_when_it_is_complete(place: Place) -> None:
    place.notify(place.queue("s3:ObjectCreated:*"))
    place.messages()
    upload(place, "whole")
    assert place.told() == [("ObjectCreated:CompleteMultipartUpload", "whole")]


def test_an_empty_configuration_ends_it(place: Place) -> None:
    place.notify(place.queue("s3:ObjectCreated:*"))
    place.notify()
    place.messages()
    place.s3.put_object(Bucket=place.bucket, Key="a", Body=b"")
    assert place.messages() == []


def test_a_version_is_named_where_there_are_versions(place: Place) -> None:
    place.s3.put_bucket_versioning(
        Bucket=place.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    place.notify(place.queue("s3:ObjectCreated:*"))
    place.messages()
    version = place.s3.put_object(Bucket=place.bucket, Key="a", Body=b"")["VersionId"]
    [message] = place.messages()
    assert message["Records"][0]["s3"]["object"]["versionId"] == version


def test_an_encrypted_queue_is_told_when_its_key_lets_s3(aws: AWS) -> None:
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    place = Place(aws, KmsMasterKeyId=key)
    with pytest.raises(place.s3.exceptions.ClientError, match="Unable to validate"):
        place.notify(place.queue("s3:ObjectCreated:*"))
    allowed = policy("kms:GenerateDataKey*", "kms:Decrypt")
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=allowed)
    place.notify(place.queue("s3:ObjectCreated:*"))
    place.messages()
    place.s3.put_object(Bucket=place.bucket, Key="a", Body=b"")
    assert place.told() == [("ObjectCreated:Put", "a")]


@pytest.mark.parametrize("statement", [policy("sqs:*", service="sns.amazonaws.com"), ""])
def test_a_queue_that_does_not_let_s3_send_or_is_missing_is_refused(
    aws: AWS, statement: str
) -> None:
    place = Place(aws, Policy=statement)
    configuration = place.queue("s3:ObjectCreated:*")
    for arn in (place.arn, place.arn + "-missing"):
        with pytest.raises(
            place.s3.exceptions.ClientError, match="Unable to validate the following"
        ):
            place.notify(configuration | {"QueueArn": arn})


def test_other_destinations_and_events_are_refused_by_name(place: Place) -> None:
    def sentence(*queues: dict[str, Any], **others: Any) -> str:
        with pytest.raises(place.s3.exceptions.ClientError) as caught:
            place.notify(*queues, **others)
        return str(caught.value.response["Error"]["Message"])

    topic = {"TopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:t", "Events": ["s3:ObjectCreated:*"]}
    assert "TopicConfiguration" in sentence(TopicConfigurations=[topic])
    lambda_arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
    function = {"LambdaFunctionArn": lambda_arn, "Events": ["s3:ObjectCreated:*"]}
    assert "CloudFunctionConfiguration" in sentence(LambdaFunctionConfigurations=[function])
    assert "EventBridgeConfiguration" in sentence(EventBridgeConfiguration={})
    assert "s3:ObjectRemoved:*" in sentence(place.queue("s3:ObjectRemoved:*"))
    assert place.s3.get_bucket_notification_configuration(Bucket=place.bucket).keys() == {
        "ResponseMetadata"
    }
