"""A cache on the running local AWS, and a client that trusts and authenticates as a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from valkey import CredentialProvider, Valkey, ValkeyCluster

from local.server import LocalAWS

NAME, USER = "state", "fleet"
ACCESS = "on ~mine:* -@all +get +set +ping +command +cluster|slots +client|setinfo"


class Tokens(CredentialProvider):
    """A new token for every connection."""

    def __init__(self, name: str = NAME, user: str = USER) -> None:
        self._name, self._user = name, user
        self.asked = 0

    def get_credentials(self) -> tuple[str, str]:
        self.asked += 1
        query = f"Action=connect&User={self._user}&ResourceType=ServerlessCache"
        request = AWSRequest("GET", f"http://{self._name}/?{query}")
        credentials = Credentials("key", "secret", "session")
        SigV4QueryAuth(credentials, "elasticache", "us-east-1", expires=900).add_auth(request)
        return self._user, str(request.url).removeprefix("http://")


@pytest.fixture(scope="package")
def local() -> Iterator[LocalAWS]:
    """A local AWS in this process, whose authority is the one that `local.trust` has here."""
    others = set(psutil.Process().children(recursive=True))
    with LocalAWS(port=0) as aws:
        yield aws
        started = set(psutil.Process().children(recursive=True)) - others
    servers = [one for one in started if "valkey" in " ".join(_command(one))]
    assert not servers, "caches outlive their local AWS"


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture(scope="package")
def api(local: LocalAWS) -> Any:
    return local.client("elasticache")


@pytest.fixture(scope="package")
def cache(api: Any) -> dict[str, Any]:
    """A cache that USER may use."""
    api.create_user(
        UserId=USER,
        UserName=USER,
        Engine="valkey",
        AccessString=ACCESS,
        AuthenticationMode={"Type": "iam"},
    )
    api.create_user_group(UserGroupId="users", Engine="valkey", UserIds=[USER])
    made: dict[str, Any] = api.create_serverless_cache(
        ServerlessCacheName=NAME,
        Engine="valkey",
        UserGroupId="users",
        CacheUsageLimits={"DataStorage": {"Maximum": 1, "Unit": "GB"}},
    )["ServerlessCache"]
    return made


@pytest.fixture(scope="package")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of the authorities that functions trust."""
    from local import trust

    path = tmp_path_factory.mktemp("trust") / "trusted.pem"
    path.write_bytes(trust.bundle())
    return str(path)


@pytest.fixture
def connect(cache: dict[str, Any], trusted: str) -> Iterator[Callable[..., Any]]:
    """A client of the cache by TLS, with tokens unless something else is given."""
    made: list[Any] = []

    def connect(**options: Any) -> Any:
        endpoint = cache["Endpoint"]
        tls: dict[str, Any] = {"ssl": True, "ssl_ca_certs": trusted, "ssl_check_hostname": True}
        if not {"username", "password", "credential_provider"} & options.keys():
            options["credential_provider"] = Tokens()
        made.append(
            Valkey(
                host=endpoint["Address"],
                port=endpoint["Port"],
                **tls | options,
            )
        )
        return made[-1]

    yield connect
    for client in made:
        client.close()


@pytest.fixture
def cluster(cache: dict[str, Any], trusted: str) -> Iterator[Any]:
    endpoint = cache["Endpoint"]
    client: Any = ValkeyCluster(
        host=endpoint["Address"],
        port=endpoint["Port"],
        ssl=True,
        ssl_ca_certs=trusted,
        credential_provider=Tokens(),
    )
    yield client
    client.close()
