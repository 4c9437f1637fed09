"""Streams and their registered consumers.

A stream holds data: nothing here ever deletes and makes one anew but a change of its name.
"""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, Tagging, names, tag_map
from local.cloudformation.providers.common import wait, wait_gone

DAY = 24
MODE = "StreamModeDetails"
METRICS, LEVEL = "DesiredShardLevelMetrics", "ShardLevelMetrics"


class Stream(Provider):
    """Its updates start from what the stream is, so going back works from any half way."""

    type = "AWS::Kinesis::Stream"
    properties = names(
        "DesiredShardLevelMetrics Name RetentionPeriodHours ShardCount StreamEncryption"
        " StreamModeDetails Tags"
    )
    named = "Name"
    longest = 128
    subject = {"StreamName": "{id}"}
    settings = {
        "Tags": Tagging(
            "kinesis", {"ResourceARN": "arn:aws:kinesis:{region}:{account}:stream/{id}"}
        )
    }
    shown = {"Arn": "arn:aws:kinesis:{region}:{account}:stream/{id}"}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws(
            "kinesis:CreateStream",
            StreamName=name,
            ShardCount=new.get("ShardCount", None if _on_demand(new) else 1),
            StreamModeDetails=new.get(MODE),
        )
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        now = _settle(aws, physical_id)
        wanted = new.get(MODE, {"StreamMode": "PROVISIONED"})
        if now[MODE]["StreamMode"] != wanted["StreamMode"]:
            arn = now["StreamARN"]
            aws("kinesis:UpdateStreamMode", StreamARN=arn, StreamModeDetails=wanted)
            now = _settle(aws, physical_id)
        shards = new.get("ShardCount", 1)
        # A number that is the same in both templates is none of this update's business: what scales
        # the stream by its load has changed it since.
        asked = _on_demand(old) or shards != old.get("ShardCount", 1)
        if not _on_demand(new) and asked and now["OpenShardCount"] != shards:
            aws(
                "kinesis:UpdateShardCount",
                StreamName=physical_id,
                TargetShardCount=shards,
                ScalingType="UNIFORM_SCALING",
            )
        super().update(aws, physical_id, old, new)

    def configure(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        """Retention, encryption and tags as they are wanted."""
        super().configure(aws, physical_id, old, new)
        now, subject = _settle(aws, physical_id), {"StreamName": physical_id}
        hours = new.get("RetentionPeriodHours", DAY)
        if hours != now["RetentionPeriodHours"]:
            way = "Increase" if hours > now["RetentionPeriodHours"] else "Decrease"
            aws(f"kinesis:{way}StreamRetentionPeriod", RetentionPeriodHours=hours, **subject)
        key = new.get("StreamEncryption", {}).get("KeyId")
        current = now.get("KeyId") if now.get("EncryptionType") == "KMS" else None
        encryption = {"EncryptionType": "KMS", "KeyId": key or current}
        if key and key != current:
            aws("kinesis:StartStreamEncryption", **subject, **encryption)
        elif current and not key:
            aws("kinesis:StopStreamEncryption", **subject, **encryption)
        _settle(aws, physical_id)
        wanted, had = set(new.get(METRICS, [])), set(now["EnhancedMonitoring"][0][LEVEL])
        for way, names_ in (("Enable", wanted - had), ("Disable", had - wanted)):
            if names_:
                aws(f"kinesis:{way}EnhancedMonitoring", **{LEVEL: sorted(names_)}, **subject)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("kinesis:DeleteStream", StreamName=physical_id, EnforceConsumerDeletion=True)
        wait_gone(lambda: _summary(aws, physical_id), physical_id)


def _on_demand(properties: Properties) -> bool:
    return bool(properties.get(MODE, {}).get("StreamMode") == "ON_DEMAND")


def _summary(aws: Aws, name: str) -> dict[str, Any]:
    answer = aws("kinesis:DescribeStreamSummary", StreamName=name)
    return dict(answer["StreamDescriptionSummary"])


def _settle(aws: Aws, name: str) -> dict[str, Any]:
    """What the stream is, once no change is under way."""

    def settled(found: dict[str, Any]) -> bool:
        return bool(found["StreamStatus"] == "ACTIVE")

    return wait(lambda: _summary(aws, name), settled, f"Stream {name}")


class StreamConsumer(Provider):
    type = "AWS::Kinesis::StreamConsumer"
    properties = names("ConsumerName StreamARN Tags")
    named = "ConsumerName"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        given = new | {"ConsumerName": name, "Tags": tag_map(new.get("Tags")) or None}
        return str(aws("kinesis:RegisterStreamConsumer", **given)["Consumer"]["ConsumerARN"])

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        wait(
            lambda: self._look(aws, physical_id),
            lambda it: it["ConsumerStatus"] == "ACTIVE",
            f"Consumer {physical_id}",
        )

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("kinesis:DeregisterStreamConsumer", ConsumerARN=physical_id)
        wait_gone(lambda: self._look(aws, physical_id), physical_id)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        found = self._look(aws, physical_id)
        created = str(int(found["ConsumerCreationTimestamp"].timestamp()))
        return dict(found) | {"ConsumerCreationTimestamp": created}

    def _look(self, aws: Aws, arn: str) -> dict[str, Any]:
        answer = aws("kinesis:DescribeStreamConsumer", ConsumerARN=arn)
        return dict(answer["ConsumerDescription"])
