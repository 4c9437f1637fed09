"""Delivery streams: the properties are the API's own structures."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.errors import Failure
from local.cloudformation.provider import Properties, Provider, Setting, Tagging, names, tag_list
from local.cloudformation.providers.common import differ, wait

DESTINATIONS = {
    "ExtendedS3DestinationConfiguration": "ExtendedS3DestinationUpdate",
    "HttpEndpointDestinationConfiguration": "HttpEndpointDestinationUpdate",
}
RENAMED = {"S3BackupConfiguration": "S3BackupUpdate", "S3Configuration": "S3Update"}
SWITCHES = names(
    "CloudWatchLoggingOptions DataFormatConversionConfiguration ProcessingConfiguration"
)
"""Parts of a destination that an update leaves as they are unless it switches them off."""
ENCRYPTION = "DeliveryStreamEncryptionConfigurationInput"
SETTLED = ("ACTIVE", "CREATING_FAILED", "DELETING_FAILED")


class DeliveryStream(Provider):
    type = "AWS::KinesisFirehose::DeliveryStream"
    properties = (
        names("DeliveryStreamName DeliveryStreamType KinesisStreamSourceConfiguration Tags")
        | {ENCRYPTION}
        | DESTINATIONS.keys()
    )
    named = "DeliveryStreamName"
    subject = {"DeliveryStreamName": "{id}"}
    creation = "firehose:CreateDeliveryStream"
    deletion = "firehose:DeleteDeliveryStream"
    settings = {
        "Tags": Tagging(
            "firehose", subject, calls=("TagDeliveryStream", "UntagDeliveryStream"), form=tag_list
        ),
        ENCRYPTION: Setting(
            "firehose:StartDeliveryStreamEncryption",
            lambda value: {ENCRYPTION: value},
            "firehose:StopDeliveryStreamEncryption",
        ),
    }

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        found = _settle(aws, physical_id)
        if found["DeliveryStreamStatus"] != "ACTIVE":
            reason = found.get("FailureDescription", {}).get("Details", "no reason given")
            raise Failure(f"Delivery stream {physical_id} failed: {reason}", "NotStabilized")
        super().finish(aws, physical_id, new)

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        for name, update in DESTINATIONS.items():
            if differ(old, new, name):
                self._redirect(aws, physical_id, update, old.get(name), new.get(name))
        super().update(aws, physical_id, old, new)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        return {"Arn": _settle(aws, physical_id)["DeliveryStreamARN"]}

    def _redirect(
        self, aws: Aws, name: str, update: str, old: Properties | None, new: Properties | None
    ) -> None:
        """Change the destination; its kind must stay."""
        if old is None or new is None:
            raise Failure("The kind of a delivery stream's destination cannot be changed")
        now = _settle(aws, name)
        wanted = {RENAMED.get(key, key): value for key, value in new.items()}
        off: Properties = {key: {"Enabled": False} for key in SWITCHES & old.keys()}
        aws(
            "firehose:UpdateDestination",
            DeliveryStreamName=name,
            CurrentDeliveryStreamVersionId=now["VersionId"],
            DestinationId=now["Destinations"][0]["DestinationId"],
            **{update: off | wanted},
        )


def _settle(aws: Aws, name: str) -> dict[str, Any]:
    """What the delivery stream is, once it is no longer being made."""

    def look() -> dict[str, Any]:
        answer = aws("firehose:DescribeDeliveryStream", DeliveryStreamName=name)
        return dict(answer["DeliveryStreamDescription"])

    found: dict[str, Any] = wait(
        look, lambda it: it["DeliveryStreamStatus"] in SETTLED, f"Delivery stream {name}"
    )
    return found
