"""A processor that fails, its rescue as it is deployed, and the archive in S3 and in SQL."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pyathena
import pytest

from events import failure
from events.failure import Batch
from functions.rescue.assembling import TRIMMED
from functions.rescue.settings import Settings
from functions.shared.settings import ENVIRONMENT
from infra import layer
from infra.assets import staged
from local.kinesis import sequence
from tests.conftest import AWS
from tests.events.test_aggregation import aggregate
from tests.events.test_failure import batch
from tests.stacks import outputs

T = TypeVar("T")

SECONDS = 60.0
PROCESSOR = "poisoned"

HANDLER = """
import base64, json, os

def handler(event, context):
    if any(b"poison" in base64.b64decode(one["kinesis"]["data"]) for one in event["Records"]):
        with open(os.environ["SEEN"], "a") as seen:
            seen.write(json.dumps(event) + "\\n")
        raise RuntimeError("poison")
"""


def until(found: Callable[[], T | None]) -> T:
    """What `found` returns as soon as it is true."""
    end = time.monotonic() + SECONDS
    while not (value := found()):
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.05)
    return value


def zipped(files: dict[str, bytes]) -> bytes:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return code.getvalue()


@dataclass
class Lab:
    """A stream, a function that fails on poison, its failure queue, and the rescue of the deployed
    pipeline again, with settings of its own; a lake of its own, too."""

    aws: AWS
    folder: Path
    role: str
    code: bytes
    layers: list[str]
    name: str = field(default_factory=lambda: f"rescue-{uuid.uuid4().hex[:8]}")
    mappings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        kinesis, self.sqs = self.aws.client("kinesis"), self.aws.client("sqs")
        self.lambda_, self.s3 = self.aws.client("lambda"), self.aws.client("s3")
        self.kinesis = kinesis
        kinesis.create_stream(StreamName=self.name, ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName=self.name)
        summary = kinesis.describe_stream_summary(StreamName=self.name)
        self.stream_arn: str = summary["StreamDescriptionSummary"]["StreamARN"]
        self.lake = f"{self.name}-lake"
        self.s3.create_bucket(Bucket=self.lake)
        self.queue = self.sqs.create_queue(QueueName=self.name)["QueueUrl"]
        self.queue_arn = self.attribute("QueueArn")
        self.function_arn = self._function(
            self.name,
            zipped({"index.py": HANDLER.encode()}),
            "index.handler",
            {"SEEN": str(self.folder / "seen")},
        )

    def _function(
        self, name: str, code: bytes, handler: str, variables: dict[str, str], **more: Any
    ) -> str:
        made = self.lambda_.create_function(
            FunctionName=name,
            Runtime="python3.14",
            Role=self.role,
            Handler=handler,
            Code={"ZipFile": code},
            Environment={"Variables": variables},
            **more,
        )
        arn: str = made["FunctionArn"]
        return arn

    def consume(self, **options: Any) -> str:
        """Let the function read the stream: each record that fails is given up on its own."""
        return self._map(
            self.name,
            self.stream_arn,
            StartingPosition="TRIM_HORIZON",
            BatchSize=10,
            MaximumBatchingWindowInSeconds=1,
            BisectBatchOnFunctionError=True,
            MaximumRetryAttempts=0,
            **{"DestinationConfig": {"OnFailure": {"Destination": self.queue_arn}}} | options,
        )

    def rescue(self, *, mapping: str = "", payload_bucket: str = "") -> None:
        """Let the deployed rescue's code and layers work on the queue."""
        settings = Settings(
            processor=PROCESSOR,
            event_type="flight",
            function_arn=self.function_arn,
            role_arn=self.role,
            stream_arn=self.stream_arn,
            source_arn=self.stream_arn,
            mapping=mapping,
            factor=1,
            log_group=f"/aws/lambda/{self.name}",
            bucket=self.lake,
            payload_bucket=payload_bucket,
        )
        self._function(
            f"{self.name}-rescue",
            self.code,
            "functions.rescue.handler.handler",
            {ENVIRONMENT: "test", **settings.environment()},
            Timeout=30,
            Layers=self.layers,
        )
        self._map(
            f"{self.name}-rescue",
            self.queue_arn,
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )

    def _map(self, function: str, source: str, **options: Any) -> str:
        made = self.lambda_.create_event_source_mapping(
            FunctionName=function, EventSourceArn=source, **options
        )
        found: str = made["UUID"]
        self.mappings.append(found)
        state = self.lambda_.get_event_source_mapping
        until(lambda: state(UUID=found)["State"] == "Enabled")
        return found

    def put(self, *datas: bytes, key: str = "key") -> list[str]:
        """Put records; their sequence numbers."""
        records = [{"Data": data, "PartitionKey": key} for data in datas]
        answer = self.kinesis.put_records(StreamName=self.name, Records=records)
        assert answer["FailedRecordCount"] == 0
        return [one["SequenceNumber"] for one in answer["Records"]]

    def tell(self, shard: str, start: str, end: str, size: int) -> None:
        """Put a message about a batch on the failure queue, as the mapping would."""
        body = {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": self.function_arn,
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 1,
            },
            "responseContext": {"statusCode": 200, "functionError": None},
            "version": "1.0",
            "timestamp": "2026-11-21T12:00:00.500Z",
            "KinesisBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": start,
                "endSequenceNumber": end,
                "batchSize": size,
                "streamArn": self.stream_arn,
            },
        }
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(body))

    def attribute(self, name: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=[name])
        found: str = answer["Attributes"][name]
        return found

    def taken(self) -> bool:
        """Whether no message waits on the queue or is at work."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return all(self.attribute(name) == "0" for name in names)

    def keys(self, prefix: str = "", bucket: str = "") -> list[str]:
        found = self.s3.list_objects_v2(Bucket=bucket or self.lake, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", [])]

    def get(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.lake, Key=key)["Body"].read()
        return body

    def archived(self, number: int) -> list[Batch]:
        """The batches in the archive, in the order of the stream, when there are so many."""

        def found() -> list[str] | None:
            keys = self.keys(failure.BATCHES_PREFIX)
            return keys if len(keys) >= number else None

        batches = [failure.decode(self.get(key)) for key in until(found)]
        assert len(batches) == number
        return sorted(batches, key=lambda one: int(one.start_sequence_number))

    def failed_events(self) -> list[dict[str, Any]]:
        """The events that the function failed on, in order."""
        return [json.loads(line) for line in (self.folder / "seen").read_text().splitlines()]

    def clean(self) -> None:
        for found in self.mappings:
            self.lambda_.delete_event_source_mapping(UUID=found)


@pytest.fixture(scope="module")
def asset(aws: AWS) -> dict[str, Any]:
    return parts(aws)


def parts(aws: AWS) -> dict[str, Any]:
    """The code and layer of the rescue as they are deployed, and a role."""
    requirements = layer.folder(requirements=layer.REQUIREMENTS)
    published = aws.client("lambda").publish_layer_version(
        LayerName="rescue-dependencies", Content={"ZipFile": zipped(files_in(requirements))}
    )
    trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    trust = {"Version": "2012-10-17", "Statement": [trusted | {"Action": "sts:AssumeRole"}]}
    role = aws.client("iam").create_role(
        RoleName="rescue", AssumeRolePolicyDocument=json.dumps(trust)
    )
    with staged("rescue") as folder:
        code = zipped(files_in(folder))
    return {"code": code, "layers": [published["LayerVersionArn"]], "role": role["Role"]["Arn"]}


def files_in(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in found
        if "__pycache__" not in path.parts
    }


@pytest.fixture
def lab(aws: AWS, asset: dict[str, Any], tmp_path: Path) -> Iterator[Lab]:
    found = Lab(aws, tmp_path, **asset)
    yield found
    found.clean()


def base64(data: bytes) -> str:
    return b64encode(data).decode()


def test_a_poisonous_record_is_archived_as_the_function_got_it_and_others_are_not(
    lab: Lab,
) -> None:
    mapping = lab.consume()
    lab.rescue(mapping=mapping)
    poison = aggregate([("a", b"poison 1"), ("b", b"\xff\x00 2")])
    numbers = lab.put(b"fine", poison, b"fine too", b"poison 3")
    first, second = lab.archived(2)
    assert [one.start_sequence_number for one in (first, second)] == [numbers[1], numbers[3]]
    alone = [event["Records"] for event in lab.failed_events() if len(event["Records"]) == 1]
    assert sorted(alone, key=str) == sorted([first.records, second.records], key=str)
    for kept in (first, second):
        assert (kept.error, kept.condition) == ("Unhandled", "RetryAttemptsExhausted")
        assert (kept.exact, kept.gone, kept.mapping) == (True, [], mapping)
        assert kept.rescued_at > kept.failed_at
    until(lab.taken)
    keys = lab.keys(failure.RECORDS_PREFIX)
    assert sorted(keys) == sorted(
        failure.lines_key(kept.failure_id, kept.failed_at) for kept in (first, second)
    )


def numbers_of(kept: Batch) -> list[str]:
    return [one["kinesis"]["sequenceNumber"] for one in kept.records]


def test_a_message_about_a_closed_shard_and_one_about_records_long_gone(lab: Lab) -> None:
    numbers = lab.put(b"one", b"two", b"three")
    [parent] = lab.kinesis.list_shards(StreamName=lab.name)["Shards"]
    middle = int(parent["HashKeyRange"]["EndingHashKey"]) // 2
    lab.kinesis.split_shard(
        StreamName=lab.name, ShardToSplit=parent["ShardId"], NewStartingHashKey=str(middle)
    )
    lab.kinesis.get_waiter("stream_exists").wait(StreamName=lab.name)
    lab.put(b"four")
    earlier = str(int(numbers[0]) - (1 << sequence.COUNTER))
    lab.rescue()
    lab.tell(parent["ShardId"], earlier, numbers[1], 4)
    lab.tell(parent["ShardId"], numbers[0], numbers[2], 3)
    trimmed, whole = lab.archived(2)
    assert [failure.sequence_number(one) for one in whole.records] == [int(n) for n in numbers]
    assert [failure.sequence_number(one) for one in trimmed.records] == [
        int(n) for n in numbers[:2]
    ]
    assert (whole.gone, whole.lost) == ([], 0)
    assert trimmed.gone == [
        failure.Gone(
            from_sequence_number=earlier,
            to_sequence_number=str(int(numbers[0]) - 1),
            why=TRIMMED,
            records=2,
        )
    ]
    until(lab.taken)


def test_what_is_no_failure_is_kept_and_stops_no_other(lab: Lab) -> None:
    [number] = lab.put(b"one")
    lab.sqs.send_message(QueueUrl=lab.queue, MessageBody="what is this?")
    lab.tell("shardId-000000000000", number, number, 1)
    lab.rescue()
    [kept] = lab.archived(1)
    assert [one["kinesis"]["data"] for one in kept.records] == [base64(b"one")]
    until(lab.taken)
    [key] = lab.keys(failure.UNREADABLE_PREFIX)
    assert json.loads(lab.get(key))["body"] == "what is this?"


def test_a_failure_with_its_records_in_a_bucket_lands_in_the_same_archive(lab: Lab) -> None:
    payloads = f"{lab.name}-payloads"
    lab.s3.create_bucket(Bucket=payloads)
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": lab.queue_arn,
    }
    lab.sqs.set_queue_attributes(
        QueueUrl=lab.queue,
        Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allowed]})},
    )
    rule = {"Name": "prefix", "Value": "aws/lambda/"}
    lab.s3.put_bucket_notification_configuration(
        Bucket=payloads,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": lab.queue_arn,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [rule]}},
                }
            ]
        },
    )
    destination = {"OnFailure": {"Destination": f"arn:aws:s3:::{payloads}"}}
    mapping = lab.consume(DestinationConfig=destination)
    lab.rescue(mapping=mapping, payload_bucket=payloads)
    [number] = lab.put(b"poison")
    [kept] = lab.archived(1)
    assert kept.start_sequence_number == number
    assert [kept.event] == lab.failed_events()
    until(lab.taken)
    assert lab.keys(bucket=payloads) == []


def test_what_failed_can_be_queried_with_its_payload_and_what_is_gone_with_its_numbers(
    deployed: AWS,
) -> None:
    lake = outputs(deployed.client)["lake"]
    kept = failure.identified(str(uuid.uuid4()))
    now = datetime.now(UTC)
    failed = batch(failure_id=kept, processor="p", failed_at=now)
    s3, bucket = deployed.client("s3"), lake["BucketName"]
    put = failure.objects(failed)
    for key, body in put:
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    try:
        with pyathena.connect(
            work_group=lake["WorkGroupName"],
            schema_name=lake["DatabaseName"],
            endpoint_url=deployed.endpoint,
            region_name="us-east-1",
            aws_access_key_id="headrace",
            aws_secret_access_key="headrace",  # noqa: S106  the local AWS takes any
            poll_interval=0.05,
        ) as connection:
            found = connection.cursor().execute(
                "SELECT processor, sequence_number, subsequence_number, partition_key, payload,"
                " payload_base64, gone, gone_until, gone_records, exact,"
                f" CAST(arrived_at AS varchar) FROM {lake['FailuresName']}"
                f" WHERE failure_id = '{kept}' AND failed_date = '{now:%Y-%m-%d}'"
                " ORDER BY sequence_number, subsequence_number"
            )
            rows = found.fetchall()
    finally:
        for key, _ in put:
            s3.delete_object(Bucket=bucket, Key=key)
    arrived = "2025-11-20 23:40:00.125"
    assert rows == [
        ("p", "11", 0, "N1", "\0one", base64(b"\0one"), None, None, None, True, arrived),
        ("p", "12", 0, "a", "two", base64(b"two"), None, None, None, True, arrived),
        ("p", "12", 1, "b", "three", base64(b"three"), None, None, None, True, arrived),
        ("p", "9", None, None, None, None, "old", "10", 2, True, None),
    ]
