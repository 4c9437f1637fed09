"""Alarms and dashboards: putting one again replaces its whole definition."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, names
from local.cloudformation.providers.common import drop, found, tag_changes, tag_list


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

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws("cloudwatch:PutMetricAlarm", **new | {"AlarmName": name})
        return name

    def exists(self, aws: Aws, name: str) -> bool:
        return bool(aws("cloudwatch:DescribeAlarms", AlarmNames=[name])["MetricAlarms"])

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        given = drop(new, "Tags") | {"AlarmName": physical_id}
        aws("cloudwatch:PutMetricAlarm", **given)
        arn = self.attributes(aws, physical_id, new)["Arn"]
        changed, gone = tag_changes(old, new)
        if changed:
            aws("cloudwatch:TagResource", ResourceARN=arn, Tags=tag_list(changed))
        if gone:
            aws("cloudwatch:UntagResource", ResourceARN=arn, TagKeys=gone)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("cloudwatch:DeleteAlarms", AlarmNames=[physical_id])

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        return {"Arn": aws.arn("cloudwatch", f"alarm:{physical_id}")}


class Dashboard(Provider):
    type = "AWS::CloudWatch::Dashboard"
    properties = names("DashboardBody DashboardName")
    named = "DashboardName"
    longest = 255

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        body = new["DashboardBody"]
        aws("cloudwatch:PutDashboard", DashboardName=name, DashboardBody=body)
        return name

    def exists(self, aws: Aws, name: str) -> bool:
        return found(lambda: aws("cloudwatch:GetDashboard", DashboardName=name))

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        self.create(aws, physical_id, new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("cloudwatch:DeleteDashboards", DashboardNames=[physical_id])
