"""PutRecords answers, from botocore's own parser, as error codes per entry."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber
from mypy_boto3_kinesis import KinesisClient

from cli.kinesis import NO_ANSWER, PutRecords, limits
from cli.producer import MIB, Call, Entry, Limits

CALL = Call(0, (Entry(1, "a", b"\x00\xff"), Entry(2, "b", b"")))
SENT = {
    "StreamName": "s",
    "Records": [
        {"Data": b"\x00\xff", "PartitionKey": "a"},
        {"Data": b"", "PartitionKey": "b"},
    ],
}
TAKEN = {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}


@pytest.fixture
def kinesis() -> KinesisClient:
    key = "x"
    return boto3.client(
        "kinesis", region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=key
    )


@pytest.fixture
def stub(kinesis: KinesisClient) -> Iterator[Stubber]:
    with Stubber(kinesis) as stub:
        yield stub
        stub.assert_no_pending_responses()


def test_a_call_that_is_taken_has_no_errors(kinesis: KinesisClient, stub: Stubber) -> None:
    stub.add_response("put_records", {"Records": [TAKEN, TAKEN]}, SENT)
    assert PutRecords(kinesis, "s")(CALL) == [None, None]


def test_a_call_that_is_taken_in_part_names_the_error_of_each(
    kinesis: KinesisClient, stub: Stubber
) -> None:
    failed = {"ErrorCode": "InternalFailure", "ErrorMessage": "x"}
    stub.add_response("put_records", {"FailedRecordCount": 1, "Records": [TAKEN, failed]}, SENT)
    assert PutRecords(kinesis, "s")(CALL) == [None, "InternalFailure"]


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ProvisionedThroughputExceededException", 400, "ProvisionedThroughputExceededException"),
        ("KMSThrottlingException", 400, "KMSThrottlingException"),
        ("InternalFailureException", 500, NO_ANSWER),
        ("ServiceUnavailable", 503, NO_ANSWER),
    ],
)
def test_a_refused_call_that_can_be_repeated_is_an_error_of_every_entry(
    kinesis: KinesisClient, stub: Stubber, code: str, status: int, error: str
) -> None:
    stub.add_client_error("put_records", code, http_status_code=status)
    assert PutRecords(kinesis, "s")(CALL) == [error, error]


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_a_refused_call_that_cannot_be_mended_is_raised(
    kinesis: KinesisClient, stub: Stubber, code: str
) -> None:
    stub.add_client_error("put_records", code, http_status_code=400)
    with pytest.raises(ClientError, match=code):
        PutRecords(kinesis, "s")(CALL)


@pytest.mark.parametrize(
    "lost",
    [ReadTimeoutError(endpoint_url="http://x"), EndpointConnectionError(endpoint_url="http://x")],
)
def test_a_call_without_an_answer_is_put_again(
    kinesis: KinesisClient, monkeypatch: pytest.MonkeyPatch, lost: Exception
) -> None:
    def fail(**_: object) -> None:
        raise lost

    monkeypatch.setattr(kinesis, "put_records", fail)
    assert PutRecords(kinesis, "s")(CALL) == [NO_ANSWER, NO_ANSWER]


@pytest.mark.parametrize(
    ("summary", "wanted"),
    [
        ({}, Limits()),
        ({"MaxRecordSizeInKiB": 1024}, Limits()),
        ({"MaxRecordSizeInKiB": 4096}, Limits(record_bytes=4 * MIB)),
        (
            {"MaxRecordSizeInKiB": 10240},
            Limits(record_bytes=10 * MIB, request_bytes=10 * MIB),
        ),
    ],
)
def test_a_stream_that_takes_larger_records_gets_them(
    kinesis: KinesisClient, stub: Stubber, summary: dict[str, int], wanted: Limits
) -> None:
    needed = {
        "StreamName": "s",
        "StreamARN": "arn:aws:kinesis:us-east-1:123456789012:stream/s",
        "StreamStatus": "ACTIVE",
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": 0,
        "EnhancedMonitoring": [],
        "OpenShardCount": 1,
    }
    answer = {"StreamDescriptionSummary": needed | summary}
    stub.add_response("describe_stream_summary", answer, {"StreamName": "s"})
    assert limits(kinesis, "s") == wanted
