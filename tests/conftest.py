"""The fixtures everyone shares: a running local AWS, and the pipeline deployed on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.receiver import self_signed

ROOT = Path(__file__).parent.parent
KEY = "headrace"
PIPELINE, TEMPLATES = "deployed", "assemblies"
"""Fixtures of a session that take a minute: the pipeline deployed, and its templates."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Which tests of `make test` stay in one process: those of a file, and all those of files that
    share what takes long to make. Those that need the pipeline come first, as no other group takes
    as long, and then the README's demo.
    """
    sharing = {
        item.path: fixture
        for fixture in (TEMPLATES, PIPELINE)
        for item in items
        if fixture in getattr(item, "fixturenames", ())
    }
    for item in items:
        group = sharing.get(item.path, item.nodeid.partition("::")[0])
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(
        key=lambda item: (sharing.get(item.path) != PIPELINE, item.path.name != "test_readme.py")
    )


@dataclass(frozen=True)
class AWS:
    """A local AWS in a process of its own, as `headrace local` runs it."""

    endpoint: str
    assembly: str = ""
    """The folder of the CDK's templates, when they are deployed."""

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

    def deploy(self) -> str:
        """Deploy every stack of the assembly; what the CDK said."""
        done = self.run(
            "cdk", "deploy", "--all", "--require-approval", "never", "--app", self.assembly
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of a server on this machine that the local AWS trusts."""
    path = tmp_path_factory.mktemp("certificate") / "receiver.pem"
    self_signed(path)
    return path


@contextmanager
def running(folder: Path, certificate: Path, *options: str) -> Iterator[AWS]:
    """A local AWS of its own; what it prints is in the folder, and in the message of a failure."""
    log = folder / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "local", "--port", "0", "--with-parent", *options],
            cwd=ROOT,
            env=os.environ | {"SSL_CERT_FILE": str(certificate)},
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


def deploy(aws: AWS, folder: Path) -> AWS:
    """The same, with every stack of `dev` deployed by the real CDK from templates in the folder."""
    with_stacks = replace(aws, assembly=str(folder / "out"))
    done = aws.run("cdk", "bootstrap", "--output", with_stacks.assembly)
    assert done.returncode == 0, done.stdout + done.stderr
    with_stacks.deploy()
    return with_stacks


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[AWS]:
    """A running local AWS."""
    with running(tmp_path_factory.mktemp("local"), certificate) as started:
        yield started


@pytest.fixture(scope="session")
def deployed(aws: AWS, tmp_path_factory: pytest.TempPathFactory) -> AWS:
    """The same, with the pipeline on it. Other tests have used it: say what differs from before."""
    return deploy(aws, tmp_path_factory.mktemp("cdk"))
