"""The one place where an error becomes a sentence on standard error and an exit code."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cli.errors import BROKEN_PIPE, Failure, Interrupted
from cli.terminal import say


@contextmanager
def failures_told(*, debug: bool) -> Iterator[None]:
    """End the program with a sentence and a number where the body fails; `debug` lets the
    traceback through. What is neither a Failure nor an error of AWS is a defect, and is raised.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _say_no_more()
        raise SystemExit(BROKEN_PIPE) from None
    except KeyboardInterrupt:
        say("headrace: Interrupted.")
        raise SystemExit(Interrupted.code) from None
    except Exception as error:
        failure = error if isinstance(error, Failure) else _explained(error)
        if failure is None or debug:
            raise
        if str(failure):
            say(f"headrace: {failure}")
        raise SystemExit(failure.code) from None


def _explained(error: Exception) -> Failure | None:
    if "botocore" not in sys.modules:
        return None
    from cli.aws import explain

    return explain(error)


def _say_no_more() -> None:
    """Nobody reads: the interpreter's last flush goes nowhere, or it would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
