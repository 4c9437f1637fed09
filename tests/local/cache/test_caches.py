"""A serverless cache is a Valkey cluster of one address, by TLS, for who IAM says may come."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError
from valkey.exceptions import AuthenticationError, NoPermissionError
from valkey.exceptions import ConnectionError as NoConnection

from tests.conftest import ROOT
from tests.local.cache.conftest import ACCESS, NAME, USER, Tokens
from tests.local.lab import until

Connect = Callable[..., Any]


def test_a_client_of_clusters_finds_all_slots_at_the_endpoint(
    cluster: Any, connect: Connect, cache: dict[str, Any]
) -> None:
    cluster.set("mine:a", "1")
    assert cluster.get("mine:a") == b"1"
    endpoint = (cache["Endpoint"]["Address"], cache["Endpoint"]["Port"])
    assert [(node.host, node.port) for node in cluster.get_nodes()] == [endpoint]
    [[first, last, [host, port, *_], *replicas]] = connect().execute_command("CLUSTER SLOTS")
    assert (first, last, (host.decode(), port), replicas) == (0, 16383, endpoint, [])


def test_a_user_may_what_his_access_string_says_and_no_more(connect: Connect) -> None:
    client = connect()
    client.set("mine:b", "2")
    for forbidden in (
        lambda: client.set("others:b", "2"),
        lambda: client.delete("mine:b"),
        client.flushall,
        lambda: client.config_get("*"),
        lambda: client.execute_command("ACL", "LIST"),
    ):
        with pytest.raises(NoPermissionError):
            forbidden()
    assert client.get("mine:b") == b"2"


@pytest.mark.parametrize(
    "options",
    [
        {"username": USER, "password": "secret"},
        {"credential_provider": Tokens(name="other")},
        {"credential_provider": Tokens(user="somebody")},
        {"username": "default", "password": ""},
        {"credential_provider": None},
    ],
    ids=["no token", "another cache's token", "another user", "default", "nobody"],
)
def test_nobody_else_comes_in(connect: Connect, options: dict[str, Any]) -> None:
    with pytest.raises(AuthenticationError):
        connect(**options).ping()


def test_without_tls_or_without_trust_there_is_no_connection(
    connect: Connect, cache: dict[str, Any]
) -> None:
    with pytest.raises(NoConnection):
        connect(ssl=False, ssl_ca_certs=None, ssl_check_hostname=False, retry=None).ping()
    endpoint = cache["Endpoint"]
    context = ssl.create_default_context(cadata=None)
    with (
        socket.create_connection((endpoint["Address"], endpoint["Port"])) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain, server_hostname=endpoint["Address"])


def test_large_values_and_many_commands_pass_both_ways_at_once(connect: Connect) -> None:
    client = connect()
    large = os.urandom(6_000_000)
    client.set("mine:large", large)
    assert client.get("mine:large") == large
    pipeline = client.pipeline(transaction=False)
    for _ in range(12):
        pipeline.set("mine:large", large[:3_000_000])
        pipeline.get("mine:large")
    answers = pipeline.execute()
    assert [len(answer) for answer in answers[1::2]] == [3_000_000] * 12


def test_an_open_connection_shows_another_token(connect: Connect) -> None:
    tokens = Tokens()
    client = connect(single_connection_client=True, credential_provider=tokens)
    client.ping()
    assert client.execute_command("AUTH", *tokens.get_credentials())
    with pytest.raises(AuthenticationError):
        client.execute_command("AUTH", USER, "secret")
    assert client.ping()


def test_what_a_user_may_changes_while_he_is_connected(api: Any, connect: Connect) -> None:
    client = connect()
    try:
        api.modify_user(UserId=USER, AccessString=ACCESS.replace("+set ", ""))
        with pytest.raises(NoPermissionError):
            client.set("mine:c", "3")
        with pytest.raises(ClientError, match="The server refuses an access string"):
            api.modify_user(UserId=USER, AccessString="on +nonsense")
        [user] = api.describe_users(UserId=USER)["Users"]
        assert "nonsense" not in user["AccessString"]
    finally:
        api.modify_user(UserId=USER, AccessString=ACCESS)
    client.set("mine:c", "3")


def test_a_changed_limit_is_the_server_s(api: Any, connect: Connect) -> None:
    api.modify_user(UserId=USER, AccessString=f"{ACCESS} +config|get")
    try:
        client = connect()
        for gigabytes in (2, 1):
            limits = {"DataStorage": {"Maximum": gigabytes, "Unit": "GB"}}
            changed = api.modify_serverless_cache(ServerlessCacheName=NAME, CacheUsageLimits=limits)
            assert changed["ServerlessCache"]["CacheUsageLimits"] == limits
            assert client.config_get("maxmemory") == {"maxmemory": str(gigabytes << 30)}
    finally:
        api.modify_user(UserId=USER, AccessString=ACCESS)


def test_the_api_describes_what_there_is(api: Any, cache: dict[str, Any]) -> None:
    [found] = api.describe_serverless_caches(ServerlessCacheName=NAME)["ServerlessCaches"]
    assert (found["Status"], found["Endpoint"], found["UserGroupId"]) == (
        "available",
        cache["Endpoint"],
        "users",
    )
    [group] = api.describe_user_groups()["UserGroups"]
    assert (group["UserIds"], group["ServerlessCaches"]) == ([USER], [NAME])
    [user] = api.describe_users()["Users"]
    assert (user["Authentication"]["Type"], user["UserGroupIds"]) == ("iam", ["users"])


MADE = {"UserId": "x", "UserName": "x", "Engine": "valkey", "AccessString": "on"}


@pytest.mark.parametrize(
    ("operation", "given", "code", "words"),
    [
        ("create_user", {}, "InvalidParameterValue", "AuthenticationMode password is not supp"),
        ("create_user", {"Passwords": ["p" * 16]}, "InvalidParameterValue", "Passwords of Create"),
        ("create_user", {"Engine": "redis"}, "InvalidParameterValue", "Engine redis is not supp"),
        (
            "create_user",
            {"UserName": "y", "AuthenticationMode": {"Type": "iam"}},
            "InvalidParameterValue",
            "User id and user name must be the same",
        ),
        ("describe_users", {"UserId": "nobody"}, "UserNotFound", "User nobody not found."),
        (
            "create_serverless_cache",
            {"ServerlessCacheName": "open", "Engine": "valkey"},
            "InvalidParameterValue",
            "without a UserGroupId, which lets anybody in, is not supported",
        ),
        (
            "delete_serverless_cache",
            {"ServerlessCacheName": "gone"},
            "ServerlessCacheNotFoundFault",
            "Serverless Cache gone not found.",
        ),
        ("describe_cache_clusters", {}, "UnsupportedOperation", "DescribeCacheClusters of elast"),
    ],
)
def test_what_is_not_there_or_not_supported_is_refused_by_its_name(
    api: Any, operation: str, given: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(ClientError, match=words) as refused:
        getattr(api, operation)(**(MADE | given if operation == "create_user" else given))
    assert refused.value.response["Error"]["Code"] == code


LIVING = """
import sys
from local.cache.process import Process

