"""The local AWS as a process of its own, for those who test from outside."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from local import settings
from local.settings import Settings

READY = "headrace local AWS ready on "
STOP_TIMEOUT = 30.0
ROOT = Path(__file__).resolve().parents[3]


class LocalAWSProcess:
    """`python -m local` on a free port, ended with this process at the latest.

    with LocalAWSProcess("--shard-limits") as aws:
        aws.endpoint, aws.env, aws.client("kinesis")
    """

    def __init__(self, *arguments: str, port: int = 0) -> None:
        """Start, and wait until it is ready; RuntimeError when it ends instead."""
        command = [sys.executable, "-m", "local", "--with-parent", "--port", str(port)]
        self._process = subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.settings = Settings(port=self._await_port())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def endpoint(self) -> str:
        return self.settings.endpoint

    @property
    def env(self) -> dict[str, str]:
        return self.settings.environment

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of this local AWS; `options` are boto3's."""
        return settings.client(self.settings, service, **options)

    def stop(self) -> int:
        """End it as its parent's end would; the exit code."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            return self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def _await_port(self) -> int:
        output = self._process.stdout
        line = output.readline() if output is not None else ""
        if not line.startswith(READY):
            raise RuntimeError(f"the local AWS ended with {self._process.wait()}")
        return int(line.rpartition(":")[2])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
