"""The HTTP endpoint protocol: what is sent, what counts as taken, when it is tried again."""

import base64
import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.delivery import endpoint
from local.delivery.configuration import Endpoint
from local.delivery.endpoint import Response

ARN = "arn:aws:firehose:us-east-1:123456789012:deliverystream/d"
ID = "ed4acda5-034f-9f42-bba1-f29aea6d7d8f"


def target(*, packed: bool = False) -> Endpoint:
    return Endpoint("http://localhost/x", "x", "secret", packed, {"stage": "dev"}, 300, None)


def test_the_request_is_aws_s() -> None:
    headers, body = endpoint.request(target(), ARN, ID, 1578090901599, [b"hello", b""])
    assert headers == {
        "Content-Type": "application/json",
        "User-Agent": "Amazon Kinesis Data Firehose Agent/1.0",
        "X-Amz-Firehose-Protocol-Version": "1.0",
        "X-Amz-Firehose-Request-Id": ID,
        "X-Amz-Firehose-Source-Arn": ARN,
        "X-Amz-Firehose-Access-Key": "secret",
        "X-Amz-Firehose-Common-Attributes": '{"commonAttributes": {"stage": "dev"}}',
    }
    assert json.loads(body) == {
        "requestId": ID,
        "timestamp": 1578090901599,
        "records": [{"data": "aGVsbG8="}, {"data": ""}],
    }


@settings(deadline=None)
@given(st.lists(st.binary(), min_size=1))
def test_a_compressed_body_says_so(records: list[bytes]) -> None:
    headers, body = endpoint.request(target(packed=True), ARN, ID, 1, records)
    sent = json.loads(gzip.decompress(body))["records"]
    assert [base64.b64decode(one["data"]) for one in sent] == records
    assert headers["Content-Encoding"] == "gzip"


def answered(status: int, body: object, kind: str = "application/json") -> Response:
    return Response(status, kind, "", json.dumps(body).encode())


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (answered(200, {"requestId": ID, "timestamp": 1}), None),
        (answered(200, {"requestId": ID, "timestamp": "1", "more": 2}), None),
        (answered(200, {"requestId": ID, "timestamp": 1}, "application/json; charset=utf-8"), None),
        (answered(200, {"requestId": "other", "timestamp": 1}), "InvalidResponseFromDestination"),
        (answered(200, {"requestId": ID}), "InvalidResponseFromDestination"),
        (answered(200, []), "InvalidResponseFromDestination"),
        (
            answered(200, {"requestId": ID, "timestamp": 1}, "text/plain"),
            "InvalidResponseFromDestination",
        ),
        (Response(200, "application/json", "gzip", b"{}"), "InvalidResponseFromDestination"),
        (Response(200, "application/json", "", b"\xff"), "InvalidResponseFromDestination"),
        (answered(201, {"requestId": ID, "timestamp": 1}), "DestinationException"),
        (answered(302, {}), "DestinationException"),
        (answered(413, {}), "DestinationException"),
        (answered(500, {"errorMessage": "no"}), "DestinationException"),
        (Response(200, "application/json", "", b" " * (1 << 20) + b"{}"), "ResponseTooLarge"),
    ],
)
def test_only_a_200_with_the_request_s_id_is_a_delivery(
    response: Response, code: str | None
) -> None:
    found = endpoint.problem(response, ID)
    assert (found.code if found else None) == (f"HttpEndpoint.{code}" if code else None)


def test_a_refusal_is_quoted() -> None:
    found = endpoint.problem(Response(413, body=b'{"errorMessage":"Payload too large"}'), ID)
    assert found is not None
    assert found.message == (
        "The following response was received from the endpoint destination. "
        '413: {"errorMessage":"Payload too large"}'
    )


@pytest.mark.parametrize(("retry", "seconds"), [(0, 1), (1, 2), (5, 32), (7, 120), (30, 120)])
def test_retries_back_off_up_to_two_minutes(retry: int, seconds: float) -> None:
    waits = [endpoint.backoff(retry) for _ in range(50)]
    assert all(seconds * 0.85 <= wait <= seconds * 1.15 for wait in waits)
    assert len(set(waits)) > 1
