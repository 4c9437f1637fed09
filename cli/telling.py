"""The one place where an error becomes a sentence on standard error and an exit code."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cli.errors import BROKEN_PIPE, Failure, Interrupted
from cli.terminal import say

UNWRITABLE = frozenset({errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC})
"""What writing fails with when the file was open before, as standard output is: it has no name."""
AGAIN = "mend that, and repeat the command; --debug shows where it came from."


@contextmanager
def failures_told(*, debug: bool) -> Iterator[None]:
    """End the program with a sentence and a number where the body fails; `debug` lets the
    traceback through. What is neither a Failure nor an error of AWS or of a file is a defect, and
    is raised.
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
    """The sentence for it: AWS's, whose errors may be the system's too, before the system's."""
    if "botocore" in sys.modules:
        from cli.aws import explain

        if failure := explain(error):
            return failure
    return _of_a_file(error) if isinstance(error, OSError) else None


def _of_a_file(error: OSError) -> Failure | None:
    """None where no file is meant, as by a connection."""
    if (where := error.filename2 or error.filename) is not None:
        return Failure(f"{where}: {error.strerror}; {AGAIN}")
    if error.errno not in UNWRITABLE:
        return None
    _say_no_more()
    return Failure(f"Standard output cannot be written: {error.strerror}; {AGAIN}")


def _say_no_more() -> None:
    """Nobody reads, or nothing can be written: the interpreter's last flush goes nowhere, or it
    would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
