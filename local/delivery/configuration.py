"""A destination as the engine works by it: one typed, immutable value out of AWS's description.

The description (validated, defaults filled in) stays the truth that the API shows; a change of
it compiles anew, and whoever holds the old value finishes with it.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from local.delivery.conversion import Output
from local.delivery.typed import Options

MEGABYTE = 1 << 20
RETRIES = 3
TRANSFORM_MEGABYTES = 1.0
TRANSFORM_SECONDS = 60.0
HTTP_RETRY_SECONDS = 300


class Hints(Struct, frozen=True):
    """Bytes and (unscaled) seconds until a buffer is delivered."""

    size: int
    seconds: float


class Log(Struct, frozen=True):
    """Where errors are logged in CloudWatch."""

    group: str
    stream: str


class Target(Struct, frozen=True):
    """A bucket and how objects are made for it."""

    bucket: str
    prefix: str | None
    error_prefix: str | None
    hints: Hints
    gzip: bool
    extension: str
    zone: str
    log: Log | None
    key: str | None = None
    """The KMS key that encrypts its objects, None for the bucket's default."""

    @property
    def timezone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


class Transform(Struct, frozen=True):
    """The Lambda processor; seconds are unscaled."""

    function: str
    retries: int = RETRIES
    megabytes: float = TRANSFORM_MEGABYTES
    seconds: float = TRANSFORM_SECONDS


class Conversion(Struct, frozen=True):
    """The table that records are converted by, and the format they become."""

    database: str
    table: str
    region: str | None
    catalog: str | None
    version: str
    options: Options
    output: Output


class Endpoint(Struct, frozen=True):
    """An HTTP endpoint that takes the records."""

    url: str
    name: str
    access_key: str
    gzip: bool
    attributes: dict[str, str]
    retry_seconds: int
    log: Log | None
    secret: str = ""
    """ARN of the secret that holds the access key instead, "" for none."""


class Destination(Struct, frozen=True):
    """What happens to the records of a delivery stream."""

    target: Target
    backup: Target | None = None
    """Where every source record goes as it came, None for nowhere."""
    transform: Transform | None = None
    query: str | None = None
    """The jq query of the partition keys."""
    delimiter: bool = False
    """Whether a line feed separates records."""
    partitioned: bool = False
    conversion: Conversion | None = None
    endpoint: Endpoint | None = None
    hints: Hints = Hints(0, 0)
    """When records are delivered: the endpoint's, or the target's."""


def compiled(kind: str, described: dict[str, Any]) -> Destination:
    """The destination of a description; `kind` is "ExtendedS3" or "HttpEndpoint"."""
    configured = processors(described)
    common: dict[str, Any] = {
        "transform": _transform(configured.get("Lambda")),
        "query": (configured.get("MetadataExtraction") or {}).get("MetadataExtractionQuery"),
        "delimiter": "AppendDelimiterToRecord" in configured,
    }
    if kind == "HttpEndpoint":
        target = _target(described["S3DestinationDescription"])
        everything = described["S3BackupMode"] == "AllData"
        return Destination(
            target=target,
            backup=target if everything else None,
            endpoint=_endpoint(described),
            hints=_hints(described),
            **common,
        )
    conversion = _conversion(described.get("DataFormatConversionConfiguration"))
    target = _target(described, conversion)
    backed_up = described["S3BackupMode"] == "Enabled"
    return Destination(
        target=target,
        backup=_target(described["S3BackupDescription"]) if backed_up else None,
        partitioned=_enabled(described.get("DynamicPartitioningConfiguration")),
        conversion=conversion,
        hints=target.hints,
        **common,
    )


def _enabled(part: dict[str, Any] | None) -> bool:
    return bool(part and part.get("Enabled", False))


