"""The local AWS as a process beside this one: started, awaited, stopped with everything flushed.

It runs as `python -m local`, in a session of its own so that a Ctrl-C meant for the command
that uses it does not stop it first, and it stops by itself when its standard input ends, so it
never outlives us.
"""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO

from cli.errors import Failure, Told
from cli.isolation import isolated
from cli.terminal import written

READY = re.compile(r"headrace local AWS ready on (?P<endpoint>http://\S+)")
START = 120.0
"""Seconds that it may take to be ready; a cold disk and a busy machine need some."""
STOP = 60.0
"""Seconds that it may take to deliver what is buffered and to end its functions."""


def command(options: Sequence[str]) -> list[str]:
    """`-P`: a folder named `local` where it is started must not be taken for ours."""
    if find_spec("moto") is None:
        raise Failure(
            "The local AWS is not installed: run `make setup`, or install headrace[local]."
        )
    return [sys.executable, "-P", "-m", "local", *options]


def become_local_aws(options: Sequence[str], log: Path | None) -> None:
    """Replace this process by the local AWS: signals and the exit code are its own."""
    sys.stdout.flush()
    if log is not None:
        with _opened(log) as file:
            os.dup2(file.fileno(), sys.stderr.fileno())
    line = command(options)
    os.execve(line[0], line, isolated(os.environ))  # noqa: S606  no shell is wanted


@contextmanager
def local_aws(options: Sequence[str], log: Path | None = None) -> Iterator[str]:
    """Run a local AWS for the body, which gets its endpoint. Raises Failure.

    What it tells (its own log and the functions') goes to `log`, or to standard error.
    """
    with nullcontext() if log is None else _opened(log) as file:
        process = subprocess.Popen(  # noqa: S603  our own module
            command([*options, "--with-parent"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            env=isolated(os.environ),
            start_new_session=True,
        )
    try:
        endpoint = _endpoint(process)
        if endpoint is None:
            raise _why_not(log)
        yield endpoint
    finally:
        _stop(process)


def _opened(log: Path) -> IO[str]:
    with written(log, "--log"):
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("w", encoding="utf-8")


def _endpoint(process: subprocess.Popen[str]) -> str | None:
    """Wait for the line that says it is ready; None when it has ended instead."""
    assert process.stdout is not None  # noqa: S101  it is a pipe
    lines: SimpleQueue[str | None] = SimpleQueue()
    threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    try:
        return lines.get(timeout=START)
    except Empty:
        raise Failure(
            f"The local AWS was not ready within {START:.0f} s: start it alone with "
            "`headrace local --log-level debug` to see why."
        ) from None


def _read(stdout: IO[str], lines: SimpleQueue[str | None]) -> None:
    """Its standard output has nothing but that line; reading on keeps the pipe from filling."""
    for line in stdout:
        if found := READY.match(line):
            lines.put(found["endpoint"])
    lines.put(None)


def _why_not(log: Path | None) -> Failure:
    """It has told why it did not start: on standard error, or at the end of its log."""
    if log is None:
        return Told()
    last = log.read_text(encoding="utf-8").strip().rpartition("\n")[2]
    return Failure(last or f"The local AWS did not start; see {log}.")


def _stop(process: subprocess.Popen[str]) -> None:
    """Ask it to stop, wait for its flush, and end it when it does not."""
    process.terminate()
    try:
        process.wait(STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Failure(
            f"The local AWS did not stop within {STOP:.0f} s and was ended; "
            "what its delivery streams still held is not delivered."
        ) from None
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
