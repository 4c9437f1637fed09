"""What the local API Gateway cannot do is refused by name; what AWS refuses, in AWS's words."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.conftest import AWS


def api(aws: AWS, integration: dict[str, Any], path: str = "things", **method: Any) -> str:
    """An API with one method; the address of its stage."""
    gateway = aws.client("apigateway")
    made = gateway.create_rest_api(name="of a test")["id"]
    (root,) = gateway.get_resources(restApiId=made)["items"]
    resource = gateway.create_resource(restApiId=made, parentId=root["id"], pathPart=path)["id"]
    where = {"restApiId": made, "resourceId": resource, "httpMethod": "POST"}
    gateway.put_method(**where, **{"authorizationType": "NONE", **method})
    gateway.put_integration(**where, integrationHttpMethod="POST", **integration)
    gateway.create_deployment(restApiId=made, stageName="v1")
    return f"{aws.endpoint}/_aws/execute-api/{made}/v1"


def post(url: str) -> tuple[int, str]:
    request = urllib.request.Request(  # noqa: S310  of the local AWS
        url, b"{}", {"Content-Type": "application/json"}, method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)  # noqa: S310
    return refused.value.code, str(json.load(refused.value)["message"])


KINESIS = "arn:aws:apigateway:us-east-1:kinesis:action/PutRecord"
LAMBDA = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations"


@pytest.mark.parametrize(
    ("integration", "method", "path", "what"),
    [
        ({"type": "MOCK"}, {}, "things", "an integration of the type MOCK"),
        (
            {"type": "AWS_PROXY", "uri": LAMBDA},
            {},
            "things",
            "an integration of the type AWS_PROXY",
        ),
        ({"type": "AWS", "uri": LAMBDA}, {}, "things", f"the integration {LAMBDA}"),
        (
            {"type": "AWS", "uri": KINESIS},
            {"authorizationType": "AWS_IAM"},
            "things",
            "the authorization AWS_IAM",
        ),
        ({"type": "AWS", "uri": KINESIS}, {}, "{thing}", "a path with parameters"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(
    aws: AWS, integration: dict[str, Any], method: dict[str, Any], path: str, what: str
) -> None:
    url = api(
        aws, {"credentials": "arn:aws:iam::123456789012:role/r", **integration}, path, **method
    )
    sentence = f"The local AWS does not support {what} of API Gateway."
    assert post(f"{url}/{'things' if path == 'things' else '7'}") == (501, sentence)


def test_a_stage_refuses_what_is_above_its_rate(aws: AWS) -> None:
    url = api(aws, {"type": "MOCK"})
    number = url.split("/")[-2]
    limits = {"rateLimit": "0.001", "burstLimit": "1"}
    aws.client("apigateway").update_stage(
        restApiId=number,
        stageName="v1",
        patchOperations=[
            {"op": "replace", "path": f"/*/*/throttling/{name}", "value": value}
            for name, value in limits.items()
        ],
    )
    assert [post(f"{url}/things")[0] for _ in range(2)] == [501, 429]


def test_what_is_not_there_is_no_secret_told(aws: AWS) -> None:
    url = api(aws, {"type": "MOCK"})
    for wrong in (f"{url}/other", f"{url}2/things", url.replace("/execute-api/", "/execute-api/0")):
        assert post(wrong) == (403, "Missing Authentication Token")
