"""Events over HTTP, as curl sends them: through API Gateway straight onto the stream."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import msgspec
import pytest

from events import registry
from events.flight.source import events
from infra.environments import named
from infra.http import HttpIngestion
from infra.http_settings import Http
from infra.ingestion import Ingestion
from infra.interface import publish
from infra.storage import Key
from tests.conftest import AWS
from tests.test_pipeline import until

STACK = "http-ingestion"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


@dataclass(frozen=True)
class Caller:
    """What a device knows: an address and a key."""

    aws: AWS
    outputs: dict[str, str]
    key: str

    def post(self, path: str, body: bytes, **headers: str) -> Answer:
        """By the path that the local AWS has for every API."""
        found = re.fullmatch(r"https://(\w+)\.execute-api\.[^/]+/(.*)", self.outputs["HttpUrl"])
        assert found
        url = f"{self.aws.endpoint}/_aws/execute-api/{found[1]}/{found[2]}{path}"
        return call(url, body, {"x-api-key": self.key, **headers})

    def records(self) -> Counter[tuple[str, bytes]]:
        """Keys and data on the stream."""
        kinesis, stream = self.aws.client("kinesis"), self.outputs["StreamName"]
        found: Counter[tuple[str, bytes]] = Counter()
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            page = kinesis.get_records(ShardIterator=iterator)
            found.update((one["PartitionKey"], one["Data"]) for one in page["Records"])
        return found


def call(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    request = urllib.request.Request(  # noqa: S310  of the local AWS
        url, body, {"Content-Type": "application/json"} | headers, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return Answer(response.status, json.load(response))
    except urllib.error.HTTPError as error:
        return Answer(error.code, json.load(error))


@pytest.fixture(scope="module")
def caller(aws: AWS, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A stack of its own: a stream of flights and its address."""
    folder = tmp_path_factory.mktemp("http")
    environment = replace(named("dev"), name="http")
    app = cdk.App(context=json.loads(Path("cdk.json").read_text())["context"], outdir=str(folder))
    stack = cdk.Stack(app, STACK, synthesizer=cdk.LegacyStackSynthesizer())
    kind, key = registry.get("flight"), Key(stack, "Key", environment=environment)
    ingestion = Ingestion(
        stack, "Ingestion", environment=environment, contract=kind.contract, key=key
    )
    http = HttpIngestion(
        stack,
        "Http",
        environment=environment,
        event_type="flight",
        kind=kind,
        settings=Http(rate=1000, burst=1000, daily_calls=1000),
        ingestion=ingestion,
        key=key,
    )
    publish(
        stack,
        HttpUrl=http.url,
        ApiKeyId=http.key.key_id,
        StreamName=ingestion.stream.stream_name,
    )
    app.synth()
    outputs = _deployed(aws, (folder / f"{STACK}.template.json").read_text())
    gateway = aws.client("apigateway")
    value = gateway.get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)["value"]
    yield Caller(aws, outputs, value)
    cloudformation = aws.client("cloudformation")
    cloudformation.delete_stack(StackName=STACK)
    until(lambda: _gone(cloudformation))
    left = [one["id"] for one in gateway.get_rest_apis(limit=500)["items"]]
    assert not [one for one in left if one in outputs["HttpUrl"]]


