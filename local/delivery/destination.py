"""Destinations as AWS describes them: from a configuration, with defaults, and after an update."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from local.delivery import configuration, refusal

EXTENDED, HTTP = "ExtendedS3", "HttpEndpoint"
DESTINATION_ID = "destinationId-000000000001"
SIZE, SIZE_CONVERTED, SECONDS = 5, 128, 300
"""Default hints, in MiB and seconds."""

ONLY_EXTENDED = frozenset(
    {
        "ProcessingConfiguration",
        "S3BackupMode",
        "S3BackupDescription",
        "DataFormatConversionConfiguration",
        "DynamicPartitioningConfiguration",
        "FileExtension",
        "CustomTimeZone",
    }
)
RENAMED = {
    "S3BackupConfiguration": "S3BackupDescription",
    "S3BackupUpdate": "S3BackupDescription",
    "S3Configuration": "S3DestinationDescription",
    "S3Update": "S3DestinationDescription",
}
WHOLE = frozenset({"ProcessingConfiguration", "CommonAttributes", "Processors"})
"""What an update replaces as a whole; everything else is merged member by member."""

Described = dict[str, Any]


def created(parameters: dict[str, Any]) -> tuple[str, Described]:
    """Kind and description of the one destination that a CreateDeliveryStream names."""
    kind, given = _named(parameters, "DestinationConfiguration")
    return kind, with_defaults(kind, _renamed(given))


def updated(kind: str, described: Described, parameters: dict[str, Any]) -> Described:
    """The description after an UpdateDestination."""
    changed, given = _named(parameters, "DestinationUpdate")
    if changed != kind:
        name = "Http Endpoint" if HTTP in (changed, kind) else changed
        raise refusal.invalid(
            f"Changing the destination type to or from {name} is not supported at this time."
        )
    return with_defaults(kind, merged(described, _renamed(given)))


def _named(parameters: dict[str, Any], suffix: str) -> tuple[str, dict[str, Any]]:
    given = {
        name.removesuffix(suffix): value
        for name, value in parameters.items()
        if name.endswith(suffix) and value is not None
    }
    if len(given) != 1:
        raise refusal.invalid("Exactly one destination configuration is supported for a Firehose")
    ((name, value),) = given.items()
    if name not in ("S3", EXTENDED, HTTP):
        raise refusal.unsupported(f"the destination {name}")
    return (EXTENDED if name == "S3" else name), value


def _renamed(given: dict[str, Any]) -> Described:
    return {RENAMED.get(name, name): deepcopy(value) for name, value in given.items()}


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """`old` with what `new` says; what it does not say stays."""
    result = dict(old)
    for name, value in new.items():
        before = result.get(name)
        deep = isinstance(before, dict) and isinstance(value, dict) and name not in WHOLE
        result[name] = merged(before, value) if deep else value  # type: ignore[arg-type]
    return result


def with_defaults(kind: str, described: Described) -> Described:
    """What AWS says of a destination when nothing was said."""
    result = dict(described)
    if kind == HTTP:
        result.setdefault("S3BackupMode", "FailedDataOnly")
        result.setdefault("RetryOptions", {"DurationInSeconds": configuration.HTTP_RETRY_SECONDS})
        result.setdefault("RequestConfiguration", {"ContentEncoding": "NONE"})
        result.setdefault("CloudWatchLoggingOptions", {"Enabled": False})
        result["BufferingHints"] = _hints(described, SIZE)
        result["S3DestinationDescription"] = _s3(described["S3DestinationDescription"], SIZE)
    else:
        converted = converts(described)
        result = _s3(result, SIZE_CONVERTED if converted else SIZE)
        result.setdefault("S3BackupMode", "Disabled")
        if "S3BackupDescription" in result:
            result["S3BackupDescription"] = _s3(result["S3BackupDescription"], SIZE)
    if "ProcessingConfiguration" in result:
        result["ProcessingConfiguration"] = _processing(result)
    return result


def converts(described: Described) -> bool:
    """Whether format conversion is configured and in force; leaving Enabled out means yes."""
    conversion = described.get("DataFormatConversionConfiguration")
    return bool(conversion and conversion.get("Enabled", True))


def _hints(described: Described, size: int) -> dict[str, int]:
    return described.get("BufferingHints") or {"SizeInMBs": size, "IntervalInSeconds": SECONDS}


def _s3(described: Described, size: int) -> Described:
    return {
        "CompressionFormat": "UNCOMPRESSED",
        "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
        "CloudWatchLoggingOptions": {"Enabled": False},
        **described,
        "BufferingHints": _hints(described, size),
    }


def _processing(described: Described) -> dict[str, Any]:
    """The processors with every parameter that is in force, as AWS answers them."""
    configured = described["ProcessingConfiguration"]
    processors = []
    for processor in configured.get("Processors") or ():
        given = {p["ParameterName"]: p["ParameterValue"] for p in processor.get("Parameters") or ()}
        if processor["Type"] == "Lambda" and "LambdaArn" in given:
            if ("BufferSizeInMBs" in given) != ("BufferIntervalInSeconds" in given):
                raise refusal.invalid(
                    "Both BufferSizeInMBs and BufferIntervalInSeconds are required to configure "
                    "buffering for lambda processor."
                )
            role = described.get("RoleARN")
            defaults = {
                "LambdaArn": given["LambdaArn"],
                "NumberOfRetries": str(configuration.RETRIES),
                **({"RoleArn": role} if role else {}),
                "BufferSizeInMBs": "1.0",
                "BufferIntervalInSeconds": "60",
            }
            given = defaults | given
        parameters = [{"ParameterName": k, "ParameterValue": v} for k, v in given.items()]
        processors.append({"Type": processor["Type"], "Parameters": parameters})
    return {"Enabled": configured.get("Enabled", False), "Processors": processors}


def described(kind: str, destination: Described) -> dict[str, Any]:
    """The destination as DescribeDeliveryStream answers it."""
    answer: dict[str, Any] = {"DestinationId": DESTINATION_ID}
    if kind == HTTP:
        shown = {
            **destination,
            "EndpointConfiguration": {
                name: value
                for name, value in destination["EndpointConfiguration"].items()
                if name != "AccessKey"
            },
        }
        return {**answer, "HttpEndpointDestinationDescription": shown}
    plain = {name: value for name, value in destination.items() if name not in ONLY_EXTENDED}
    return {
        **answer,
        "S3DestinationDescription": plain,
        "ExtendedS3DestinationDescription": destination,
    }
