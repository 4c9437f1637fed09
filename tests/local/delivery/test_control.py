"""The API of delivery streams: what is described, what is refused, and in which words."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.delivery.conftest import ACCOUNT, ERRORS, PARTITIONED, ROLE, Lab, processing

FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
KEYED = "d=!{partitionKeyFromLambda:d}/"
DYNAMIC = {"Enabled": True}


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    found = error.value.response["Error"]
    return found["Code"], found["Message"]


def test_a_delivery_stream_is_described_with_every_default(lab: Lab) -> None:
    name = lab.create(
        S3DestinationConfiguration={"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{lab.bucket}"}
    )
    described = lab.describe(name)
    assert described.pop("CreateTimestamp").year > 2020
    plain = {
        "RoleARN": ROLE,
        "BucketARN": f"arn:aws:s3:::{lab.bucket}",
        "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
        "CompressionFormat": "UNCOMPRESSED",
        "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
        "CloudWatchLoggingOptions": {"Enabled": False},
    }
    assert described == {
        "DeliveryStreamName": name,
        "DeliveryStreamARN": f"arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/{name}",
        "DeliveryStreamStatus": "ACTIVE",
        "DeliveryStreamEncryptionConfiguration": {"Status": "DISABLED"},
        "DeliveryStreamType": "DirectPut",
        "VersionId": "1",
        "Destinations": [
            {
                "DestinationId": "destinationId-000000000001",
                "S3DestinationDescription": plain,
                "ExtendedS3DestinationDescription": {**plain, "S3BackupMode": "Disabled"},
            }
        ],
        "HasMoreDestinations": False,
    }


def test_a_source_and_the_transform_s_parameters_are_described(lab: Lab) -> None:
    stream = lab.stream()
    name = lab.delivery(stream, ProcessingConfiguration=processing(Lambda={"LambdaArn": FUNCTION}))
    described = lab.describe(name)
    source = described["Source"]["KinesisStreamSourceDescription"]
    assert source.pop("DeliveryStartTimestamp").year > 2020
    assert source == {"KinesisStreamARN": lab.arn(stream), "RoleARN": ROLE}
    extended = described["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert extended["ProcessingConfiguration"] == processing(
        Lambda={
            "LambdaArn": FUNCTION,
            "NumberOfRetries": "3",
            "RoleArn": ROLE,
            "BufferSizeInMBs": "1.0",
            "BufferIntervalInSeconds": "60",
        }
    )


def test_conversion_makes_the_default_buffer_larger(lab: Lab) -> None:
    name = lab.delivery(BufferingHints=None, DataFormatConversionConfiguration=lab.conversion())
    extended = lab.describe(name)["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert extended["BufferingHints"] == {"SizeInMBs": 128, "IntervalInSeconds": 300}


def test_an_endpoint_is_described_without_its_key(lab: Lab) -> None:
    name = lab.create(
        HttpEndpointDestinationConfiguration={
            "EndpointConfiguration": {"Url": "https://x.test/in", "Name": "x", "AccessKey": "key"},
            "S3Configuration": {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{lab.bucket}"},
        }
    )
    described = lab.describe(name)["Destinations"][0]["HttpEndpointDestinationDescription"]
    assert described.pop("S3DestinationDescription")["BufferingHints"]["SizeInMBs"] == 5
    assert described == {
        "EndpointConfiguration": {"Url": "https://x.test/in", "Name": "x"},
        "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
        "CloudWatchLoggingOptions": {"Enabled": False},
        "RequestConfiguration": {"ContentEncoding": "NONE"},
        "RetryOptions": {"DurationInSeconds": 300},
        "S3BackupMode": "FailedDataOnly",
    }


def test_names_are_listed_in_order_by_pages_and_type(lab: Lab) -> None:
    direct = [lab.delivery() for _ in range(3)]
    fed = lab.delivery(lab.stream())
    after = min(direct)[:-1]
    first = lab.firehose.list_delivery_streams(
        Limit=2, DeliveryStreamType="DirectPut", ExclusiveStartDeliveryStreamName=after
    )
    assert (first["DeliveryStreamNames"], first["HasMoreDeliveryStreams"]) == (
        sorted(direct)[:2],
        True,
    )
    rest = lab.firehose.list_delivery_streams(
        DeliveryStreamType="DirectPut", ExclusiveStartDeliveryStreamName=sorted(direct)[1]
    )
    assert rest["DeliveryStreamNames"] == sorted(direct)[2:]
    sourced = lab.firehose.list_delivery_streams(DeliveryStreamType="KinesisStreamAsSource")
    assert fed in sourced["DeliveryStreamNames"]


def test_tags_are_set_listed_and_removed(lab: Lab) -> None:
    name = lab.create(
        ExtendedS3DestinationConfiguration=lab.destination(), Tags=[{"Key": "a", "Value": "1"}]
    )
    lab.firehose.tag_delivery_stream(
        DeliveryStreamName=name, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}]
    )
    tags = lab.firehose.list_tags_for_delivery_stream(DeliveryStreamName=name)
    assert (tags["Tags"], tags["HasMoreTags"]) == (
        [{"Key": "a", "Value": "3"}, {"Key": "b", "Value": "2"}],
        False,
    )
    lab.firehose.untag_delivery_stream(DeliveryStreamName=name, TagKeys=["a"])
    tags = lab.firehose.list_tags_for_delivery_stream(DeliveryStreamName=name)
    assert tags["Tags"] == [{"Key": "b", "Value": "2"}]


def test_encryption_is_switched_on_and_off(lab: Lab) -> None:
    name = lab.delivery()
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"
    given = {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": key}
    lab.firehose.start_delivery_stream_encryption(
        DeliveryStreamName=name, DeliveryStreamEncryptionConfigurationInput=given
    )
    described = lab.describe(name)["DeliveryStreamEncryptionConfiguration"]
    assert described == {**given, "Status": "ENABLED"}
    assert lab.firehose.put_record(DeliveryStreamName=name, Record={"Data": b"x"})["Encrypted"]
    lab.firehose.stop_delivery_stream_encryption(DeliveryStreamName=name)
    assert lab.describe(name)["DeliveryStreamEncryptionConfiguration"] == {"Status": "DISABLED"}


def test_an_update_merges_and_counts_only_when_something_changed(lab: Lab) -> None:
    name = lab.delivery(CompressionFormat="GZIP")
    lab.update(name, Prefix="data/!{timestamp:yyyy}/")
    assert "LastUpdateTimestamp" not in lab.describe(name)
    lab.update(name, BufferingHints={"SizeInMBs": 7, "IntervalInSeconds": 20})
    described = lab.describe(name)
    extended = described["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert (described["VersionId"], "LastUpdateTimestamp" in described) == ("2", True)
    assert (extended["BufferingHints"]["SizeInMBs"], extended["CompressionFormat"]) == (7, "GZIP")


def test_an_update_of_another_version_is_refused(lab: Lab) -> None:
    name = lab.delivery()
    with pytest.raises(ClientError) as error:
        lab.firehose.update_destination(
            DeliveryStreamName=name,
            CurrentDeliveryStreamVersionId="7",
            DestinationId="destinationId-000000000001",
            ExtendedS3DestinationUpdate={"Prefix": "x/"},
        )
    assert refusal(error) == (
        "ConcurrentModificationException",
        f"Cannot update firehose: {name} since the current version id: 1 and specified version "
        "id: 7 do not match",
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"DynamicPartitioningConfiguration": DYNAMIC, "Prefix": KEYED}
            | {"BufferingHints": PARTITIONED}
            | {"ProcessingConfiguration": processing(Lambda={"LambdaArn": FUNCTION})},
            "Dynamic Partitioning cannot be enabled on an existing one.",
        ),
        (
            {"ErrorOutputPrefix": ""},
            "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions",
        ),
    ],
)
def test_an_update_keeps_to_the_rules(lab: Lab, changes: dict[str, Any], sentence: str) -> None:
    name = lab.delivery()
    with pytest.raises(ClientError) as error:
        lab.update(name, **changes)
    assert refusal(error) == ("InvalidArgumentException", sentence)
    assert lab.describe(name)["VersionId"] == "1"


def test_backup_once_enabled_stays(lab: Lab) -> None:
    backup = {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{lab.bucket}"}
    name = lab.delivery(S3BackupMode="Enabled", S3BackupConfiguration=backup)
    with pytest.raises(ClientError) as error:
        lab.update(name, S3BackupMode="Disabled")
    assert refusal(error)[1] == "S3 backup cannot be disabled once it is enabled."


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"BufferingHints": {"SizeInMBs": 5}}, "Both SizeInMBs and IntervalInSeconds are required "
         "to configure buffering hints."),
        ({"S3BackupMode": "Enabled"}, "S3 backup destination configuration is required when "
         "enabling S3 backup."),
        ({"CustomTimeZone": "Mars/Phobos"}, "Provided custom time zone is not supported. Custom "
         "time zones are limited to UTC and non-3-letter IANA time zones."),
        ({"CustomTimeZone": "EST"}, "Provided custom time zone is not supported. Custom "
         "time zones are limited to UTC and non-3-letter IANA time zones."),
        ({"CloudWatchLoggingOptions": {"Enabled": True}}, "CloudWatch Log Group Name is required "
         "if CloudWatch Logging is enabled"),
        ({"EncryptionConfiguration": {}}, "Exactly one of NoEncryptionConfig or "
         "KMSEncryptionConfig must be specified"),
        ({"ProcessingConfiguration": {"Enabled": True, "Processors": []}}, "A maximum of 5 and a "
         "minimum of 1 processor needs to be supplied when processing is enabled."),
        ({"ProcessingConfiguration": processing(Lambda={"NumberOfRetries": "1"})}, "LambdaArn is "
         "required when Lambda processor is used."),
        ({"ProcessingConfiguration": processing(Lambda={"LambdaArn": FUNCTION,
          "NumberOfRetries": "301"})}, "Number of retries for lambda must be between 0 and 300."),
        ({"ProcessingConfiguration": processing(Lambda={"LambdaArn": FUNCTION, "BufferSizeInMBs":
          "3.5", "BufferIntervalInSeconds": "1"})}, "BufferSizeInMBs for lambda processor must be "
         "between 0.2 and 3."),
        ({"ProcessingConfiguration": processing(Lambda={"LambdaArn": FUNCTION, "BufferSizeInMBs":
          "1", "BufferIntervalInSeconds": "901"})}, "BufferIntervalInSeconds for lambda processor "
         "must be between 0 and 900."),
        ({"ProcessingConfiguration": processing(Lambda={"LambdaArn": FUNCTION,
          "BufferSizeInMBs": "1"})}, "Both BufferSizeInMBs and BufferIntervalInSeconds are "
         "required to configure buffering for lambda processor."),
        ({"ProcessingConfiguration": processing(MetadataExtraction={"JsonParsingEngine": "JQ-1.6",
          "MetadataExtractionQuery": "{a: .a}"})}, "class com.amazonaws.services.firehose.internal."
         "model.MetadataExtractionProcessor can only be present when Dynamic Partitioning is "
         "enabled."),
        ({"Prefix": KEYED}, "Dynamic Partitioning Namespaces can only be part of a prefix "
         "expression when Dynamic Partitioning is enabled."),
    ],
)  # fmt: skip
def test_a_destination_that_aws_refuses_is_refused_in_its_words(
    lab: Lab, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ClientError) as error:
        lab.delivery(**changes)
    assert refusal(error) == ("InvalidArgumentException", sentence)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"BufferingHints": {"SizeInMBs": 63, "IntervalInSeconds": 60}}, "BufferingHints.SizeInMBs "
         "must be at least 64 when Dynamic Partitioning is enabled."),
        ({"BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 59}}, "BufferingHints."
         "IntervalInSeconds must be at least 60 when Dynamic Partitioning is enabled."),
        ({"Prefix": "x/"}, "S3 Prefix should contain Dynamic Partitioning namespaces when Dynamic "
         "Partitioning is enabled"),
        ({"ErrorOutputPrefix": ERRORS + KEYED}, "Dynamic Partitioning Namespaces can't be part of "
         "an error prefix expression"),
        ({"ProcessingConfiguration": None}, "S3 Prefix expression contains partitionKeyFromLambda "
         "but no Lambda processor provides keys"),
        ({"ProcessingConfiguration": processing(Lambda={"LambdaArn": FUNCTION}, MetadataExtraction=
          {"JsonParsingEngine": "JQ-1.6", "MetadataExtractionQuery": "{a: .a}"})}, "MetaDataExtract"
         "ion JQ Query can't contain keys that are not present in the S3 Prefix expression"),
        ({"Prefix": "!{partitionKeyFromQuery:q}/", "ProcessingConfiguration": processing(
          Lambda={"LambdaArn": FUNCTION})}, "S3 Prefix expression contains keys that the "
         "MetaDataExtraction JQ Query does not provide"),
        ({"ProcessingConfiguration": processing(Lambda={"LambdaArn": FUNCTION}, MetadataExtraction=
          {"MetadataExtractionQuery": "{a: .a}"})}, "MetaDataExtraction JSON Parsing Engine has to "
         "be one of JQ-1.6"),
    ],
)  # fmt: skip
def test_dynamic_partitioning_keeps_to_aws_s_rules(
    lab: Lab, changes: dict[str, Any], sentence: str
) -> None:
    right = {
        "Prefix": KEYED,
        "BufferingHints": PARTITIONED,
        "DynamicPartitioningConfiguration": DYNAMIC,
        "ProcessingConfiguration": processing(Lambda={"LambdaArn": FUNCTION}),
    }
    with pytest.raises(ClientError) as error:
        lab.delivery(**right | changes)
    assert refusal(error) == ("InvalidArgumentException", sentence)


@pytest.mark.parametrize(
    ("destination", "conversion", "sentence"),
    [
        ({"BufferingHints": {"SizeInMBs": 63, "IntervalInSeconds": 60}}, {}, "BufferingHints.Size"
         "InMBs must be at least 64 when data format conversion is enabled."),
        ({"CompressionFormat": "GZIP"}, {}, "The S3 destination's compression format must be set "
         "to UNCOMPRESSED when data format conversion is enabled"),
        ({}, {"SchemaConfiguration": None}, "SchemaConfiguration must not be null"),
        ({}, {"InputFormatConfiguration": None}, "InputFormatConfiguration must not be null"),
        ({}, {"OutputFormatConfiguration": None}, "OutputFormatConfiguration must not be null"),
        ({}, {"InputFormatConfiguration": {"Deserializer": {}}}, "Deserializer must not be null"),
        ({}, {"OutputFormatConfiguration": {"Serializer": {}}}, "Serializer must not be null"),
        ({}, {"OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}, "OrcSerDe": {}}}},
         "More than one serializer specified. Only one may be chosen."),
        ({}, {"InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}, "HiveJsonSerDe":
         {}}}}, "More than one deserializer specified. Only one may be chosen."),
        ({}, {"SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": "none", "TableName": "t"}},
         "The specified table/database could not be found. Please ensure that the table/database "
         "exists and that the values provided in the schema configuration are correct, especially "
         "with regards to casing."),
    ],
)  # fmt: skip
def test_conversion_keeps_to_aws_s_rules(
    lab: Lab, destination: dict[str, Any], conversion: dict[str, Any], sentence: str
) -> None:
    parts = {k: v for k, v in (lab.conversion() | conversion).items() if v is not None}
    hints = {"BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 10}}
    with pytest.raises(ClientError) as error:
        lab.delivery(**hints | destination, DataFormatConversionConfiguration=parts)
    assert refusal(error) == ("InvalidArgumentException", sentence)


def test_a_column_that_the_serde_cannot_read_is_refused(lab: Lab) -> None:
    with pytest.raises(ClientError) as error:
        lab.delivery(
            BufferingHints=None,
            DataFormatConversionConfiguration=lab.conversion({"raw": "binary"}),
        )
    assert refusal(error)[1].startswith("The schema is invalid.")


@pytest.mark.parametrize(
    ("parameters", "what"),
    [
        (
            {"SplunkDestinationConfiguration": {"HECEndpoint": "https://x.test", "HECEndpointType":
             "Raw", "S3Configuration": {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::b"}}},
            "the destination Splunk",
        ),
        (
            {"DeliveryStreamType": "MSKAsSource", "ExtendedS3DestinationConfiguration":
             {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::b"}},
            "the source MSKAsSource",
        ),
        (
            {"ExtendedS3DestinationConfiguration": {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::b",
             "ProcessingConfiguration": processing(Decompression={"CompressionFormat": "GZIP"})}},
            "the processor Decompression",
        ),
        (
            {"ExtendedS3DestinationConfiguration": {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::b",
             "CompressionFormat": "Snappy"}},
            "the compression Snappy",
        ),
    ],
)  # fmt: skip
def test_what_the_local_aws_lacks_is_refused_by_name(
    lab: Lab, parameters: dict[str, Any], what: str
) -> None:
    with pytest.raises(ClientError) as error:
        lab.create(**parameters)
    assert refusal(error) == (
        "UnsupportedOperation",
        f"The local AWS does not support {what} of Firehose.",
    )


def test_the_hive_deserializer_is_refused_by_name(lab: Lab) -> None:
    conversion = lab.conversion(InputFormatConfiguration={"Deserializer": {"HiveJsonSerDe": {}}})
    with pytest.raises(ClientError) as error:
        lab.delivery(BufferingHints=None, DataFormatConversionConfiguration=conversion)
    assert refusal(error)[0] == "UnsupportedOperation"


def test_sources_are_checked(lab: Lab) -> None:
    with pytest.raises(ClientError) as error:
        lab.delivery("no-such-stream")
    assert refusal(error)[0] == "InvalidArgumentException"
    with pytest.raises(ClientError) as error:
        lab.create(
            DeliveryStreamType="KinesisStreamAsSource",
            ExtendedS3DestinationConfiguration=lab.destination(),
        )
    assert refusal(error)[1] == (
        "KinesisSourceStreamConfig is mandatory for KinesisStreamAsSource stream type."
    )
    with pytest.raises(ClientError) as error:
        lab.create()
    assert refusal(error)[1] == "Exactly one destination configuration is supported for a Firehose"


def test_shapes_are_checked_by_aws_s_model(lab: Lab) -> None:
    with pytest.raises(ClientError) as error:
        lab.delivery(BucketARN="arn:aws:s3:us-east-1:123:bucket", CompressionFormat="BROTLI")
    code, message = refusal(error)
    assert code == "ValidationException"
    assert message.startswith("2 validation errors detected: ")
    assert "extendedS3DestinationConfiguration.compressionFormat" in message


def test_a_missing_delivery_stream_is_not_found(lab: Lab) -> None:
    for call in (
        lambda: lab.describe("none"),
        lambda: lab.put("none", b"x"),
        lambda: lab.firehose.delete_delivery_stream(DeliveryStreamName="none"),
    ):
        with pytest.raises(ClientError) as error:
            call()
        assert refusal(error) == (
            "ResourceNotFoundException",
            f"Firehose none under account {ACCOUNT} not found.",
        )


def test_a_name_that_is_taken_is_in_use(lab: Lab) -> None:
    name = lab.delivery()
    with pytest.raises(ClientError) as error:
        lab.firehose.create_delivery_stream(
            DeliveryStreamName=name, ExtendedS3DestinationConfiguration=lab.destination()
        )
    assert refusal(error)[0] == "ResourceInUseException"


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([b"x"] * 501, "ValidationException"),
        ([b"x" * 1_024_001], "ValidationException"),
        ([b"x" * 1_024_000] * 5, "InvalidArgumentException"),
    ],
)
def test_a_batch_beyond_the_limits_is_refused(lab: Lab, records: list[bytes], code: str) -> None:
    name = lab.delivery()
    with pytest.raises(ClientError) as error:
        lab.put(name, *records)
    assert refusal(error)[0] == code


def test_a_batch_at_the_limits_is_taken(lab: Lab) -> None:
    name = lab.delivery()
    answer = lab.firehose.put_record_batch(
        DeliveryStreamName=name, Records=[{"Data": b"x" * 1_024_000}] * 4 + [{"Data": b""}] * 496
    )
    ids = [one["RecordId"] for one in answer["RequestResponses"]]
    assert (answer["FailedPutCount"], len(set(ids))) == (0, 500)


def test_records_are_not_put_directly_where_a_stream_is_the_source(lab: Lab) -> None:
    name = lab.delivery(lab.stream())
    with pytest.raises(ClientError) as error:
        lab.put(name, b"x")
    assert refusal(error) == (
        "InvalidArgumentException",
        "This operation is not permitted on KinesisStreamAsSource delivery stream type.",
    )
