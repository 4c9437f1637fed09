"""What a processor with state has around it: a network that leads nowhere, a cache, a topic."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import aws_cdk as cdk
import pytest

from functions.shared.settings import StatefulSettings
from infra.environments import named
from infra.errors import WrongConfiguration
from infra.network import Network
from infra.state import State
from infra.storage import Key
from tests.infra.assembly import Assembly, Resource
from tests.infra.test_pipeline import stack_of
from tests.infra.test_processing import grants

NAME = "release_health"
ANYWHERE = {
    "AWS::EC2::EIP",
    "AWS::EC2::EgressOnlyInternetGateway",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::NatGateway",
    "AWS::EC2::Route",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::EC2::VPCPeeringConnection",
}


def of(assembly: Assembly, *types: str) -> dict[str, Resource]:
    """The resources of these types in the processor's stack, by the last construct's name."""
    found = [one for one in assembly.resources(*types) if one.stack == stack_of(assembly, NAME)]
    return {one.name: one for one in found}


def starting(found: dict[str, Resource], words: str) -> Resource:
    (only,) = (one for name, one in found.items() if name.startswith(f"Stateful{words}"))
    return only


def test_the_network_leads_nowhere(assembly: Assembly) -> None:
    assert not ANYWHERE & {resource.type for resource in assembly.resources()}
    subnets = of(assembly, "AWS::EC2::Subnet").values()
    assert [
        (subnet.properties["MapPublicIpOnLaunch"], subnet.properties["AvailabilityZone"])
        for subnet in subnets
    ] == [(False, {"Fn::Select": [zone, {"Fn::GetAZs": ""}]}) for zone in (0, 1)]


def test_whoever_has_an_address_names_his_groups_so_nobody_is_in_the_default_one(
    assembly: Assembly,
) -> None:
    groups = of(assembly, "AWS::EC2::SecurityGroup")
    endpoints = of(assembly, "AWS::EC2::VPCEndpoint")
    interfaces = [
        one for one in endpoints.values() if one.properties["VpcEndpointType"] == "Interface"
    ]
    cache = starting(of(assembly, "AWS::ElastiCache::ServerlessCache"), "StateCache")
    placed = [one.properties["SecurityGroupIds"] for one in (*interfaces, cache)]
    functions = of(assembly, "AWS::Lambda::Function")
    placed += [
        one.properties["VpcConfig"]["SecurityGroupIds"]
        for one in functions.values()
        if "VpcConfig" in one.properties
    ]
    assert len(placed) == 4
    for [group] in placed:
        assert group["Fn::GetAtt"][0] in groups


def test_the_function_alone_reaches_the_cache_and_the_endpoints_and_nothing_comes_in_from_elsewhere(
    assembly: Assembly,
) -> None:
    groups = of(assembly, "AWS::EC2::SecurityGroup")
    function = starting(groups, "NetworkFunctionGroup").name
    cache = starting(groups, "NetworkCacheGroup").name
    endpoint = starting(groups, "NetworkEndpointGroup").name
    assert not [one for one in groups.values() if "SecurityGroupIngress" in one.properties]
    ways = {
        (
            one.properties["GroupId"]["Fn::GetAtt"][0],
            one.properties["SourceSecurityGroupId"]["Fn::GetAtt"][0],
            one.properties["FromPort"],
            one.properties["ToPort"],
        )
        for one in of(assembly, "AWS::EC2::SecurityGroupIngress").values()
    }
    assert ways == {(cache, function, 6379, 6380), (endpoint, function, 443, 443)}
    out = groups[function].properties["SecurityGroupEgress"]
    assert [(one["CidrIp"], one["FromPort"], one["ToPort"]) for one in out] == [
        ("0.0.0.0/0", 443, 443)
    ]
    placed = [
        one.properties["VpcConfig"]["SecurityGroupIds"][0]["Fn::GetAtt"][0]
        for one in of(assembly, "AWS::Lambda::Function").values()
        if "VpcConfig" in one.properties
    ]
    assert placed == [function]


def test_each_endpoint_lets_the_function_s_role_do_what_it_must_and_nobody_anything_else(
    assembly: Assembly,
) -> None:
    role = starting_role(assembly)
    found = {}
    for one in of(assembly, "AWS::EC2::VPCEndpoint").values():
        service = str(one.properties["ServiceName"]["Fn::Join"][1][-1]).rpartition(".")[2]
        statements = one.properties["PolicyDocument"]["Statement"]
        for statement in statements:
            assert statement["Effect"] == "Allow"
            assert statement["Principal"] == {"AWS": "*"}
            assert statement["Condition"] == {"ArnEquals": {"aws:PrincipalArn": role}}
        found[service] = [(one["Action"], one["Resource"]) for one in statements]
        if one.properties["VpcEndpointType"] == "Interface":
            zones = named(assembly.environment).network_zones
            assert len(one.properties["SubnetIds"]) == zones
            assert one.properties["PrivateDnsEnabled"] is True
    (get, registry), (list_, bucket) = found.pop("s3")
    assert (get, list_) == ("s3:GetObject", "s3:ListBucket")
    assert registry == {"Fn::Join": ["", [bucket, "/releases/registry.json"]]}
    [(publish, topic)] = found.pop("sns")
    assert (publish, topic) == ("sns:Publish", {"Ref": verdicts(assembly).name})
    [(put, stream)] = found.pop("kinesis-streams")
    assert put == "kinesis:PutRecords"
    assert assembly.export(stream)[0] == stack_of(assembly, "release_verdict")
    assert not found


def starting_role(assembly: Assembly) -> dict[str, Any]:
    (role,) = (name for name in of(assembly, "AWS::IAM::Role") if name.startswith("FunctionRole"))
    return {"Fn::GetAtt": [role, "Arn"]}


def verdicts(assembly: Assembly) -> Resource:
    (topic,) = of(assembly, "AWS::SNS::Topic").values()
    return topic


def test_the_cache_is_encrypted_bounded_and_open_to_one_user_who_authenticates_by_iam(
    assembly: Assembly,
) -> None:
    environment = named(assembly.environment)
    name = f"headrace-{assembly.environment}-release-health"
    (user,) = of(assembly, "AWS::ElastiCache::User").values()
    access = user.properties.pop("AccessString").split()
    assert user.properties == {
        "AuthenticationMode": {"Type": "iam"},
        "Engine": "valkey",
        "UserId": name,
        "UserName": name,
    }
    assert access[:2] == ["on", "-@all"]
    assert not [word for word in access[2:] if word[0] not in "+~" or "@" in word or word == "~*"]
    (group,) = of(assembly, "AWS::ElastiCache::UserGroup").values()
    assert group.properties["UserIds"] == [{"Ref": user.name}]
    (cache,) = of(assembly, "AWS::ElastiCache::ServerlessCache").values()
    assert assembly.key(cache.properties["KmsKeyId"])
    assert cache.properties["UserGroupId"] == {"Ref": group.name}
    assert cache.properties["Engine"] == "valkey"
    assert cache.properties["CacheUsageLimits"] == {
        "DataStorage": {"Maximum": environment.cache_gigabytes, "Unit": "GB"},
        "ECPUPerSecond": {"Maximum": environment.cache_ecpu_per_second},
    }


def test_the_role_connects_as_that_user_reads_the_registry_and_tells_its_topic(
    assembly: Assembly,
) -> None:
    (policy,) = (
        one
        for name, one in of(assembly, "AWS::IAM::Policy").items()
        if name.startswith("FunctionRole")
    )
    found = grants(policy.properties["PolicyDocument"]["Statement"])
    (cache,) = of(assembly, "AWS::ElastiCache::ServerlessCache")
    (user,) = of(assembly, "AWS::ElastiCache::User")
    actions = {str(action): (resource, via) for action, resource, via in found}
    arns = [{"Fn::GetAtt": [cache, "ARN"]}, {"Fn::GetAtt": [user, "Arn"]}]
    assert actions["elasticache:Connect"] == (arns, None)
    assert assembly.in_lake(policy.properties["PolicyDocument"]["Statement"]) == [
        ("s3:GetObject", "/releases/registry.json", None),
        ("s3:ListBucket", "", {"StringEquals": {"s3:prefix": "releases/registry.json"}}),
    ]
    assert actions["sns:Publish"] == ({"Ref": verdicts(assembly).name}, None)
    through = [via for action, _, via in found if "kms:Decrypt" in action]
    assert {"s3.", "sns."} <= set(through)
    stream, _ = actions["kinesis:PutRecords"]
    assert assembly.export(stream)[0] == stack_of(assembly, "release_verdict")


def test_the_function_is_told_where_its_cache_is_and_has_its_own_packages_too(
    assembly: Assembly,
) -> None:
    (function,) = (
        one
        for one in of(assembly, "AWS::Lambda::Function").values()
        if "release_health" in one.properties["Handler"]
    )
    variables = function.properties["Environment"]["Variables"]
    (cache,) = of(assembly, "AWS::ElastiCache::ServerlessCache")
    (user,) = of(assembly, "AWS::ElastiCache::User")
    parts = [{"Fn::GetAtt": [cache, f"Endpoint.{part}"]} for part in ("Address", "Port")]
    assert variables["VALKEY_ADDRESS"] == {"Fn::Join": ["", [parts[0], ":", parts[1]]]}
    assert variables["VALKEY_NAME"] == f"headrace-{assembly.environment}-release-health"
    assert variables["VALKEY_USER"] == {"Ref": user}
    assert variables["TOPIC_ARN"] == {"Ref": verdicts(assembly).name}
    assert assembly.export(variables["BUCKET"])[0] == stack_of(assembly, "lake")
    assert len(function.properties["Layers"]) == 2
    assert len(function.properties["VpcConfig"]["SubnetIds"]) == 2


def test_the_cache_and_the_topic_are_watched(assembly: Assembly) -> None:
    (cache,) = of(assembly, "AWS::ElastiCache::ServerlessCache")
    by_cache = [{"Name": "clusterId", "Value": {"Ref": cache}}]
    by_topic = [
        {"Name": "TopicName", "Value": {"Fn::GetAtt": [verdicts(assembly).name, "TopicName"]}}
    ]
    four_fifths = named(assembly.environment).cache_gigabytes * 0.8e9
    watched = {
        one.properties["MetricName"]: (
            one.properties["Namespace"],
            one.properties["Dimensions"],
            one.properties["Threshold"],
        )
        for name, one in of(assembly, "AWS::CloudWatch::Alarm").items()
        if name.startswith("StatefulAlarms")
    }
    assert watched == {
        "BytesUsedForCache": ("AWS/ElastiCache", by_cache, four_fifths),
        "Evictions": ("AWS/ElastiCache", by_cache, 1),
        "ThrottledCmds": ("AWS/ElastiCache", by_cache, 1),
        "AuthenticationFailures": ("AWS/ElastiCache", by_cache, 1),
        "CommandAuthorizationFailures": ("AWS/ElastiCache", by_cache, 1),
        "KeyAuthorizationFailures": ("AWS/ElastiCache", by_cache, 1),
        "NumberOfNotificationsFailed": ("AWS/SNS", by_topic, 1),
    }


def test_a_name_that_elasticache_would_refuse_is_one_sentence() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Settings(StatefulSettings):
        reads: ClassVar[str] = "flight"
        emits: ClassVar[str] = "delay_alert"

    stack = cdk.Stack(cdk.App(), "Stack")
    environment = replace(named("dev"), name="abcdefghijklmnopqrst")
    with pytest.raises(WrongConfiguration, match="may have at most 40 letters: shorten the name"):
        State(
            stack,
            "State",
            environment=environment,
            processor="a_processor",
            settings=Settings,
            network=Network(stack, "Network", environment=environment),
            key=Key(stack, "Key", environment=environment),
        )