def _deployed(aws: AWS, template: str) -> dict[str, str]:
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK, TemplateBody=template, Capabilities=["CAPABILITY_IAM"]
    )

    def stack() -> dict[str, Any]:
        (found,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        return dict(found)

    until(lambda: not stack()["StackStatus"].endswith("IN_PROGRESS"))
    told = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    failed = [it for it in told if it["ResourceStatus"] == "CREATE_FAILED"]
    assert stack()["StackStatus"] == "CREATE_COMPLETE", failed
    return {output["OutputKey"]: output["OutputValue"] for output in stack()["Outputs"]}


def _gone(cloudformation: Any) -> bool:
    stacks = cloudformation.describe_stacks()["Stacks"]
    return all(stack["StackName"] != STACK for stack in stacks)


@pytest.fixture(scope="module")
def flights() -> list[bytes]:
    return [msgspec.json.encode(event) for event in islice(events(), 1000)]


def key_of(flight: bytes) -> str:
    event = json.loads(flight)
    return str(event["tail_number"] or event["event_id"])


def test_an_event_is_on_the_stream_as_it_came_under_its_own_key(
    caller: Caller, flights: list[bytes]
) -> None:
    unassigned = json.dumps(json.loads(flights[0]) | {"tail_number": None}, indent=1).encode()
    quoted = json.dumps(json.loads(flights[1]) | {"tail_number": "N'1\"\\é/"}).encode()
    sent = [flights[2], unassigned, quoted]
    before = caller.records()
    answers = [caller.post("/events", flight) for flight in sent]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert all(answer.body["shard_id"].startswith("shardId-") for answer in answers)
    assert all(int(answer.body["sequence_number"]) > 0 for answer in answers)
    assert caller.records() - before == Counter((key_of(one), one) for one in sent)


def test_a_batch_is_on_the_stream_event_by_event(caller: Caller, flights: list[bytes]) -> None:
    sent = flights[100:600]
    before = caller.records()
    answer = caller.post("/batches", b"[" + b",".join(sent) + b"]")
    assert answer.status == 200
    assert answer.body["failed"] == 0
    assert len(answer.body["records"]) == 500
    found = caller.records() - before
    assert Counter((key, data) for key, data in found.elements()) == Counter(
        (key_of(one), one) for one in sent
    )


def test_the_host_that_aws_gives_an_api_reaches_it(caller: Caller, flights: list[bytes]) -> None:
    host = re.sub(r"https://([^/]+)/.*", r"\1", caller.outputs["HttpUrl"])
    answer = call(
        f"{caller.aws.endpoint}/v1/events", flights[3], {"Host": host, "x-api-key": caller.key}
    )
    assert answer.status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/events", b""),
        ("/events", b"no json"),
        ("/events", b"{}"),
        ("/events", b"[]"),
        ("/events", b'{"event_id": ""}'),
        ("/events", b"[" * 100_000),
        ("/batches", b"[]"),
        ("/batches", b"{}"),
        ("/batches", b"[{}]"),
    ],
)
def test_what_is_not_the_contract_is_refused_and_nothing_is_put(
    caller: Caller, path: str, body: bytes
) -> None:
    before = caller.records()
    assert caller.post(path, body) == Answer(400, {"message": "Invalid request body"})
    assert caller.records() == before


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (rb'"event_id":"', rb'"event_id":"\\ud800'),
        (rb'"event_id":"', b'"event_id":"\xff'),
    ],
)
def test_what_only_some_readers_take_for_json_is_none(
    caller: Caller, flights: list[bytes], right: bytes, wrong: bytes
) -> None:
    before = caller.records()
    body, changed = re.subn(right, wrong, flights[0], count=1)
    assert changed == 1
    assert caller.post("/events", body) == Answer(400, {"message": "Invalid request body"})
    assert caller.records() == before


def test_one_wrong_event_keeps_its_whole_batch_out(caller: Caller, flights: list[bytes]) -> None:
    before = caller.records()
    wrong = flights[0].replace(b'"distance":', b'"distance":-')
    answer = caller.post("/batches", b"[" + flights[4] + b"," + wrong + b"]")
    assert answer.status == 400
    assert caller.post("/batches", b"[" + b",".join(flights[:501]) + b"]").status == 400
    assert caller.records() == before


def test_without_a_right_key_and_json_nothing_comes_in(
    caller: Caller, flights: list[bytes]
) -> None:
    forbidden = Answer(403, {"message": "Forbidden"})
    assert caller.post("/events", flights[0], **{"x-api-key": "wrong"}) == forbidden
    assert caller.post("/events", flights[0], **{"x-api-key": ""}) == forbidden
    assert caller.post("/other", flights[0]).status == 403
    assert caller.post("/events", flights[0], **{"Content-Type": "text/plain"}) == Answer(
        415, {"message": "Unsupported Media Type"}
    )


def test_what_the_stream_does_not_take_is_told(caller: Caller, flights: list[bytes]) -> None:
    big = json.loads(flights[0]) | {"event_id": "x"}
    text = json.dumps(big).encode().replace(b"{", b"{" + b" " * (1024 * 1024), 1)
    answer = caller.post("/events", text)
    assert answer.status == 400
    assert answer.body["message"].startswith("Kinesis takes no such record")


def test_the_access_log_has_lines_without_payloads(caller: Caller, flights: list[bytes]) -> None:
    caller.post("/events", flights[5])
    logs = caller.aws.client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=STACK)["logGroups"]
    (group,) = [one["logGroupName"] for one in groups if "AccessLog" in one["logGroupName"]]
    lines = [
        json.loads(event["message"])
        for event in logs.filter_log_events(logGroupName=group)["events"]
    ]
    last = lines[-1]
    assert (last["status"], last["path"]) == ("200", "/v1/events")
    assert last["api_key_id"] == caller.outputs["ApiKeyId"]
    assert json.loads(flights[5])["event_id"] not in json.dumps(lines)
