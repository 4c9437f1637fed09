"""Lambda functions, run as AWS runs them: from their asset and layers, in processes of their own.

moto keeps the control plane; its invocations are replaced. `invoke` is for the other parts of
the local AWS; clients use the Invoke API.

What differs from AWS:
- Code and layers lie in directories of their own, named by LAMBDA_TASK_ROOT and sys.path, not in
  /var/task and /opt; /tmp is the machine's, but TMPDIR is the environment's own.
- The interpreter is the local AWS's, whatever the Runtime and the architecture say; CPU time does
  not depend on MemorySize. Only Python runs, from zip files.
- MemorySize limits the function's process by what cannot be given back (`memory`), looked at
  every 50 ms; processes it starts are not counted, but end with it.
- Threads go on between invocations, where AWS freezes them.
- At most `limits.PROCESSES` environments per version: further calls wait instead of scaling out.
- A function in a VPC reaches what any other does: subnets and groups are checked, and nothing is
  kept apart. SSL_CERT_FILE names whom it trusts, who signs for the local AWS's caches among them.
- One X-Ray daemon for all regions; every function with active tracing is sampled.
- Output above `limits.OUTPUT_BYTES` or `OUTPUT_LINES` per invocation is counted and dropped.
"""

from __future__ import annotations

import atexit
import logging
from dataclasses import dataclass
from typing import Any

from moto.awslambda.models import LambdaBackend, LambdaFunction

from local import cloudwatch, logs, metrics
from local.functions import control
from local.functions.asynchronous import RETRY_SECONDS, Queue
from local.functions.dispatch import Asked, Dispatcher, Invocation, refusal
from local.functions.factory import Factory
from local.functions.http import InvokeApi, function_arn
from local.functions.pool import Fleet
from local.functions.tracing import Daemon
from local.logs import Level
from local.patching import replace

__all__ = ["Invocation", "install", "invoke", "stop", "submit"]

PATIENCE_SECONDS = 3.0
"""How long `stop` waits for invocations that run."""


@dataclass(frozen=True, slots=True)
class _Running:
    daemon: Daemon
    factory: Factory
    fleet: Fleet
    dispatcher: Dispatcher
    queue: Queue


_running: _Running | None = None


def install(retry_seconds: tuple[float, ...] = RETRY_SECONDS) -> None:
    """Run functions from now on; asynchronous retries wait `retry_seconds`.

    The terminal shows all they write when the log level is DEBUG, else what warns.
    """
    global _running
    stop()
    daemon = Daemon()
    factory = Factory(daemon.address)
    fleet = Fleet(factory.make)
    dispatcher = Dispatcher(fleet, daemon)
    queue = Queue(dispatcher, retry_seconds)
    _running = _Running(daemon, factory, fleet, dispatcher, queue)
    chatty = logging.getLogger().isEnabledFor(logging.DEBUG)
    logs.terminal.level = Level.ALL if chatty else Level.WARNINGS
    metrics.store.clear()
    cloudwatch.install()
    control.install(fleet.forget)
    InvokeApi(dispatcher, queue).install()
    replace(LambdaBackend, invoke=_invoke_for_service)
    replace(LambdaFunction, invoke=_submit_for_service)
    atexit.register(stop)


def stop() -> None:
    """End all invocations and processes, and remove what was unpacked."""
    global _running
    running, _running = _running, None
    if running is None:
        return
    atexit.unregister(stop)
    running.queue.close()
    running.fleet.stop(PATIENCE_SECONDS)
    running.queue.join()
    running.daemon.close()
    running.factory.close()


def invoke(function_arn: str, payload: bytes) -> Invocation:
    """Invoke synchronously, as the services of AWS do; thread-safe, never raises."""
    running = _running
    if running is None:
        return refusal("", 503, "ServiceException", "The local AWS is not running.")
    return running.dispatcher.invoke(function_arn, payload)


def submit(function_arn: str, payload: bytes) -> Invocation:
    """Invoke asynchronously, as the services of AWS do; status 202 when the event was taken."""
    running = _running
    if running is None:
        return refusal("", 503, "ServiceException", "The local AWS is not running.")
    return running.queue.submit(function_arn, payload, Asked())


def _invoke_for_service(
    self: Any,
    function_name: str,
    qualifier: str | None,
    body: str | bytes,
    headers: Any,  # noqa: ARG001  moto's signature
    response_headers: dict[str, str],
) -> bytes:
    """How other services of moto invoke a function and wait."""
    arn = function_arn(self.account_id, self.region_name, function_name, qualifier)
    found = invoke(arn, body.encode() if isinstance(body, str) else body)
    if found.function_error or found.error:
        response_headers["x-amz-function-error"] = found.function_error or "Unhandled"
    return found.payload


def _submit_for_service(
    self: Any,
    body: str | bytes,
    request_headers: Any,  # noqa: ARG001  moto's signature
    response_headers: Any,  # noqa: ARG001
) -> bytes:
    """How other services of moto (SNS, S3, CloudWatch Logs) send a function an event."""
    submit(self.function_arn, body.encode() if isinstance(body, str) else body)
    return b""
