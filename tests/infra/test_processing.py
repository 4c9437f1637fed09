"""What is deployed for a processor, and what is watched of it and of every event type."""

import json
from datetime import timedelta
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from events import registry
from functions.delay_alerts.settings import Settings
from functions.rescue.settings import SECONDS
from functions.shared.settings import Consumption
from infra.checks import findings
from infra.environments import named
from infra.event_type import EventType
from infra.lake import Lake
from infra.processor import Processor
from infra.watches import of_processor
from tests.infra.assembly import ROOT, Assembly
from tests.infra.test_pipeline import stack_of

Seen = tuple[str, dict[str, Any], str, float, int]
OTHERS = ("Audit", "Compaction", "Scaler", "Rescue", "Resubmission")
"""Constructs of an event type's or a processor's stack that are looked at elsewhere."""
LATE = "ResubmissionLate"


def ids(assembly: Assembly, stack: str) -> dict[str, str]:
    """The one resource of each type in a stack, those of the functions that tend it left out; of a
    type with several, any."""
    return {
        one.type: one.name
        for one in assembly.resources()
        if one.stack == stack and not one.name.startswith(OTHERS)
    }


def rescue(assembly: Assembly, stack: str) -> dict[str, str]:
    """The one resource of each type of the rescue."""
    return {
        one.type: one.name
        for one in assembly.resources()
        if one.stack == stack and one.name.startswith("Rescue")
    }


def test_the_mapping_reads_from_the_oldest_record_on_gives_up_in_time_and_says_where(
    assembly: Assembly,
) -> None:
    (mapping,) = (
        one
        for one in assembly.resources("AWS::Lambda::EventSourceMapping")
        if one.stack == stack_of(assembly, "delay_alerts") and not one.name.startswith(OTHERS)
    )
    own = ids(assembly, mapping.stack)
    assert mapping.properties == {
        "EventSourceArn": {"Fn::GetAtt": [own["AWS::Kinesis::StreamConsumer"], "ConsumerARN"]},
        "FunctionName": {"Ref": own["AWS::Lambda::Function"]},
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 3,
        "MaximumRecordAgeInSeconds": 6 * 3600,
        "DestinationConfig": {
            "OnFailure": {"Destination": {"Fn::GetAtt": [own["AWS::SQS::Queue"], "Arn"]}}
        },
        "MetricsConfig": {"Metrics": ["EventCount"]},
    }
    template = assembly.templates[mapping.stack]["Resources"]
    assert template[mapping.name]["DependsOn"] == [own["AWS::IAM::Policy"]]


def test_the_consumer_is_of_the_stream_that_the_processor_reads(assembly: Assembly) -> None:
    reads = {"delay_alerts": "flight", "release_health": "device_telemetry"}
    for consumer in assembly.resources("AWS::Kinesis::StreamConsumer"):
        stream, name = consumer.properties["StreamARN"], consumer.properties["ConsumerName"]
        assert consumer.stack == stack_of(assembly, name)
        stack, value = assembly.export(stream)
        assert stack == stack_of(assembly, reads.pop(name))
        assert value == {"Fn::GetAtt": [ids(assembly, stack)["AWS::Kinesis::Stream"], "Arn"]}
    assert not reads


def test_a_failure_waits_two_weeks_for_its_rescue_which_has_six_times_its_time_for_each(
    assembly: Assembly,
) -> None:
    for queue in assembly.resources("AWS::SQS::Queue"):
        assert queue.properties["MessageRetentionPeriod"] == 14 * 24 * 3600, queue
        assert queue.properties["VisibilityTimeout"] == 6 * SECONDS, queue


def test_the_rescue_takes_from_the_failure_queue_and_leaves_what_it_could_not_keep(
    assembly: Assembly,
) -> None:
    stack = stack_of(assembly, "delay_alerts")
    own, other = rescue(assembly, stack), ids(assembly, stack)
    resources = assembly.templates[stack]["Resources"]
    mapping = resources[own["AWS::Lambda::EventSourceMapping"]]
    assert mapping["Properties"] == {
        "EventSourceArn": {"Fn::GetAtt": [other["AWS::SQS::Queue"], "Arn"]},
        "FunctionName": {"Ref": own["AWS::Lambda::Function"]},
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
    }
    assert mapping["DependsOn"] == [own["AWS::IAM::Policy"]]
    variables = resources[own["AWS::Lambda::Function"]]["Properties"]["Environment"]["Variables"]
    assert variables["ROLE_ARN"] == {"Fn::GetAtt": [other["AWS::IAM::Role"], "Arn"]}
    assert variables["SOURCE_ARN"] == {
        "Fn::GetAtt": [other["AWS::Kinesis::StreamConsumer"], "ConsumerARN"]
    }
    assert variables["LOG_GROUP"] == {"Ref": other["AWS::Logs::LogGroup"]}
    assert assembly.export(variables["STREAM_ARN"])[0] == stack_of(assembly, "flight")


