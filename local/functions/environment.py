"""An execution environment: init once, invoke many times, start over after a failure.

The life that AWS describes in
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html: an init phase of
at most 10 s; when it fails, or when an invocation ended the process, the next invocation
repeats it within its own time. One thread at a time uses an environment.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from local.functions import channel, limits
from local.functions.channel import Request
from local.functions.definition import Definition
from local.functions.output import Output
from local.functions.process import Command, End, Process
from local.functions.report import Measured, Reporter

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One invocation as the function sees it."""

    request: str
    arn: str
    payload: bytes
    trace: str
    client_context: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer: the payload that tells it, and Lambda's own type if it has one."""

    payload: bytes
    kind: str | None = None
    status: str = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an invocation came to; `duration` in milliseconds."""

    payload: bytes
    failed: bool
    duration: float
    tail: bytes


class Environment:
    """One execution environment of one function version."""

    def __init__(
        self, definition: Definition, command: Command, stream: str, close: Callable[[], None]
    ) -> None:
        self.definition = definition
        self.idle_since = 0.0
        self._command = command
        self._close = close
        self._report = Reporter(definition)
        self._output = Output(definition, stream)
        self._process: Process | None = None
        self._fresh = True
        self._asked = False
        self._peak = 0

    def invoke(self, call: Call) -> Outcome:
        """Run the function once."""
        self._output.begin()
        init = self._first_init() if self._fresh else None
        self._output.say(self._report.start(call.request))
        begun = time.monotonic()
        answer = self._run(call, begun + self.definition.timeout)
        duration = (time.monotonic() - begun) * 1000
        self._finish(call, answer, duration, init)
        failed = isinstance(answer, Failure)
        payload = answer.payload if isinstance(answer, Failure) else answer
        return Outcome(payload=payload, failed=failed, duration=duration, tail=self._output.tail())

    def kill(self) -> None:
        """End the process under the invocation that uses it; any thread may."""
        process = self._process
        if process is not None:
            process.kill()

    def end(self) -> None:
        """End the process; the environment is of no more use."""
        self._stop()
        self._output.flush()
        self._close()

    def _first_init(self) -> float | None:
        """The init phase: its milliseconds, None when it failed."""
        self._fresh = False
        begun = time.monotonic()
        failure = self._init(begun + limits.INIT_SECONDS, None)
        taken = (time.monotonic() - begun) * 1000
        if failure is None:
            return taken
        line = self._report.init_failed(taken, "init", failure.status, failure.kind)
        self._output.say(line, bad=True)
        return None

    def _init(self, deadline: float, request: str | None) -> Failure | None:
        """Start a process and wait until it asks for its first invocation."""
        self._stop()
        self._process = process = Process(self._command, self._output.feed)
        found = process.wait(deadline)
        if isinstance(found, End):
            return self._ended(found, request)
        if found.path == channel.NEXT:
            self._asked = True
            return None
        process.answer(202, {}, b'{"status":"OK"}', deadline)
        process.drain()
        self._stop()
        return Failure(found.body or b"{}", _error_type(found.body))

    def _run(self, call: Call, deadline: float) -> bytes | Failure:
        if self._process is not None:
            ended = self._await_next(self._process, deadline)
            if ended is End.TIMED_OUT:
                return self._ended(ended, call.request)
            if ended is not None or not self._process.running:
                self._stop()  # it died while nobody called
        if self._process is None:
            begun = time.monotonic()
            failure = self._init(deadline, call.request)
            if failure is not None:
                taken = (time.monotonic() - begun) * 1000
                line = self._report.init_failed(taken, "invoke", failure.status, failure.kind)
                self._output.say(line, bad=True)
                return failure
        return self._deliver(call, deadline)

    def _await_next(self, process: Process, deadline: float) -> End | None:
        """Take the call for the next invocation, which a warm process has made long ago."""
        while not self._asked:
            found = process.wait(deadline)
            if isinstance(found, End):
                return found
            self._asked = found.path == channel.NEXT
            if not self._asked and (ended := process.answer(404, {}, b"{}", deadline)) is not None:
                return ended
        return None

    def _deliver(self, call: Call, deadline: float) -> bytes | Failure:
        process = self._process
        if process is None:
            return self._ended(End.EXITED, call.request)
        left = deadline - time.monotonic()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": call.request,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + left) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": call.arn,
            "Lambda-Runtime-Trace-Id": call.trace,
        }
        if call.client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = call.client_context
        self._asked = False
        ended = process.answer(200, headers, call.payload, deadline)
        while ended is None:
            found = process.wait(deadline)
            if isinstance(found, End):
                return self._ended(found, call.request)
            answer, ended = self._respond(process, found, call.request, deadline)
            if answer is not None:
                process.drain()
                return answer
        return self._ended(ended, call.request)

    def _respond(
        self, process: Process, found: Request, request: str, deadline: float
    ) -> tuple[bytes | Failure | None, End | None]:
        """Acknowledge the function's answer; (None, …) when the call was something else."""
        accepted = b'{"status":"OK"}'
        place = f"{channel.INVOCATION}{request}"
        if found.path not in (f"{place}/response", f"{place}/error"):
            return None, process.answer(404, {}, b"{}", deadline)
        if found.body is None:
            process.answer(413, {}, b"{}", deadline)
            return _too_large(), None
        process.answer(202, {}, accepted, deadline)
        return (Failure(found.body) if found.path.endswith("/error") else found.body), None

    def _ended(self, end: End, request: str | None) -> Failure:
        """End the process that gave no answer, and say why there is none."""
        process, self._process, self._asked = self._process, None, False
        if process is not None:
            self._peak = max(self._peak, process.meter.peak())
        words = process.reap(exited=end is End.EXITED) if process is not None else ""
        if end is End.TIMED_OUT:
            return self._timed_out(request)
        if end is End.OUT_OF_MEMORY:
            words = "Runtime exited with error: signal: killed"
        said = f"RequestId: {request} Error: {words}" if request else f"Error: {words}"
        self._output.say(f"{said}\nRuntime.ExitError\n", bad=True)
        kind = "Runtime.OutOfMemory" if end is End.OUT_OF_MEMORY else "Runtime.ExitError"
        return Failure(_error("Runtime.ExitError", said), kind)

    def _timed_out(self, request: str | None) -> Failure:
        if request is None:
            return Failure(b"", status="timeout")
        words = f"Task timed out after {self.definition.timeout:.2f} seconds"
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._output.say(f"{now} {request} {words}\n\n", bad=True)
        payload = _error("Sandbox.Timedout", f"RequestId: {request} Error: {words}")
        return Failure(payload, status="timeout")

    def _finish(
        self, call: Call, answer: bytes | Failure, duration: float, init: float | None
    ) -> None:
        if self._process is not None:
            self._peak = max(self._peak, self._process.meter.peak())
        failure = answer if isinstance(answer, Failure) else None
        measured = Measured(
            duration=duration,
            init=init,
            memory=min(round(self._peak / MEGABYTE), self.definition.memory),
            status=failure.status if failure else "success",
            failure=failure.kind if failure else None,
        )
        self._output.close()
        self._output.say(self._report.end(call.request, measured))
        trace = call.trace.partition(";")[0].removeprefix("Root=")
        sampled = trace if call.trace.endswith("Sampled=1") else None
        self._output.say(self._report.report(call.request, measured, sampled))
        self._output.flush()

    def _stop(self) -> None:
        process, self._process, self._asked = self._process, None, False
        if process is not None:
            process.reap(exited=False)


def _error(kind: str, message: str) -> bytes:
    return msgspec.json.encode({"errorType": kind, "errorMessage": message})


def _too_large() -> Failure:
    kind = "Function.ResponseSizeTooLarge"
    words = f"exceeded maximum allowed payload size ({limits.RESPONSE} bytes)."
    return Failure(_error(kind, f"Response payload size {words}"), kind)


def _error_type(body: bytes | None) -> str | None:
    try:
        kind = msgspec.json.decode(body or b"", type=dict[str, Any]).get("errorType")
    except msgspec.MsgspecError:
        return None
    return kind if isinstance(kind, str) else None
