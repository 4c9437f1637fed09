"""Valkey as this function uses it: many commands at once, on one connection that stays open.

The package has a client for clusters, ValkeyCluster. It is not used, for what was measured against
one server with 64 calls of a script: it takes no EVALSHA in a pipeline, so they are 64 round trips
(12 ms on one machine, and on a network 64 times its delay) instead of one (1 ms); and it opens two
connections and asks COMMAND at a cold start, which takes four times as long as one connection.
What of a cluster matters here is small: ElastiCache Serverless shows one address for all slots, and
where there are several, a node that is asked for another's slot says whose it is.

A connection may be dead without anybody having noticed: the execution environment was frozen, the
server changed. So every command may be tried again on a new connection, and every command here is
one that may: what the scripts count, they count once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha1
from typing import Any, NamedTuple

from valkey import Valkey
from valkey.backoff import ExponentialBackoff
from valkey.credentials import CredentialProvider
from valkey.exceptions import (
    ConnectionError as NoConnection,
)
from valkey.exceptions import (
    NoScriptError,
    ReadOnlyError,
    ResponseError,
    ValkeyError,
)
from valkey.exceptions import (
    TimeoutError as NoAnswer,
)
from valkey.retry import Retry

Address = tuple[str, int]

ROUNDS = 4
"""How often commands are sent elsewhere or again: a script that was forgotten, a slot that moved, a
primary that is a replica now."""
RETRIES = 3
FIRST_DELAY = 0.05
MOST_DELAY = 0.5
CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 5.0


MOVED = "MOVED "


class Unavailable(Exception):
    """The cache cannot be reached, or will not do it: the batch is to be tried again."""


class Script(NamedTuple):
    """Lua, and the name by which a server that has seen it knows it."""

    text: str
    digest: str

    @classmethod
    def of(cls, text: str) -> Script:
        return cls(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


class Command(NamedTuple):
    """`tag` is what all its keys have between braces; `words` begin with the command's name, or
    with the number of keys where a script is called."""

    tag: str
    words: Sequence[Any]
    script: Script | None = None


def plain(tag: str, *words: Any) -> Command:
    return Command(tag, words)


def scripted(tag: str, script: Script, keys: Sequence[str], arguments: Iterable[Any]) -> Command:
    return Command(tag, (len(keys), *keys, *arguments), script)


def connect(address: Address, credentials: CredentialProvider | None, *, tls: bool) -> Valkey:
    """A client with one connection, made when it is first used. Trust comes from the machine."""
    return Valkey(
        host=address[0],
        port=address[1],
        credential_provider=credentials,
        ssl=tls,
        ssl_check_hostname=tls,
        max_connections=1,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        socket_keepalive=True,
        retry=Retry(ExponentialBackoff(cap=MOST_DELAY, base=FIRST_DELAY), RETRIES),
        retry_on_error=[NoConnection, NoAnswer, OSError],
    )


class Cache:
    """Runs commands wherever their keys are."""

    def __init__(self, address: Address, open_: Callable[[Address], Valkey]) -> None:
        self._first = address
        self._open = open_
        self._clients: dict[Address, Valkey] = {}
        self._homes: dict[str, Address] = {}

    def run(self, commands: Sequence[Command]) -> list[Any]:
        """The answers, in order. Raises Unavailable; then any of them may have been done."""
        answers: list[Any] = [None] * len(commands)
        left = dict.fromkeys(range(len(commands)), False)
        for _ in range(ROUNDS):
            again: dict[int, bool] = {}
            for address, indexes in self._sorted(commands, left).items():
                for index, answer in zip(
                    indexes, self._sent(address, commands, indexes, left), strict=True
                ):
                    if isinstance(answer, NoScriptError):
                        again[index] = True
                    elif isinstance(answer, ResponseError) and str(answer).startswith(MOVED):
                        self._homes[commands[index].tag] = _home(str(answer))
                        again[index] = left[index]
                    elif isinstance(answer, ReadOnlyError):
                        self._forget(address)
                        again[index] = left[index]
                    elif isinstance(answer, ResponseError):
                        raise Unavailable(_said(answer)) from answer
                    else:
                        answers[index] = answer
            if not again:
                return answers
            left = again
        raise Unavailable("The cache sends its commands from one server to another.")

    def close(self) -> None:
        for client in self._clients.values():
            client.connection_pool.disconnect()
        self._clients.clear()

    def _sorted(
        self, commands: Sequence[Command], indexes: Iterable[int]
    ) -> dict[Address, list[int]]:
        found: dict[Address, list[int]] = {}
        for index in indexes:
            found.setdefault(self._homes.get(commands[index].tag, self._first), []).append(index)
        return found

    def _sent(
        self,
        address: Address,
        commands: Sequence[Command],
        indexes: Sequence[int],
        unknown: dict[int, bool],
    ) -> list[Any]:
        client = self._clients.get(address)
        if client is None:
            client = self._clients[address] = self._open(address)
        pipeline: Any = client.pipeline(transaction=False)
        taught: set[str] = set()
        for index in indexes:
            _, words, script = commands[index]
            if script is None:
                pipeline.execute_command(*words)
            elif unknown[index] and script.digest not in taught:
                # The first call teaches the server the text; those behind it name it again.
                taught.add(script.digest)
                pipeline.execute_command("EVAL", script.text, *words)
            else:
                pipeline.execute_command("EVALSHA", script.digest, *words)
        try:
            found: list[Any] = pipeline.execute(raise_on_error=False)
        except (ValkeyError, OSError) as error:
            # Where the first address leads may have changed with it.
            self._homes.clear()
            raise Unavailable(_said(error)) from error
        return found

    def _forget(self, address: Address) -> None:
        """A primary that has become a replica closes nothing: the next connection is another's."""
        self._homes.clear()
        client = self._clients.get(address)
        if client is not None:
            client.connection_pool.disconnect()


def _home(moved: str) -> Address:
    """Of "MOVED <slot> <host>:<port>", which the package reads for its client of clusters only."""
    host, port = moved.split()[2].rsplit(":", 1)
    return host, int(port)


def _said(error: Exception) -> str:
    return f"The cache failed: {type(error).__name__}: {error}"
