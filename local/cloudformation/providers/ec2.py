"""Networks. They are moto's: described as on AWS, but nothing on this machine is kept apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.errors import Failure
from local.cloudformation.provider import Properties, Provider, Setting, Tagging, names, tag_map
from local.cloudformation.providers.common import differ, drop, pick

ALL = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
"""What a new group lets out, until a template says otherwise."""


class Tags(Tagging):
    """EC2 tags several resources in one call, and takes tags away as it gives them."""

    def apply(self, aws: Aws, subject: Properties, before: Any, after: Any) -> None:
        old, new, resources = tag_map(before), tag_map(after), [subject["Resources"]]
        if after:
            aws("ec2:CreateTags", Resources=resources, Tags=after)
        if gone := [{"Key": name} for name in old if name not in new]:
            aws("ec2:DeleteTags", Resources=resources, Tags=gone)


TAGS: dict[str, Setting | Tagging] = {"Tags": Tags("ec2", {"Resources": "{id}"})}


def _vpc_attribute(name: str, *, default: bool) -> Setting:
    def given(value: Any) -> Properties:
        return {name: {"Value": default if value is None else value}}

    return Setting("ec2:ModifyVpcAttribute", given)


class Vpc(Provider):
    type = "AWS::EC2::VPC"
    properties = names("CidrBlock EnableDnsHostnames EnableDnsSupport InstanceTenancy Tags")
    subject = {"VpcId": "{id}"}
    deletion = "ec2:DeleteVpc"
    settings = TAGS | {
        "EnableDnsSupport": _vpc_attribute("EnableDnsSupport", default=True),
        "EnableDnsHostnames": _vpc_attribute("EnableDnsHostnames", default=False),
    }

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return str(aws("ec2:CreateVpc", **drop(new, *self.settings))["Vpc"]["VpcId"])

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        owned = {"Filters": [{"Name": "vpc-id", "Values": [physical_id]}]}
        groups = aws("ec2:DescribeSecurityGroups", **owned)["SecurityGroups"]
        acls = aws("ec2:DescribeNetworkAcls", **owned)["NetworkAcls"]
        default = [it["GroupId"] for it in groups if it["GroupName"] == "default"]
        return {
            "VpcId": physical_id,
            "CidrBlock": new["CidrBlock"],
            "DefaultSecurityGroup": default[0],
            "DefaultNetworkAcl": acls[0]["NetworkAclId"],
        }


class Subnet(Provider):
    type = "AWS::EC2::Subnet"
    properties = names("AvailabilityZone CidrBlock MapPublicIpOnLaunch Tags VpcId")
    subject = {"SubnetId": "{id}"}
    deletion = "ec2:DeleteSubnet"
    settings = TAGS | {
        "MapPublicIpOnLaunch": Setting(
            "ec2:ModifySubnetAttribute",
            lambda value: {"MapPublicIpOnLaunch": {"Value": bool(value)}},
        )
    }

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return str(aws("ec2:CreateSubnet", **drop(new, *self.settings))["Subnet"]["SubnetId"])

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        [found] = aws("ec2:DescribeSubnets", SubnetIds=[physical_id])["Subnets"]
        return {"SubnetId": physical_id} | pick(found, ("AvailabilityZone", "CidrBlock", "VpcId"))


class RouteTable(Provider):
    type = "AWS::EC2::RouteTable"
    properties = names("Tags VpcId")
    subject = {"RouteTableId": "{id}"}
    deletion = "ec2:DeleteRouteTable"
    settings = TAGS
    shown = {"RouteTableId": "{id}"}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        answer = aws("ec2:CreateRouteTable", VpcId=new["VpcId"])
        return str(answer["RouteTable"]["RouteTableId"])


class SubnetRouteTableAssociation(Provider):
    type = "AWS::EC2::SubnetRouteTableAssociation"
    properties = names("RouteTableId SubnetId")
    subject = {"AssociationId": "{id}"}
    deletion = "ec2:DisassociateRouteTable"
    shown = {"Id": "{id}"}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return str(aws("ec2:AssociateRouteTable", **new)["AssociationId"])


class SecurityGroup(Provider):
    type = "AWS::EC2::SecurityGroup"
    properties = names(
        "GroupDescription GroupName SecurityGroupEgress SecurityGroupIngress Tags VpcId"
    )
    longest = 255
    subject = {"GroupId": "{id}"}
    deletion = "ec2:DeleteSecurityGroup"
    settings = TAGS
    shown = {"GroupId": "{id}", "Id": "{id}"}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        answer = aws(
            "ec2:CreateSecurityGroup",
            GroupName=new.get("GroupName", name),
            Description=new["GroupDescription"],
            VpcId=new.get("VpcId"),
        )
        return str(answer["GroupId"])

    def configure(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        super().configure(aws, physical_id, old, new)
        for way in (INGRESS, EGRESS):
            before, after = (
                [way.permission(it) for it in of.get(way.property, ())] for of in (old, new)
            )
            if way is EGRESS:  # without rules of its own a group lets everything out
                before = before or ([ALL] if not old or not old.get(way.property) else [])
                after = after or [ALL]
            gone = [it for it in before if it not in after]
            come = [it for it in after if it not in before]
            if gone:
                aws(way.revoke, GroupId=physical_id, IpPermissions=gone)
            if come:
                aws(way.authorize, GroupId=physical_id, IpPermissions=come)


class Way:
    """Rules in one direction: in which calls and under which names templates and EC2 have them."""

    def __init__(self, word: str, peer: str) -> None:
        self.property = f"SecurityGroup{word}"
        self.authorize = f"ec2:AuthorizeSecurityGroup{word}"
        self.revoke = f"ec2:RevokeSecurityGroup{word}"
        self.group = f"{peer}SecurityGroupId"
        self.prefixes = f"{peer}PrefixListId"

    def permission(self, rule: Properties) -> Properties:
        """The rule as EC2 takes it."""
        described = pick(rule, ("Description",))
        peers: dict[str, Callable[[], Properties]] = {
            "CidrIp": lambda: {"IpRanges": [pick(rule, ("CidrIp",)) | described]},
            "CidrIpv6": lambda: {"Ipv6Ranges": [pick(rule, ("CidrIpv6",)) | described]},
            self.group: lambda: {"UserIdGroupPairs": [{"GroupId": rule[self.group]} | described]},
            self.prefixes: lambda: {
                "PrefixListIds": [{"PrefixListId": rule[self.prefixes]} | described]
            },
        }
        for name, form in peers.items():
            if name in rule:
                return pick(rule, ("IpProtocol", "FromPort", "ToPort")) | form()
        raise Failure(f"A rule of a security group names one of: {', '.join(peers)}")


INGRESS, EGRESS = Way("Ingress", "Source"), Way("Egress", "Destination")


class Rule(Provider):
    """One rule, of a group that another resource makes; its id is the rule's."""

    way: Way

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        permission = self.way.permission(new)
        answer = aws(self.way.authorize, GroupId=new["GroupId"], IpPermissions=[permission])
        return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        self.delete(aws, physical_id, old)
        self.create(aws, physical_id, new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        permission = self.way.permission(old)
        aws(self.way.revoke, GroupId=old["GroupId"], IpPermissions=[permission])

    shown = {"Id": "{id}"}


class SecurityGroupIngress(Rule):
    type = "AWS::EC2::SecurityGroupIngress"
    properties = names(
        "CidrIp CidrIpv6 Description FromPort GroupId IpProtocol SourcePrefixListId "
        "SourceSecurityGroupId ToPort"
    )
    way = INGRESS


class SecurityGroupEgress(Rule):
    type = "AWS::EC2::SecurityGroupEgress"
    properties = names(
        "CidrIp CidrIpv6 Description DestinationPrefixListId DestinationSecurityGroupId FromPort "
        "GroupId IpProtocol ToPort"
    )
    way = EGRESS


LISTS = ("RouteTableIds", "SecurityGroupIds", "SubnetIds")


EVERYTHING = {
    "Version": "2008-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}
"""What an endpoint lets through without a policy of its own."""


class VpcEndpoint(Provider):
    type = "AWS::EC2::VPCEndpoint"
    properties = names("PolicyDocument PrivateDnsEnabled ServiceName Tags VpcEndpointType VpcId")
    properties |= names(" ".join(LISTS))
    fixed = names("PrivateDnsEnabled")
    settings = TAGS

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        answer = aws("ec2:CreateVpcEndpoint", **drop(new, "Tags"))
        return str(answer["VpcEndpoint"]["VpcEndpointId"])

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        changed: Properties = {}
        for name in LISTS:
            before, after = old.get(name, []), new.get(name, [])
            changed[f"Add{name}"] = [it for it in after if it not in before] or None
            changed[f"Remove{name}"] = [it for it in before if it not in after] or None
        if differ(old, new, "PolicyDocument"):
            changed["PolicyDocument"] = new.get("PolicyDocument", EVERYTHING)
        if any(changed.values()):
            aws("ec2:ModifyVpcEndpoint", VpcEndpointId=physical_id, **changed)
        super().update(aws, physical_id, old, new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("ec2:DeleteVpcEndpoints", VpcEndpointIds=[physical_id])

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        [found] = aws("ec2:DescribeVpcEndpoints", VpcEndpointIds=[physical_id])["VpcEndpoints"]
        entries = [
            f"{it.get('HostedZoneId', 'Z0')}:{it['DnsName']}" for it in found.get("DnsEntries", ())
        ]
        return {
            "Id": physical_id,
            "DnsEntries": entries,
            "NetworkInterfaceIds": found.get("NetworkInterfaceIds", []),
            "CreationTimestamp": str(found["CreationTimestamp"]),
        }
