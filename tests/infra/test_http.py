"""Ingestion over HTTP as it is deployed, and the contract as API Gateway validates it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from typing import Any

import aws_cdk as cdk
import msgspec
import pytest
from aws_cdk.assertions import Template
from jsonschema import Draft4Validator

from cli.entries import key_of
from events import registry
from events.decoding import Decoder
from infra import checks, http
from infra.draft4 import array_model, model
from infra.environments import named
from infra.errors import WrongConfiguration
from infra.http import HttpIngestion
from infra.http_settings import Http
from infra.ingestion import Ingestion
from infra.stacks import add_stacks
from infra.storage import Key
from local.apigateway.templates import Input, render
from tests.events import kinds


def add(app: cdk.App, templates: list[dict[str, Any]]) -> None:
    """A stream with its address; its template is appended when it is synthesized."""
    environment, kind = named("dev"), registry.get("flight")
    stack = cdk.Stack(app, "Headrace-dev-http")
    key = Key(stack, "Key", environment=environment)
    ingestion = Ingestion(
        stack, "Ingestion", environment=environment, contract=kind.contract, key=key
    )
    HttpIngestion(
        stack,
        "Http",
        environment=environment,
        event_type="flight",
        kind=kind,
        settings=Http(rate=7, burst=9, daily_calls=11),
        ingestion=ingestion,
        key=key,
    )
    templates.append(dict(Template.from_stack(stack).to_json()))


def test_the_address_is_closed_but_for_what_it_is_for() -> None:
    templates: list[dict[str, Any]] = []
    assert list(checks.findings(partial(add, templates=templates))) == []
    resources = templates[0]["Resources"]

    def of(kind: str) -> list[dict[str, Any]]:
        return [
            it.get("Properties", {}) for it in resources.values() if it["Type"] == f"AWS::{kind}"
        ]

    (api,) = of("ApiGateway::RestApi")
    assert (api["SecurityPolicy"], api["EndpointAccessMode"]) == (
        "SecurityPolicy_TLS13_1_2_2021_06",
        "STRICT",
    )
    methods = of("ApiGateway::Method")
    assert [method["ApiKeyRequired"] for method in methods] == [True, True]
    assert all(method["Integration"]["PassthroughBehavior"] == "NEVER" for method in methods)
    (stage,) = of("ApiGateway::Stage")
    (limits,) = stage["MethodSettings"]
    assert limits["DataTraceEnabled"] is False
    assert (limits["ThrottlingRateLimit"], limits["ThrottlingBurstLimit"]) == (7, 9)
    line = json.loads(stage["AccessLogSetting"]["Format"])
    assert "$context.identity.apiKey" not in line.values()
    (plan,) = of("ApiGateway::UsagePlan")
    assert plan["Throttle"] == {"RateLimit": 7, "BurstLimit": 9}
    assert plan["Quota"] == {"Limit": 11, "Period": "DAY"}
    (policy,) = of("IAM::Policy")
    stream = next(name for name, it in resources.items() if it["Type"] == "AWS::Kinesis::Stream")
    allowed = {
        (action, json.dumps(statement["Resource"]))
        for statement in policy["PolicyDocument"]["Statement"]
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    }
    arn = json.dumps({"Fn::GetAtt": [stream, "Arn"]})
    assert {action for action, what in allowed if what == arn} == {
        "kinesis:PutRecord",
        "kinesis:PutRecords",
    }
    assert {action for action, what in allowed if what != arn} == {"kms:GenerateDataKey"}


@pytest.mark.parametrize("name", sorted(registry.types()))
def test_the_model_takes_what_the_contract_takes(name: str) -> None:
    kind = registry.get(name)
    schema = model(kind)
    Draft4Validator.check_schema(schema)
    assert "$ref" not in json.dumps(schema)
    if find_spec(f"events.{name}.source") is None:
        return
    made = import_module(f"events.{name}.source").events()
    events = [json.loads(msgspec.json.encode(one)) for one in islice(made, 200)]
    validator = Draft4Validator(array_model(kind, 500))
    assert validator.is_valid(events)
    for field in schema["required"]:
        assert not validator.is_valid([{key: it for key, it in events[0].items() if key != field}])
    assert not validator.is_valid([])


def test_the_model_refuses_what_the_contract_refuses() -> None:
    schema = Draft4Validator(model(registry.get("flight")))
    right = {
        "event_id": "x",
        "carrier": "UA",
        "flight_number": 1,
        "tail_number": None,
        "origin": "EWR",
        "destination": "IAH",
        "scheduled_departure": "2013-01-01T10:15:00Z",
        "scheduled_arrival": "2013-01-01T13:19:00Z",
        "distance": 1400,
    }
    assert schema.is_valid(right)
    for field, wrong in (
        ("flight_number", 0),
        ("flight_number", "1"),
        ("flight_number", 1.5),
        ("carrier", "United"),
        ("tail_number", ""),
        ("distance", None),
        ("unknown", 1),
    ):
        assert not schema.is_valid(right | {field: wrong}), field


def test_a_bound_that_is_itself_excluded_is_the_looser_one_that_api_gateway_has() -> None:
    fields = model(registry.get("release_verdict"))["properties"]
    assert fields["alpha"] == {"type": "number", "minimum": 0, "maximum": 0.5}
    weight = fields["metrics"]["items"]["properties"]["weight"]
    assert weight == {"type": "number", "minimum": 0, "maximum": 1}


class Renamed(kinds.Everything, frozen=True, kw_only=True, rename="camel"):
    """Its contract has Python's names of the fields, its JSON others."""

    contract = msgspec.structs.replace(kinds.CONTRACT, partition_key=("box_name", "device_id"))

    box_name: kinds.Key | None = None
    device_id: kinds.Key


@pytest.mark.parametrize(
    ("event", "key"), [({"boxName": "b"}, "b"), ({"boxName": None}, "d"), ({}, "d")]
)
def test_the_partition_key_is_looked_up_by_the_names_that_json_has(
    event: dict[str, Any], key: str
) -> None:
    """As the contract itself finds it."""
    body = {"id": "x", "time": "2025-06-01T12:30:00Z", "deviceId": "d", **event}
    data = json.dumps(body).encode()
    assert key_of(Decoder(Renamed).decode(data), data) == key
    for template, given in ((http.one, data), (http.many, b"[" + data + b"]")):
        made = json.loads(render(template("s", Renamed), Input(given, {}), {}, {}))
        (record,) = made.get("Records", [made])
        assert record["PartitionKey"] == key


@pytest.mark.parametrize("wrong", [{"rate": 0}, {"burst": 5001}, {"daily_calls": 0}])
def test_limits_that_aws_would_refuse_are_refused_at_once(wrong: dict[str, int]) -> None:
    with pytest.raises(WrongConfiguration, match="Ingestion over HTTP: "):
        Http(**wrong)


def test_only_event_types_are_taken() -> None:
    environment = replace(named("dev"), http={"unknown": Http()})
    with pytest.raises(WrongConfiguration, match="takes 'unknown' over HTTP"):
        add_stacks(cdk.App(), environment=environment)
