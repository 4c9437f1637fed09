"""A laboratory: functions that write down what they see, streams, queues, mappings."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import AWS
from tests.local.lab import index, trusting, until

HANDLER = """
import base64, json, os

def write(event):
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(json.dumps(event) + "\\n")

def read(event):
    return [json.loads(base64.b64decode(r["kinesis"]["data"])) for r in event["Records"]]

def number(event, wanted):
    return event["Records"][read(event).index(wanted)]["kinesis"]["sequenceNumber"]

def handler(event, context):
    write(event)
"""


class Lab:
    """Things by boto3 on the local AWS, each with a name of its own."""

    _names = itertools.count()

    def __init__(self, aws: AWS, folder: Path) -> None:
        self.folder = folder
        self.kinesis = aws.client("kinesis")
        self.functions = aws.client("lambda")
        self.sqs = aws.client("sqs")
        self.sns = aws.client("sns")
        self.s3 = aws.client("s3")
        self.cloudwatch = aws.client("cloudwatch")
        self.mappings: list[str] = []
        self.role = trusting(aws)

    def name(self, kind: str) -> str:
        return f"mapping-{kind}-{next(self._names)}"

    def function(self, body: str = "", **config: Any) -> str:
        """The name of a new function: it writes its event down, then does what `body` says."""
        name = self.name("function")
        self.functions.create_function(
            FunctionName=name,
            Runtime="python3.14",
            Role=self.role,
            Handler="index.handler",
            Code={"ZipFile": index(HANDLER, body)},
            Environment={"Variables": {"SEEN": str(self.folder / name)}},
            **config,
        )
        return name

    def stream(self, shards: int = 1) -> str:
        name = self.name("stream")
        self.kinesis.create_stream(StreamName=name, ShardCount=shards)
        self.kinesis.get_waiter("stream_exists").wait(StreamName=name)
        return name

    def arn(self, stream: str) -> str:
        found: str = self.kinesis.describe_stream_summary(StreamName=stream)[
            "StreamDescriptionSummary"
        ]["StreamARN"]
        return found

    def queue(self) -> tuple[str, str]:
        """The URL and the ARN of a new queue."""
        url = self.sqs.create_queue(QueueName=self.name("queue"))["QueueUrl"]
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, answer["Attributes"]["QueueArn"]

    def put(self, stream: str, *values: Any, key: str = "key") -> list[str]:
        """Put JSON values on a stream; their sequence numbers."""
        answer = self.kinesis.put_records(
            StreamName=stream,
            Records=[{"Data": json.dumps(value).encode(), "PartitionKey": key} for value in values],
        )
        return [record["SequenceNumber"] for record in answer["Records"]]

    def mapping(self, function: str, source: str, **parameters: Any) -> dict[str, Any]:
        """A new mapping, when it is enabled (or disabled, if asked for)."""
        asked = {"StartingPosition": "TRIM_HORIZON"} if ":sqs:" not in source else {}
        created: dict[str, Any] = self.functions.create_event_source_mapping(
            FunctionName=function,
            EventSourceArn=source if source.startswith("arn:") else self.arn(source),
            **asked | parameters,
        )
        self.mappings.append(created["UUID"])
        wanted = "Enabled" if parameters.get("Enabled", True) else "Disabled"
        self.settled(created["UUID"], wanted)
        return created

    def settled(self, uuid: str, state: str) -> None:
        until(lambda: self.functions.get_event_source_mapping(UUID=uuid)["State"] == state)

    def events(self, function: str) -> list[dict[str, Any]]:
        """Every event the function was invoked with, in order."""
        seen = self.folder / function
        # The last line may be half written: only what ends with a line feed counts.
        whole = seen.read_text().rpartition("\n")[0] if seen.exists() else ""
        return [json.loads(line) for line in whole.splitlines()]

    def batches(self, function: str) -> list[list[Any]]:
        """The values of each invocation, in order."""
        return [
            [json.loads(base64.b64decode(r["kinesis"]["data"])) for r in event["Records"]]
            for event in self.events(function)
        ]

    def values(self, function: str) -> list[Any]:
        """Every value the function saw, in order."""
        return [value for batch in self.batches(function) for value in batch]

    def sees(self, function: str, expected: list[list[Any]], seconds: float = 20.0) -> None:
        """Wait for as many invocations as expected; they are these."""
        until(lambda: len(self.batches(function)) >= len(expected), seconds)
        assert self.batches(function) == expected

    def message(self, url: str, seconds: float = 20.0) -> dict[str, Any]:
        """The next message of a queue."""

        def receive() -> dict[str, Any] | None:
            found = self.sqs.receive_message(QueueUrl=url).get("Messages")
            if not found:
                return None
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
            body: dict[str, Any] = json.loads(found[0]["Body"])
            return body

        return until(receive, seconds)

    def clean(self) -> None:
        for uuid in self.mappings:
            if any(
                found["UUID"] == uuid
                for found in self.functions.list_event_source_mappings()["EventSourceMappings"]
            ):
                self.functions.delete_event_source_mapping(UUID=uuid)


@pytest.fixture
def lab(aws: AWS, tmp_path: Path) -> Iterator[Lab]:
    found = Lab(aws, tmp_path)
    yield found
    found.clean()
