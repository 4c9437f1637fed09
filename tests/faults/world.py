"""A deployed pipeline with its clients, as a run drives it and looks at it.

What is looked at goes around the proxy, and around everything of ours but the contract: streams by
boto3, the lake by its files.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import boto3
import msgspec
import psutil
import pyarrow.parquet as pq
from botocore.config import Config

from tests.conftest import AWS, KEY, ROOT
from tests.faults.proxy import Proxy
from tests.stacks import outputs

T = TypeVar("T")
Record = dict[str, Any]

SECONDS = 120.0
FUNCTION_SECONDS = 4
"""The timeout of the functions that are made to time out."""
BATCHES, LINES = "failures/batches/", "failures/records/"
LEASE = "failures/redrives/lease.json"
SETTLE_SECONDS = 3
VISIBILITY_SECONDS = 6
"""How soon a message that a rescue did not finish is there again. It must be longer than a rescue
takes, as it is where it is deployed: else two of them write the same batch, and the later one after
it was redriven. Hence one message at a time."""


class Never(AssertionError):
    """Something that must come about did not."""


def until(holds: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """What `holds` answers as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > end:
            raise Never(f"it never came about that {what}")
        time.sleep(0.05)
    return found


@dataclass(frozen=True)
class Control:
    """The commands of `tests.faults.host`."""

    process: subprocess.Popen[str]

    def __call__(self, do: str, **asked: Any) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"do": do, **asked}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "failed" not in answer, answer["failed"]
        return answer["done"]


@dataclass
class Tail:
    """A stream read back, a little more with each call."""

    kinesis: Any
    stream: str
    records: list[Record] = field(default_factory=list)
    _after: dict[str, str] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)

    def read(self) -> list[Record]:
        """Everything that was seen until now, by shard in order; each with its ShardId."""
        for shard in self.kinesis.list_shards(StreamName=self.stream)["Shards"]:
            if shard["ShardId"] not in self._ended:
                self._read(shard["ShardId"])
        return self.records

    def _read(self, shard: str) -> None:
        after = self._after.get(shard)
        position: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        if after:
            position = {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": after,
            }
        answer = self.kinesis.get_shard_iterator(StreamName=self.stream, ShardId=shard, **position)
        iterator = answer["ShardIterator"]
        while iterator:
            answer = self.kinesis.get_records(ShardIterator=iterator)
            self.records += [{**one, "ShardId": shard} for one in answer["Records"]]
            if answer["Records"]:
                self._after[shard] = answer["Records"][-1]["SequenceNumber"]
            iterator = answer.get("NextShardIterator")
            if not answer["MillisBehindLatest"] and iterator:
                return
        self._ended.add(shard)


