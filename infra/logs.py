"""Log groups: encrypted with the customer key, kept as long as the environment says."""

from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.environments import Environment
from infra.storage import Key, removal_policy


class LogGroup(logs.LogGroup):
    def __init__(self, scope: Construct, name: str, *, environment: Environment, key: Key) -> None:
        super().__init__(
            scope,
            name,
            encryption_key=key,
            retention=environment.log_retention,
            removal_policy=removal_policy(environment),
        )
