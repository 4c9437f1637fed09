"""Templates: their form, what depends on what, and in which order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.cloudformation.errors import Invalid
from local.cloudformation.template import graph, order, parse

QUEUE = {"Type": "AWS::SQS::Queue"}


def refusal(document: Any) -> str:
    with pytest.raises(Invalid) as caught:
        parse(document if isinstance(document, str) else json.dumps(document))
    return caught.value.message


def resources(**declared: Any) -> Any:
    return parse(json.dumps({"Resources": declared}))


def test_yaml_short_forms_mean_what_the_long_forms_mean() -> None:
    short = parse("""
        Conditions: {Big: !Equals [!Ref Size, big]}
        Parameters: {Size: {Type: String, Default: small}}
        Resources:
          Role:
            Type: AWS::IAM::Role
            Properties:
              AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: []}
              RoleName: !Sub "${AWS::StackName}-role"
              Description: !Join ["", [!GetAtt Other.Arn, !If [Big, a, b]]]
              Tags: [!Select [0, !Split [",", "a,b"]], !ImportValue x]
              Path: !GetAtt [Other, Path]
    """)
    assert short.conditions == {"Big": {"Fn::Equals": [{"Ref": "Size"}, "big"]}}
    assert short.resources["Role"].properties == {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
        "RoleName": {"Fn::Sub": "${AWS::StackName}-role"},
        "Description": {
            "Fn::Join": ["", [{"Fn::GetAtt": ["Other", "Arn"]}, {"Fn::If": ["Big", "a", "b"]}]]
        },
        "Tags": [
            {"Fn::Select": [0, {"Fn::Split": [",", "a,b"]}]},
            {"Fn::ImportValue": "x"},
        ],
        "Path": {"Fn::GetAtt": ["Other", "Path"]},
    }


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("{", "Template format error: YAML not well-formed."),
        ("[]", "Template format error: unsupported structure."),
        ({}, "Template format error: At least one Resources member must be defined."),
        ({"Resources": {}}, "Template format error: At least one Resources member"),
        ({"Ressources": {"A": QUEUE}}, "Invalid template property or properties [Ressources]"),
        ({"Resources": {"A": {}}}, "[/Resources/A] Every Resources object must contain a Type"),
        (
            {"Resources": {"A": QUEUE | {"Propertys": {}}}},
            "Invalid template resource property 'Propertys' of resource A",
        ),
        (
            {"Resources": {"A": QUEUE | {"DeletionPolicy": "Snapshot"}}},
            "DeletionPolicy Snapshot of resource A is not supported by the local AWS",
        ),
        (
            {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"A": QUEUE}},
            "Transform AWS::Serverless-2016-10-31 is not supported by the local AWS",
        ),
    ],
)
def test_a_template_of_a_wrong_form_is_refused_in_words(document: Any, told: str) -> None:
    assert told in refusal(document)


def test_every_way_to_refer_to_a_resource_is_a_dependency() -> None:
    template = resources(
        A=QUEUE,
        B=QUEUE,
        C=QUEUE,
        D=QUEUE,
        E=QUEUE,
        All=QUEUE
        | {
            "DependsOn": ["E"],
            "Properties": {
                "ref": {"Ref": "A"},
                "attribute": [{"Fn::GetAtt": ["B", "Arn"]}],
                "text": {"Fn::Sub": ["${C}/${D.Arn}/${own}/${AWS::Region}/${!A}", {"own": "x"}]},
            },
        },
    )
    waits = graph(template, {})
    assert waits == {name: set() for name in "ABCDE"} | {"All": set("ABCDE")}
    assert order(waits)[-1] == "All"


def test_only_the_branch_that_is_taken_is_a_dependency() -> None:
    template = resources(
        Sometimes=QUEUE | {"Condition": "On"},
        Always=QUEUE | {"Properties": {"Name": {"Fn::If": ["On", {"Ref": "Sometimes"}, "x"]}}},
    )
    assert graph(template, {"On": False}) == {"Always": set()}
    assert graph(template, {"On": True}) == {"Sometimes": set(), "Always": {"Sometimes"}}


def test_a_reference_to_nothing_is_refused() -> None:
    template = resources(A=QUEUE | {"Properties": {"Name": {"Ref": "B"}}, "DependsOn": "C"})
    with pytest.raises(Invalid, match=r"Unresolved resource dependencies \[B, C\]"):
        graph(template, {})


def test_a_circle_is_refused_with_its_members() -> None:
    with pytest.raises(Invalid, match=r"Circular dependency between resources: \[A, B\]"):
        order({"A": {"B"}, "B": {"A"}, "C": {"A"}})


@given(st.lists(st.sets(st.integers(0, 11)), max_size=12))
def test_the_order_has_everything_after_what_it_waits_for(edges: list[set[int]]) -> None:
    waits = {
        str(index): {str(it) for it in earlier if it < index} for index, earlier in enumerate(edges)
    }
    found = order(waits)
    assert sorted(found) == sorted(waits)
    assert all(found.index(it) < found.index(name) for name in waits for it in waits[name])