@dataclass
class World:
    """One deployed environment behind a proxy."""

    aws: AWS
    proxy: Proxy
    control: Control | None
    outputs: dict[str, dict[str, str]]
    """The stacks' outputs by stage or processor."""
    _parsed: dict[str, list[Record]] = field(default_factory=dict)

    # Names.

    @property
    def lake(self) -> dict[str, str]:
        return self.outputs["lake"]

    @property
    def flow(self) -> dict[str, str]:
        return self.outputs["flight"]

    @property
    def processor(self) -> dict[str, str]:
        return self.outputs["delay_alerts"]

    @property
    def stream(self) -> str:
        return self.flow["StreamName"]

    @property
    def alert_stream(self) -> str:
        return self.outputs["delay_alert"]["StreamName"]

    @property
    def bucket(self) -> str:
        return self.lake["BucketName"]

    @property
    def functions(self) -> dict[str, str]:
        """The functions' names by the application id under which they call AWS."""
        named = {
            "transform": self.flow["TransformFunctionName"],
            "processor": self.processor["FunctionName"],
            "rescue": self.processor.get("RescueFunctionName", ""),
            "audit": self.flow.get("AuditFunctionName", ""),
        }
        return {app: name for app, name in named.items() if name}

    # Clients that see what is there, without a fault.

    @cached_property
    def kinesis(self) -> Any:
        return self.aws.client("kinesis")

    @cached_property
    def lambdas(self) -> Any:
        return self.aws.client("lambda")

    @cached_property
    def s3(self) -> Any:
        return self.aws.client("s3")

    @cached_property
    def sqs(self) -> Any:
        return self.aws.client("sqs")

    @cached_property
    def flights(self) -> Tail:
        return Tail(self.kinesis, self.stream)

    @cached_property
    def alerts(self) -> Tail:
        return Tail(self.kinesis, self.alert_stream)

    # Clients that meet the faults.

    @cached_property
    def producer(self) -> Any:
        """The command line's client for PutRecords, and no patience."""
        patience: dict[str, Any] = {
            "user_agent_appid": "producer",
            "connect_timeout": 5,
            "read_timeout": 5,
            "parameter_validation": False,
            "retries": {"mode": "standard", "total_max_attempts": 1},
        }
        return boto3.client(
            "kinesis",
            endpoint_url=self.proxy.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=KEY,
            config=Config(**patience),
        )

    def headrace(self, *words: str, app: str = "cli") -> subprocess.Popen[str]:
        """A command of ours, started, as a person would."""
        through = {
            "AWS_ENDPOINT_URL": self.proxy.endpoint,
            "AWS_ENDPOINT_URL_S3": self.proxy.endpoint,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "cli.main", *words],
            cwd=ROOT,
            env={**self.aws.env, **through, "AWS_SDK_UA_APP_ID": app},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    # What can be done to it.

    def set_variables(self, app: str, **variables: str | None) -> None:
        """Change environment variables of a function; None takes one away."""
        name = self.functions[app]
        found = self.lambdas.get_function_configuration(FunctionName=name)
        wanted = found.get("Environment", {}).get("Variables", {}) | variables
        self.lambdas.update_function_configuration(
            FunctionName=name,
            Environment={"Variables": {key: one for key, one in wanted.items() if one is not None}},
        )

    def kill(self, app: str) -> int:
        """Kill the execution environments of a function; how many there were."""
        killed = 0
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.name().startswith("python") and self._runs(process, app):
                    os.kill(process.pid, signal.SIGKILL)
                    killed += 1
        return killed

    def _runs(self, process: psutil.Process, app: str) -> bool:
        environment = process.environ()
        return (
            environment.get("AWS_SDK_UA_APP_ID") == app
            and environment.get("AWS_ENDPOINT_URL") == self.proxy.endpoint
            and "AWS_LAMBDA_FUNCTION_NAME" in environment
        )

    # What is there.

    def open_shards(self) -> list[Record]:
        shards = self.kinesis.list_shards(StreamName=self.stream)["Shards"]
        return [one for one in shards if "EndingSequenceNumber" not in one["SequenceNumberRange"]]

    def objects(self, prefix: str) -> Iterator[str]:
        """The keys under a prefix of the lake."""
        pages = self.s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                yield found["Key"]

    def body(self, key: str) -> bytes:
        data: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return data

    def rows(self, days: list[str]) -> dict[str, list[Record]]:
        """The delivered rows of some event dates, out of the files, by event id."""
        found: dict[str, list[Record]] = defaultdict(list)
        for day in days:
            for key in self.objects(f"{self.flow['DataPrefix']}event_date={day}/"):
                if key not in self._parsed:
                    self._parsed[key] = pq.read_table(io.BytesIO(self.body(key))).to_pylist()
                for row in self._parsed[key]:
                    found[row["event_id"]].append(row)
        return found

    def rejected(self) -> set[bytes]:
        """The payloads of all rejected flights, of verdicts and of Firehose's own errors."""
        found: set[bytes] = set()
        for prefix, member in (
            ("rejected/flight/", "payload"),
            (self.flow["ErrorPrefix"], "rawData"),
        ):
            for key in self.objects(prefix):
                if key not in self._parsed:
                    body = self.body(key)
                    text = gzip.decompress(body) if key.endswith(".gz") else body
                    self._parsed[key] = [
                        {"payload": msgspec.convert(json.loads(line)[member], bytes, strict=False)}
                        for line in text.splitlines()
                    ]
                found |= {line["payload"] for line in self._parsed[key]}
        return found

    def archived(self, since: datetime) -> list[Record]:
        """The batches in the failure archive that failed since then: what a message that came
        twice brings back of an earlier run is nobody's loss."""
        found = [json.loads(gzip.decompress(self.body(key))) for key in self.objects(BATCHES)]
        return [one for one in found if datetime.fromisoformat(one["failed_at"]) >= since]

    def kept(self) -> tuple[int, int]:
        """How many batches are in the failure archive, and of how many the lines."""
        return sum(1 for _ in self.objects(BATCHES)), sum(1 for _ in self.objects(LINES))

    def rescues(self) -> list[Record]:
        """The event source mappings that feed the rescue."""
        queue = self.sqs.get_queue_attributes(
            QueueUrl=self.processor["FailureQueueUrl"], AttributeNames=["QueueArn"]
        )["Attributes"]["QueueArn"]
        found = self.lambdas.list_event_source_mappings(EventSourceArn=queue)
        return list(found["EventSourceMappings"])

    def forget_failures(self) -> None:
        """Empty the archive for the next run; what this one proves of it is proved."""
        for key in [*self.objects(BATCHES), *self.objects(LINES)]:
            self.s3.delete_object(Bucket=self.bucket, Key=key)
        self.release()

    def release(self) -> None:
        """Take the lease of a redrive that died."""
        self.s3.delete_object(Bucket=self.bucket, Key=LEASE)

    def waiting(self) -> int:
        """Messages on the failure queue, in work or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(
            QueueUrl=self.processor["FailureQueueUrl"], AttributeNames=names
        )
        return sum(int(answer["Attributes"][name]) for name in names)


@contextlib.contextmanager
def prepared(aws: AWS, proxy: Proxy, control: Control | None = None) -> Iterator[World]:
    """The deployed pipeline with its functions behind the proxy and with little patience, so that
    a run takes seconds; afterwards everything is as it was deployed."""
    world = World(aws, proxy, control, outputs(aws.client))
    mapping, queue = world.processor["MappingId"], world.processor["FailureQueueUrl"]
    with contextlib.ExitStack() as undo:
        for app, name in world.functions.items():
            before = world.lambdas.get_function_configuration(FunctionName=name)
            world.lambdas.update_function_configuration(
                FunctionName=name,
                Timeout=FUNCTION_SECONDS if app == "processor" else before["Timeout"],
                Environment={"Variables": before["Environment"]["Variables"] | through(proxy, app)},
            )
            undo.callback(
                world.lambdas.update_function_configuration,
                FunctionName=name,
                Timeout=before["Timeout"],
                Environment=before["Environment"],
            )
        found = world.lambdas.get_event_source_mapping(UUID=mapping)
        undo.callback(updated, world, mapping, **patience(found))
        updated(
            world, mapping, BatchSize=25, MaximumRetryAttempts=1, BisectBatchOnFunctionError=False
        )
        for one in world.rescues():
            undo.callback(updated, world, one["UUID"], BatchSize=one["BatchSize"])
            updated(world, one["UUID"], BatchSize=1)
        seen = world.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])
        undo.callback(world.sqs.set_queue_attributes, QueueUrl=queue, Attributes=seen["Attributes"])
        world.sqs.set_queue_attributes(
            QueueUrl=queue, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
        )
        if control:
            control("failures_through", endpoint=proxy.endpoint)
            provision(world)
        yield world


def through(proxy: Proxy, app: str) -> Mapping[str, str]:
    """The variables that send a function's calls by way of the proxy, under a name. A run asks the
    audit when all is delivered, so it need not wait for what may be on its way."""
    return {
        **({"SETTLE_SECONDS": str(SETTLE_SECONDS)} if app == "audit" else {}),
        "AWS_ENDPOINT_URL": proxy.endpoint,
        "AWS_ENDPOINT_URL_S3": proxy.endpoint,
        "AWS_SDK_UA_APP_ID": app,
    }


def patience(mapping: Mapping[str, Any]) -> dict[str, Any]:
    names = ("BatchSize", "MaximumRetryAttempts", "BisectBatchOnFunctionError")
    return {name: mapping[name] for name in names}


def updated(world: World, mapping: str, **changed: Any) -> None:
    """Change an event source mapping, and wait until it works so."""
    world.lambdas.update_event_source_mapping(UUID=mapping, **changed)
    wanted = ("Enabled", "Disabled")
    until(
        lambda: world.lambdas.get_event_source_mapping(UUID=mapping)["State"] in wanted,
        "the event source mapping was updated",
    )


def provision(world: World) -> None:
    """Shards of the flights that can be split and merged."""
    arn = world.kinesis.describe_stream_summary(StreamName=world.stream)["StreamDescriptionSummary"]
    if arn["StreamModeDetails"]["StreamMode"] == "ON_DEMAND":
        world.kinesis.update_stream_mode(
            StreamARN=arn["StreamARN"], StreamModeDetails={"StreamMode": "PROVISIONED"}
        )
