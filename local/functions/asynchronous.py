"""Asynchronous invocations: queued, retried as AWS retries, then sent to a destination.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html: a function
error is retried after one minute and again after two; a throttled invocation for up to six
hours, after one second first and at most five minutes later.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from moto.awslambda.exceptions import LambdaClientError

from local.functions import definition, destinations, dispatch, limits
from local.functions.dispatch import Asked, Dispatcher, Invocation

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG = logging.getLogger(__name__)
THREADS = 16
RETRIES = 2
RETRY_SECONDS: tuple[float, ...] = (60.0, 120.0)
FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 300.0
OLDEST_SECONDS = 6 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One asynchronous invocation on its way."""

    arn: str
    payload: bytes
    asked: Asked
    received: float
    invocations: int = 0
    refused: int = 0


@dataclass(order=True, slots=True)
class _Due:
    time: float
    order: int
    event: Event = field(compare=False)


class Queue:
    """Events that wait, and the threads that invoke them; `retry_seconds` are AWS's waits."""

    def __init__(
        self, dispatcher: Dispatcher, retry_seconds: Sequence[float] = RETRY_SECONDS
    ) -> None:
        self._dispatcher = dispatcher
        self._retry_seconds = retry_seconds
        self._due: list[_Due] = []
        self._order = itertools.count()
        self._bytes = 0
        self._stopping = False
        self._change = threading.Condition()
        self._workers = ThreadPoolExecutor(THREADS, "asynchronous")
        self._thread = threading.Thread(target=self._schedule, name="asynchronous", daemon=True)
        self._thread.start()

    def submit(self, arn: str, payload: bytes, asked: Asked) -> Invocation:
        """Take an event: status 202, or why it is not taken."""
        request = asked.request_id or str(uuid.uuid4())
        if len(payload) > limits.ASYNCHRONOUS_REQUEST:
            return dispatch.too_large(request, limits.ASYNCHRONOUS_REQUEST)
        name = definition.parse(arn)
        if name is None:
            return dispatch.invalid(request, arn)
        try:
            dispatch.find(name)
        except LambdaClientError as error:
            return dispatch.refusal(request, error.code, error.error_type, error.message)
        event = Event(
            arn=arn,
            payload=payload or b"{}",
            asked=replace(asked, request_id=request),
            received=time.time(),
        )
        if not self._take(event):
            return dispatch.throttle(request)
        return Invocation(status=202, payload=b"", request_id=request)

    def close(self) -> None:
        """Take no more events; those that wait are lost, as all is when the local AWS stops."""
        with self._change:
            self._stopping = True
            lost, self._due = len(self._due), []
            self._change.notify_all()
        self._thread.join()
        self._workers.shutdown(wait=False, cancel_futures=True)
        if lost:
            LOG.warning("%d asynchronous invocations were waiting and are lost", lost)

    def join(self) -> None:
        """Wait for the invocations that run; `close` comes first."""
        self._workers.shutdown(wait=True)

    def _take(self, event: Event) -> bool:
        with self._change:
            if self._stopping or self._bytes + len(event.payload) > limits.QUEUE_BYTES:
                return False
            self._bytes += len(event.payload)
            self._put(event, 0.0)
        return True

    def _put(self, event: Event, seconds: float) -> None:
        """Let an event be invoked later; the lock is held."""
        heapq.heappush(self._due, _Due(time.monotonic() + seconds, next(self._order), event))
        self._change.notify_all()

    def _schedule(self) -> None:
        with self._change:
            while not self._stopping:
                now = time.monotonic()
                while self._due and self._due[0].time <= now:
                    self._workers.submit(self._work, heapq.heappop(self._due).event)
                self._change.wait(self._due[0].time - now if self._due else None)

    def _work(self, event: Event) -> None:
        try:
            self._invoke(event)
        except Exception:
            LOG.exception("asynchronous invocation of %s", event.arn)
            self._drop(event)

    def _invoke(self, event: Event) -> None:
        found = self._dispatcher.invoke(event.arn, event.payload, event.asked)
        config = _config(event.arn)
        if found.status != 200:
            oldest = config.get("MaximumEventAgeInSeconds", OLDEST_SECONDS)
            event = replace(event, refused=event.refused + 1)
            wait = min(FIRST_BACKOFF * 2 ** (event.refused - 1), LONGEST_BACKOFF)
            if time.time() + wait - event.received < oldest and found.status in (429, 503):
                self._again(event, wait)
            else:
                self._finish(event, found, config, "EventAgeExceeded")
            return
        event = replace(event, invocations=event.invocations + 1)
        retries = config.get("MaximumRetryAttempts", RETRIES)
        if found.function_error and event.invocations <= retries:
            waits = self._retry_seconds
            self._again(event, waits[min(event.invocations, len(waits)) - 1])
        else:
            condition = "RetriesExhausted" if found.function_error else "Success"
            self._finish(event, found, config, condition)

    def _again(self, event: Event, seconds: float) -> None:
        with self._change:
            if not self._stopping:
                self._put(event, seconds)

    def _finish(
        self, event: Event, found: Invocation, config: dict[str, Any], condition: str
    ) -> None:
        self._drop(event)
        result = destinations.Result(
            arn=event.arn,
            request_id=found.request_id,
            condition=condition,
            invocations=event.invocations,
            payload=event.payload,
            answer=found,
        )
        for target in destinations.targets(config, _dead_letter(event.arn), condition):
            if target.service == "lambda":
                self.submit(target.arn, destinations.record(result), Asked())
            else:
                destinations.send(target, result)

    def _drop(self, event: Event) -> None:
        with self._change:
            self._bytes -= len(event.payload)


def _config(arn: str) -> dict[str, Any]:
    name = definition.parse(arn)
    if name is None:
        return {}
    try:
        configs = dispatch.find(name)[0].event_invoke_config
    except LambdaClientError:
        return {}
    return dict(configs[0].config) if configs else {}


def _dead_letter(arn: str) -> str | None:
    name = definition.parse(arn)
    try:
        return dispatch.find(name)[0].dead_letter_arn if name is not None else None
    except LambdaClientError:
        return None
