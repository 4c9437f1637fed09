"""Cases of networks and of the caches in them; `cases` has the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.local.cloudformation.cases import TAG, TAGGED, Case, Ids, ref, resource
from tests.local.cloudformation.conftest import Cloud

VPC = resource("AWS::EC2::VPC", CidrBlock="10.9.0.0/24")
SUBNET = resource("AWS::EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.9.0.0/25")
TABLE = resource("AWS::EC2::RouteTable", VpcId=ref("Vpc"))
GROUP = resource("AWS::EC2::SecurityGroup", GroupDescription="g", VpcId=ref("Vpc"))
USER = resource(
    "AWS::ElastiCache::User",
    UserId="cases",
    UserName="cases",
    Engine="valkey",
    AuthenticationMode={"Type": "iam"},
    AccessString="on -@all +get",
)
USERS = resource(
    "AWS::ElastiCache::UserGroup", UserGroupId="cases", Engine="valkey", UserIds=[ref("User")]
)
NETWORK = {"Vpc": VPC, "Subnet": SUBNET}


def group_id(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, "GroupId"]}


def rule(port: int, **peer: Any) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peer}


def tags(found: dict[str, Any]) -> dict[str, str]:
    """Without CloudFormation's own."""
    return {
        it["Key"]: it["Value"] for it in found.get("Tags", []) if not it["Key"].startswith("aws:")
    }


def described(operation: str, parameter: str, list_: str) -> Callable[[Cloud, Ids], dict[str, Any]]:
    """What EC2 says of `It`."""

    def look(cloud: Cloud, ids: Ids) -> dict[str, Any]:
        found: dict[str, Any] = getattr(cloud.client("ec2"), operation)(**{parameter: [ids["It"]]})[
            list_
        ][0]
        return found

    return look


_vpc = described("describe_vpcs", "VpcIds", "Vpcs")
_subnet = described("describe_subnets", "SubnetIds", "Subnets")
_table = described("describe_route_tables", "RouteTableIds", "RouteTables")
_group = described("describe_security_groups", "GroupIds", "SecurityGroups")
_endpoint = described("describe_vpc_endpoints", "VpcEndpointIds", "VpcEndpoints")


def _seen_vpc(cloud: Cloud, ids: Ids) -> Any:
    found = _vpc(cloud, ids)
    names = cloud.client("ec2").describe_vpc_attribute(
        VpcId=ids["It"], Attribute="enableDnsHostnames"
    )
    return found["CidrBlock"], names["EnableDnsHostnames"]["Value"], tags(found)


def _seen_subnet(cloud: Cloud, ids: Ids) -> Any:
    found = _subnet(cloud, ids)
    return found["CidrBlock"], found["MapPublicIpOnLaunch"], found["VpcId"] == ids["Vpc"]


def _associated(cloud: Cloud, ids: Ids) -> Any:
    tables = cloud.client("ec2").describe_route_tables(RouteTableIds=[ids["Table"]])
    [found] = [
        one
        for one in tables["RouteTables"][0]["Associations"]
        if one["RouteTableAssociationId"] == ids["It"]
    ]
    return found["SubnetId"] == ids["Subnet"]


def _ports(permissions: list[dict[str, Any]]) -> list[Any]:
    return [
        (
            it.get("FromPort", 0),
            [one["CidrIp"] for one in it["IpRanges"]],
            len(it["UserIdGroupPairs"]),
        )
        for it in permissions
    ]


def _seen_group(cloud: Cloud, ids: Ids) -> Any:
    found = _group(cloud, ids)
    return _ports(found["IpPermissions"]), _ports(found["IpPermissionsEgress"]), tags(found)


def _let_in(cloud: Cloud, ids: Ids) -> Any:
    [found] = cloud.client("ec2").describe_security_groups(GroupIds=[ids["To"]])["SecurityGroups"]
    return _ports(found["IpPermissions"])[0]


def _let_out(cloud: Cloud, ids: Ids) -> Any:
    [found] = cloud.client("ec2").describe_security_groups(GroupIds=[ids["To"]])["SecurityGroups"]
    return next(one for one in _ports(found["IpPermissionsEgress"]) if one[2])


def _seen_endpoint(cloud: Cloud, ids: Ids) -> Any:
    found = _endpoint(cloud, ids)
    if found["State"] == "deleted":
        raise LookupError(ids["It"])
    return (
        found["VpcEndpointType"],
        len(found["SubnetIds"]),
        [one["GroupId"] == ids["Group"] for one in found["Groups"]],
        "s3:GetObject" in found["PolicyDocument"],
    )


def _seen_user(cloud: Cloud, ids: Ids) -> Any:
    client = cloud.client("elasticache")
    [found] = client.describe_users(UserId=ids["It"])["Users"]
    listed = client.list_tags_for_resource(ResourceName=found["ARN"])["TagList"]
    return found["AccessString"], tags({"Tags": listed})


def _seen_users(cloud: Cloud, ids: Ids) -> Any:
    [found] = cloud.client("elasticache").describe_user_groups(UserGroupId=ids["It"])["UserGroups"]
    return found["UserIds"]


def _seen_cache(cloud: Cloud, ids: Ids) -> Any:
    [found] = cloud.client("elasticache").describe_serverless_caches(ServerlessCacheName=ids["It"])[
        "ServerlessCaches"
    ]
    return found["CacheUsageLimits"]["DataStorage"]["Maximum"], found["UserGroupId"]


def _limited(gigabytes: int) -> dict[str, Any]:
    return {"DataStorage": {"Maximum": gigabytes, "Unit": "GB"}, "ECPUPerSecond": {"Maximum": 1000}}


