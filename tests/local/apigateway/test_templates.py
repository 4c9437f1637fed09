"""Mapping templates, and what those of ingestion over HTTP make of what Kinesis answers."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from events import registry
from infra import http
from local.apigateway.errors import Refused
from local.apigateway.templates import Input, render

PARAMETERS = {
    "path": {},
    "querystring": {"a": "query", "b": "query"},
    "header": {"A": "header", "content-type": "application/json"},
}
BODY = {"list": [{"x": 1}, {"x": "zwei"}], "deep": {"a-b": [True, None]}, "text": "é'\"\\/\n"}


def made(template: str, body: Any = BODY, context: dict[str, Any] | None = None) -> str:
    given = Input(json.dumps(body).encode(), PARAMETERS)
    return render(template, given, context or {"requestId": "r-1"}, {"variable": "v"}).decode()


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$input.path('$.text.length()')", None),
        ("$input.json('$.deep')", '{"a-b":[true,null]}'),
        ("$input.json(\"$.list[1]['x']\")", '"zwei"'),
        ("$input.path('$.list[7].x')", ""),
        ("$!input.path('$.none')", ""),
        ("$input.params('A') $input.params('b') $input.params('none')|", "query query |"),
        ("$input.params().header.get('A')", "header"),
        ("$context.requestId $stageVariables.variable", "r-1 v"),
        (
            "$util.base64Encode($input.path('$.text'))",
            base64.b64encode(b"\xc3\xa9'\"\\/\n").decode(),
        ),
        ("$util.escapeJavaScript($input.path('$.text'))", r"\u00E9\'\"\\\/\n"),
        (
            "#foreach($it in $input.path('$.list'))$foreach.index:$it.x"
            "#if($foreach.hasNext),#end#end",
            "0:1,1:zwei",
        ),
        ("#if($input.path('$.list').size() > 1 && true)yes#{else}no#end", "yes"),
        ("## a remark\nafter", "after"),
    ],
)
def test_what_templates_make(template: str, text: str | None) -> None:
    if text is None:
        with pytest.raises(Refused, match="does not support the JSONPath"):
            made(template)
    else:
        assert made(template) == text


def test_a_function_that_is_not_there_is_refused_by_its_name() -> None:
    with pytest.raises(Refused, match=r"does not support the function \$util.urlEncode of API Gat"):
        made("$util.urlEncode('a b&c')")


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999"])
def test_what_is_no_number_of_json_is_none(number: bytes) -> None:
    with pytest.raises(ValueError, match=r"malformed|out of range"):
        _ = Input(b'{"n":' + number + b"}", PARAMETERS).document


def test_a_template_that_is_wrong_is_the_api_s_defect() -> None:
    with pytest.raises(Refused) as refused:
        made("#if($x")
    assert refused.value.status == 500


@pytest.mark.parametrize("name", sorted(registry.types()))
def test_the_requests_of_every_event_type_are_json(name: str) -> None:
    kind = registry.get(name)
    *others, last = kind.contract.partition_key
    event = {**dict.fromkeys(others), last: "N'1\"\\é"}
    one = json.loads(made(http.one("stream", kind), event))
    assert one["StreamName"] == "stream"
    assert one["PartitionKey"] == event[last]
    assert json.loads(base64.b64decode(one["Data"])) == event
    full = dict.fromkeys((*others, last), "key")
    many = json.loads(made(http.many("stream", kind), [event, full, event]))
    assert [it["PartitionKey"] for it in many["Records"]] == [event[last], "key", event[last]]
    assert [json.loads(base64.b64decode(it["Data"])) for it in many["Records"]] == [
        event,
        full,
        event,
    ]


PUT = {"ShardId": "shardId-0", "SequenceNumber": "7"}
NOT_PUT = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "of a stream"}


@pytest.mark.parametrize(
    ("records", "status"),
    [([PUT, PUT], None), ([PUT, NOT_PUT], 207), ([NOT_PUT], 503), ([NOT_PUT, NOT_PUT], 503)],
)
def test_a_batch_tells_what_of_it_was_not_put(records: list[dict[str, str]], status: Any) -> None:
    context: dict[str, Any] = {"responseOverride": {}}
    failed = records.count(NOT_PUT)
    answer = json.loads(
        made(http.MANY_ANSWER, {"FailedRecordCount": failed, "Records": records}, context)
    )
    assert context["responseOverride"].get("status") == status
    assert answer["failed"] == failed
    assert answer["records"] == [
        {"shard_id": "shardId-0", "sequence_number": "7"}
        if one is PUT
        else {"error": "ProvisionedThroughputExceededException"}
        for one in records
    ]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("ProvisionedThroughputExceededException", 429),
        ("KMSThrottlingException", 429),
        ("LimitExceededException", 429),
        ("ValidationException", None),
        ("InvalidArgumentException", None),
        ("AccessDeniedException", 500),
        ("ResourceNotFoundException", 500),
    ],
)
def test_a_refusal_of_the_stream_says_whether_to_try_again(error: str, status: Any) -> None:
    context: dict[str, Any] = {"responseOverride": {}}
    said = json.loads(made(http.REFUSED, {"__type": error, "message": "arn of a stream"}, context))
    assert context["responseOverride"].get("status") == status
    assert "arn" not in said["message"]
