"""Microburst between real clients and the local AWS: errors, latency, resets, truncation.

https://pypi.org/project/microburst/ answers in the shapes that AWS's clients parse, so their own
retries and ours are what is tested. A rule matches a service, an operation and, by the application
id in its user agent, a client: "app" of a rule is one of ours.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

START_SECONDS = 30.0

Rule = dict[str, Any]

PATIENCE = 60
"""Seconds for an answer about the rules, which waits while the machine has much to do."""


class Proxy:
    """A running microburst."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def add(self, *rules: Rule) -> list[int]:
        """Let these rules hold, the first that matches wins; their ids."""
        made = self._call("PATCH", "rules", [_ruled(rule) for rule in rules])
        return [int(rule["id"]) for rule in made]

    def drop(self, ids: list[int]) -> None:
        """Let these rules hold no more."""
        shown = {"id", "fired_count", "ttl_remaining_s"}
        found = [rule for rule in self._call("GET", "rules") if rule["id"] in ids]
        wanted = [{name: rule[name] for name in rule.keys() - shown} for rule in found]
        if wanted:
            self._call("DELETE", "rules", wanted)

    def clear(self) -> None:
        """No rule holds any more."""
        self._call("POST", "rules", [])

    def fired(self) -> dict[int, int]:
        """How often each rule that holds was applied."""
        return {int(rule["id"]): rule["fired_count"] for rule in self._call("GET", "rules")}

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310  our own address
            f"{self.endpoint}/_microburst/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return json.load(answer)


def _ruled(rule: Rule) -> Rule:
    """The rule with its client as microburst matches it."""
    app = rule.get("app")
    rest = {name: value for name, value in rule.items() if name != "app"}
    return rest if app is None else {**rest, "headers": {"User-Agent": f"app/{app}"}}


@contextlib.contextmanager
def running(upstream: str, log: Path) -> Iterator[Proxy]:
    """A microburst of its own before this endpoint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "microburst", "--upstream", upstream]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            found = Proxy(f"http://127.0.0.1:{port}")
            _await(found, process, log)
            yield found
        finally:
            process.terminate()


def _await(proxy: Proxy, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            proxy.fired()
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"microburst did not start:\n{log.read_text()}") from None
            time.sleep(0.05)
        else:
            return
