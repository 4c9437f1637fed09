"""AWS's schemas: wrong properties are refused in AWS's words, scalars get their types."""

from __future__ import annotations

from typing import Any

import pytest

from local.cloudformation import schema
from local.cloudformation.changes import Action
from local.cloudformation.errors import Failure
from local.cloudformation.intrinsics import Later
from local.cloudformation.plan import action, differences
from local.cloudformation.providers import PROVIDERS


def stream() -> schema.Schema:
    found = schema.load("AWS::Kinesis::Stream")
    assert found
    return found


def test_every_type_we_provide_is_one_of_aws_and_so_is_each_of_its_properties() -> None:
    assert PROVIDERS
    for name, provider in PROVIDERS.items():
        found = schema.load(name)
        assert found, name
        settable = found.properties.keys() - found.read_only
        assert provider.properties <= settable, name
        assert provider.fixed <= provider.properties, name
        assert set(found.required) <= provider.properties, name
        assert provider.named is None or provider.named in provider.properties, name


def test_a_type_that_aws_does_not_have_has_no_schema() -> None:
    assert schema.load("AWS::Kinesis::Brook") is None


def test_scalars_get_the_types_that_the_schema_names() -> None:
    given = {
        "ShardCount": "2",
        "RetentionPeriodHours": 48.0,
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "Tags": [{"Key": "a", "Value": 1}, {"Key": "b", "Value": True}],
        "Name": Later("Other"),
    }
    assert schema.fitted(stream(), "Stream", given) == {
        "ShardCount": 2,
        "RetentionPeriodHours": 48,
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "true"}],
        "Name": Later("Other"),
    }


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"Shards": 1}, "#: extraneous key [Shards] is not permitted"),
        ({"Arn": "a"}, "#: extraneous key [Arn] is not permitted"),
        (
            {"StreamModeDetails": {"Mode": "x"}},
            "#/StreamModeDetails: required key [StreamMode] not found, "
            "#/StreamModeDetails: extraneous key [Mode] is not permitted",
        ),
        (
            {"StreamModeDetails": {"StreamMode": "x"}},
            "#/StreamModeDetails/StreamMode: x is not a valid enum value",
        ),
        ({"ShardCount": "two"}, "#/ShardCount: expected type: Integer, found: String"),
        ({"ShardCount": 0}, "#/ShardCount: 0 is not greater or equal to 1"),
        ({"RetentionPeriodHours": True}, "expected type: Integer, found: Boolean"),
        ({"Tags": {"a": "b"}}, "#/Tags: expected type: Array, found: JSONObject"),
        ({"Tags": [{"Key": "a"}]}, "#/Tags/0: required key [Value] not found"),
    ],
)
def test_properties_that_do_not_fit_are_refused_in_awss_words(
    given: dict[str, Any], problem: str
) -> None:
    with pytest.raises(Failure) as caught:
        schema.fitted(stream(), "Stream", given)
    assert caught.value.message.startswith(
        "Properties validation failed for resource Stream with message:\n["
    )
    assert problem in caught.value.message


def test_a_property_that_aws_has_and_we_do_not_is_refused_by_its_name() -> None:
    with pytest.raises(Failure) as caught:
        PROVIDERS["AWS::Kinesis::Stream"].check("Stream", {"WarmThroughputMiBps": 5}, {})
    assert caught.value.message == (
        "Property WarmThroughputMiBps of AWS::Kinesis::Stream is not supported by the local AWS"
    )


def test_a_resource_gets_the_stacks_tags_and_its_own_override_them() -> None:
    tags = {"team": "lake", "stage": "dev"}
    own = {"Tags": [{"Key": "stage", "Value": "own"}]}
    queue = PROVIDERS["AWS::SQS::Queue"].check("Queue", own, tags)
    parameter = PROVIDERS["AWS::SSM::Parameter"].check(
        "P", {"Type": "String", "Value": "x", "Tags": {"stage": "own"}}, tags
    )
    consumer = {"ConsumerName": "c", "StreamARN": "arn"}
    assert queue == {"Tags": [{"Key": "team", "Value": "lake"}, {"Key": "stage", "Value": "own"}]}
    assert parameter["Tags"] == {"team": "lake", "stage": "own"}
    assert PROVIDERS["AWS::Kinesis::StreamConsumer"].check("C", consumer, tags) == consumer


@pytest.mark.parametrize(
    ("resource_type", "old", "new", "expected"),
    [
        ("AWS::Kinesis::Stream", {"ShardCount": 1}, {"ShardCount": 1}, Action.KEEP),
        ("AWS::Kinesis::Stream", {"ShardCount": 1}, {"ShardCount": 2}, Action.UPDATE),
        ("AWS::Kinesis::Stream", {"Name": "a"}, {"Name": "b"}, Action.REPLACE),
        ("AWS::Kinesis::Stream", {}, {"Name": Later("Other")}, Action.REPLACE),
        (
            "AWS::Glue::Table",
            {"TableInput": {"Name": "a", "Owner": "x"}},
            {"TableInput": {"Name": "a", "Owner": "y"}},
            Action.UPDATE,
        ),
        (
            "AWS::Glue::Table",
            {"TableInput": {"Name": "a"}},
            {"TableInput": {"Name": "b"}},
            Action.REPLACE,
        ),
        (
            "AWS::Glue::Database",
            {"DatabaseInput": {"Name": "a"}},
            {"DatabaseInput": {"Name": "b"}},
            Action.REPLACE,
        ),
    ],
)
def test_a_difference_keeps_changes_or_replaces(
    resource_type: str, old: dict[str, Any], new: dict[str, Any], expected: Action
) -> None:
    found = differences(PROVIDERS[resource_type].schema, old, new)
    assert action(found) is expected