def processors(described: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Type -> parameters of the processors in force."""
    configured = described.get("ProcessingConfiguration") or {}
    if not _enabled(configured):
        return {}
    return {
        one["Type"]: {p["ParameterName"]: p["ParameterValue"] for p in one.get("Parameters") or ()}
        for one in configured.get("Processors") or ()
    }


def _transform(parameters: dict[str, str] | None) -> Transform | None:
    if parameters is None:
        return None
    return Transform(
        parameters["LambdaArn"],
        int(parameters.get("NumberOfRetries", RETRIES)),
        float(parameters.get("BufferSizeInMBs", TRANSFORM_MEGABYTES)),
        float(parameters.get("BufferIntervalInSeconds", TRANSFORM_SECONDS)),
    )


def _hints(described: dict[str, Any]) -> Hints:
    hints = described["BufferingHints"]
    return Hints(hints["SizeInMBs"] * MEGABYTE, float(hints["IntervalInSeconds"]))


def _log(described: dict[str, Any]) -> Log | None:
    options = described.get("CloudWatchLoggingOptions") or {}
    if not _enabled(options):
        return None
    return Log(options["LogGroupName"], options["LogStreamName"])


def _target(described: dict[str, Any], conversion: Conversion | None = None) -> Target:
    own = conversion.output.extension if conversion else ""
    gzip = described["CompressionFormat"] == "GZIP"
    return Target(
        bucket=described["BucketARN"].rpartition(":")[2],
        prefix=described.get("Prefix"),
        error_prefix=described.get("ErrorOutputPrefix"),
        hints=_hints(described),
        gzip=gzip,
        extension=described.get("FileExtension") or own or (".gz" if gzip else ""),
        zone=described.get("CustomTimeZone") or "UTC",
        log=_log(described),
        key=(described["EncryptionConfiguration"].get("KMSEncryptionConfig") or {}).get(
            "AWSKMSKeyARN"
        ),
    )


def _conversion(configured: dict[str, Any] | None) -> Conversion | None:
    if not configured or not configured.get("Enabled", True):
        return None
    schema = configured["SchemaConfiguration"]
    serde = configured["InputFormatConfiguration"]["Deserializer"]["OpenXJsonSerDe"] or {}
    return Conversion(
        schema["DatabaseName"],
        schema["TableName"],
        schema.get("Region"),
        schema.get("CatalogId"),
        schema.get("VersionId", "LATEST"),
        Options(
            case_insensitive=serde.get("CaseInsensitive", True),
            dots_to_underscores=serde.get("ConvertDotsInJsonKeysToUnderscores", False),
            keys=serde.get("ColumnToJsonKeyMappings") or {},
        ),
        _output(configured["OutputFormatConfiguration"]["Serializer"]),
    )


def _output(serializer: dict[str, Any]) -> Output:
    if serializer.get("OrcSerDe") is not None:
        serde = serializer["OrcSerDe"]
        names = {"NONE": "uncompressed"}
        compression = serde.get("Compression", "SNAPPY")
        return Output(
            format="orc",
            compression=names.get(compression, compression.lower()),
            stripe_bytes=serde.get("StripeSizeBytes", 64 * MEGABYTE),
        )
    serde = serializer["ParquetSerDe"]
    names = {"UNCOMPRESSED": "none"}
    compression = serde.get("Compression", "SNAPPY")
    return Output(
        compression=names.get(compression, compression.lower()),
        page_version="2.0" if serde.get("WriterVersion") == "V2" else "1.0",
        page_bytes=serde.get("PageSizeBytes", MEGABYTE),
    )


def _endpoint(described: dict[str, Any]) -> Endpoint:
    endpoint = described["EndpointConfiguration"]
    request = described.get("RequestConfiguration") or {}
    secret = described.get("SecretsManagerConfiguration") or {}
    return Endpoint(
        url=endpoint["Url"],
        name=endpoint.get("Name", ""),
        access_key=endpoint.get("AccessKey", ""),
        secret=secret["SecretARN"] if secret.get("Enabled") else "",
        gzip=request.get("ContentEncoding") == "GZIP",
        attributes={
            one["AttributeName"]: one["AttributeValue"]
            for one in request.get("CommonAttributes") or ()
        },
        retry_seconds=(described.get("RetryOptions") or {}).get(
            "DurationInSeconds", HTTP_RETRY_SECONDS
        ),
        log=_log(described),
    )
