"""A place in the network for what may be reached by one function only.

Isolated subnets: no gateway to the internet, none for address translation. What the function needs
of AWS it reaches by endpoints inside, each with a policy that says which role may do what with
what. Lambda's own traffic (events, answers, logs, traces) does not go through the VPC.
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.environments import Environment
from infra.findings import accept

ADDRESSES = "10.0.0.0/24"
ZONES = 2
"""What a serverless cache needs at least."""
HALF = 25
HTTPS = 443


class Network(Construct):
    """The VPC, the function's security group, and endpoints as they are granted.

    An interface endpoint costs 0.01 USD per hour and zone. Where it is in one zone
    (`network_zones`), the function reaches it from the other all the same, for 0.01 USD per GB,
    until that zone fails; S3's gateway endpoint costs nothing.
    """

    def __init__(self, scope: Construct, name: str, *, environment: Environment) -> None:
        super().__init__(scope, name)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(ADDRESSES),
            max_azs=ZONES,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=HALF
                )
            ],
            # CDK would restrict it by a function of its own. Nothing is in the default group:
            # whatever has an address here names its own, and a test keeps it so.
            restrict_default_security_group=False,
        )
        accept(
            self.vpc,
            "AwsSolutions-VPC7",
            reason="One function speaks to one cache and two endpoints, through security groups and"
            " endpoint policies that allow nothing else, and no route leads out: a log of flows"
            " would bill every batch to say that again",
        )
        self.subnets: Sequence[ec2.ISubnet] = self.vpc.isolated_subnets
        self._endpoint_subnets = self.subnets[: environment.network_zones]
        self.group = self.security_group("FunctionGroup", "The function")
        # S3 has no addresses that a template could name; the routes lead to its gateway only.
        self.group.add_egress_rule(
            ec2.Peer.any_ipv4(), ec2.Port.tcp(HTTPS), "S3 through its gateway endpoint"
        )
        self._endpoints = self.security_group("EndpointGroup", "The endpoints of services")
        self.let(self._endpoints, ec2.Port.tcp(HTTPS), "Services through their endpoints")

    def security_group(self, name: str, description: str) -> ec2.SecurityGroup:
        """A group that lets nothing in and nothing out."""
        return ec2.SecurityGroup(
            self,
            name,
            vpc=self.vpc,
            allow_all_outbound=False,
            description=f"{description} of {cdk.Stack.of(self).stack_name}",
        )

    def let(self, group: ec2.SecurityGroup, port: ec2.Port, what: str) -> None:
        """Let the function, and nobody else, reach what is in the group."""
        group.connections.allow_from(self.group, port, what)

    def grant_join(self, role: iam.IGrantable) -> None:
        """Lambda makes the function's network interfaces with the function's role.
        https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
        """
        iam.Grant.add_to_principal(
            grantee=role,
            actions=[
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:UnassignPrivateIpAddresses",
            ],
            resource_arns=["*"],
        )

    def open_bucket(self, role: iam.IRole, *, bucket_arn: str, object_arn: str) -> None:
        """S3, for reading this object of this bucket."""
        endpoint = self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        endpoint.add_to_policy(_only(role, ["s3:GetObject"], [object_arn]))
        endpoint.add_to_policy(_only(role, ["s3:ListBucket"], [bucket_arn]))

    def open(
        self,
        name: str,
        service: ec2.InterfaceVpcEndpointAwsService,
        role: iam.IRole,
        actions: Sequence[str],
        resources: Sequence[str],
    ) -> None:
        """An AWS service, for these actions on these resources."""
        endpoint = self.vpc.add_interface_endpoint(
            name,
            service=service,
            subnets=ec2.SubnetSelection(subnets=self._endpoint_subnets),
            security_groups=[self._endpoints],
            open=False,
        )
        endpoint.add_to_policy(_only(role, actions, resources))


def _only(role: iam.IRole, actions: Sequence[str], resources: Sequence[str]) -> iam.PolicyStatement:
    """In an endpoint's policy a role cannot be a principal, but the condition on one."""
    return iam.PolicyStatement(
        principals=[iam.AnyPrincipal()],
        actions=list(actions),
        resources=list(resources),
        conditions={"ArnEquals": {"aws:PrincipalArn": role.role_arn}},
    )
