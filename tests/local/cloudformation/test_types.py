"""Every resource type we provide: made, changed in place, deleted, as its service shows it."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloudformation.providers import PROVIDERS
from tests.local.cloudformation.cases import CASES, Case
from tests.local.cloudformation.conftest import Cloud
from tests.local.cloudformation.gateway_cases import GATEWAY_CASES
from tests.local.cloudformation.network_cases import NETWORK_CASES

EVERY = CASES + NETWORK_CASES + GATEWAY_CASES
MARKERS = {"AWS::ApiGateway::Account", "AWS::CDK::Metadata"}
"""What stands for nothing of the stack's own."""


@pytest.fixture(scope="module")
def content(aws: Any) -> dict[str, str]:
    """A layer's content in S3."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("python/thing.py", "x = 1\n")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="cf-content")
    s3.put_object(Bucket="cf-content", Key="layer.zip", Body=archive.getvalue())
    return {"S3Bucket": "cf-content", "S3Key": "layer.zip"}


def with_content(tree: Any, content: dict[str, str]) -> Any:
    """`tree` with the place of the layer's content put in."""
    if tree == {"Ref": "Content"}:
        return content
    if isinstance(tree, dict):
        return {key: with_content(value, content) for key, value in tree.items()}
    return [with_content(it, content) for it in tree] if isinstance(tree, list) else tree


def test_there_is_a_case_for_every_type() -> None:
    assert {case.type for case in EVERY} | MARKERS == set(PROVIDERS)


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.type)
def test_a_resource_is_made_changed_and_deleted(
    cloud: Cloud, content: dict[str, str], case: Case
) -> None:
    def declared(properties: dict[str, Any]) -> dict[str, Any]:
        it = {"Type": case.type, "Properties": properties}
        found: dict[str, Any] = with_content(case.beside | {"It": it}, content)
        return found

    def outputs() -> dict[str, Any]:
        values = {
            f"A{index}": {"Fn::GetAtt": ["It", name]} for index, name in enumerate(case.attributes)
        }
        return {key: {"Value": value} for key, value in (values | {"R": {"Ref": "It"}}).items()}

    name = cloud.create(declared(case.before), Outputs=outputs())
    assert (cloud.status(name), cloud.reasons(name)) == ("CREATE_COMPLETE", {})
    ids = cloud.resources(name)
    assert all(cloud.outputs(name).values())
    assert cloud.outputs(name)["R"] == ids["It"]
    assert case.look(cloud, ids) == case.shown
    if case.after is not None:
        status = cloud.update(name, declared(case.after), Outputs=outputs())
        assert (status, cloud.reasons(name)) == ("UPDATE_COMPLETE", {})
        assert cloud.resources(name) == ids
        assert case.look(cloud, ids) == case.changed
        back = cloud.update(name, declared(case.before), Outputs=outputs())
        assert (back, case.look(cloud, ids)) == ("UPDATE_COMPLETE", case.shown)
    stack = cloud.describe(name)["StackId"]
    if case.remains:
        cloud.update(name, case.beside or {"Other": {"Type": "AWS::CDK::Metadata"}})
        assert case.look(cloud, ids) != case.shown
    cloud.delete(name)
    assert (cloud.status(stack), cloud.reasons(stack)) == ("DELETE_COMPLETE", {})
    if not case.remains:
        with pytest.raises((ClientError, LookupError)):
            case.look(cloud, ids)


def test_markers_need_nothing_but_their_names(cloud: Cloud) -> None:
    name = cloud.create({"It": {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2"}}})
    assert (cloud.status(name), list(cloud.resources(name))) == ("CREATE_COMPLETE", ["It"])


def test_the_role_for_the_logs_of_apis_is_the_account_s(cloud: Cloud) -> None:
    roles = [f"arn:aws:iam::123456789012:role/{name}" for name in ("one", "two")]
    declared = [
        {"It": {"Type": "AWS::ApiGateway::Account", "Properties": {"CloudWatchRoleArn": role}}}
        for role in roles
    ]
    gateway = cloud.client("apigateway")
    name = cloud.create(declared[0])
    assert gateway.get_account()["cloudwatchRoleArn"] == roles[0]
    cloud.update(name, declared[1])
    assert gateway.get_account()["cloudwatchRoleArn"] == roles[1]
    cloud.delete(name)
    assert gateway.get_account()["cloudwatchRoleArn"] == roles[1]


@pytest.mark.parametrize(
    "kind",
    [
        "AWS::CloudFormation::WaitCondition",
        "AWS::CloudWatch::Dashboard",
        "AWS::Kinesis::ResourcePolicy",
        "AWS::Lambda::Alias",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Version",
        "AWS::Logs::MetricFilter",
        "AWS::Logs::SubscriptionFilter",
        "AWS::SNS::Subscription",
        "AWS::Scheduler::Schedule",
    ],
)
def test_what_neither_the_pipeline_nor_the_cdk_needs_is_refused_by_its_name(
    cloud: Cloud, kind: str
) -> None:
    name = cloud.create({"It": {"Type": kind}})
    assert cloud.reasons(name) == {"It": f"Resource type {kind} is not supported by the local AWS"}
