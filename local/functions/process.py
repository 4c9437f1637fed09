"""One process of an execution environment: started, listened to, ended.

No thread belongs to it: whoever invokes waits here for the Runtime API, the log pipe, the
end of the process, its memory and the clock, all at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from local.functions import limits
from local.functions.channel import Channel, Gone, Request
from local.functions.image import BOOTSTRAP
from local.functions.memory import Meter
from local.functions.variables import Place

PIPE = 1 << 20


class End(Enum):
    """Why a process gives no answer."""

    EXITED = auto()
    TIMED_OUT = auto()
    OUT_OF_MEMORY = auto()


@dataclass(frozen=True, slots=True)
class Command:
    """What to start: the handler, where, and with which variables."""

    handler: str
    place: Place
    variables: dict[str, str]
    memory: int


class Process:
    """A running function process.

    `listen` gets every piece of its output as soon as it is read.
    """

    def __init__(self, command: Command, listen: Callable[[bytes], None]) -> None:
        self._listen = listen
        self._limit = command.memory
        self.channel = Channel()
        self._output, inside = _pipe()
        life, self._life = os.pipe()
        try:
            self._child = _start(command, self.channel.address, inside, life)
        finally:
            os.close(inside)
            os.close(life)
        self.meter = Meter(self._child.pid)
        self._ended = _watch(self._child.pid)
        self._looked = 0.0
        self._poll = select.poll()
        for descriptor in (self._output, self.channel.listener.fileno(), self._ended):
            if descriptor is not None:
                self._poll.register(descriptor, select.POLLIN)

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def wait(self, deadline: float) -> Request | End:
        """The next call of the Runtime API, or why there is none."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return End.TIMED_OUT
            ready = self._poll.poll(min(left, limits.TICK_SECONDS) * 1000 + 1)
            found = self._look([descriptor for descriptor, _ in ready], deadline)
            if found is not None:
                return found
            if time.monotonic() - self._looked > limits.TICK_SECONDS:
                self._looked = time.monotonic()
                if self.meter.used() > self._limit:
                    return End.OUT_OF_MEMORY
                if self._ended is None and not self.running:
                    return End.EXITED

    def answer(
        self, status: int, headers: dict[str, str], body: bytes | memoryview, deadline: float
    ) -> End | None:
        """Answer the Runtime API call that `wait` gave."""
        try:
            self.channel.send(status, headers, body, deadline)
        except TimeoutError:
            return End.TIMED_OUT
        except Gone:
            return self._gone()
        return None

    def drain(self) -> None:
        """Read what is in the pipe now (a process that goes on writing is not waited for)."""
        left = PIPE
        while left > 0 and (got := self._read()):
            left -= got

    def kill(self) -> None:
        """End the process and all that it started; any thread may, who waits sees it end."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)

    def reap(self, *, exited: bool) -> str:
        """End the process, unless it `exited` by itself, and all that it started.

        How it ended, in AWS's words.
        """
        if exited:
            self._child.wait()
        self.kill()
        code = self._child.wait()
        self.drain()
        self.channel.close()
        self.meter.close()
        for descriptor in (self._output, self._life, self._ended):
            if descriptor is not None:
                os.close(descriptor)
        return ending(code)

    def _look(self, ready: list[int], deadline: float) -> Request | End | None:
        if self._output in ready and not self._read():
            self._poll.unregister(self._output)
        if self.channel.listener.fileno() in ready:
            self._accept()
        connection = self.channel.connection
        if connection is not None and connection.fileno() in ready:
            return self._receive(deadline)
        return End.EXITED if self._ended in ready else None

    def _accept(self) -> None:
        if self.channel.connection is not None:
            self._poll.unregister(self.channel.connection)
        self.channel.accept()
        if self.channel.connection is not None:
            self._poll.register(self.channel.connection, select.POLLIN)

    def _receive(self, deadline: float) -> Request | End | None:
        try:
            return self.channel.receive(deadline)
        except TimeoutError:
            return End.TIMED_OUT
        except (Gone, ValueError):  # ValueError: what came is no HTTP
            return self._gone()

    def _gone(self) -> End | None:
        """The connection ended: with the process, or it will connect again."""
        if self.channel.connection is not None:
            self._poll.unregister(self.channel.connection)
            self.channel.hang_up()
        return None if self.running else End.EXITED

    def _read(self) -> int:
        """Read a piece of output: its length, 0 when there is none (now, or any more)."""
        try:
            piece = os.read(self._output, PIPE)
        except BlockingIOError:
            return 0
        if piece:
            self._listen(piece)
        return len(piece)


def ending(code: int) -> str:
    """An exit code in the words of AWS's error messages."""
    if code == 0:
        return "Runtime exited without providing a reason"
    if code > 0:
        return f"Runtime exited with error: exit status {code}"
    name = signal.strsignal(-code) or str(-code)
    return f"Runtime exited with error: signal: {name.lower()}"


def _start(command: Command, address: str, output: int, life: int) -> subprocess.Popen[bytes]:
    variables = {
        **command.variables,
        "AWS_LAMBDA_RUNTIME_API": address,
        "_LAMBDA_TELEMETRY_LOG_FD": str(output),
    }
    place = command.place
    program = [place.interpreter, "-S", "-X", "utf8", str(place.runtime / BOOTSTRAP)]
    return subprocess.Popen(  # noqa: S603  the function is what this is here to run
        [*program, command.handler, str(place.layers), str(life)],
        env=variables,
        cwd=place.task,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=(output, life),
        start_new_session=True,
    )


def _pipe() -> tuple[int, int]:
    """A pipe whose reading end never blocks; as long as the system lets it be."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE)
    return reading, writing


def _watch(process: int) -> int | None:
    """A descriptor that is readable when the process has ended, where the system has such."""
    if not hasattr(os, "pidfd_open"):
        return None
    with contextlib.suppress(OSError):
        return os.pidfd_open(process)
    return None
