"""`python -m local`: the local AWS in the foreground, until it is told to stop.

When it is ready it prints one line on standard output, "headrace local AWS ready on <URL>".
"""

import argparse
import logging
import os
import signal
import sys
import threading
from types import FrameType

from local.settings import Settings

DEFAULT = Settings()
TAKEN = 2
"""The exit code when the port cannot be had."""
INTERRUPTED = 130


class Ending:
    """Waits until a signal or the parent's end; a second signal ends the process at once.

    A signal writes to the pipe the moment it arrives (`set_wakeup_fd`): one that came just
    before `wait` would otherwise be handled only after it.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        self._asked = False
        os.set_blocking(self._writer, False)
        signal.set_wakeup_fd(self._writer)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def wait(self) -> None:
        os.read(self._reader, 1)

    def with_parent(self) -> None:
        """End when standard input does: a pipe from the parent, that ends with the parent."""
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os.write(self._writer, b"p")

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            os._exit(INTERRUPTED)
        self._asked = True


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="AWS on this machine: one process, one port.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default=DEFAULT.host, help="address to listen on")
    parser.add_argument("--port", type=int, default=DEFAULT.port, help="0 picks a free one")
    parser.add_argument(
        "--buffering-scale",
        type=scale,
        default=DEFAULT.buffering_scale,
        help="factor on the buffering intervals of delivery streams",
    )
    parser.add_argument(
        "--shard-limits", action="store_true", help="refuse what is above a shard's rates, as AWS"
    )
    parser.add_argument(
        "--resharding-seconds",
        type=float,
        default=DEFAULT.resharding_seconds,
        help="how long a stream is UPDATING after its shards were changed",
    )
    parser.add_argument(
        "--log-level", default="info", choices=["debug", "info", "warning", "error"], help=" "
    )
    parser.add_argument("--with-parent", action="store_true", help="stop when standard input ends")
    return parser.parse_args(argv)


def scale(text: str) -> float:
    """A factor above 0 and up to 1."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError("must be above 0 and at most 1")
    return value


def main() -> int:
    chosen = arguments()
    logging.basicConfig(
        level=chosen.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    ending = Ending()
    if chosen.with_parent:
        threading.Thread(target=ending.with_parent, daemon=True).start()
    from local.server import LocalAWS  # so that --help and a wrong option answer at once

    try:
        aws = LocalAWS(
            host=chosen.host,
            port=chosen.port,
            buffering_scale=chosen.buffering_scale,
            shard_limits=chosen.shard_limits,
            resharding_seconds=chosen.resharding_seconds,
        )
    except OSError as error:
        sys.stderr.write(
            f"The local AWS cannot listen on {chosen.host}:{chosen.port} "
            f"({os.strerror(error.errno or 0)}); choose another port with --port.\n"
        )
        return TAKEN
    with aws:
        sys.stdout.write(f"headrace local AWS ready on {aws.endpoint}\n")
        sys.stdout.flush()
        ending.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
