"""Clients that nobody here wrote find their AWS."""

import hashlib
import http.client
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.settings import ACCESS_KEY
from tests.conftest import AWS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LARGE = 70 * 2**20
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=headrace/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
)
MIGRATION = {"ReplicationGroupId": "x", "CustomerNodeEndpointList": []}


@pytest.fixture(scope="module", autouse=True)
def s3(aws: AWS) -> "Iterator[S3Client]":
    client: S3Client = aws.client("s3")
    client.create_bucket(Bucket="strangers")
    yield client
    client.close()


def raw(aws: AWS, method: str, path: str, host: str, body: bytes = b"", **headers: str) -> Any:
    """A request under another host name; status, headers and body of its answer."""
    connection = http.client.HTTPConnection(aws.endpoint.removeprefix("http://"))
    connection.request(method, path, body, {"Host": host, **headers})
    answer = connection.getresponse()
    result = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return result


def test_a_large_object_comes_back_whole(s3: "S3Client") -> None:
    data = os.urandom(1024) * (LARGE // 1024)
    s3.put_object(Bucket="strangers", Key="large", Body=data)
    answer = s3.get_object(Bucket="strangers", Key="large")
    with answer["Body"] as body:
        assert hashlib.sha256(body.read()).digest() == hashlib.sha256(data).digest()
    assert s3.head_object(Bucket="strangers", Key="large")["ContentLength"] == len(data)


def test_an_object_in_parts_and_a_range_of_it(s3: "S3Client", tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(20 * 2**20))
    s3.upload_file(str(source), "strangers", "parts")
    part = s3.get_object(Bucket="strangers", Key="parts", Range="bytes=5-104")
    with part["Body"] as body:
        assert body.read() == source.read_bytes()[5:105]


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_an_upload_with_a_checksum_is_stored_without_its_framing(
    s3: "S3Client", algorithm: Any
) -> None:
    s3.put_object(
        Bucket="strangers", Key=algorithm, Body=b"data" * 1000, ChecksumAlgorithm=algorithm
    )
    answer = s3.get_object(Bucket="strangers", Key=algorithm)
    with answer["Body"] as body:
        assert body.read() == b"data" * 1000


def test_an_upload_in_signed_chunks_is_stored_without_its_framing(aws: AWS, s3: "S3Client") -> None:
    signature = b"0" * 64
    framed = b"4;chunk-signature=%b\r\ndata\r\n0;chunk-signature=%b\r\n\r\n" % (
        signature,
        signature,
    )
    status, _, _ = raw(
        aws,
        "PUT",
        "/strangers/framed",
        "127.0.0.1",
        framed,
        **{
            "Authorization": SIGNED,
            "Content-Encoding": "aws-chunked",
            "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            "x-amz-decoded-content-length": "4",
        },
    )
    answer = s3.get_object(Bucket="strangers", Key="framed")
    with answer["Body"] as body:
        assert (status, body.read()) == (200, b"data")


@pytest.mark.parametrize(
    "host", ["strangers.s3.localhost", "strangers.localhost", "strangers.s3.amazonaws.com"]
)
def test_a_bucket_is_found_by_its_host_name(aws: AWS, s3: "S3Client", host: str) -> None:
    s3.put_object(Bucket="strangers", Key="a/b c", Body=host.encode())
    port = aws.endpoint.rpartition(":")[2]
    status, _, body = raw(aws, "GET", "/a/b%20c", f"{host}:{port}", Authorization=SIGNED)
    assert (status, body) == (200, host.encode())


def test_metadata_and_odd_keys_come_back_as_they_were(s3: "S3Client") -> None:
    key = "ä/ö ü+&=%25?.json"
    s3.put_object(Bucket="strangers", Key=key, Body=b"", Metadata={"with_underscore": "v"})
    assert s3.head_object(Bucket="strangers", Key=key)["Metadata"] == {"with_underscore": "v"}
    listed = s3.list_objects_v2(Bucket="strangers", Prefix="ä/")["Contents"]
    assert [one["Key"] for one in listed] == [key]


def test_many_clients_at_once_are_all_served(aws: AWS) -> None:
    clients = [aws.client("s3") for _ in range(16)]
    bodies: dict[int, bytes] = {}

    def work(number: int) -> None:
        client, key = clients[number], f"many/{number}"
        client.put_object(Bucket="strangers", Key=key, Body=b"%d" % number)
        with client.get_object(Bucket="strangers", Key=key)["Body"] as body:
            bodies[number] = body.read()
        client.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert bodies == {number: b"%d" % number for number in range(16)}


def test_the_aws_command_line_puts_and_gets(aws: AWS, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"from the command line")
    for command in (
        ("aws", "s3", "cp", str(tmp_path / "file"), "s3://strangers/cli"),
        ("aws", "s3", "cp", "s3://strangers/cli", str(tmp_path / "back")),
        ("aws", "kinesis", "create-stream", "--stream-name", "cli", "--shard-count", "1"),
        ("aws", "kinesis", "wait", "stream-exists", "--stream-name", "cli"),
    ):
        done = aws.run(*command)
        assert (done.returncode, done.stderr) == (0, "")
    put = aws.run(
        *("aws", "kinesis", "put-record", "--stream-name", "cli", "--output", "json"),
        *("--partition-key", "k", "--data", "aGVsbG8="),
    )
    aws.run("aws", "kinesis", "delete-stream", "--stream-name", "cli")
    assert (tmp_path / "back").read_bytes() == b"from the command line"
    assert json.loads(put.stdout)["ShardId"] == "shardId-000000000000"


def test_the_aws_command_line_reaches_queues_when_it_is_told_the_endpoint(aws: AWS) -> None:
    """Version 1 has an address of its own for SQS, which AWS_ENDPOINT_URL does not change."""
    sqs = ("aws", "sqs", "--endpoint-url", aws.endpoint, "--output", "json")
    made = aws.run(*sqs, "create-queue", "--queue-name", "told")
    assert (made.returncode, made.stderr) == (0, "")
    url = json.loads(made.stdout)["QueueUrl"]
    sent = aws.run(*sqs, "send-message", "--queue-url", url, "--message-body", "hello")
    assert (sent.returncode, sent.stderr) == (0, "")
    received = aws.run(*sqs, "receive-message", "--queue-url", url)
    assert [one["Body"] for one in json.loads(received.stdout)["Messages"]] == ["hello"]


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("glue", "list_column_statistics_task_runs", {}),
        ("lambda", "list_capacity_providers", {}),
        (
            "elasticache",
            "start_migration",
            {"ReplicationGroupId": "x", "CustomerNodeEndpointList": []},
        ),
        ("kinesis", "list_queues", {}),
        ("route53", "list_cidr_locations", {"CollectionId": "0" * 36}),
    ],
)
def test_what_is_not_supported_is_refused_by_name_in_every_protocol(
    aws: AWS, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    client = aws.client(service)
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**parameters)
    client.close()
    error = caught.value.response["Error"]
    name = operation.title().replace("_", "")
    assert (error["Code"], f"the operation {name} of" in error["Message"]) == (
        "UnsupportedOperation",
        True,
    )


def test_a_gzipped_request_is_understood(aws: AWS) -> None:

    client = boto3.client(
        "cloudwatch",
        endpoint_url=aws.endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=ACCESS_KEY,
        config=Config(request_min_compression_size_bytes=1),
    )
    client.put_metric_data(Namespace="Strangers", MetricData=[{"MetricName": "m", "Value": 1}])
    names = [one["MetricName"] for one in client.list_metrics(Namespace="Strangers")["Metrics"]]
    client.close()
    assert names == ["m"]
