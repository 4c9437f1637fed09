"""The audit of an event type: a function that reads its stream back and asks the lake for it."""

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from functions.audit.settings import SECONDS, Settings
from infra import watches
from infra.alarms import Alarms
from infra.delivery import TRANSFORM_BUFFER_SECONDS
from infra.environments import Environment
from infra.function import Dependencies, Function
from infra.ingestion import Ingestion
from infra.schedule import Schedule
from infra.storage import Bucket, Key

MEMORY_MIB = 1769
"""The whole of one CPU, which parses pages of 10 MB."""
SLACK_SECONDS = 120
TABLES = ("", "_swap", "_delivered", "_compacted", "_rejected", "_verdicts", "_errors")
"""What the two views are made of, and the views."""


class Audit(Construct):
    """The function that the schedule and people call; it changes nothing but its own prefix."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        event_type: str,
        ingestion: Ingestion,
        database: glue.CfnDatabase,
        bucket: Bucket,
        key: Key,
        dependencies: Dependencies,
        alarms: sns.ITopic,
        audit_prefix: str,
        prefixes: list[str],
    ) -> None:
        super().__init__(scope, name)
        self.function = Function(
            self,
            "Function",
            environment=environment,
            package="audit",
            settings=Settings(
                event_type=event_type,
                stream=ingestion.stream.stream_arn,
                bucket=bucket.bucket_name,
                database=environment.database,
                workgroup=environment.workgroup,
                audit_prefix=audit_prefix,
                settle_seconds=settle_seconds(environment),
            ).environment(),
            dependencies=dependencies,
            key=key,
            memory_mib=MEMORY_MIB,
            seconds=SECONDS,
            description=f"Proves that every record of {event_type} is in the lake or accounted for",
        )
        Schedule(
            self,
            "Schedule",
            description=f"Audits what has arrived of {event_type} since the last time",
            every=cdk.Duration.hours(environment.audit_hours),
            function=self.function,
        )
        Alarms(
            self,
            "Alarms",
            topic=alarms,
            watches=watches.of_audit(
                event_type,
                environment=environment.name,
                function={"FunctionName": self.function.resource.function_name},
                retention=ingestion.retention,
            ),
        )
        self._grant_sql(event_type, database, environment.workgroup)
        ingestion.grant_read(self.function.role)
        bucket.grant_query(self.function.role, read=prefixes, keep=audit_prefix)

    def _grant_sql(self, event_type: str, database: glue.CfnDatabase, workgroup: str) -> None:
        """Queries in the workgroup, over this event type's tables.
        https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html"""
        stack = cdk.Stack.of(self)
        names = [
            "catalog",
            "database/default",
            f"database/{database.ref}",
            *(f"table/{database.ref}/{event_type}{end}" for end in TABLES),
        ]
        for service, actions, resources in (
            ("glue", ["GetDatabase", "GetTable"], names),
            ("athena", ["GetQueryExecution", "StartQueryExecution"], [f"workgroup/{workgroup}"]),
        ):
            iam.Grant.add_to_principal(
                grantee=self.function.role,
                actions=[f"{service}:{action}" for action in actions],
                resource_arns=[
                    f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{name}"
                    for name in resources
                ],
            )


def settle_seconds(environment: Environment) -> int:
    """What delivery may take: the transform's buffer, one try and another, the delivery's buffer,
    and what S3 and the way to it take. What takes longer is late, and an alarm of its own."""
    buffers = TRANSFORM_BUFFER_SECONDS + environment.buffer_seconds
    return buffers + 2 * environment.transform_seconds + SLACK_SECONDS
