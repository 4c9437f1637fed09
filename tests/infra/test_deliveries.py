"""What an environment may want of the delivery of one event type beyond the default."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from infra.deliveries import Compression, Delivered, Endpoint
from infra.environments import Environment, named
from infra.errors import WrongConfiguration
from infra.lifetimes import Lifetime
from infra.stacks import add_stacks
from tests.infra import test_security
from tests.infra.assembly import Assembly

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:receiver-Ab12Cd"  # noqa: S105  an ARN
ENDPOINT = Endpoint(
    name="receiver",
    url="https://receiver.example/v1/input",
    secret_arn=SECRET,
    attributes={"environment": "everything"},
    buffer_seconds=30,
    retry_seconds=600,
)
DELIVERY = "AWS::KinesisFirehose::DeliveryStream"


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """dev, with every option of a delivery in use for flights and none for another type."""
    environment = replace(
        named("dev"),
        deliveries={
            "flight": Delivered(compression=Compression.GZIP, source_backup=True, endpoint=ENDPOINT)
        },
    )
    folder = tmp_path_factory.mktemp("everything") / "cdk.out"
    context = json.loads(Path("cdk.json").read_text())["context"]
    app = cdk.App(context=context, outdir=str(folder))
    add_stacks(app, environment=environment)
    app.synth()
    return Assembly.read("dev", folder)


def _streams(assembly: Assembly, stack: str) -> dict[str, dict[str, Any]]:
    """The delivery streams of a stack, by the construct that they are of."""
    return {
        resource.name[:-8]: resource.properties
        for resource in assembly.resources(DELIVERY)
        if resource.stack == stack
    }


def test_the_source_is_backed_up_and_the_files_are_compressed_as_configured(
    everything: Assembly,
) -> None:
    streams = _streams(everything, "Headrace-dev-flight")
    lake = streams["Delivery"]
    destination = lake["ExtendedS3DestinationConfiguration"]
    backup = destination["S3BackupConfiguration"]
    serializer = destination["DataFormatConversionConfiguration"]["OutputFormatConfiguration"]
    assert (
        destination["S3BackupMode"],
        backup["Prefix"],
        backup["ErrorOutputPrefix"],
        backup["CompressionFormat"],
        serializer["Serializer"]["ParquetSerDe"]["Compression"],
    ) == (
        "Enabled",
        "source/flight/arrival_date=!{timestamp:yyyy-MM-dd}/",
        "source/flight/failed/!{firehose:error-output-type}/",
        "GZIP",
        "GZIP",
    )
    assert everything.key(backup["EncryptionConfiguration"]["KMSEncryptionConfig"]["AWSKMSKeyARN"])
    for plain in (
        _streams(everything, "Headrace-dev-device-telemetry")["Delivery"],
        streams["Resubmission"],  # what it is given has been backed up the first time
    ):
        assert "S3BackupConfiguration" not in plain["ExtendedS3DestinationConfiguration"]


def test_an_endpoint_is_fed_beside_the_lake_from_the_same_stream(everything: Assembly) -> None:
    streams = _streams(everything, "Headrace-dev-flight")
    lake, sender = streams["Delivery"], streams["EndpointDelivery"]
    source = "KinesisStreamSourceConfiguration"
    assert sender[source]["KinesisStreamARN"] == lake[source]["KinesisStreamARN"]
    endpoint = sender["HttpEndpointDestinationConfiguration"]
    unsent = endpoint["S3Configuration"]
    assert {
        "endpoint": endpoint["EndpointConfiguration"],
        "secret": {
            name: endpoint["SecretsManagerConfiguration"][name] for name in ("Enabled", "SecretARN")
        },
        "hints": endpoint["BufferingHints"],
        "retry": endpoint["RetryOptions"],
        "request": endpoint["RequestConfiguration"],
        "mode": endpoint["S3BackupMode"],
        "unsent": unsent["ErrorOutputPrefix"],
        "transform": endpoint.get("ProcessingConfiguration"),
    } == {
        "endpoint": {"Name": "receiver", "Url": "https://receiver.example/v1/input"},
        "secret": {"Enabled": True, "SecretARN": SECRET},
        "hints": {"IntervalInSeconds": 30, "SizeInMBs": 1},
        "retry": {"DurationInSeconds": 600},
        "request": {
            "CommonAttributes": [{"AttributeName": "environment", "AttributeValue": "everything"}],
            "ContentEncoding": "GZIP",
        },
        "mode": "FailedDataOnly",
        "unsent": "unsent/flight/arrival_date=!{timestamp:yyyy-MM-dd}/"
        "!{firehose:error-output-type}/",
        "transform": None,
    }
    assert everything.key(unsent["EncryptionConfiguration"]["KMSEncryptionConfig"]["AWSKMSKeyARN"])
    assert "AccessKey" not in json.dumps(endpoint)
    again = streams["EndpointResubmission"]
    assert (source in again, again["DeliveryStreamType"]) == (False, "DirectPut")
    assert {
        name: value
        for name, value in again["HttpEndpointDestinationConfiguration"].items()
        if endpoint[name] != value
    }.keys() == {"CloudWatchLoggingOptions", "RoleARN", "S3Configuration"} | {
        name for name in ("SecretsManagerConfiguration",) if "RoleARN" in endpoint[name]
    }


def test_what_the_endpoint_did_not_take_is_a_table_where_there_is_one(
    everything: Assembly,
) -> None:
    tables = {
        table.properties["TableInput"]["Name"] for table in everything.resources("AWS::Glue::Table")
    }
    assert {name for name in tables if name.endswith("_unsent")} == {"flight_unsent"}


@pytest.mark.parametrize(
    "holds",
    [
        test_security.test_every_bucket_is_closed_to_the_public_and_to_plain_http,
        test_security.test_no_role_may_do_more_than_it_must,
        test_security.test_every_role_is_assumed_by_one_service_and_for_this_account,
        test_security.test_every_log_group_forgets,
        test_security.test_only_what_must_be_spelled_has_a_fixed_name,
        test_security.test_prod_keeps_its_data_and_dev_leaves_nothing,
        test_security.test_nothing_runs_that_is_not_in_functions,
    ],
)
def test_what_must_hold_for_every_resource_holds_with_every_option(
    everything: Assembly, holds: Callable[[Assembly], None]
) -> None:
    holds(everything)


def test_objects_age_by_what_they_are(assembly: Assembly) -> None:
    (lake,) = [
        bucket
        for bucket in assembly.resources("AWS::S3::Bucket")
        if not bucket.name.startswith("AccessLogs")
    ]
    rules = {
        rule["Prefix"]: (
            [(move["StorageClass"], move["TransitionInDays"]) for move in rule["Transitions"]]
            if "Transitions" in rule
            else [],
            rule.get("ExpirationInDays"),
        )
        for rule in lake.properties["LifecycleConfiguration"]["Rules"]
        if rule.get("Prefix") not in (None, "athena/")
    }
    if assembly.environment == "dev":
        rejected: tuple[list[Any], int] = ([], 30)
        wanted: dict[str, tuple[list[Any], int | None]] = {"source/": ([], 7)}
    else:
        rejected = ([("STANDARD_IA", 90)], 400)
        wanted = {
            "events/": ([("STANDARD_IA", 90), ("GLACIER_IR", 365)], None),
            "compacted/": ([("STANDARD_IA", 90), ("GLACIER_IR", 365)], None),
            "source/": ([("STANDARD_IA", 30), ("GLACIER_IR", 90)], 400),
        }
    errors = ("errors/", "failures/", "rejected/", "resubmitted/", "unsent/")
    wanted |= dict.fromkeys(errors, rejected)
    assert rules == wanted


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"infrequent_days": 29}, "infrequent_days is 29, but must be at least 30"),
        ({"archive_days": 0}, "archive_days is 0, but must be at least 1"),
        (
            {"infrequent_days": 30, "archive_days": 59},
            "archive_days is 59, but must be at least 60",
        ),
        (
            {"infrequent_days": 30, "archive_days": 60, "expiry_days": 60},
            "expiry_days is 60, but must be at least 61",
        ),
        ({"expiry_days": 0}, "expiry_days is 0, but must be at least 1"),
    ],
)
def test_a_lifetime_that_s3_would_refuse_is_refused_here(
    values: dict[str, int], sentence: str
) -> None:
    with pytest.raises(WrongConfiguration) as refused:
        Lifetime(**values)
    assert str(refused.value) == f"A lifetime: {sentence} (infra/environments.py)."


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"url": "http://receiver"}, "url is http://receiver, but must be https://…"),
        ({"secret_arn": "key"}, "secret_arn is key, but must be the full ARN of a secret"),
        ({"buffer_mib": 65}, "buffer_mib is 65, but must be 1 to 64"),
        ({"retry_seconds": 7201}, "retry_seconds is 7201, but must be 0 to 7200"),
        (
            {"attributes": {str(number): "" for number in range(51)}},
            "attributes is 51, but must be at most 50",
        ),
    ],
)
def test_an_endpoint_that_firehose_would_refuse_is_refused_here(
    values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(WrongConfiguration) as refused:
        replace(ENDPOINT, **values)
    assert str(refused.value) == f"An endpoint: {sentence} (infra/environments.py)."


def test_an_option_for_no_event_type_is_one_sentence() -> None:
    environment: Environment = replace(named("dev"), deliveries={"flights": Delivered()})
    with pytest.raises(WrongConfiguration, match="how to deliver 'flights', which is no event"):
        add_stacks(cdk.App(), environment=environment)
