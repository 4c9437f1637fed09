"""X-Ray: trace headers, and the daemon that functions send their segments to.

The daemon is a UDP socket; what arrives goes to moto's X-Ray, which keeps the newest traces
only. Local sampling is simple: a function with active tracing is always sampled.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from local import settings

if TYPE_CHECKING:
    from local.functions.definition import Definition

LOG = logging.getLogger(__name__)
LONGEST_DATAGRAM = 65_536
TRACES_KEPT = 1_000
HEADER = b'{"format": "json", "version": 1}\n'


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace that an invocation belongs to; `parent` is the function's own segment."""

    root: str
    parent: str
    caller: str | None
    sampled: bool

    @classmethod
    def begin(cls, header: str | None, *, always: bool) -> Trace:
        """Continue the trace of an X-Amzn-Trace-Id header, or begin one."""
        fields = dict(part.strip().partition("=")[::2] for part in (header or "").split(";"))
        root = fields.get("Root") or f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        decided = fields.get("Sampled")
        sampled = decided == "1" if decided in ("0", "1") else always
        return cls(root, secrets.token_hex(8), fields.get("Parent"), sampled)

    @property
    def header(self) -> str:
        return f"Root={self.root};Parent={self.parent};Sampled={int(self.sampled)}"


class Daemon:
    """The X-Ray daemon of all functions; `address` is where it listens."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.refused = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._listen, name="x-ray", daemon=True)
        self._thread.start()

    def segment(
        self, trace: Trace, what: Definition, request: str, duration: float, *, failed: bool
    ) -> None:
        """The segment of an invocation, as Lambda sends it."""
        if not trace.sampled:
            return
        now = time.time()
        document = msgspec.json.encode(
            {
                "name": what.name,
                "id": trace.parent,
                "trace_id": trace.root,
                "start_time": now - duration / 1000,
                "end_time": now,
                "origin": "AWS::Lambda::Function",
                "resource_arn": what.arn,
                "aws": {"request_id": request},
                "fault": failed,
                **({"parent_id": trace.caller} if trace.caller else {}),
            }
        )
        with contextlib.suppress(OSError):  # full, or closed: a trace is lost, no invocation
            self._socket.sendto(HEADER + document, self._socket.getsockname())

    def close(self) -> None:
        self._stopping = True
        with contextlib.suppress(OSError):
            self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._stopping:
            datagram = self._socket.recv(LONGEST_DATAGRAM)
            header, _, document = datagram.partition(b"\n")
            if header and document:
                self._keep(document)

    def _keep(self, document: bytes) -> None:
        from moto.xray.models import xray_backends  # opens a socket of its own when imported

        current = settings.current()
        backend = xray_backends[current.account][current.region]
        try:
            backend.process_segment(document.decode())
        except Exception as error:  # whatever a function sent must not end the daemon
            self.refused += 1
            LOG.debug("segment refused: %s", error)
        traces = backend._segment_collection._traces
        while len(traces) > TRACES_KEPT:
            traces.pop(next(iter(traces)))
