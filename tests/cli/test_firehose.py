"""PutRecordBatch answers, from botocore's own parser, as error codes per entry."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber
from mypy_boto3_firehose import FirehoseClient

from cli.firehose import LIMITS, PutRecordBatch
from cli.kinesis import NO_ANSWER
from cli.producer import Call, Entry

CALL = Call(0, (Entry(1, "1", b"\x00\xff"), Entry(2, "2", b"")))
SENT = {"DeliveryStreamName": "s", "Records": [{"Data": b"\x00\xff"}, {"Data": b""}]}


@pytest.fixture
def firehose() -> FirehoseClient:
    key = "x"
    return boto3.client(
        "firehose", region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=key
    )


@pytest.fixture
def stub(firehose: FirehoseClient) -> Iterator[Stubber]:
    with Stubber(firehose) as stub:
        yield stub
        stub.assert_no_pending_responses()


def test_what_is_not_taken_of_a_call_is_named_by_entry(
    firehose: FirehoseClient, stub: Stubber
) -> None:
    slow = {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}
    taken = {"RecordId": "1"}
    answers = [taken, slow]
    stub.add_response("put_record_batch", {"FailedPutCount": 1, "RequestResponses": answers}, SENT)
    assert PutRecordBatch(firehose, "s")(CALL) == [None, "ServiceUnavailableException"]


def test_a_call_without_an_answer_is_to_be_repeated(
    firehose: FirehoseClient, stub: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.add_client_error("put_record_batch", "ServiceUnavailableException", http_status_code=503)
    put = PutRecordBatch(firehose, "s")
    assert put(CALL) == [NO_ANSWER, NO_ANSWER]

    def unreachable(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://firehose")

    monkeypatch.setattr(firehose, "put_record_batch", unreachable)
    assert put(CALL) == [NO_ANSWER, NO_ANSWER]


def test_a_refusal_that_cannot_be_mended_is_raised(firehose: FirehoseClient, stub: Stubber) -> None:
    stub.add_client_error("put_record_batch", "ResourceNotFoundException", http_status_code=400)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        PutRecordBatch(firehose, "s")(CALL)


def test_the_limits_are_those_of_a_call() -> None:
    assert (LIMITS.records, LIMITS.request_bytes, LIMITS.record_bytes) == (500, 4 << 20, 1_024_000)
