"""The execution environments of the function versions: as few as serve, retired when idle.

The most recently used environment is called first, so that the others grow idle. Above
`limits.PROCESSES` a call waits for one that is busy: on AWS it would get another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local.functions import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.functions.definition import Definition
    from local.functions.environment import Environment

SWEEP_SECONDS = 5.0


class Stopped(Exception):
    """The local AWS is stopping: no more invocations."""


class Pool:
    """The environments of one function version; thread-safe."""

    def __init__(self, make: Callable[[Definition], Environment]) -> None:
        self._make = make
        self._idle: list[Environment] = []
        self._busy: set[Environment] = set()
        self._current: Definition | None = None
        self._closed = False
        self._change = threading.Condition()

    @contextmanager
    def lend(self, definition: Definition) -> Iterator[Environment]:
        """An environment of just this definition, for the time of one invocation."""
        environment = self._acquire(definition)
        keep = False
        try:
            yield environment
            keep = True
        finally:
            self._release(environment, keep=keep)

    def retire(self, before: float) -> None:
        """End the environments that have been idle since before then (`time.monotonic`)."""
        with self._change:
            ended = [one for one in self._idle if one.idle_since < before]
            self._idle = [one for one in self._idle if one.idle_since >= before]
            self._change.notify_all()
        for one in ended:
            one.end()

    def close(self) -> None:
        """End all: the idle now, the busy when their invocation ends."""
        with self._change:
            self._closed = True
        self.retire(float("inf"))

    def wait(self, seconds: float) -> bool:
        """Wait until no invocation runs; whether that is so."""
        with self._change:
            return self._change.wait_for(lambda: not self._busy, seconds)

    def kill(self) -> None:
        """End the busy environments under the invocations that use them."""
        with self._change:
            busy = list(self._busy)
        for one in busy:
            one.kill()

    def _acquire(self, definition: Definition) -> Environment:
        with self._change:
            self._current = definition
            outdated = [one for one in self._idle if one.definition != definition]
            self._idle = [one for one in self._idle if one.definition == definition]
            self._change.wait_for(self._available)
            if self._closed:
                raise Stopped
            environment = self._idle.pop() if self._idle else self._make(definition)
            self._busy.add(environment)
        for one in outdated:
            one.end()
        return environment

    def _available(self) -> bool:
        return self._closed or bool(self._idle) or len(self._busy) < limits.PROCESSES

    def _release(self, environment: Environment, *, keep: bool) -> None:
        environment.idle_since = time.monotonic()
        with self._change:
            self._busy.discard(environment)
            keep = keep and not self._closed and environment.definition == self._current
            if keep:
                self._idle.append(environment)
            self._change.notify_all()
        if not keep:
            environment.end()


class Fleet:
    """All pools, by function ARN and version, and the thread that retires what is idle."""

    def __init__(self, make: Callable[[Definition], Environment]) -> None:
        self._make = make
        self._pools: dict[tuple[str, str], Pool] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._sweep, name="environments", daemon=True)
        self._thread.start()

    def pool(self, definition: Definition) -> Pool:
        if self._stopping.is_set():
            raise Stopped
        with self._lock:
            return self._pools.setdefault((definition.arn, definition.version), Pool(self._make))

    def forget(self, arn: str, version: str | None = None) -> None:
        """A function (or a version) was deleted: its environments end."""
        with self._lock:
            gone = [key for key in self._pools if key[0] == arn and version in (None, key[1])]
            pools = [self._pools.pop(key) for key in gone]
        for pool in pools:
            pool.close()

    def stop(self, patience: float) -> None:
        """No more invocations; those that run may take `patience` seconds more."""
        self._stopping.set()
        self._thread.join()
        with self._lock:
            pools = list(self._pools.values())
        for pool in pools:
            pool.close()
        deadline = time.monotonic() + patience
        for pool in pools:
            if not pool.wait(max(0.0, deadline - time.monotonic())):
                pool.kill()
                pool.wait(patience)

    def _sweep(self) -> None:
        while not self._stopping.wait(SWEEP_SECONDS):
            with self._lock:
                pools = list(self._pools.values())
            for pool in pools:
                pool.retire(time.monotonic() - limits.IDLE_SECONDS)