def test_the_rescue_may_read_that_stream_take_from_that_queue_and_put_into_the_archive(
    assembly: Assembly,
) -> None:
    stack = stack_of(assembly, "delay_alerts")
    own = rescue(assembly, stack)
    policy = assembly.templates[stack]["Resources"][own["AWS::IAM::Policy"]]["Properties"]
    found = grants(policy["PolicyDocument"]["Statement"])
    source, key, queue = found[0][1], found[1][1], ids(assembly, stack)["AWS::SQS::Queue"]
    assert assembly.export(source)[0] == stack_of(assembly, "flight")
    bucket = found[5][1]["Fn::Join"][1][0]
    assert assembly.export(bucket)[0] == stack_of(assembly, "lake")

    def under(prefix: str) -> dict[str, Any]:
        return {"Fn::Join": ["", [bucket, f"/failures/{prefix}/*"]]}

    assert found == [
        (["kinesis:GetRecords", "kinesis:GetShardIterator"], source, None),
        ("kms:Decrypt", key, "kinesis."),
        (
            ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            {"Fn::GetAtt": [queue, "Arn"]},
            None,
        ),
        ("kms:Decrypt", key, "sqs."),
        ("s3:PutObject", [under("batches"), under("records"), under("unreadable")], None),
        ("s3:GetObject", under("batches"), None),
        (["kms:Decrypt", "kms:GenerateDataKey"], key, "s3."),
    ]


def grants(statements: list[dict[str, Any]]) -> list[tuple[Any, Any, str | None]]:
    """What a role may do with which resource and through which service, but for log and traces."""
    found = []
    for statement in statements:
        via = statement.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService")
        service = via["Fn::Join"][1][0] if via else None
        found.append((statement["Action"], statement["Resource"], service))
    return [grant for grant in found if not str(grant[0][0]).startswith(("logs:", "xray:"))]


READ = [
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
]


def test_a_processor_may_read_its_source_put_on_its_derived_stream_and_report_failures(
    assembly: Assembly,
) -> None:
    stack = stack_of(assembly, "delay_alerts")
    own = ids(assembly, stack)
    policy = assembly.templates[stack]["Resources"][own["AWS::IAM::Policy"]]["Properties"]
    found = grants(policy["PolicyDocument"]["Statement"])
    source, key, _, derived = (grant[1] for grant in found[:4])
    assert assembly.export(source)[0] == stack_of(assembly, "flight")
    assert assembly.export(derived)[0] == stack_of(assembly, "delay_alert")
    assert assembly.key(key) in [str(one) for one in assembly.resources("AWS::KMS::Key")]
    consumer = {"Fn::GetAtt": [own["AWS::Kinesis::StreamConsumer"], "ConsumerARN"]}
    assert found == [
        (READ, source, None),
        (["kms:Decrypt", "kms:GenerateDataKey"], key, "kinesis."),
        ("kinesis:SubscribeToShard", consumer, None),
        ("kinesis:PutRecords", derived, None),
        ("sqs:SendMessage", {"Fn::GetAtt": [own["AWS::SQS::Queue"], "Arn"]}, None),
        (["kms:Decrypt", "kms:GenerateDataKey"], key, "sqs."),
    ]


def seen(assembly: Assembly, stack: str) -> dict[str, Seen]:
    """A stack's alarms by metric; what is the same for all of them is compared here."""
    found: dict[str, Seen] = {}
    for alarm in assembly.resources("AWS::CloudWatch::Alarm"):
        if alarm.stack != stack or alarm.name.startswith(OTHERS) or LATE in alarm.name:
            continue
        properties = dict(alarm.properties)
        (topic,) = properties.pop("AlarmActions")
        lake, target = assembly.export(topic)
        assert target == {"Ref": ids(assembly, lake)["AWS::SNS::Topic"]}
        assert len(properties.pop("AlarmDescription").split()) > 15, alarm
        dimensions = {one["Name"]: one["Value"] for one in properties.pop("Dimensions")}
        metric = properties.pop("MetricName")
        if any(str(one).find("RescueFunction") > 0 for one in dimensions.values()):
            metric = f"Rescue{metric}"
        assert metric not in found
        found[metric] = (
            properties.pop("Namespace"),
            dimensions,
            properties.pop("Statistic"),
            properties.pop("Threshold"),
            properties.pop("EvaluationPeriods"),
        )
        assert properties == {
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "Period": 300,
            "TreatMissingData": "notBreaching",
        }, alarm
    return found


