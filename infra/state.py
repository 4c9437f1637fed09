"""State: a cache for one processor, of which it alone knows the way and the name.

ElastiCache Serverless for Valkey: TLS always, in cluster mode, encrypted with the customer key. It
has no password: a user proves by IAM that he is the function's role, and may use the commands and
keys that the processor declares.
"""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_iam as iam
from constructs import Construct

from functions.shared.settings import StatefulSettings
from infra.environments import Environment
from infra.errors import WrongConfiguration
from infra.network import Network
from infra.storage import Key
from infra.watches import Dimensions

ENGINE, VERSION = "valkey", "8"
LONGEST_NAME = 40
FIRST_PORT, LAST_PORT = 6379, 6380
"""The cache's, and that of its replicas."""
CONNECTION = "+ping +client|setinfo +client|setname +command +cluster|slots +cluster|shards"
"""What any client of a cluster may say before its first command; AUTH and HELLO are everybody's."""


class State(Construct):
    """The cache, its one user, and the security group that the function alone may reach.

    Its limits are what it may cost in a month, at most: 61 USD per GB and 6 USD per 1,000 ECPU a
    second (us-east-1, a cache for Valkey). It is billed for what it holds and does; a cache that
    holds next to nothing costs 6 USD. No snapshots: all of the state is rebuilt from the lake.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        processor: str,
        settings: type[StatefulSettings],
        network: Network,
        key: Key,
    ) -> None:
        super().__init__(scope, name)
        # ElastiCache makes no names, and a user who authenticates by IAM has his id as his name.
        self.name = f"headrace-{environment.name}-{processor.replace('_', '-')}"
        if len(self.name) > LONGEST_NAME:
            raise WrongConfiguration(
                f"The cache of {processor} would be called {self.name}, but may have at most"
                f" {LONGEST_NAME} letters: shorten the name of the processor's folder or of the"
                " environment."
            )
        self.group = network.security_group("CacheGroup", "The cache")
        network.let(self.group, ec2.Port.tcp_range(FIRST_PORT, LAST_PORT), "The cache")
        user = elasticache.CfnUser(
            self,
            "User",
            engine=ENGINE,
            user_id=self.name,
            user_name=self.name,
            authentication_mode={"Type": "iam"},
            access_string=f"on -@all {CONNECTION} {settings.access}",
        )
        # A group for Valkey needs no default user; without one nobody comes in unnamed.
        group = elasticache.CfnUserGroup(
            self, "Users", engine=ENGINE, user_group_id=self.name, user_ids=[user.ref]
        )
        self.cache = elasticache.CfnServerlessCache(
            self,
            "Cache",
            serverless_cache_name=self.name,
            description=f"State of {processor}",
            engine=ENGINE,
            major_engine_version=VERSION,
            cache_usage_limits=elasticache.CfnServerlessCache.CacheUsageLimitsProperty(
                data_storage=elasticache.CfnServerlessCache.DataStorageProperty(
                    maximum=environment.cache_gigabytes, unit="GB"
                ),
                ecpu_per_second=elasticache.CfnServerlessCache.ECPUPerSecondProperty(
                    maximum=environment.cache_ecpu_per_second
                ),
            ),
            kms_key_id=key.key_arn,
            security_group_ids=[self.group.security_group_id],
            subnet_ids=[subnet.subnet_id for subnet in network.subnets],
            user_group_id=group.ref,
        )
        self.user = user.ref
        self.address = f"{self.cache.attr_endpoint_address}:{self.cache.attr_endpoint_port}"
        self.dimensions: Dimensions = {"clusterId": self.cache.ref}
        self._user_arn = user.attr_arn

    def grant_connect(self, role: iam.IGrantable) -> None:
        """https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html"""
        iam.Grant.add_to_principal(
            grantee=role,
            actions=["elasticache:Connect"],
            resource_arns=[self.cache.attr_arn, self._user_arn],
        )
