"""Event source mappings."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, Tagging, names, tag_map
from local.cloudformation.providers.common import differ, wait, wait_gone

ARN = "arn:aws:lambda:{region}:{account}:event-source-mapping:{id}"

MAPPING: Properties = {
    "BatchSize": None,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "Enabled": True,
    "FilterCriteria": {"Filters": []},
    "FunctionName": None,
    "FunctionResponseTypes": [],
    "KmsKeyArn": "",
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "MetricsConfig": {"Metrics": []},
    "ParallelizationFactor": 1,
    "ScalingConfig": {},
    "TumblingWindowInSeconds": 0,
}
"""What UpdateEventSourceMapping sets, and what a property that is gone goes back to."""


class EventSourceMapping(Provider):
    type = "AWS::Lambda::EventSourceMapping"
    properties = frozenset(MAPPING) | names(
        "EventSourceArn StartingPosition StartingPositionTimestamp Tags"
    )

    settings = {"Tags": Tagging("lambda", {"Resource": ARN})}
    shown = {"Id": "{id}", "EventSourceMappingArn": ARN}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        tags = tag_map(new.get("Tags")) or None
        return str(aws("lambda:CreateEventSourceMapping", **new | {"Tags": tags})["UUID"])

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        self._settle(aws, physical_id)

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        changed = {name: new.get(name, MAPPING[name]) for name in MAPPING if differ(old, new, name)}
        if changed:
            self._settle(aws, physical_id)
            aws("lambda:UpdateEventSourceMapping", UUID=physical_id, **changed)
            self._settle(aws, physical_id)
        super().update(aws, physical_id, old, new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("lambda:DeleteEventSourceMapping", UUID=physical_id)
        wait_gone(lambda: self._look(aws, physical_id), physical_id)

    def _look(self, aws: Aws, physical_id: str) -> dict[str, Any]:
        return aws("lambda:GetEventSourceMapping", UUID=physical_id)

    def _settle(self, aws: Aws, physical_id: str) -> None:
        wait(
            lambda: self._look(aws, physical_id),
            lambda it: not it["State"].endswith("ing"),
            f"Event source mapping {physical_id}",
        )
