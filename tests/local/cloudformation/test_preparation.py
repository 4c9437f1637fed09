"""Parameters, rules, conditions and outputs, before anything is made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.cloudformation.errors import Invalid
from local.cloudformation.parameters import pseudo
from local.cloudformation.preparation import Prepared, latest_first, prepare
from local.cloudformation.stacks import Resource
from local.cloudformation.template import parse

RESOURCES = {"Queue": {"Type": "AWS::SQS::Queue"}}
STORED = {"/version": "30"}


def prepared(given: dict[str, str] | None = None, **sections: Any) -> Prepared:
    def lookup(_: str, key: str) -> str:
        if key not in STORED:
            raise Invalid(f"Unable to fetch parameters [{key}]")
        return STORED[key]

    def exports(name: str) -> str:
        raise Invalid(f"No export named {name} found.")

    template = parse(json.dumps({"Resources": RESOURCES} | sections))
    known = pseudo("123456789012", "us-east-1", "stack", "arn:stack")
    return prepare(template, given or {}, known, exports, lookup)


def test_parameters_are_of_their_types() -> None:
    found = prepared(
        {"Text": "x", "List": "a, b"},
        Parameters={
            "Text": {"Type": "String"},
            "List": {"Type": "CommaDelimitedList"},
            "None": {"Type": "CommaDelimitedList", "Default": ""},
            "Number": {"Type": "Number", "Default": 5},
            "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/version"},
        },
    )
    assert found.shown == {
        "Text": "x",
        "List": ["a", "b"],
        "None": [""],
        "Number": "5",
        "Stored": "30",
    }


@pytest.mark.parametrize(
    ("declared", "given", "told"),
    [
        ({"Type": "String"}, {}, r"Parameters: \[P\] must have values"),
        ({"Type": "String"}, {"P": "x", "Q": "y"}, r"Parameters: \[Q\] do not exist"),
        ({"Type": "Number"}, {"P": "x"}, "must be a number"),
        ({"Type": "Thing"}, {"P": "x"}, "Unrecognized parameter type: Thing"),
        ({"Type": "String", "AllowedValues": ["a"]}, {"P": "b"}, "one of AllowedValues: .a."),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, {"P": "a1"}, "must match pattern"),
        (
            {"Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "be small"},
            {"P": "A"},
            "Parameter 'P' be small",
        ),
        ({"Type": "String", "MinLength": 2}, {"P": "a"}, "at least 2 characters"),
        ({"Type": "String", "MaxLength": 2}, {"P": "aaa"}, "at most 2 characters"),
        ({"Type": "Number", "MinValue": 2}, {"P": "1"}, "not less than 2"),
        ({"Type": "Number", "MaxValue": 2}, {"P": "3"}, "not greater than 2"),
        (
            {"Type": "AWS::SSM::Parameter::Value<String>"},
            {"P": "/none"},
            r"Unable to fetch parameters \[/none\]",
        ),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(
    declared: dict[str, Any], given: dict[str, str], told: str
) -> None:
    with pytest.raises(Invalid, match=told):
        prepared(given, Parameters={"P": declared})


def test_conditions_may_come_in_any_order_and_build_on_each_other() -> None:
    found = prepared(
        Conditions={
            "Both": {"Fn::And": [{"Condition": "Here"}, {"Fn::Not": [{"Condition": "There"}]}]},
            "Here": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]},
            "There": {"Fn::Equals": [{"Ref": "AWS::Region"}, "mars"]},
        }
    )
    assert dict(found.conditions) == {"Both": True, "Here": True, "There": False}


def test_conditions_in_a_circle_are_refused() -> None:
    circle = {"A": {"Fn::Not": [{"Condition": "B"}]}, "B": {"Fn::Not": [{"Condition": "A"}]}}
    resources = {"Queue": RESOURCES["Queue"] | {"Condition": "A"}}
    with pytest.raises(Invalid, match="Circular condition dependency"):
        prepared(Conditions=circle, Resources=resources)


def test_a_violated_rule_is_told_in_its_own_words() -> None:
    rule = {
        "Assertions": [
            {
                "Assert": {"Fn::Not": [{"Fn::Contains": [["1", "2"], {"Ref": "Version"}]}]},
                "AssertDescription": "bootstrap again",
            }
        ]
    }
    version = {"Version": {"Type": "String"}}
    prepared({"Version": "3"}, Parameters=version, Rules={"Newer": rule})
    with pytest.raises(Invalid, match="rule Newer is violated: bootstrap again"):
        prepared({"Version": "2"}, Parameters=version, Rules={"Newer": rule})
    skipped = rule | {"RuleCondition": {"Fn::Equals": ["a", "b"]}}
    prepared({"Version": "2"}, Parameters=version, Rules={"Newer": skipped})


def test_an_output_of_a_resource_that_is_not_there_is_refused() -> None:
    with pytest.raises(Invalid, match=r"\[Gone\] in the Outputs block"):
        prepared(Outputs={"Out": {"Value": {"Ref": "Gone"}}})


def test_what_waits_is_deleted_before_what_it_waits_for() -> None:
    def resource(name: str, physical: str, *waits: str) -> Resource:
        return Resource(logical_id=name, type="T", physical_id=physical, waits_for=frozenset(waits))

    resources = [
        resource("Role", "r1"),
        resource("Role", "r2"),
        resource("Key", "k"),
        resource("Function", "f", "Role", "Key"),
        resource("Mapping", "m", "Function", "Gone"),
    ]
    assert [it.physical_id for it in latest_first(resources)] == ["m", "f", "k", "r2", "r1"]
