"""Tracing without the X-Ray SDK: the segment documents that it would send, sent to the same daemon.

Importing `aws_xray_sdk.core` loads botocore for its sampling rules, and costs as much as boto3; in
Lambda the service has decided the sampling before the function is called. So Powertools' Tracer is
given this provider: each subsegment is one UDP datagram to AWS_XRAY_DAEMON_ADDRESS, with the trace
and parent that the runtime puts in _X_AMZN_TRACE_ID for each invocation. Without an address, or for
an invocation that is not sampled, nothing is sent.

https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
"""

import json
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any

from aws_lambda_powertools.tracing.base import BaseProvider, BaseSegment

HEADER = b'{"format": "json", "version": 1}\n'


class Subsegment(BaseSegment):
    """A timed piece of work; times are seconds since the epoch."""

    def __init__(self, name: str, trace_id: str, parent_id: str) -> None:
        self.document: dict[str, Any] = {
            "type": "subsegment",
            "name": name,
            "id": os.urandom(8).hex(),
            "trace_id": trace_id,
            "parent_id": parent_id,
            "start_time": time.time(),
        }

    def close(self, end_time: float | None = None) -> None:
        """Set the end."""
        self.document["end_time"] = end_time or time.time()

    def put_annotation(self, key: str, value: Any) -> None:
        """Add a value that traces can be searched by."""
        self.document.setdefault("annotations", {})[key] = value

    def put_metadata(self, key: str, value: Any, namespace: str = "default") -> None:
        """Add a value that is only stored."""
        self.document.setdefault("metadata", {}).setdefault(namespace, {})[key] = value

    def add_exception(
        self,
        exception: BaseException,
        stack: list[Any] | None = None,
        remote: bool = False,  # noqa: FBT001, FBT002  the signature is Powertools'
    ) -> None:
        """Mark as failed, by the type alone: a message may quote the payload."""
        del stack
        failure = {
            "id": os.urandom(8).hex(),
            "type": type(exception).__name__,
            "remote": remote,
        }
        self.document["fault"] = True
        self.document["cause"] = {"exceptions": [failure]}

    def add_subsegment(self, subsegment: "Subsegment") -> None:
        """Become the parent; each of the two is sent on its own."""
        subsegment.document["parent_id"] = self.document["id"]

    def remove_subsegment(self, subsegment: "Subsegment") -> None:
        """Give the child to this one's own parent."""
        subsegment.document["parent_id"] = self.document["parent_id"]


class XRayDaemon(BaseProvider):
    """Sends what Powertools' Tracer measures to the X-Ray daemon of the execution environment."""

    def __init__(self) -> None:
        self._current: ContextVar[Subsegment | None] = ContextVar("subsegment", default=None)

    @contextmanager
    def in_subsegment(self, name: str | None = None, **_: Any) -> Iterator[Subsegment]:
        """Measure what the `with` block does; nested ones become children."""
        header = _trace_header()
        subsegment = Subsegment(name or "", header.get("Root", ""), header.get("Parent", ""))
        parent = self._current.get()
        if parent is not None:
            parent.add_subsegment(subsegment)
        token = self._current.set(subsegment)
        try:
            yield subsegment
        except BaseException as error:
            subsegment.add_exception(error)
            raise
        finally:
            self._current.reset(token)
            subsegment.close()
            if header.get("Sampled") == "1":
                self._send(subsegment)

    @asynccontextmanager
    async def in_subsegment_async(
        self, name: str | None = None, **options: Any
    ) -> AsyncIterator[Subsegment]:
        """The same for `async with`."""
        with self.in_subsegment(name, **options) as subsegment:
            yield subsegment

    def put_annotation(self, key: str, value: Any) -> None:
        """Annotate the current subsegment."""
        subsegment = self._current.get()
        if subsegment is not None:
            subsegment.put_annotation(key, value)

    def put_metadata(self, key: str, value: Any, namespace: str = "default") -> None:
        """Add metadata to the current subsegment."""
        subsegment = self._current.get()
        if subsegment is not None:
            subsegment.put_metadata(key, value, namespace)

    def patch(self, modules: Sequence[str]) -> None:
        """Libraries are not instrumented: wrap the call in a subsegment instead."""
        raise NotImplementedError(f"no instrumentation for {', '.join(modules)}")

    def patch_all(self) -> None:
        """Libraries are not instrumented: create the Tracer with auto_patch=False."""
        raise NotImplementedError("no instrumentation of libraries: use auto_patch=False")

    def _send(self, subsegment: Subsegment) -> None:
        address = os.environ.get("AWS_XRAY_DAEMON_ADDRESS")
        if not address:
            return
        host, port = address.rsplit(":", 1)
        document = json.dumps(subsegment.document, default=str).encode()
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.sendto(HEADER + document, (host, int(port)))
        except OSError as error:
            # A trace is worth less than the work that it measures.
            print(json.dumps({"level": "WARNING", "message": f"no trace was sent: {error}"}))


def _trace_header() -> dict[str, str]:
    """The parts of Root=…;Parent=…;Sampled=1 of the current invocation."""
    header = os.environ.get("_X_AMZN_TRACE_ID", "")
    return dict(part.split("=", 1) for part in header.split(";") if "=" in part)
