"""The lake: one bucket of events, its catalog, SQL over it, and the topic of all alarms."""

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from constructs import Construct

from infra.alarms import Topic
from infra.environments import Environment
from infra.failures import Failures
from infra.interface import export, publish, tags
from infra.sql import NamedQueries, WorkGroup
from infra.storage import Bucket, Key


class Lake(cdk.Stack):
    """Deployed once per environment; every event type's stack delivers into it."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(
            scope,
            f"Headrace-{environment.name}-lake",
            description=f"Headrace {environment.name}: the lake of events and SQL over it",
            tags=tags(environment, stage="lake"),
            termination_protection=environment.keep_data,
        )
        self.key = Key(self, "Key", environment=environment)
        self.bucket = Bucket(self, "Bucket", environment=environment, key=self.key)
        self.database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=environment.database,
                description="Every event type is a table, partitioned by event date",
            ),
        )
        workgroup = WorkGroup(
            self, "WorkGroup", environment=environment, bucket=self.bucket, key=self.key
        )
        self.alarms = Topic(self, "Alarms", environment=environment, key=self.key)
        failures = Failures(
            self,
            "Failures",
            environment=environment,
            database=self.database,
            bucket=self.bucket,
        )
        NamedQueries(self, "Queries", database=self.database, workgroup=workgroup)
        export(self, self.key.key_arn, self.alarms.topic_arn)
        publish(
            self,
            BucketName=self.bucket.bucket_name,
            DatabaseName=self.database.ref,
            FailuresName=failures.view_name,
            WorkGroupName=workgroup.name,
            KeyArn=self.key.key_arn,
            AlarmTopicArn=self.alarms.topic_arn,
        )
