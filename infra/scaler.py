"""Shard scaling of an event type: the function that changes its stream's shards, minute by minute.

The template has the number of shards that the stream was made with (the contract's), and
CloudFormation calls UpdateShardCount only when that number changes in the template: a deployment
leaves a scaled stream as it is. So does this: leave the contract's shards alone while a stream is
scaled, and say in `scalings` how many there may be. (A changed number would be carried out, if it
is within half and double of what the stream has then; if it is not, the deployment fails and rolls
back.) Who ends the scaling first sets the contract's shards to what the stream has.
"""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from functions.shard_scaler.settings import SECONDS, Policy, Settings
from infra import watches
from infra.alarms import Alarms
from infra.environments import Environment
from infra.errors import WrongConfiguration
from infra.function import Dependencies, Function
from infra.ingestion import Ingestion
from infra.schedule import Schedule
from infra.storage import Bucket, Key

MEMORY_MIB = 512
EVERY = cdk.Duration.minutes(1)
"""As often as CloudWatch has something new."""


class Scaler(Construct):
    """The function, its schedule, and what tells people that it has come to an end."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        event_type: str,
        policy: Policy,
        ingestion: Ingestion,
        bucket: Bucket,
        key: Key,
        dependencies: Dependencies,
        alarms: sns.ITopic,
        state_key: str,
    ) -> None:
        super().__init__(scope, name)
        stream = ingestion.stream
        if ingestion.shards is None:
            raise WrongConfiguration(
                f"Environment {environment.name} scales {event_type}, whose stream is on demand and"
                " scaled by AWS: leave it out of scalings (infra/environments.py), or make the"
                " contract's capacity Provisioned."
            )
        if not policy.least_shards <= ingestion.shards <= policy.most_shards:
            raise WrongConfiguration(
                f"Environment {environment.name} scales {event_type} between {policy.least_shards}"
                f" and {policy.most_shards} shards, but its contract makes it with"
                f" {ingestion.shards}: widen the bounds (infra/environments.py)."
            )
        self.function = Function(
            self,
            "Function",
            environment=environment,
            package="shard_scaler",
            settings=Settings(
                event_type=event_type,
                stream_name=stream.stream_name,
                stream=stream.stream_arn,
                bucket=bucket.bucket_name,
                state_key=state_key,
                policy=policy,
            ).environment(),
            dependencies=dependencies,
            key=key,
            memory_mib=MEMORY_MIB,
            seconds=SECONDS,
            description=f"Gives the stream of {event_type} as many shards as its load needs",
        )
        Schedule(
            self,
            "Schedule",
            description=f"Looks at the load of {event_type}",
            every=EVERY,
            function=self.function,
        )
        Alarms(
            self,
            "Alarms",
            topic=alarms,
            watches=watches.of_scaler(
                event_type,
                environment=environment.name,
                function={"FunctionName": self.function.resource.function_name},
            ),
        )
        role = self.function.role
        bucket.grant_state(role, state_key)
        ingestion.grant_reshard(role)
        # Metrics know no resources; the role's finding is accepted in infra/function.py.
        role.add_to_policy(
            iam.PolicyStatement(actions=["cloudwatch:GetMetricData"], resources=["*"])
        )
