"""Invoke: which version, may it run now, and what is counted.

Answers what the Invoke API answers, errors too, as a value: nothing raises for what a caller
or a function did.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.models import lambda_backends

from local import metrics
from local.functions import definition, limits
from local.functions.assets import BadZip
from local.functions.definition import Definition, Name
from local.functions.environment import Call, Outcome
from local.functions.pool import Fleet, Stopped
from local.functions.roles import CannotAssume
from local.functions.tracing import Daemon, Trace
from local.metrics import Dimensions, Point, Series

LOG = logging.getLogger(__name__)
NAMESPACE = "AWS/Lambda"
THROTTLED = {
    "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
    "Type": "User",
    "message": "Rate Exceeded.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What the Invoke API answers.

    `status` is 200 when the function was invoked: then `function_error` says whether it failed
    and `payload` is its answer or its error. Any other status comes with the API's error: its
    code in `error`, its JSON in `payload`.
    """

    status: int
    payload: bytes
    request_id: str
    function_error: str | None = None
    log_tail: str = ""
    error: str | None = None
    executed_version: str | None = None

    @property
    def throttled(self) -> bool:
        return self.status == 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Beside function and payload, what a caller may give."""

    request_id: str = ""
    client_context: str | None = None
    trace: str | None = None


class Dispatcher:
    """Invokes functions on a fleet of environments; thread-safe."""

    def __init__(self, fleet: Fleet, daemon: Daemon) -> None:
        self._fleet = fleet
        self._daemon = daemon
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def invoke(self, arn: str, payload: bytes, asked: Asked = Asked()) -> Invocation:
        """Run a function and wait for its answer."""
        request = asked.request_id or str(uuid.uuid4())
        name = definition.parse(arn)
        if name is None:
            return invalid(request, arn)
        if len(payload) > limits.SYNCHRONOUS_REQUEST:
            return too_large(request, limits.SYNCHRONOUS_REQUEST)
        try:
            latest, function = find(name)
        except LambdaClientError as error:
            return refusal(request, error.code, error.error_type, error.message)
        if not self._admit(name.arn, latest.reserved_concurrency):
            self._count(name, throttles=1.0)
            return throttle(request)
        try:
            return self._run(name, function, payload, request, asked)
        finally:
            with self._lock:
                self._running[name.arn] -= 1

    def _admit(self, arn: str, reserved: int | None) -> bool:
        with self._lock:
            if reserved is not None and self._running[arn] >= int(reserved):
                return False
            self._running[arn] += 1
            return True

    def _run(
        self, name: Name, function: Any, payload: bytes, request: str, asked: Asked
    ) -> Invocation:
        what = definition.of(function)
        trace = Trace.begin(asked.trace, always=what.traced)
        arn = f"{name.arn}:{name.qualifier}" if name.qualifier else name.arn
        call = Call(
            request=request,
            arn=arn,
            payload=payload or b"{}",
            trace=trace.header,
            client_context=asked.client_context,
        )
        try:
            with self._fleet.pool(what).lend(what) as environment:
                running = float(self._running[name.arn])
                outcome = environment.invoke(call)
        except CannotAssume as error:
            return refusal(request, 403, "AccessDeniedException", str(error))
        except BadZip as error:
            return refusal(request, 502, "InvalidZipFileException", str(error))
        except Stopped:
            return refusal(request, 503, "ServiceException", "The local AWS is stopping.")
        except Exception as error:  # no process can be started, for example
            LOG.exception("invocation of %s", arn)
            return refusal(request, 500, "ServiceException", repr(error))
        self._daemon.segment(trace, what, request, outcome.duration, failed=outcome.failed)
        self._count(
            name,
            invocations=1.0,
            errors=float(outcome.failed),
            duration=outcome.duration,
            concurrent=running,
        )
        return _invocation(request, what, outcome)

    def _count(self, name: Name, **values: float) -> None:
        now = time.time()
        metrics.store.put_all(
            now,
            (
                (series, METRICS[what][1], Point(1.0, value, value, value))
                for what, value in values.items()
                for series in _series(name, METRICS[what][0])
            ),
        )


METRICS = {
    "invocations": ("Invocations", "Count"),
    "errors": ("Errors", "Count"),
    "throttles": ("Throttles", "Count"),
    "duration": ("Duration", "Milliseconds"),
    "concurrent": ("ConcurrentExecutions", "Count"),
}


@lru_cache(4096)
def _series(name: Name, title: str) -> list[Series]:
    """A metric as AWS/Lambda has it: of the function, of the qualifier, of all functions."""
    resource = f"{name.name}:{name.qualifier}" if name.qualifier else name.name
    function = ("FunctionName", name.name)
    every: list[Dimensions] = [(), (function,), (function, ("Resource", resource))]
    return [Series(name.account, name.region, NAMESPACE, title, one) for one in every]


def find(name: Name) -> tuple[Any, Any]:
    """$LATEST, and the version that the name's qualifier means; raises LambdaClientError."""
    backend = lambda_backends[name.account][name.region]
    latest = backend.get_function(name.arn)
    qualifier = name.qualifier
    aliases: Iterable[Any] = backend.list_aliases(name.arn) if qualifier else ()
    for alias in aliases:
        if alias.name == qualifier:
            if (alias.routing_config or {}).get("AdditionalVersionWeights"):
                words = "An alias with weights is not supported by the local AWS."
                raise InvalidParameterValueException(words)
            qualifier = alias.function_version
    return latest, backend.get_function(name.arn, qualifier)


def refusal(request: str, status: int, code: str, message: str) -> Invocation:
    """An error of the Invoke API."""
    payload = msgspec.json.encode({"Type": "User", "Message": message})
    return Invocation(status=status, payload=payload, request_id=request, error=code)


def invalid(request: str, arn: str) -> Invocation:
    words = f"Invalid function ARN {arn}"
    return refusal(request, 400, "InvalidParameterValueException", words)


def throttle(request: str) -> Invocation:
    return Invocation(
        status=429,
        payload=msgspec.json.encode(THROTTLED),
        request_id=request,
        error="TooManyRequestsException",
    )


def too_large(request: str, limit: int) -> Invocation:
    words = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    return refusal(request, 413, "RequestTooLargeException", words)


def _invocation(request: str, what: Definition, outcome: Outcome) -> Invocation:
    return Invocation(
        status=200,
        payload=outcome.payload,
        request_id=request,
        function_error="Unhandled" if outcome.failed else None,
        log_tail=outcome.tail.decode("utf-8", "replace"),
        executed_version=what.version,
    )
