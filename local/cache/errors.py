"""What ElastiCache refuses, in its own codes.

https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from local import mounting


class Invalid(mounting.Invalid):
    """A refusal of ElastiCache's."""

    usual = "InvalidParameterValue"


def unsupported(what: str) -> Invalid:
    return Invalid(f"{what} is not supported by the local AWS.")


def missing(kind: str, name: str) -> Invalid:
    """`kind` is User, UserGroup or ServerlessCache."""
    words = {"UserGroup": "User Group", "ServerlessCache": "Serverless Cache"}
    code = f"{kind}NotFound" + ("Fault" if kind == "ServerlessCache" else "")
    return Invalid(f"{words.get(kind, kind)} {name} not found.", code)


def taken(kind: str, name: str) -> Invalid:
    code = {"ServerlessCache": "ServerlessCacheAlreadyExistsFault"}.get(kind)
    return Invalid(f"{kind} {name} already exists.", code or f"{kind}AlreadyExists")
