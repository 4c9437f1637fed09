"""Alarms: what a person must look at, and what to do about it, on one topic per environment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.environments import Environment
from infra.storage import Key

PERIOD = cdk.Duration.minutes(5)
LASTING = 3
"""Periods after which what passes by itself has not passed: a quarter of an hour."""


class Topic(sns.Topic):
    """Where the alarms of an environment go. Subscribe to it: nobody is by default."""

    def __init__(self, scope: Construct, name: str, *, environment: Environment, key: Key) -> None:
        super().__init__(
            scope,
            name,
            display_name=f"Headrace {environment.name} alarms",
            master_key=key,
            enforce_ssl=True,
        )
        alarms = iam.ServicePrincipal("cloudwatch.amazonaws.com")
        account = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}}
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[alarms],
                actions=["sns:Publish"],
                resources=[self.topic_arn],
                conditions=account,
            )
        )
        # https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[alarms],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key's own policy: this key
                conditions=account,
            )
        )


@dataclass(frozen=True, kw_only=True)
class Watch:
    """A metric, with every dimension that it is published under, the value from which somebody must
    look at it, and what they then do. Without data there is nothing to look at."""

    name: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: Literal["Maximum", "Sum"]
    threshold: float
    periods: int = 1
    then: str


class Alarms(Construct):
    """One alarm per watch, under names that CloudFormation makes."""

    def __init__(
        self, scope: Construct, name: str, *, topic: sns.ITopic, watches: Sequence[Watch]
    ) -> None:
        super().__init__(scope, name)
        for watch in watches:
            alarm = cloudwatch.Alarm(
                self,
                watch.name,
                alarm_description=watch.then,
                metric=cloudwatch.Metric(
                    namespace=watch.namespace,
                    metric_name=watch.metric,
                    dimensions_map=dict(watch.dimensions),
                    statistic=watch.statistic,
                    period=PERIOD,
                ),
                threshold=watch.threshold,
                comparison_operator=(
                    cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
                ),
                evaluation_periods=watch.periods,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
            alarm.add_alarm_action(actions.SnsAction(topic))
