"""Functions made from a few lines of Python, on the running local AWS, deleted afterwards."""

from __future__ import annotations

import base64
import contextlib
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import psutil
import pytest
from botocore.exceptions import ClientError

from local.server import LocalAWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import AWS
from tests.local.lab import package, trusting

RUNTIME = "python3.14"


@dataclass(frozen=True)
class Answer:
    """What an invocation gave."""

    payload: Any
    error: str | None
    version: str
    log: str

    @property
    def lines(self) -> list[str]:
        """The log without what differs from run to run: Lambda's own lines by their word."""
        return [line for line in self.log.splitlines() if line.partition(" ")[0] not in PLATFORM]


PLATFORM = {"START", "END", "REPORT", "INIT_REPORT"}


class Functions:
    """Functions of one local AWS; code is the text of the module `app`."""

    def __init__(self, aws: Any) -> None:
        self.aws = aws
        self.api = aws.client("lambda")
        self.role: str = trusting(aws, "lambda.amazonaws.com")
        self._names: list[str] = []

    def make(self, code: str = "", files: dict[str, str] | None = None, **options: Any) -> str:
        """Make a function whose handler is `app.handler`; its name."""
        name = f"function-{uuid.uuid4().hex[:12]}"
        wanted: dict[str, Any] = {
            "Runtime": RUNTIME,
            "Handler": "app.handler",
            "Role": self.role,
            "Code": {"ZipFile": package({"app.py": code, **(files or {})})},
            "Timeout": 20,
            "MemorySize": 256,
        }
        self.api.create_function(FunctionName=name, **(wanted | options))
        self._names.append(name)
        return name

    def call(self, name: str, event: Any = None, **options: Any) -> Answer:
        """Invoke and wait."""
        payload = {} if event is None else {"Payload": json.dumps(event).encode()}
        found = self.api.invoke(FunctionName=name, LogType="Tail", **payload, **options)
        return Answer(
            payload=json.loads(found["Payload"].read() or b"null"),
            error=found.get("FunctionError"),
            version=found["ExecutedVersion"],
            log=base64.b64decode(found["LogResult"]).decode(),
        )

    def layer(self, files: Mapping[str, str | bytes]) -> str:
        """Publish a layer; the ARN of its version."""
        found = self.api.publish_layer_version(
            LayerName=f"layer-{uuid.uuid4().hex[:12]}", Content={"ZipFile": package(files)}
        )
        return str(found["LayerVersionArn"])

    def logged(self, name: str, group: str | None = None) -> list[list[str]]:
        """What CloudWatch Logs has, per log stream, the oldest first."""
        logs = self.aws.client("logs")
        group = group or f"/aws/lambda/{name}"
        streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
        return [
            [
                event["message"]
                for event in logs.get_log_events(
                    logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
                )["events"]
            ]
            for stream in sorted(streams, key=lambda stream: stream["creationTime"])
        ]

    def close(self) -> None:
        for name in self._names:
            with contextlib.suppress(self.api.exceptions.ResourceNotFoundException):
                self.api.delete_function(FunctionName=name)


class Make(Protocol):
    """`Functions.make`."""

    def __call__(
        self, code: str = "", files: dict[str, str] | None = None, **options: Any
    ) -> str: ...


def refused(call: Callable[[], object]) -> tuple[str, str]:
    """Code and message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def running(process: int) -> bool:
    """Whether a process is there, and not only waited for."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ends(process: int) -> bool:
    """Whether a process ends within five seconds."""
    deadline = time.monotonic() + 5
    while running(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not running(process)


@pytest.fixture(scope="session")
def inside() -> Iterator[LocalAWS]:
    """A local AWS in this very process, for what is not waited for at its real length."""
    with LocalAWS(port=0) as aws:
        yield aws


@pytest.fixture
def inner(inside: LocalAWS) -> Iterator[Functions]:
    """Functions of the local AWS in this process."""
    made = Functions(inside)
    yield made
    made.close()


@pytest.fixture
def functions(aws: AWS) -> Iterator[Functions]:
    made = Functions(aws)
    yield made
    made.close()
