"""What lies in S3: concatenation, names, compression, errors, backup, zones; retried until done."""

import gzip
import json
import re
import time

import pytest
from botocore.exceptions import ClientError

from tests.local.delivery.conftest import ROLE, SOON, Lab, processing
from tests.local.lab import until

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
LOG = {"Enabled": True, "LogGroupName": "/delivery", "LogStreamName": "S3Delivery"}


def test_records_are_concatenated_without_separator(lab: Lab) -> None:
    name = lab.delivery(Prefix=None)
    lab.put(name, b"one", b"", b"two\n", b"three")
    ((key, body),) = lab.objects("2")
    assert body == b"onetwo\nthree"
    stamp = r"\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d"
    assert re.fullmatch(rf"\d{{4}}/\d\d/\d\d/\d\d/{name}-1-{stamp}-{UUID}", key)
    head = lab.s3.head_object(Bucket=lab.bucket, Key=key)
    assert head["ContentType"] == "application/octet-stream"


def test_the_key_of_the_destination_encrypts_its_objects(lab: Lab) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/k"
    name = lab.delivery(EncryptionConfiguration={"KMSEncryptionConfig": {"AWSKMSKeyARN": key}})
    lab.put(name, b"one")
    ((where, _),) = lab.objects("data/")
    head = lab.s3.head_object(Bucket=lab.bucket, Key=where)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


def test_a_delimiter_lies_between_records(lab: Lab) -> None:
    name = lab.delivery(ProcessingConfiguration=processing(AppendDelimiterToRecord={}))
    lab.put(name, b"one", b"two")
    assert lab.objects("data/")[0][1] == b"one\ntwo"


@pytest.mark.parametrize(
    ("chosen", "extension", "encoding"),
    [
        ({"CompressionFormat": "GZIP"}, r"\.gz", "gzip"),
        ({"CompressionFormat": "GZIP", "FileExtension": ".json.gz"}, r"\.json\.gz", "gzip"),
        ({"FileExtension": ".jsonl"}, r"\.jsonl", None),
    ],
)
def test_compression_gives_the_extension_unless_another_one_is_asked_for(
    lab: Lab, chosen: dict[str, str], extension: str, encoding: str | None
) -> None:
    name = lab.delivery(**chosen)
    lab.put(name, b"record")
    ((key, body),) = lab.objects("data/")
    assert re.search(rf"{UUID}{extension}$", key)
    head = lab.s3.head_object(Bucket=lab.bucket, Key=key)
    assert head.get("ContentEncoding") == encoding
    if encoding == "gzip":
        assert gzip.decompress(body) == b"record"


def test_the_time_zone_is_that_of_prefix_and_name(lab: Lab) -> None:
    name = lab.delivery(Prefix="data/!{timestamp:yyyyMMddHH}/", CustomTimeZone="Asia/Tokyo")
    lab.put(name, b"x")
    ((key, _),) = lab.objects("data/")
    _, hour, last = key.split("/")
    assert "".join(last.removeprefix(f"{name}-1-").split("-")[:4]) == hour
    utc = time.strftime("%Y%m%d%H", time.gmtime(time.time() + 9 * 3600))
    assert hour in (utc, time.strftime("%Y%m%d%H", time.gmtime(time.time() + 9 * 3600 - 60)))


def test_a_full_buffer_is_delivered_before_its_interval(lab: Lab) -> None:
    name = lab.delivery(BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900})
    lab.put(name, *[b"x" * 500_000] * 5)
    sizes = [len(body) for _, body in lab.objects("data/", 2)]
    assert sizes == [1_000_000, 1_000_000]
    lab.firehose.delete_delivery_stream(DeliveryStreamName=name)
    assert sum(len(body) for _, body in lab.objects("data/", 3)) == 2_500_000


def test_deleting_delivers_what_was_put(lab: Lab) -> None:
    name = lab.delivery(BufferingHints={"SizeInMBs": 5, "IntervalInSeconds": 900})
    lab.put(name, b"last words")
    lab.firehose.delete_delivery_stream(DeliveryStreamName=name)
    assert [lab.read(key) for key in lab.keys("data/")] == [b"last words"]
    with pytest.raises(ClientError):
        lab.describe(name)


def test_an_update_counts_for_what_waits(lab: Lab) -> None:
    name = lab.delivery(BufferingHints={"SizeInMBs": 5, "IntervalInSeconds": 900})
    lab.put(name, b"before")
    lab.update(name, Prefix="moved/!{timestamp:yyyy}/", BufferingHints=SOON)
    ((key, body),) = lab.objects("moved/")
    assert (body, f"{name}-2-" in key) == (b"before", True)


def test_a_missing_bucket_loses_nothing_and_is_logged(lab: Lab) -> None:
    missing = lab.name("later")
    name = lab.delivery(BucketARN=f"arn:aws:s3:::{missing}", CloudWatchLoggingOptions=LOG)
    lab.put(name, b"patient")

    def logged() -> list[dict[str, str]]:
        events = lab.logs.filter_log_events(logGroupName="/delivery")["events"]
        lines = [json.loads(event["message"]) for event in events]
        return [line for line in lines if line["destination"].endswith(missing)]

    until(lambda: lab.logs.describe_log_groups(logGroupNamePrefix="/delivery")["logGroups"])
    line = until(logged)[0]
    assert line == {
        "deliveryStreamARN": lab.describe(name)["DeliveryStreamARN"],
        "destination": f"arn:aws:s3:::{missing}",
        "deliveryStreamVersionId": 1,
        "message": "The specified bucket does not exist. Create the bucket or use a different "
        "bucket that does exist.",
        "errorCode": "S3.NoSuchBucket",
    }
    lab.s3.create_bucket(Bucket=missing)
    (key,) = until(lambda: lab.keys(bucket=missing))
    assert lab.read(key, missing) == b"patient"


def test_source_records_are_backed_up_as_they_came(lab: Lab) -> None:
    backup = {
        "RoleARN": ROLE,
        "BucketARN": f"arn:aws:s3:::{lab.bucket}",
        "Prefix": "backup/",
        "CompressionFormat": "GZIP",
        "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 60},
    }
    name = lab.delivery(
        S3BackupMode="Enabled",
        S3BackupConfiguration=backup,
        ProcessingConfiguration=lab.transform("""
            if data == b"drop":
                return {"recordId": record["recordId"], "result": "Dropped"}
            if data == b"fail":
                return {"recordId": record["recordId"], "result": "ProcessingFailed"}
            return ok(record, data.upper())
            """),
    )
    lab.put(name, b"keep", b"drop", b"fail")
    assert lab.objects("data/")[0][1] == b"KEEP"
    ((key, body),) = lab.objects("backup/2")
    assert gzip.decompress(body) == b"keepdropfail"
    assert re.fullmatch(rf"backup/\d{{4}}/\d\d/\d\d/\d\d/{name}-1-[-\d]+{UUID}\.gz", key)
    assert lab.metric(name, "BackupToS3.Records") == 3


def test_metrics_say_what_was_taken_and_delivered(lab: Lab) -> None:
    name = lab.delivery()
    lab.put(name, b"12345", b"678")
    lab.objects("data/")
    until(lambda: lab.metric(name, "DeliveryToS3.Success"))
    names = ("IncomingRecords", "IncomingBytes", "DeliveryToS3.Records", "DeliveryToS3.Bytes")
    assert [lab.metric(name, one) for one in names] == [2, 8, 2, 8]
    assert 0 < lab.metric(name, "DeliveryToS3.DataFreshness", "Maximum") < 20
