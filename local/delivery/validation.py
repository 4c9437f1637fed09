"""The rules of a destination beyond its shape: each a condition and AWS's sentence for it.

Sentences that are not known to be AWS's own are marked [open].
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from local.delivery import configuration, partition, prefix, refusal
from local.delivery.destination import HTTP, Described, converts

Rules = Iterator[tuple[bool, str]]

LEAST_CONVERTED = LEAST_PARTITIONED = 64
LEAST_PARTITIONED_SECONDS = LEAST_BACKUP_SECONDS = 60
"""Hints that need to be larger: MiB and seconds."""
SUPPORTED = ("Lambda", "MetadataExtraction", "AppendDelimiterToRecord")
MOST_PROCESSORS = 5
COMPRESSIONS = ("UNCOMPRESSED", "GZIP")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check(kind: str, described: Described) -> None:
    """Raise what AWS raises for a destination it would not create."""
    processors = (described.get("ProcessingConfiguration") or {}).get("Processors") or []
    for processor in processors:
        if processor["Type"] not in SUPPORTED:
            raise refusal.unsupported(f"the processor {processor['Type']}")
    _refuse(_processing(described))
    if kind == HTTP:
        _refuse(_http(described))
        _check_s3(described["S3DestinationDescription"], partitioned=False)
        return
    partitioned = bool((described.get("DynamicPartitioningConfiguration") or {}).get("Enabled"))
    if converts(described):
        _check_conversion(described)
    _check_s3(described, partitioned=partitioned)
    _refuse(_extended(described, partitioned=partitioned))
    if "S3BackupDescription" in described:
        _check_s3(described["S3BackupDescription"], partitioned=False, backup=True)


def check_update(before: Described, after: Described) -> None:
    """Raise for what may not change while a delivery stream lives."""
    was = (before.get("DynamicPartitioningConfiguration") or {}).get("Enabled", False)
    now = (after.get("DynamicPartitioningConfiguration") or {}).get("Enabled", False)
    if was != now:
        word = "disabled on a delivery stream with it" if was else "enabled on an existing one"
        raise refusal.invalid(f"Dynamic Partitioning cannot be {word}.")  # [open]
    if before.get("S3BackupMode") == "Enabled" and after["S3BackupMode"] == "Disabled":
        raise refusal.invalid("S3 backup cannot be disabled once it is enabled.")  # [open]


def _refuse(rules: Rules) -> None:
    for broken, sentence in rules:
        if broken:
            raise refusal.invalid(sentence)


def _check_s3(described: Described, *, partitioned: bool, backup: bool = False) -> None:
    _refuse(_s3(described))
    if described["CompressionFormat"] not in COMPRESSIONS:
        raise refusal.unsupported(f"the compression {described['CompressionFormat']}")
    try:
        prefix.check(
            described.get("Prefix"),
            # The error prefix of a backup is not used, so it cannot be missing either.
            described.get("ErrorOutputPrefix") or ("!{firehose:error-output-type}" * backup),
            partitioned=partitioned,
        )
    except prefix.BadPrefix as error:
        raise refusal.invalid(str(error)) from error
    if backup and described["BufferingHints"]["IntervalInSeconds"] < LEAST_BACKUP_SECONDS:
        raise refusal.invalid("BufferingHints.IntervalInSeconds must be at least 60.")  # [open]


def _s3(described: Described) -> Rules:
    hints = described["BufferingHints"]
    yield (
        len(hints) != 2,
        "Both SizeInMBs and IntervalInSeconds are required to configure buffering hints.",  # [open]
    )
    encryption = described["EncryptionConfiguration"]
    yield (
        len(encryption) != 1,
        "Exactly one of NoEncryptionConfig or KMSEncryptionConfig must be specified",
    )
    log = described["CloudWatchLoggingOptions"]
    for name, words in (("LogGroupName", "Log Group"), ("LogStreamName", "Log Stream")):
        yield (
            bool(log.get("Enabled")) and not log.get(name),
            f"CloudWatch {words} Name is required if CloudWatch Logging is enabled",
        )
    zone = described.get("CustomTimeZone") or "UTC"
    yield (
        zone != "UTC" and ("/" not in zone or zone not in available_timezones()),
        "Provided custom time zone is not supported. Custom time zones are limited to UTC and "
        "non-3-letter IANA time zones.",
    )


def _extended(described: Described, *, partitioned: bool) -> Rules:
    hints = described["BufferingHints"]
    yield (
        described["S3BackupMode"] == "Enabled" and "S3BackupDescription" not in described,
        "S3 backup destination configuration is required when enabling S3 backup.",
    )
    yield (
        partitioned and hints["SizeInMBs"] < LEAST_PARTITIONED,
        "BufferingHints.SizeInMBs must be at least 64 when Dynamic Partitioning is enabled.",
    )
    yield (
        partitioned and hints["IntervalInSeconds"] < LEAST_PARTITIONED_SECONDS,
        "BufferingHints.IntervalInSeconds must be at least 60 when Dynamic Partitioning is "
        "enabled.",
    )
    processors = configuration.processors(described)
    yield (
        not partitioned and "MetadataExtraction" in processors,
        "class com.amazonaws.services.firehose.internal.model.MetadataExtractionProcessor can "
        "only be present when Dynamic Partitioning is enabled.",
    )
    yield from _keys(described.get("Prefix"), processors)


def _keys(template: str | None, processors: dict[str, dict[str, str]]) -> Rules:
    """The prefix and whoever makes its keys name the same ones."""
    try:
        names = prefix.partition_names(template)
    except prefix.BadPrefix:
        return
    wanted = {name.value for name in names if name.namespace == prefix.QUERY}
    query = processors.get("MetadataExtraction", {}).get("MetadataExtractionQuery")
    made = partition.query_keys(query) if query else set()
    if made is not None:
        yield (
            bool(made - wanted),
            "MetaDataExtraction JQ Query can't contain keys that are not present in the S3 Prefix "
            "expression",
        )
        yield (
            bool(wanted - made),
            "S3 Prefix expression contains keys that the MetaDataExtraction JQ Query does not "
            "provide",  # [open]
        )
    yield (
        any(name.namespace == prefix.LAMBDA for name in names) and "Lambda" not in processors,
        "S3 Prefix expression contains partitionKeyFromLambda but no Lambda processor provides "
        "keys",  # [open]
    )


def _check_conversion(described: Described) -> None:
    conversion = described["DataFormatConversionConfiguration"]
    _refuse(_conversion(described, conversion))
    deserializer = conversion["InputFormatConfiguration"]["Deserializer"]
    if deserializer.get("HiveJsonSerDe") is not None:
        raise refusal.unsupported("the deserializer HiveJsonSerDe")


def _conversion(described: Described, conversion: dict[str, Any]) -> Rules:
    for name in ("InputFormatConfiguration", "OutputFormatConfiguration", "SchemaConfiguration"):
        yield conversion.get(name) is None, f"{name} must not be null"
    schema = conversion["SchemaConfiguration"]
    for name in ("RoleARN", "DatabaseName", "TableName"):
        yield schema.get(name) is None, f"{name} must not be null"  # [open]
    for part, word in (
        (conversion["InputFormatConfiguration"].get("Deserializer"), "deserializer"),
        (conversion["OutputFormatConfiguration"].get("Serializer"), "serializer"),
    ):
        chosen = [name for name, value in (part or {}).items() if value is not None]
        yield not chosen, f"{word.capitalize()} must not be null"
        yield len(chosen) > 1, f"More than one {word} specified. Only one may be chosen."
    yield (
        described["CompressionFormat"] != "UNCOMPRESSED",
        "The S3 destination's compression format must be set to UNCOMPRESSED when data format "
        "conversion is enabled",
    )
    yield (
        described["BufferingHints"].get("SizeInMBs", LEAST_CONVERTED) < LEAST_CONVERTED,
        "BufferingHints.SizeInMBs must be at least 64 when data format conversion is enabled.",
    )


def _processing(described: Described) -> Rules:
    configured = described.get("ProcessingConfiguration") or {}
    types = [one["Type"] for one in configured.get("Processors") or ()]
    yield (
        bool(configured.get("Enabled")) and not 1 <= len(types) <= MOST_PROCESSORS,
        "A maximum of 5 and a minimum of 1 processor needs to be supplied when processing is "
        "enabled.",
    )
    yield types.count("Lambda") > 1, "Cannot have more than 1 Lambda processor."
    processors = configuration.processors(described)
    if "Lambda" in processors:
        yield from _lambda(processors["Lambda"])
    if "MetadataExtraction" in processors:
        yield from _metadata(processors["MetadataExtraction"])


def _lambda(parameters: dict[str, str]) -> Rules:
    yield "LambdaArn" not in parameters, "LambdaArn is required when Lambda processor is used."
    for name, least, most, sentence in (
        ("NumberOfRetries", 0, 300, "Number of retries for lambda must be between 0 and 300."),
        ("BufferSizeInMBs", 0.2, 3, "BufferSizeInMBs for lambda processor must be between "
         "0.2 and 3."),
        ("BufferIntervalInSeconds", 0, 900, "BufferIntervalInSeconds for lambda processor must "
         "be between 0 and 900."),
    ):  # fmt: skip
        yield not _between(parameters.get(name, str(least)), least, most), sentence


def _between(text: str, least: float, most: float) -> bool:
    try:
        return least <= float(text) <= most
    except ValueError:
        return False


def _metadata(parameters: dict[str, str]) -> Rules:
    query = parameters.get("MetadataExtractionQuery")
    yield (
        parameters.get("JsonParsingEngine") != "JQ-1.6" or not query,
        "MetaDataExtraction JSON Parsing Engine has to be one of JQ-1.6",
    )
    try:
        partition.program(query or ".")
    except ValueError as error:
        yield True, f"MetaDataExtraction JQ Query is not valid: {error}"  # [open]


def _http(described: Described) -> Rules:
    url = urlsplit(described["EndpointConfiguration"]["Url"])
    local = url.scheme == "http" and url.hostname in LOOPBACK
    yield (
        not url.hostname or not (local or url.scheme == "https"),
        "The URL of an HTTP endpoint must start with https://",  # [open]
    )
    yield (
        len(described["BufferingHints"]) != 2,
        "Both SizeInMBs and IntervalInSeconds are required to configure buffering hints.",  # [open]
    )
    attributes = (described.get("RequestConfiguration") or {}).get("CommonAttributes") or []
    names = [one["AttributeName"] for one in attributes]
    for name in {name for name in names if names.count(name) > 1}:
        yield True, f"Http Endpoint Common Attributes have duplicate name {name}"
    types = configuration.processors(described)
    yield (
        "MetadataExtraction" in types,
        "class com.amazonaws.services.firehose.internal.model.MetadataExtractionProcessor can "
        "only be present when Dynamic Partitioning is enabled.",
    )
    secrets = described.get("SecretsManagerConfiguration") or {}
    yield (
        bool(secrets.get("Enabled")) and not secrets.get("SecretARN"),
        "SecretARN is required when Secrets Manager is enabled.",  # [open]
    )
