"""Which streams are scaled, by what, with which rights; and that a deployment leaves them alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
import pytest

from events import registry
from events.contract import Provisioned
from functions.release_health.settings import Settings as ReleaseHealth
from functions.shard_scaler.settings import SECONDS, Policy, Settings
from functions.shared.settings import Consumption
from infra.deliveries import Delivered
from infra.environments import Environment, named
from infra.errors import WrongConfiguration
from infra.stacks import add_stacks
from tests.infra.assembly import ROOT, Assembly, Resource
from tests.infra.test_deliveries import ENDPOINT
from tests.infra.test_pipeline import stack_of


def scaled(assembly: Assembly) -> Mapping[str, Policy]:
    return named(assembly.environment).scalings


def of(assembly: Assembly, name: str, type_: str, prefix: str) -> list[Resource]:
    """The resources of a type in the stack of an event type, whose names begin so."""
    stack = stack_of(assembly, name)
    found = assembly.resources(type_)
    return [it for it in found if it.stack == stack and it.name.startswith(prefix)]


def test_production_scales_what_is_provisioned_and_large_and_dev_nothing(
    assemblies: Mapping[str, Assembly],
) -> None:
    found = {name: sorted(scaled(assembly)) for name, assembly in assemblies.items()}
    assert found == {"dev": [], "prod": ["device_telemetry"]}


def test_a_scaled_stream_has_a_function_that_looks_each_minute(assembly: Assembly) -> None:
    for name in registry.names():
        functions = of(assembly, name, "AWS::Lambda::Function", "Scaler")
        rules = of(assembly, name, "AWS::Events::Rule", "Scaler")
        if name not in scaled(assembly):
            assert functions == rules == []
            continue
        (function,), (rule,) = functions, rules
        (target,) = rule.properties["Targets"]
        assert rule.properties["ScheduleExpression"] == "rate(1 minute)"
        assert (target["Arn"], target["Input"]) == ({"Fn::GetAtt": [function.name, "Arn"]}, "{}")
        assert function.properties["Timeout"] == SECONDS
        variables = function.properties["Environment"]["Variables"]
        texts = {key: value if isinstance(value, str) else "x" for key, value in variables.items()}
        settings = Settings.read(texts)
        assert (settings.event_type, settings.policy) == (name, scaled(assembly)[name])
        assert settings.state_key == f"scaling/{name}.json"


def test_single_shards_report_what_they_take_where_they_are_scaled(assembly: Assembly) -> None:
    for name in registry.names():
        (stream,) = of(assembly, name, "AWS::Kinesis::Stream", "Ingestion")
        metrics = sorted(stream.properties.get("DesiredShardLevelMetrics", []))
        if name in scaled(assembly):
            assert metrics == [
                "IncomingBytes",
                "IncomingRecords",
                "WriteProvisionedThroughputExceeded",
            ]
        else:
            assert metrics == []


def test_the_template_has_the_contracts_shards_whatever_the_bounds_are(
    assembly: Assembly,
) -> None:
    """CloudFormation changes the shards of a stream when its template's number does: were it made
    of the bounds, to change those would throw the stream back."""
    for name, kind in registry.types().items():
        (stream,) = of(assembly, name, "AWS::Kinesis::Stream", "Ingestion")
        capacity = kind.contract.capacity
        expected = capacity.shards if isinstance(capacity, Provisioned) else None
        assert stream.properties.get("ShardCount") == expected


def test_the_function_changes_its_own_stream_and_one_object(assembly: Assembly) -> None:
    for name in scaled(assembly):
        (stream,) = of(assembly, name, "AWS::Kinesis::Stream", "Ingestion")
        (policy,) = of(assembly, name, "AWS::IAM::Policy", "ScalerFunctionRole")
        statements = policy.properties["PolicyDocument"]["Statement"]
        granted = {_actions(it): it["Resource"] for it in statements}
        resharding = (
            "kinesis:DescribeStreamSummary",
            "kinesis:ListShards",
            "kinesis:ListStreamConsumers",
            "kinesis:MergeShards",
            "kinesis:SplitShard",
            "kinesis:UpdateShardCount",
        )
        assert granted[resharding] == {"Fn::GetAtt": [stream.name, "Arn"]}
        key = f"scaling/{name}.json"
        assert assembly.in_lake(statements) == [
            (["s3:GetObject", "s3:PutObject"], f"/{key}", None),
            ("s3:ListBucket", "", {"StringEquals": {"s3:prefix": key}}),
        ]
        (anywhere,) = (actions for actions, on in granted.items() if on == "*")
        assert anywhere == (
            "cloudwatch:GetMetricData",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        )
        assert sum("kinesis" in action for it in statements for action in _actions(it)) == 6


def test_what_the_scaler_cannot_do_is_watched(assembly: Assembly) -> None:
    for name in scaled(assembly):
        alarms = of(assembly, name, "AWS::CloudWatch::Alarm", "Scaler")
        found = {
            it.properties["MetricName"]: (
                it.properties["Threshold"],
                it.properties["EvaluationPeriods"],
            )
            for it in alarms
        }
        assert found == {
            "AtMost": (1, 3),
            "CallsUsed": (10, 1),
            "HotKey": (1, 3),
            "Blind": (1, 3),
            "Errors": (1, 3),
        }


@pytest.mark.parametrize(
    ("scalings", "sentence"),
    [
        (
            {"flights": Policy(least_shards=1, most_shards=4)},
            "Environment dev says how to scale 'flights', which is no event type; there are:",
        ),
        (
            {"flight": Policy(least_shards=1, most_shards=4)},
            "Environment dev scales flight, whose stream is on demand and scaled by AWS: leave it"
            " out of scalings",
        ),
        (
            {"device_telemetry": Policy(least_shards=3, most_shards=4)},
            "Environment dev scales device_telemetry between 3 and 4 shards, but its contract makes"
            " it with 2: widen the bounds",
        ),
    ],
)
def test_what_can_not_be_scaled_is_one_sentence(scalings: dict[str, Policy], sentence: str) -> None:
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    environment: Environment = replace(named("dev"), scalings=scalings)
    with pytest.raises(WrongConfiguration) as refused:
        add_stacks(cdk.App(context=context), environment=environment)
    assert str(refused.value).startswith(sentence)


def test_all_who_share_the_throughput_of_a_scaled_stream_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A delivery to an endpoint polls like the lake's, and so do processors without fan-out."""
    polling = Consumption(fan_out=False)

    class First(ReleaseHealth):
        consumption = polling

    class Second(ReleaseHealth):
        consumption = polling

    found = {"first": First, "release_health": ReleaseHealth, "second": Second}
    monkeypatch.setattr("infra.stacks.processors", lambda _: found)
    environment = replace(
        named("dev"),
        deliveries={"device_telemetry": Delivered(endpoint=ENDPOINT)},
        scalings={"device_telemetry": Policy(least_shards=1, most_shards=4, shared_readers=3)},
    )
    with pytest.raises(WrongConfiguration) as refused:
        add_stacks(cdk.App(), environment=environment)
    assert str(refused.value) == (
        "Environment dev scales device_telemetry with shared_readers=3, but 4 share its shards'"
        " throughput (its delivery, its delivery to an endpoint, processor first, processor"
        " second): set shared_readers=4 in its scaling (infra/environments.py)."
    )


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"least_shards": 0}, "least_shards is 0, but must be at least 1"),
        ({"most_shards": 1}, "most_shards is 1, but must be 2 to 10000"),
        ({"target": 0.95}, "target is 0.95, but must be 0.05 to 0.9"),
        ({"hot": 0.4}, "hot is 0.4, but must be above the target, 0.5, to 1"),
        ({"shared_readers": 0}, "shared_readers is 0, but must be at least 1, for delivery"),
        ({"reserve_calls": 11}, "reserve_calls is 11, but must be 0 to 10"),
    ],
)
def test_a_policy_that_makes_no_sense_is_one_sentence(
    values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match="The scaling's") as refused:
        Policy(**{"least_shards": 2, "most_shards": 8, "target": 0.5, **values})
    assert str(refused.value) == f"The scaling's {sentence}."


def _actions(statement: Mapping[str, Any]) -> tuple[str, ...]:
    actions = statement["Action"]
    return (actions,) if isinstance(actions, str) else tuple(sorted(actions))