def test_a_processor_is_watched_from_its_stream_to_its_failure_queue(assembly: Assembly) -> None:
    stack = stack_of(assembly, "delay_alerts")
    own = ids(assembly, stack)
    function = {"FunctionName": {"Ref": own["AWS::Lambda::Function"]}}
    mapping = {"EventSourceMappingUUID": {"Ref": own["AWS::Lambda::EventSourceMapping"]}}
    queue = {"QueueName": {"Fn::GetAtt": [own["AWS::SQS::Queue"], "QueueName"]}}
    processor = {"Environment": assembly.environment, "Processor": "delay_alerts"}
    rescuer = {"FunctionName": {"Ref": rescue(assembly, stack)["AWS::Lambda::Function"]}}
    alarms = seen(assembly, stack)
    behind = alarms.pop("SubscribeToShardEvent.MillisBehindLatest")
    read, stream = assembly.export(behind[1]["StreamName"])
    assert read == stack_of(assembly, "flight")
    assert stream == {"Ref": ids(assembly, read)["AWS::Kinesis::Stream"]}
    half_age = 3 * 3600 * 1000.0
    assert behind == (
        "AWS/Kinesis",
        {"StreamName": behind[1]["StreamName"], "ConsumerName": "delay_alerts"},
        "Maximum",
        half_age,
        1,
    )
    assert alarms == {
        "IteratorAge": ("AWS/Lambda", function, "Maximum", half_age, 1),
        "Errors": ("AWS/Lambda", function, "Sum", 1, 3),
        "Throttles": ("AWS/Lambda", function, "Sum", 1, 3),
        "DroppedEventCount": ("AWS/Lambda", mapping, "Sum", 1, 1),
        "DestinationDeliveryFailures": ("AWS/Lambda", function, "Sum", 1, 1),
        "RescuedBatches": ("Headrace", processor, "Sum", 1, 1),
        "LostRecords": ("Headrace", processor, "Sum", 1, 1),
        "Unreadable": ("Headrace", processor, "Sum", 1, 1),
        "NotRescued": ("Headrace", processor, "Sum", 1, 3),
        "RescueErrors": ("AWS/Lambda", rescuer, "Sum", 1, 1),
        "ApproximateAgeOfOldestMessage": ("AWS/SQS", queue, "Maximum", 7 * 24 * 3600 / 4, 1),
    }


def test_every_event_type_is_watched_from_its_stream_to_the_lake(assembly: Assembly) -> None:
    for name, kind in registry.types().items():
        stack = stack_of(assembly, name)
        own = ids(assembly, stack)
        stream = {"StreamName": {"Ref": own["AWS::Kinesis::Stream"]}}
        delivery = {"DeliveryStreamName": {"Ref": own["AWS::KinesisFirehose::DeliveryStream"]}}
        function = {"FunctionName": {"Ref": own["AWS::Lambda::Function"]}}
        counted = {"Environment": assembly.environment, "EventType": name}
        quarter = kind.contract.retention.total_seconds() * 1000 / 4
        assert seen(assembly, stack) == {
            "WriteProvisionedThroughputExceeded": ("AWS/Kinesis", stream, "Sum", 1, 3),
            "DeliveryToS3.DataFreshness": ("AWS/Firehose", delivery, "Maximum", 900, 3),
            "KinesisMillisBehindLatest": ("AWS/Firehose", delivery, "Maximum", quarter, 1),
            "ThrottledGetRecords": ("AWS/Firehose", delivery, "Sum", 1, 3),
            "FailedConversion.Records": ("AWS/Firehose", delivery, "Sum", 1, 1),
            "Unkept": ("Headrace", counted, "Sum", 1, 1),
            "PartitionCountExceeded": ("AWS/Firehose", delivery, "Maximum", 1, 1),
            "Errors": ("AWS/Lambda", function, "Sum", 1, 1),
            "Throttles": ("AWS/Lambda", function, "Sum", 1, 3),
        }


