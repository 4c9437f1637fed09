"""The password of the cache's user: a request to ElastiCache, signed here and sent to nobody.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
It is good for 15 minutes, and asked for again whenever a connection is made; a connection that is
open stays so for 12 hours.
"""

from __future__ import annotations

from urllib.parse import urlencode

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.session import Session, get_session
from valkey.credentials import CredentialProvider

SECONDS = 900
SCHEME = "http://"


class IamCredentials(CredentialProvider):
    """Names the user, and proves it by the credentials of the execution environment's role."""

    def __init__(self, user: str, cache: str, session: Session | None = None) -> None:
        self._user = user
        self._cache = cache.lower()
        self._session = session or get_session()

    def get_credentials(self) -> tuple[str, str]:
        """The name and the signed request without its scheme, as ElastiCache wants it."""
        asked = {"Action": "connect", "User": self._user, "ResourceType": "ServerlessCache"}
        request = AWSRequest("GET", f"{SCHEME}{self._cache}/?{urlencode(asked)}")
        credentials = self._session.get_credentials()
        if credentials is None:
            raise PermissionError("There are no AWS credentials to sign the cache's password with.")
        region = self._session.get_config_variable("region")
        SigV4QueryAuth(
            credentials.get_frozen_credentials(), "elasticache", region, expires=SECONDS
        ).add_auth(request)
        return self._user, str(request.url).removeprefix(SCHEME)
