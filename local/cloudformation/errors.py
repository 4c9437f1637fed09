"""What can go wrong.

Exception
├── Invalid   the request or its template is refused, before anything is done
└── Failure   one resource cannot be made, changed or deleted: the stack goes back
"""

from __future__ import annotations

from local import mounting

MISSING = (
    "404",
    "NotFound",
    "NotFoundException",
    "NotFoundFault",
    "NoSuchEntity",
    "NoSuchBucket",
    "NonExistentQueue",
)


class Invalid(mounting.Invalid):
    """A refusal in CloudFormation's own words."""

    usual = "ValidationError"


class Failure(Exception):
    """Why a resource failed; `code` is the service's error code where a service answered."""

    def __init__(self, message: str, code: str = "InvalidRequest") -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    @property
    def missing(self) -> bool:
        """Whether what was asked for is not there: to a deletion that is success."""
        told = self.code == "InvalidRequestException" and "not found" in self.message  # Athena's
        return told or self.code.endswith(MISSING) or "NoSuch" in self.code
