"""How a query or a request fails, in Athena's words.

AthenaError
├── InvalidRequest   the call is refused (HTTP 400, InvalidRequestException)
│   └── Malformed    the SQL is not SQL: the call that starts the query is refused
├── MetadataMissing  a database or table asked for through the API does not exist
└── QueryFailed      the query was accepted and ends FAILED, with a reason and a type
"""

from __future__ import annotations

USER, SYSTEM = 2, 1

# https://docs.aws.amazon.com/athena/latest/ug/error-reference.html
TYPES = {
    "CATALOG_NOT_FOUND": 1301,
    "COLUMN_NOT_FOUND": 1301,
    "FUNCTION_NOT_FOUND": 1301,
    "SCHEMA_NOT_FOUND": 1301,
    "TABLE_NOT_FOUND": 1301,
    "FAILED": 1003,
    "GENERIC_INTERNAL_ERROR": 200,
    "HIVE_BAD_DATA": 1001,
    "HIVE_CURSOR_ERROR": 1001,
}
GENERAL = 1000
"""A user error without a type of its own."""


class AthenaError(Exception):
    """The root of this module's errors."""


class InvalidRequest(AthenaError):
    """A refused call; `code` becomes AthenaErrorCode."""

    exception = "InvalidRequestException"

    def __init__(self, message: str, code: str | None = "INVALID_INPUT") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Malformed(InvalidRequest):
    """SQL that cannot be parsed; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"line {line}:{column}: {message}", "MALFORMED_QUERY")


class MetadataMissing(InvalidRequest):
    exception = "MetadataException"


class QueryFailed(AthenaError):
    """The reason a query fails: `TABLE_NOT_FOUND: line 1:15: Table … does not exist`."""

    def __init__(
        self, code: str, message: str, *, line: int | None = None, column: int | None = None
    ) -> None:
        where = f"line {line}:{column}: " if line is not None else ""
        super().__init__(f"{code}: {where}{message}")
        self.code = code

    @property
    def reason(self) -> str:
        return str(self)

    @property
    def category(self) -> int:
        return SYSTEM if self.code == "GENERIC_INTERNAL_ERROR" else USER

    @property
    def type(self) -> int:
        return TYPES.get(self.code, GENERAL)
