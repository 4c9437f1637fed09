"""Failed records as lines of JSON, in the shapes in which AWS writes them to the error output.

Times are epoch milliseconds. The names of the members are AWS's, one family per kind of failure.
https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
https://docs.aws.amazon.com/firehose/latest/dev/record-format-conversion-error-handling.html
https://docs.aws.amazon.com/firehose/latest/dev/retry.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Struct, UnsetType

if TYPE_CHECKING:
    from local.delivery.record import Source

PROCESSING = "processing-failed"
CONVERSION = "format-conversion-failed"
PARTITIONING = "metadata-extraction-failed"
"""Also for a record whose keys the transform left out, and one past the limit. [open]"""
HTTP_ENDPOINT = "http-endpoint-failed"


class Reason(Struct, frozen=True):
    """Why a record failed, after how many attempts."""

    code: str
    message: str
    attempts: int = 1


class Line(Struct, frozen=True, gc=False):
    """One failed record of one error output type."""

    kind: str
    source: Source
    content: bytes


class _Failed(Struct, omit_defaults=True):
    """Transform, partitioning, HTTP endpoint."""

    attemptsMade: int  # noqa: N815  AWS's names, here and below
    arrivalTimestamp: int  # noqa: N815
    errorCode: str  # noqa: N815
    errorMessage: str  # noqa: N815
    attemptEndingTimestamp: int  # noqa: N815
    rawData: bytes  # noqa: N815
    lambdaARN: str | UnsetType = UNSET  # noqa: N815
    subsequenceNumber: int | UnsetType = UNSET  # noqa: N815
    dataId: str | UnsetType = UNSET  # noqa: N815


class CatalogTable(Struct, frozen=True):
    """The Glue table by which records were converted."""

    catalogId: str | None  # noqa: N815
    databaseName: str  # noqa: N815
    tableName: str  # noqa: N815
    region: str
    versionId: str  # noqa: N815
    catalogArn: str | None = None  # noqa: N815


class _Unconverted(Struct):
    attemptsMade: int  # noqa: N815
    arrivalTimestamp: int  # noqa: N815
    lastErrorCode: str  # noqa: N815
    lastErrorMessage: str  # noqa: N815
    attemptEndingTimestamp: int  # noqa: N815
    rawData: bytes  # noqa: N815
    sequenceNumber: str  # noqa: N815
    subSequenceNumber: int  # noqa: N815
    dataCatalogTable: CatalogTable  # noqa: N815


def transform(source: Source, reason: Reason, function: str, ended: int) -> Line:
    """A record that the transform function did not take."""
    line = _failed(source, source.data, reason, ended)
    line.lambdaARN = function
    return _line(PROCESSING, source, line)


def partitioning(source: Source, data: bytes, reason: Reason, ended: int) -> Line:
    """A record that no partition takes."""
    return _line(PARTITIONING, source, _failed(source, data, reason, ended))


def http_endpoint(source: Source, data: bytes, reason: Reason, ended: int) -> Line:
    """A record that the endpoint did not take in time."""
    line = _failed(source, data, reason, ended)
    line.subsequenceNumber = source.subsequence_number
    line.dataId = f"{source.sequence_number}.{source.subsequence_number}"
    return _line(HTTP_ENDPOINT, source, line)


def conversion(
    source: Source, data: bytes, reason: Reason, table: CatalogTable, ended: int
) -> Line:
    """A record that is no row of the table."""
    line = _Unconverted(
        reason.attempts,
        source.arrival,
        reason.code,
        reason.message,
        ended,
        data,
        source.sequence_number,
        source.subsequence_number,
        table,
    )
    return _line(CONVERSION, source, line)


def _failed(source: Source, data: bytes, reason: Reason, ended: int) -> _Failed:
    return _Failed(reason.attempts, source.arrival, reason.code, reason.message, ended, data)


def _line(kind: str, source: Source, line: Struct) -> Line:
    return Line(kind, source, msgspec.json.encode(line) + b"\n")