def test_what_is_resubmitted_is_watched_until_it_is_in_the_lake(assembly: Assembly) -> None:
    for name in registry.names():
        stack = stack_of(assembly, name)
        (stream,) = (
            one.name
            for one in assembly.resources("AWS::KinesisFirehose::DeliveryStream")
            if one.stack == stack and one.name.startswith("Resubmission")
        )
        (alarm,) = (
            one.properties
            for one in assembly.resources("AWS::CloudWatch::Alarm")
            if one.stack == stack and LATE in one.name
        )
        assert (alarm["MetricName"], alarm["Threshold"], alarm["Dimensions"]) == (
            "DeliveryToS3.DataFreshness",
            900,
            [{"Name": "DeliveryStreamName", "Value": {"Ref": stream}}],
        )


@pytest.mark.parametrize(
    ("retention", "age", "behind", "oldest"),
    [
        (timedelta(days=1), timedelta(hours=12), timedelta(hours=6), timedelta(hours=6)),
        (timedelta(days=7), timedelta(hours=6), timedelta(hours=3), timedelta(hours=42)),
        (timedelta(days=365), timedelta(days=7), timedelta(hours=84), timedelta(days=7)),
    ],
)
def test_an_age_is_watched_at_a_quarter_of_the_retention_or_where_it_can_still_be_reached(
    retention: timedelta, age: timedelta, behind: timedelta, oldest: timedelta
) -> None:
    """Nothing older than `age` is tried, and no message is older than two weeks."""
    watches = of_processor(
        "x",
        environment="dev",
        retention=retention,
        age=age,
        function={},
        consumer={"a": "b"},
        mapping={},
        queue={},
        rescue={},
    )
    thresholds = {watch.metric: watch.threshold for watch in watches}
    assert thresholds["IteratorAge"] == behind / timedelta(milliseconds=1)
    assert thresholds["SubscribeToShardEvent.MillisBehindLatest"] == thresholds["IteratorAge"]
    assert thresholds["ApproximateAgeOfOldestMessage"] == oldest.total_seconds()


class Sharing(Settings):
    consumption = Consumption(
        fan_out=False,
        batch_size=1_000,
        window=timedelta(seconds=5),
        factor=4,
        retries=0,
        age=timedelta(hours=1),
    )


