"""The errors of Firehose, with AWS's codes and sentences."""

from __future__ import annotations

from local.routes import AWSError
from local.settings import ACCOUNT


def invalid(message: str) -> AWSError:
    return AWSError("InvalidArgumentException", message)


def not_found(name: str) -> AWSError:
    return AWSError(
        "ResourceNotFoundException", f"Firehose {name} under account {ACCOUNT} not found."
    )


def not_active(name: str) -> AWSError:
    return AWSError(
        "ResourceNotFoundException", f"Firehose {name} is not active in {ACCOUNT} account."
    )


def in_use(message: str) -> AWSError:
    return AWSError("ResourceInUseException", message)


def unsupported(what: str) -> AWSError:
    """AWS has it, the local AWS does not; refused by name, never answered wrongly."""
    return AWSError("UnsupportedOperation", f"The local AWS does not support {what} of Firehose.")
