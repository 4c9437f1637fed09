"""An HTTP endpoint beside the lake: deployed, fed over TLS, and backed up where it fails."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import msgspec
import pyathena
import pytest

from events import registry
from events.flight import source
from infra.deliveries import Delivered, Endpoint
from infra.environments import named
from infra.event_type import EventType
from infra.lake import Lake
from tests.conftest import AWS
from tests.conftest import KEY as ACCESS_KEY
from tests.receiver import Receiver, receiving, refused
from tests.test_pipeline import until

KEY = "the key of the receiver"
ASSETS = "cdk-hnb659fds-assets-123456789012-us-east-1"


@dataclass(frozen=True)
class Sender:
    """The deployed stacks of flights that are sent to a receiver, too."""

    aws: AWS
    outputs: dict[str, str]
    receiver: Receiver
    put: list[bytes] = field(default_factory=list)

    @cached_property
    def s3(self) -> Any:
        return self.aws.client("s3")

    def feed(self, count: int) -> list[bytes]:
        """Put as many flights that were not put before."""
        start = len(self.put)
        events = islice(source.events(), start, start + count)
        datas = [msgspec.json.encode(event) for event in events]
        answer = self.aws.client("kinesis").put_records(
            StreamName=self.outputs["StreamName"],
            Records=[{"Data": data, "PartitionKey": str(at)} for at, data in enumerate(datas)],
        )
        assert answer["FailedRecordCount"] == 0
        self.put.extend(datas)
        return datas

    def unsent(self) -> list[dict[str, Any]]:
        """The lines of what was not taken."""
        bucket = self.outputs["BucketName"]
        listed = self.s3.list_objects_v2(Bucket=bucket, Prefix="unsent/flight/arrival_date=")
        keys = [found["Key"] for found in listed.get("Contents", [])]
        assert all("/http-endpoint-failed/" in key for key in keys)
        bodies = [self.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    def count(self, table: str) -> int:
        with pyathena.connect(
            work_group=self.outputs["WorkGroupName"],
            schema_name=self.outputs["DatabaseName"],
            endpoint_url=self.aws.endpoint,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=ACCESS_KEY,
            poll_interval=0.05,
        ) as connection:
            return int(connection.cursor().execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.fixture(scope="module")
def sender(
    deployed: AWS, certificate: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sender]:
    """Stacks of an environment of its own, from the templates that `cdk deploy` would use; their
    assets are those that `deployed` has put in place."""
    with receiving(certificate) as receiver:
        secret = deployed.client("secretsmanager").create_secret(
            Name="receiver", SecretString=json.dumps({"api_key": KEY})
        )
        endpoint = Endpoint(
            name="receiver",
            url=receiver.url,
            secret_arn=secret["ARN"],
            attributes={"environment": "sends"},
            buffer_seconds=10,
            retry_seconds=1,
        )
        folder = tmp_path_factory.mktemp("sends")
        outputs: dict[str, str] = {}
        for template in _synthesized(endpoint, folder):
            outputs |= _deployed(deployed, template)
        yield Sender(deployed, outputs, receiver)


def _synthesized(endpoint: Endpoint, folder: Path) -> list[Path]:
    """The templates of the lake and of flights, in the order of their deployment."""
    environment = replace(
        named("dev"), name="sends", deliveries={"flight": Delivered(endpoint=endpoint)}
    )
    context = json.loads(Path("cdk.json").read_text())["context"]
    app = cdk.App(context=context, outdir=str(folder))
    lake = Lake(app, environment=environment)
    kind = registry.get("flight")
    EventType(app, environment=environment, lake=lake, name="flight", kind=kind)
    app.synth()
    return [folder / f"Headrace-sends-{name}.template.json" for name in ("lake", "flight")]


def _deployed(aws: AWS, template: Path) -> dict[str, str]:
    """Create the stack of a template; its outputs. It has no tags, by which others would be
    found."""
    cloudformation, key = aws.client("cloudformation"), f"sends/{template.name}"
    aws.client("s3").put_object(Bucket=ASSETS, Key=key, Body=template.read_bytes())
    name = template.name.partition(".")[0]
    cloudformation.create_stack(
        StackName=name,
        TemplateURL=f"https://s3.us-east-1.amazonaws.com/{ASSETS}/{key}",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    )

    def stack() -> dict[str, Any]:
        (found,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        return dict(found)

    until(lambda: not stack()["StackStatus"].endswith("IN_PROGRESS"))
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [it for it in events if it["ResourceStatus"] == "CREATE_FAILED"]
    assert stack()["StackStatus"] == "CREATE_COMPLETE", failed
    return {output["OutputKey"]: output["OutputValue"] for output in stack()["Outputs"]}


def _until_equal(found: Callable[[], Any], wanted: Any) -> None:
    until(lambda: found() == wanted)


def test_every_event_arrives_at_the_endpoint_and_in_the_lake(sender: Sender) -> None:
    put = sender.feed(300)
    _until_equal(lambda: Counter(sender.receiver.records()), Counter(put))
    _until_equal(lambda: sender.count("flight"), len(put))
    for headers, _ in sender.receiver.requests:
        assert headers["X-Amz-Firehose-Access-Key"] == KEY
        assert json.loads(headers["X-Amz-Firehose-Common-Attributes"]) == {
            "commonAttributes": {"environment": "sends"}
        }
    assert sender.unsent() == []


def test_what_a_failing_endpoint_does_not_take_is_in_the_bucket_and_in_the_lake(
    sender: Sender,
) -> None:
    received = len(sender.receiver.records())
    before = list(sender.put)
    sender.receiver.answer = refused
    put = sender.feed(200)
    _until_equal(
        lambda: Counter(base64.b64decode(line["rawData"]) for line in sender.unsent()),
        Counter(put),
    )
    lines = sender.unsent()
    assert {line["errorCode"] for line in lines} == {"HttpEndpoint.DestinationException"}
    assert all(line["attemptsMade"] > 1 for line in lines)
    assert len(sender.receiver.records()) > received
    _until_equal(lambda: sender.count("flight"), len(before) + len(put))
    assert sender.count(sender.outputs["UnsentName"]) == len(put)