cache = Process(name="c", region="us-east-1", host="127.0.0.1", memory=1 << 26)
print("ready", flush=True)
sys.stdin.readline()
cache.close()
"""


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_a_cache_ends_with_the_process_that_made_it_however_that_ends(
    ending: str, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LIVING],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "ready\n"
        children = psutil.Process(process.pid).children(recursive=True)
        assert {"valkey-server"} < {child.name() for child in children}
        assert list(tmp_path.glob("headrace-cache-*"))
        if ending == "kill":
            process.kill()
        else:
            process.stdin.write("\n")
            process.stdin.flush()
        process.wait(30)
        assert not process.stderr.read(), "it ends within the second that the server waits"
    until(lambda: not any(child.is_running() for child in children))
    until(lambda: not list(tmp_path.glob("headrace-cache-*")))


def test_a_killed_cache_leaves_no_server_and_can_be_deleted(
    api: Any, cache: dict[str, Any]
) -> None:
    others = set(psutil.Process().children())
    api.create_serverless_cache(ServerlessCacheName="other", Engine="valkey", UserGroupId="users")
    [node] = set(psutil.Process().children()) - others
    [server] = node.children()
    folder = Path(server.cwd())
    node.kill()
    until(lambda: not server.is_running())
    api.delete_serverless_cache(ServerlessCacheName="other")
    assert not folder.exists()
    assert [one["ServerlessCacheName"] for one in _caches(api)] == [cache["ServerlessCacheName"]]


def _caches(api: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.describe_serverless_caches()["ServerlessCaches"]
    return found
