"""The role a function runs as: it must exist and trust Lambda; its credentials are STS's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

SERVICE = "lambda.amazonaws.com"
SESSION_SECONDS = 12 * 3600


class CannotAssume(Exception):
    """The role is not there, or its trust policy does not name Lambda."""

    def __init__(self) -> None:
        super().__init__("The role defined for the function cannot be assumed by Lambda.")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Temporary credentials of an assumed role."""

    access_key: str
    secret_key: str
    token: str


def check(account: str, partition: str, arn: str) -> None:
    """Raise CannotAssume unless Lambda may assume the role."""
    try:
        role = iam_backends[account][partition].get_role_by_arn(arn)
    except NotFoundException as error:
        raise CannotAssume from error
    document = role.assume_role_policy_document
    if not trusts(msgspec.json.decode(document) if isinstance(document, str) else document):
        raise CannotAssume


def trusts(document: dict[str, Any]) -> bool:
    """Whether a trust policy lets Lambda assume the role (conditions are not looked at)."""
    statements = [one for one in _many(document.get("Statement")) if _concerns(one)]
    effects = {statement.get("Effect") for statement in statements}
    return effects == {"Allow"}


def assume(account: str, partition: str, region: str, arn: str, session: str) -> Credentials:
    """Credentials of the role, in a session named like the function; raises CannotAssume."""
    check(account, partition, arn)
    role = sts_backends[account][partition].assume_role(
        region_name=region,
        role_session_name=session,
        role_arn=arn,
        policy="",
        duration=SESSION_SECONDS,
        external_id="",
    )
    return Credentials(role.access_key_id, role.secret_access_key, role.session_token)


def _concerns(statement: dict[str, Any]) -> bool:
    principal = statement.get("Principal", {})
    services = _many(principal.get("Service") if isinstance(principal, dict) else principal)
    actions = _many(statement.get("Action"))
    return any(name in (SERVICE, "*") for name in services) and any(
        fnmatchcase("sts:assumerole", str(action).lower()) for action in actions
    )


def _many(value: Any) -> Iterable[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
