"""Alarms: putting one again replaces its whole definition."""

from __future__ import annotations

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, Tagging, names, tag_list
from local.cloudformation.providers.common import drop

ARN = "arn:aws:cloudwatch:{region}:{account}:alarm:{id}"


class Alarm(Provider):
    type = "AWS::CloudWatch::Alarm"
    properties = names(
        "ActionsEnabled AlarmActions AlarmDescription AlarmName ComparisonOperator "
        "DatapointsToAlarm Dimensions EvaluateLowSampleCountPercentile EvaluationPeriods "
        "ExtendedStatistic InsufficientDataActions MetricName Metrics Namespace OKActions "
        "Period Statistic Tags Threshold ThresholdMetricId TreatMissingData Unit"
    )
    named = "AlarmName"
    longest = 255
    subject = {"AlarmName": "{id}"}
    creation = "cloudwatch:PutMetricAlarm"
    settings = {"Tags": Tagging("cloudwatch", {"ResourceARN": ARN}, form=tag_list)}
    shown = {"Arn": ARN}

    def exists(self, aws: Aws, name: str) -> bool:
        return bool(aws("cloudwatch:DescribeAlarms", AlarmNames=[name])["MetricAlarms"])

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        aws("cloudwatch:PutMetricAlarm", **drop(new, "Tags") | {"AlarmName": physical_id})
        super().update(aws, physical_id, old, new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("cloudwatch:DeleteAlarms", AlarmNames=[physical_id])
