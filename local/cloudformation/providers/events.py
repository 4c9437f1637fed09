"""EventBridge rules and schedules."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, names
from local.cloudformation.providers.common import drop, found, pick, tag_changes, tag_list


class Rule(Provider):
    type = "AWS::Events::Rule"
    properties = names(
        "Description EventBusName EventPattern Name RoleArn ScheduleExpression State Tags Targets"
    )
    fixed = names("EventBusName")
    named = "Name"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws("events:PutRule", Name=name, **drop(new, "Name", "Targets"))
        return name

    def exists(self, aws: Aws, name: str) -> bool:
        return found(lambda: aws("events:DescribeRule", Name=name))

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        self._targets(aws, physical_id, {}, new)

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        aws("events:PutRule", Name=physical_id, **drop(new, "Name", "Targets", "Tags"))
        self._targets(aws, physical_id, old, new)
        arn = self.attributes(aws, physical_id, new)["Arn"]
        changed, gone = tag_changes(old, new)
        if changed:
            aws("events:TagResource", ResourceARN=arn, Tags=tag_list(changed))
        if gone:
            aws("events:UntagResource", ResourceARN=arn, TagKeys=gone)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        self._targets(aws, physical_id, old, drop(old, "Targets"))
        aws("events:DeleteRule", Name=physical_id, **_bus(old))

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        bus = new.get("EventBusName", "default").rpartition("/")[2]
        path = physical_id if bus == "default" else f"{bus}/{physical_id}"
        return {"Arn": aws.arn("events", f"rule/{path}"), "RuleName": physical_id}

    def _targets(self, aws: Aws, name: str, old: Properties, new: Properties) -> None:
        wanted = {it["Id"] for it in new.get("Targets", ())}
        left = [it["Id"] for it in old.get("Targets", ()) if it["Id"] not in wanted]
        if left:
            aws("events:RemoveTargets", Rule=name, Ids=left, **_bus(old))
        if wanted:
            aws("events:PutTargets", Rule=name, Targets=new["Targets"], **_bus(new))


def _bus(properties: Properties) -> Properties:
    return pick(properties, ["EventBusName"])


class Schedule(Provider):
    type = "AWS::Scheduler::Schedule"
    properties = names(
        "Description EndDate FlexibleTimeWindow GroupName KmsKeyArn Name ScheduleExpression "
        "ScheduleExpressionTimezone StartDate State Target"
    )
    fixed = names("GroupName")
    named = "Name"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws("scheduler:CreateSchedule", **new | {"Name": name})
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        aws("scheduler:UpdateSchedule", **new | {"Name": physical_id})

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("scheduler:DeleteSchedule", Name=physical_id, **pick(old, ["GroupName"]))

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        group = new.get("GroupName", "default")
        return {"Arn": aws.arn("scheduler", f"schedule/{group}/{physical_id}")}