def deployment(settings: type[Settings] | None) -> dict[str, cdk.Stack]:
    """The lake, the event types of the delay alerts and, with settings, the processor."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app, environment = cdk.App(context=context), named("dev")
    lake = Lake(app, environment=environment)
    types = {
        name: EventType(app, environment=environment, lake=lake, name=name, kind=registry.get(name))
        for name in (Settings.reads, Settings.emits)
    }
    stacks: dict[str, cdk.Stack] = {"lake": lake, **types}
    if settings:
        stacks["processor"] = Processor(
            app,
            environment=environment,
            lake=lake,
            source=types[Settings.reads],
            derived=types[Settings.emits],
            name="delay_alerts",
            settings=settings,
        )
    return stacks


def exports(stacks: dict[str, cdk.Stack]) -> dict[str, dict[str, Any]]:
    """What each stack exports, by the name that others import it under."""
    templates = {name: Template.from_stack(stack).to_json() for name, stack in stacks.items()}
    return {
        name: {
            output["Export"]["Name"]: output["Value"]
            for output in template["Outputs"].values()
            if "Export" in output
        }
        for name, template in templates.items()
        if name != "processor"
    }


def test_a_processor_comes_changes_and_goes_without_a_change_to_what_others_export() -> None:
    """CloudFormation refuses to remove an export while the stack that imports it still stands."""
    without = exports(deployment(None))
    assert without == exports(deployment(Settings)) == exports(deployment(Sharing))
    assert min(map(len, without.values())) >= 2


def test_by_configuration_a_processor_shares_the_stream_s_throughput_instead() -> None:
    template = Template.from_stack(deployment(Sharing)["processor"]).to_json()
    resources: dict[str, list[dict[str, Any]]] = {}
    for name, resource in template["Resources"].items():
        if not name.startswith(OTHERS):
            resources.setdefault(resource["Type"], []).append(resource["Properties"])
    assert "AWS::Kinesis::StreamConsumer" not in resources
    assert "ConsumerArn" not in template["Outputs"]
    (mapping,) = resources["AWS::Lambda::EventSourceMapping"]
    (policy,) = resources["AWS::IAM::Policy"]
    found = grants(policy["PolicyDocument"]["Statement"])
    assert (found[0][0], found[0][1]) == (READ, mapping["EventSourceArn"])
    assert "kinesis:SubscribeToShard" not in [grant[0] for grant in found]
    assert {
        name: mapping[name]
        for name in (
            "BatchSize",
            "MaximumBatchingWindowInSeconds",
            "ParallelizationFactor",
            "MaximumRetryAttempts",
            "MaximumRecordAgeInSeconds",
        )
    } == {
        "BatchSize": 1_000,
        "MaximumBatchingWindowInSeconds": 5,
        "ParallelizationFactor": 4,
        "MaximumRetryAttempts": 0,
        "MaximumRecordAgeInSeconds": 3_600,
    }
    metrics = {alarm["MetricName"] for alarm in resources["AWS::CloudWatch::Alarm"]}
    assert "IteratorAge" in metrics
    assert "SubscribeToShardEvent.MillisBehindLatest" not in metrics


class WithPayloads(Settings):
    consumption = Consumption(payloads=True)


@pytest.fixture(scope="module")
def with_payloads() -> dict[str, Any]:
    """The templates of the lake and of a processor whose failures bring their records along."""
    stacks = deployment(WithPayloads)
    return {name: Template.from_stack(stacks[name]).to_json() for name in ("lake", "processor")}


def of_type(template: dict[str, Any], type_: str) -> dict[str, dict[str, Any]]:
    return {name: one for name, one in template["Resources"].items() if one["Type"] == type_}


BUCKETS = {
    "ArnLike": {
        "aws:SourceArn": {
            "Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::headrace-dev-*"]]
        }
    },
    "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
}


def test_by_configuration_failures_go_into_a_bucket_that_tells_the_queue(
    with_payloads: dict[str, Any],
) -> None:
    processor = with_payloads["processor"]
    [(bucket, payloads)] = of_type(processor, "AWS::S3::Bucket").items()
    [queue] = of_type(processor, "AWS::SQS::Queue")
    [policy] = of_type(processor, "AWS::SQS::QueuePolicy")
    assert bucket.startswith("Payloads")
    assert payloads["Properties"]["NotificationConfiguration"] == {
        "QueueConfigurations": [
            {
                "Event": "s3:ObjectCreated:*",
                "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "aws/lambda/"}]}},
                "Queue": {"Fn::GetAtt": [queue, "Arn"]},
            }
        ]
    }
    assert payloads["DependsOn"] == [policy]
    mapping, _ = of_type(processor, "AWS::Lambda::EventSourceMapping").values()
    assert mapping["Properties"]["DestinationConfig"] == {
        "OnFailure": {"Destination": {"Fn::GetAtt": [bucket, "Arn"]}}
    }
    statements = processor["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
    assert [one.get("Sid") for one in statements] == [
        None,
        "OnlyBucketsSend",
        "BucketsOfThisEnvironment",
    ]
    assert statements[1]["Condition"] == {
        "StringNotEquals": {"aws:PrincipalServiceName": "s3.amazonaws.com"}
    }
    assert (statements[2]["Action"], statements[2]["Condition"]) == ("sqs:SendMessage", BUCKETS)
    [key] = of_type(with_payloads["lake"], "AWS::KMS::Key").values()
    [allowed] = [
        one
        for one in key["Properties"]["KeyPolicy"]["Statement"]
        if one.get("Sid") == "BucketsOfThisEnvironment"
    ]
    assert (allowed["Action"], allowed["Condition"]) == (
        ["kms:Decrypt", "kms:GenerateDataKey"],
        BUCKETS,
    )


def test_with_payloads_the_function_puts_and_the_rescue_takes_under_lambda_s_own_prefix(
    with_payloads: dict[str, Any],
) -> None:
    processor = with_payloads["processor"]
    [bucket] = of_type(processor, "AWS::S3::Bucket")
    arn = {"Fn::GetAtt": [bucket, "Arn"]}
    objects = {"Fn::Join": ["", [arn, "/aws/lambda/*"]]}
    found = {
        name.startswith("Rescue"): grants(policy["Properties"]["PolicyDocument"]["Statement"])
        for name, policy in of_type(processor, "AWS::IAM::Policy").items()
    }
    for rescues, action in ((False, "s3:PutObject"), (True, ["s3:DeleteObject", "s3:GetObject"])):
        assert ("s3:ListBucket", arn, None) in found[rescues]
        assert (action, objects, None) in found[rescues]
    assert "sqs:SendMessage" not in [grant[0] for grant in found[False]]


def test_failures_with_payloads_have_no_findings_either() -> None:
    def add(app: cdk.App) -> None:
        environment = named("dev")
        lake = Lake(app, environment=environment)
        reads, emits = (
            EventType(app, environment=environment, lake=lake, name=name, kind=registry.get(name))
            for name in (Settings.reads, Settings.emits)
        )
        Processor(
            app,
            environment=environment,
            lake=lake,
            source=reads,
            derived=emits,
            name="delay_alerts",
            settings=WithPayloads,
        )

    assert list(findings(add)) == []
