"""Several flows at once, each in a thread of its own, until they end or a signal comes."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.aws import Account as AWSAccount
from cli.feeds import kind_of
from cli.progress import bar
from cli.stacks import find
from cli.tail.checkpoint import Checkpoint, state_folder
from cli.tail.disk import Files
from cli.tail.flows import Flow
from cli.tail.outlet import Outlet
from cli.tail.rules import Parser
from cli.tail.running import Account, Tail
from cli.terminal import errors, say

DRAWN_EVERY = 0.5


@dataclass(slots=True)
class Outcome:
    """How it ended."""

    accounts: list[Account]
    interrupted: bool
    error: Exception | None


def follow(
    flows: Sequence[Flow],
    *,
    environment: str,
    folder: Path | None,
    from_end: bool,
    once: bool,
    quiet: bool,
) -> Outcome:
    """Put what the files of every flow have and get. SIGINT and SIGTERM end it, with everything
    saved that is put. Raises WrongUsage, MissingStack, and Failure for a state that is in use."""
    parsers = [Parser(kind_of(flow.type), flow) for flow in flows]
    account = AWSAccount()
    deployed = find(account.cloudformation, environment)
    streams = [deployed.flow(flow.type).stream_name for flow in flows]
    tails = []
    for flow, parser, stream in zip(flows, parsers, streams, strict=True):
        files = Files(flow.paths, say)
        if not (once or files.look()):
            say(f"headrace: There is no file {' or '.join(flow.paths)} yet: it is waited for.")
        checkpoint = Checkpoint(folder or state_folder(), stream, flow.paths)
        outlet = Outlet(account.kinesis, stream, kind_of(flow.type).contract.compression)
        tails.append(
            Tail(
                event_type=flow.type,
                stream=stream,
                disk=files,
                parser=parser,
                outlet=outlet,
                checkpoint=checkpoint,
                from_end=from_end,
                once=once,
            )
        )
    stopped: list[int] = []

    def stop(number: int) -> None:
        stopped.append(number)
        for tail in tails:
            tail.stop()

    with _on_signals(stop):
        _run(tails, stop, shown=not quiet)
    return Outcome(
        accounts=[tail.account() for tail in tails],
        interrupted=stopped[:1] == [signal.SIGINT],
        error=next((tail.error for tail in tails if tail.error is not None), None),
    )


def _run(tails: Sequence[Tail], stop: Callable[[int], None], *, shown: bool) -> None:
    """Until all have ended; the error of one ends the others."""
    threads = [threading.Thread(target=tail.run, daemon=True) for tail in tails]
    watched = shown and errors().is_terminal

    def position() -> tuple[float, float | None]:
        return 0.0, None

    with bar(
        "follows",
        put=lambda: sum(tail.put for tail in tails),
        position=position,
        shown=watched,
    ) as draw:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            if any(tail.error is not None for tail in tails):
                stop(0)
            if watched:
                draw()
            if watched or len(threads) > 1:
                time.sleep(DRAWN_EVERY)
            else:
                threads[0].join()


@contextmanager
def _on_signals(stop: Callable[[int], None]) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda got, _: stop(got)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
