"""EventBridge rules."""

from __future__ import annotations

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, Tagging, names, tag_list
from local.cloudformation.providers.common import drop, found

ARN = "arn:aws:events:{region}:{account}:rule/{id}"


class Rule(Provider):
    """Of the default event bus."""

    type = "AWS::Events::Rule"
    properties = names("Description Name RoleArn ScheduleExpression State Tags Targets")
    named = "Name"
    subject = {"Name": "{id}"}
    deletion = "events:DeleteRule"
    settings = {"Tags": Tagging("events", {"ResourceARN": ARN}, form=tag_list)}
    shown = {"Arn": ARN, "RuleName": "{id}"}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws("events:PutRule", Name=name, **drop(new, "Name", "Targets", "Tags"))
        return name

    def exists(self, aws: Aws, name: str) -> bool:
        return found(lambda: aws("events:DescribeRule", Name=name))

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        super().finish(aws, physical_id, new)
        self._targets(aws, physical_id, {}, new)

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        self.create(aws, physical_id, new)
        self._targets(aws, physical_id, old, new)
        super().update(aws, physical_id, old, new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        self._targets(aws, physical_id, old, {})
        super().delete(aws, physical_id, old)

    def _targets(self, aws: Aws, name: str, old: Properties, new: Properties) -> None:
        wanted = {it["Id"] for it in new.get("Targets", ())}
        left = [it["Id"] for it in old.get("Targets", ()) if it["Id"] not in wanted]
        if left:
            aws("events:RemoveTargets", Rule=name, Ids=left)
        if wanted:
            aws("events:PutTargets", Rule=name, Targets=new["Targets"])
