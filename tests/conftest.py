"""The fixtures everyone shares: a running local AWS, and the pipeline deployed on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

ROOT = Path(__file__).parent.parent
KEY = "headrace"


@dataclass(frozen=True)
class AWS:
    """A local AWS in a process of its own, as `headrace local` runs it."""

    endpoint: str

    @property
    def env(self) -> dict[str, str]:
        """The environment that points any AWS client at it."""
        return {name: value for name, value in os.environ.items() if name[:4] != "AWS_"} | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=KEY,
        )

    def run(self, *command: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Run a command against it, from the root of the project."""
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AWS]:
    """A running local AWS; what it prints is in the file named on failure."""
    log = tmp_path_factory.mktemp("local") / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "local", "--port", "0", "--with-parent"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout
        ready = process.stdout.readline().split()
        assert ready, f"the local AWS did not start:\n{log.read_text()}"
        yield AWS(ready[-1])
        process.terminate()
        assert process.wait(60) == 0, log.read_text()[-2_000:]


@pytest.fixture(scope="session")
def deployed(aws: AWS) -> AWS:
    """The same, with every stack of `dev` deployed by the real CDK."""
    for command in (
        ("cdk", "bootstrap", "--output", "build/cdk.test"),
        ("cdk", "deploy", "--all", "--require-approval", "never", "--app", "build/cdk.test"),
    ):
        done = aws.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    return aws
