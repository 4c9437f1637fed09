"""Intrinsic functions, with everything known and with something still unknown."""

from __future__ import annotations

from typing import Any

import pytest

from local.cloudformation.errors import Invalid
from local.cloudformation.intrinsics import Later, Scope, holds, laters, resolve

EXPORTS = {"lake:Bucket": "the-lake"}
UNKNOWN = Later("New", "Arn")


def imported(name: str) -> str:
    if name not in EXPORTS:
        raise Invalid(f"No export named {name} found.")
    return EXPORTS[name]


SCOPE = Scope(
    parameters={"AWS::Region": "us-east-1", "Names": ["a", "b"], "Size": "big", "Many": "3"},
    mappings={"Hosts": {"us-east-1": {"suffix": "amazonaws.com"}}},
    conditions={"On": True, "Off": False},
    reference=lambda name: f"{name}-id" if name != "New" else Later(name),
    attribute=lambda name, it: f"{name}.{it}" if name != "New" else Later(name, it),
    imported=imported,
    dynamic=lambda service, key: f"{service}/{key}",
)
NEW = {"Fn::GetAtt": ["New", "Arn"]}


@pytest.mark.parametrize(
    ("tree", "value"),
    [
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Ref": "Queue"}, "Queue-id"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "Queue.Arn"),
        ({"Fn::GetAtt": "Queue.Nested.Arn"}, "Queue.Nested.Arn"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Size"}, 3, True]]}, "a-big-3-true"),
        ({"Fn::Join": [",", {"Ref": "Names"}]}, "a,b"),
        ({"Fn::Sub": "${Queue}/${Queue.Arn}/${AWS::Region}/${!Literal}"},
         "Queue-id/Queue.Arn/us-east-1/${Literal}"),
        ({"Fn::Sub": ["${x}${Size}", {"x": {"Ref": "Queue"}}]}, "Queue-idbig"),
        ({"Fn::Split": [",", "a,b"]}, ["a", "b"]),
        ({"Fn::Select": ["1", {"Ref": "Names"}]}, "b"),
        ({"Fn::FindInMap": ["Hosts", {"Ref": "AWS::Region"}, "suffix"]}, "amazonaws.com"),
        ({"Fn::If": ["On", "yes", {"Ref": "Nothing"}]}, "yes"),
        ({"Fn::ImportValue": {"Fn::Sub": "lake:Bucket"}}, "the-lake"),
        ({"Fn::Base64": "text"}, "dGV4dA=="),
        ({"Fn::Select": [1, {"Fn::Cidr": ["10.0.0.0/24", 2, 7]}]}, "10.0.0.128/25"),
        ({"Fn::Cidr": ["10.0.0.0/16", "2"]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::GetAZs": ""}, ["us-east-1a", "us-east-1b", "us-east-1c"]),
        ("{{resolve:ssm:/a/b}}!", "ssm//a/b!"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
        ({"a": {"Fn::If": ["Off", 1, {"Ref": "AWS::NoValue"}]}}, {}),
        ({"Statement": [{"Condition": {"Null": {"sts:ExternalId": "true"}}}]},
         {"Statement": [{"Condition": {"Null": {"sts:ExternalId": "true"}}}]}),
    ],
)  # fmt: skip
def test_a_function_has_its_value(tree: Any, value: Any) -> None:
    assert resolve(tree, SCOPE) == value


@pytest.mark.parametrize(
    "tree",
    [
        NEW,
        {"Fn::Join": ["", ["arn:", NEW]]},
        {"Fn::Sub": "x${New.Arn}"},
        {"Fn::Sub": ["x${own}", {"own": NEW}]},
        {"Fn::Select": [0, {"Fn::Split": [":", NEW]}]},
        {"Fn::Base64": NEW},
    ],
)
def test_what_is_made_of_the_unknown_is_unknown(tree: Any) -> None:
    assert resolve({"deep": [tree]}, SCOPE) == {"deep": [UNKNOWN]}
    assert list(laters(resolve({"deep": [tree]}, SCOPE))) == [UNKNOWN]


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ({"Fn::Length": ["a"]}, "Fn::Length is not supported by the local AWS"),
        ({"Fn::Cidr": ["10.0.0.0/24", 3, 7]}, "Fn::Cidr cannot be resolved"),
        ({"Fn::ImportValue": "lake:Key"}, "No export named lake:Key found."),
        ({"Fn::Select": [5, ["a"]]}, "Fn::Select cannot be resolved"),
        ({"Fn::FindInMap": ["Hosts", "mars", "suffix"]}, "Fn::FindInMap cannot be resolved"),
        ({"Fn::If": ["Never", 1, 2]}, "Unresolved condition dependency Never"),
    ],
)
def test_a_function_that_cannot_be_carried_out_is_refused(tree: Any, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        resolve(tree, SCOPE)


@pytest.mark.parametrize(
    ("tree", "truth"),
    [
        ({"Condition": "On"}, True),
        ({"Fn::Equals": [{"Ref": "Size"}, "big"]}, True),
        ({"Fn::Equals": [{"Ref": "Many"}, 3]}, True),
        ({"Fn::Equals": ["", {"Fn::Join": ["", {"Ref": "Names"}]}]}, False),
        ({"Fn::Not": [{"Condition": "Off"}]}, True),
        ({"Fn::And": [{"Condition": "On"}, {"Condition": "Off"}]}, False),
        ({"Fn::Or": [{"Condition": "On"}, {"Condition": "Off"}]}, True),
        ({"Fn::Contains": [["1", "2"], {"Ref": "Many"}]}, False),
    ],
)
def test_a_condition_is_true_or_false(tree: Any, truth: bool) -> None:
    assert holds(tree, SCOPE) is truth