OUT = (0, ["0.0.0.0/0"], 0)
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}],
}
INTERFACE = {
    "VpcId": ref("Vpc"),
    "ServiceName": "com.amazonaws.us-east-1.sns",
    "VpcEndpointType": "Interface",
    "SecurityGroupIds": [group_id("Group")],
}

NETWORK_CASES = [
    Case(
        type="AWS::EC2::VPC",
        before={"CidrBlock": "10.9.0.0/24", "Tags": TAG},
        after={"CidrBlock": "10.9.0.0/24", "EnableDnsHostnames": True, "Tags": TAGGED},
        look=_seen_vpc,
        shown=("10.9.0.0/24", False, {"stage": "one"}),
        changed=("10.9.0.0/24", True, {"stage": "two"}),
        attributes=("VpcId", "CidrBlock", "DefaultSecurityGroup", "DefaultNetworkAcl"),
    ),
    Case(
        type="AWS::EC2::Subnet",
        before={"VpcId": ref("Vpc"), "CidrBlock": "10.9.0.0/25"},
        after={"VpcId": ref("Vpc"), "CidrBlock": "10.9.0.0/25", "MapPublicIpOnLaunch": True},
        look=_seen_subnet,
        shown=("10.9.0.0/25", False, True),
        changed=("10.9.0.0/25", True, True),
        attributes=("SubnetId", "AvailabilityZone", "CidrBlock", "VpcId"),
        beside={"Vpc": VPC},
    ),
    Case(
        type="AWS::EC2::RouteTable",
        before={"VpcId": ref("Vpc"), "Tags": TAG},
        after={"VpcId": ref("Vpc"), "Tags": TAGGED},
        look=lambda cloud, ids: tags(_table(cloud, ids)),
        shown={"stage": "one"},
        changed={"stage": "two"},
        attributes=("RouteTableId",),
        beside={"Vpc": VPC},
    ),
    Case(
        type="AWS::EC2::SubnetRouteTableAssociation",
        before={"RouteTableId": ref("Table"), "SubnetId": ref("Subnet")},
        look=_associated,
        shown=True,
        attributes=("Id",),
        beside=NETWORK | {"Table": TABLE},
    ),
    Case(
        type="AWS::EC2::SecurityGroup",
        before={
            "GroupDescription": "it",
            "VpcId": ref("Vpc"),
            "SecurityGroupIngress": [rule(80, CidrIp="10.9.0.0/24", Description="in")],
            "Tags": TAG,
        },
        after={
            "GroupDescription": "it",
            "VpcId": ref("Vpc"),
            "SecurityGroupEgress": [rule(443, CidrIp="0.0.0.0/0", Description="out")],
            "Tags": TAGGED,
        },
        look=_seen_group,
        shown=([(80, ["10.9.0.0/24"], 0)], [OUT], {"stage": "one"}),
        changed=([], [(443, ["0.0.0.0/0"], 0)], {"stage": "two"}),
        attributes=("GroupId", "Id"),
        beside={"Vpc": VPC},
    ),
    Case(
        type="AWS::EC2::SecurityGroupIngress",
        before=rule(6379, GroupId=ref("To"), SourceSecurityGroupId=group_id("From")),
        look=_let_in,
        shown=(6379, [], 1),
        beside={"Vpc": VPC, "From": GROUP, "To": GROUP},
    ),
    Case(
        type="AWS::EC2::SecurityGroupEgress",
        before=rule(6379, GroupId=ref("To"), DestinationSecurityGroupId=group_id("From")),
        look=_let_out,
        shown=(6379, [], 1),
        beside={"Vpc": VPC, "From": GROUP, "To": GROUP},
    ),
    Case(
        type="AWS::EC2::VPCEndpoint",
        before=INTERFACE,
        after=INTERFACE | {"SubnetIds": [ref("Subnet")], "PolicyDocument": POLICY},
        look=_seen_endpoint,
        shown=("Interface", 0, [True], False),
        changed=("Interface", 1, [True], True),
        attributes=("Id",),
        beside=NETWORK | {"Group": GROUP},
    ),
    Case(
        type="AWS::ElastiCache::User",
        before=USER["Properties"] | {"Tags": TAG},
        after=USER["Properties"] | {"AccessString": "on -@all +set", "Tags": TAGGED},
        look=_seen_user,
        shown=("on -@all +get", {"stage": "one"}),
        changed=("on -@all +set", {"stage": "two"}),
        attributes=("Arn", "Status"),
    ),
    Case(
        type="AWS::ElastiCache::UserGroup",
        before={"UserGroupId": "it", "Engine": "valkey", "UserIds": [ref("User")]},
        after={"UserGroupId": "it", "Engine": "valkey", "UserIds": [ref("Other")]},
        look=_seen_users,
        shown=["cases"],
        changed=["other"],
        attributes=("Arn", "Status"),
        beside={
            "User": USER,
            "Other": {
                **USER,
                "Properties": USER["Properties"] | {"UserId": "other", "UserName": "other"},
            },
        },
    ),
    Case(
        type="AWS::ElastiCache::ServerlessCache",
        before={
            "ServerlessCacheName": "it",
            "Engine": "valkey",
            "UserGroupId": ref("Users"),
            "CacheUsageLimits": _limited(1),
        },
        after={
            "ServerlessCacheName": "it",
            "Engine": "valkey",
            "UserGroupId": ref("Users"),
            "CacheUsageLimits": _limited(2),
        },
        look=_seen_cache,
        shown=(1, "cases"),
        changed=(2, "cases"),
        attributes=("ARN", "Status", "Endpoint.Address", "Endpoint.Port"),
        beside={"User": USER, "Users": USERS},
    ),
]
