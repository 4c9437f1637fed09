"""`python -m local`: the local AWS in the foreground, until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading

from local.server import LocalAWS
from local.settings import Settings

DEFAULT = Settings()


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--host", default=DEFAULT.host)
    parser.add_argument("--port", type=int, default=DEFAULT.port, help="0 picks a free one")
    parser.add_argument("--buffering-scale", type=float, default=DEFAULT.buffering_scale)
    parser.add_argument("--shard-limits", action="store_true", help="refuse above AWS's rates")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning"])
    parser.add_argument("--with-parent", action="store_true", help="stop when stdin ends")
    return parser.parse_args(argv)


def main() -> int:
    chosen = arguments()
    logging.basicConfig(level=chosen.log_level.upper(), format="%(asctime)s %(name)s %(message)s")
    try:
        aws = LocalAWS(
            host=chosen.host,
            port=chosen.port,
            buffering_scale=chosen.buffering_scale,
            shard_limits=chosen.shard_limits,
        )
    except OSError as error:
        sys.stderr.write(
            f"The local AWS cannot listen on {chosen.host}:{chosen.port}: "
            f"{error.strerror.lower()}. Choose another port with --port.\n"
        )
        return 2
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    if chosen.with_parent:
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    with aws:
        sys.stdout.write(f"headrace local AWS ready on {aws.endpoint}\n")
        sys.stdout.flush()
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
