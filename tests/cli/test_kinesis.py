"""PutRecords answers, from botocore's own parser, as error codes per entry."""

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber
from mypy_boto3_kinesis import KinesisClient
from urllib3 import HTTPResponse

from cli.kinesis import NO_ANSWER, PutRecords, limits, open_shards
from cli.producer import MIB, Call, Entry, Limits, Placed
from cli.shards import Shard, Shards

CALL = Call(0, (Entry(1, "a", b"\x00\xff"), Entry(2, "é", b"", hash_key="17")))
SENT = {
    "StreamName": "s",
    "Records": [
        {"Data": "AP8=", "PartitionKey": "a"},
        {"Data": "", "PartitionKey": "é", "ExplicitHashKey": "17"},
    ],
}
TAKEN = {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
PLACED = Placed("shardId-000000000000", "1")


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


class Endpoint:
    """Answers the requests that would be sent, and keeps them."""

    def __init__(self, kinesis: KinesisClient, answer: dict[str, Any]) -> None:
        self.sent: list[Any] = []
        self._answer = json.dumps(answer).encode()
        kinesis.meta.events.register("before-send.kinesis", self._send)  # type: ignore[arg-type]

    def cut(self) -> None:
        """Let half of the answer be lost."""
        self._answer = self._answer[: len(self._answer) // 2]

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        assert request.headers["Content-Length"] == str(len(request.body or b""))  # type: ignore[arg-type]
        self.sent.append(json.loads(request.body or b""))  # type: ignore[arg-type]
        raw = HTTPResponse(io.BytesIO(self._answer), preload_content=False)
        return AWSResponse(request.url, 200, {}, raw)  # type: ignore[arg-type]


def test_a_call_says_what_it_was_given_and_where_it_was_put(kinesis: KinesisClient) -> None:
    endpoint = Endpoint(kinesis, {"Records": [TAKEN, TAKEN]})
    assert PutRecords(kinesis, "s")(CALL) == [PLACED, PLACED]
    assert endpoint.sent == [SENT]


def test_a_call_that_is_taken_in_part_names_the_error_of_each(kinesis: KinesisClient) -> None:
    failed = {"ErrorCode": "InternalFailure", "ErrorMessage": "x"}
    Endpoint(kinesis, {"FailedRecordCount": 1, "Records": [TAKEN, failed]})
    assert PutRecords(kinesis, "s")(CALL) == [PLACED, "InternalFailure"]


def test_a_call_whose_answer_was_cut_short_is_put_again(kinesis: KinesisClient) -> None:
    endpoint = Endpoint(kinesis, {"Records": [TAKEN, TAKEN]})
    endpoint.cut()
    assert PutRecords(kinesis, "s")(CALL) == [NO_ANSWER, NO_ANSWER]


def test_the_client_s_other_calls_are_its_own(kinesis: KinesisClient) -> None:
    endpoint = Endpoint(kinesis, {"Records": [TAKEN]})
    put = PutRecords(kinesis, "s")
    records: Any = [{"Data": b"x", "PartitionKey": "k"}]
    kinesis.put_records(StreamName="t", Records=records)
    put.close()
    assert endpoint.sent == [
        {"StreamName": "t", "Records": [{"Data": "eA==", "PartitionKey": "k"}]}
    ]


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


def test_the_open_shards_are_listed_page_by_page(kinesis: KinesisClient, stub: Stubber) -> None:
    middle = 2**127

    def shard(number: int, first: int, last: int, *, closed: bool = False) -> dict[str, Any]:
        ends = {"EndingSequenceNumber": "2"} if closed else {}
        return {
            "ShardId": f"shard-{number}",
            "HashKeyRange": {"StartingHashKey": str(first), "EndingHashKey": str(last)},
            "SequenceNumberRange": {"StartingSequenceNumber": "1", **ends},
        }

    first = [shard(0, 0, 2**128 - 1, closed=True), shard(2, middle, 2**128 - 1)]
    stub.add_response("list_shards", {"Shards": first, "NextToken": "t"}, {"StreamName": "s"})
    stub.add_response("list_shards", {"Shards": [shard(1, 0, middle - 1)]}, {"NextToken": "t"})
    assert open_shards(kinesis, "s") == Shards(
        [Shard(0, middle - 1, "shard-1"), Shard(middle, 2**128 - 1, "shard-2")]
    )


def test_shards_of_an_answer_that_was_cut_short_are_none(kinesis: KinesisClient) -> None:
    Endpoint(kinesis, {"Shards": []}).cut()
    with pytest.raises(ValueError, match="do not share out"):
        open_shards(kinesis, "s")
