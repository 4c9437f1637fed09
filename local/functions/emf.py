"""CloudWatch's embedded metric format: metrics that a function logs as JSON.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

MARK = b'"_aws"'
MOST_VALUES = 100


class Metric(msgspec.Struct, rename="pascal"):
    """One metric that a directive names."""

    name: str
    unit: str = "None"


class Directive(msgspec.Struct, rename="pascal"):
    """Which members of the document are metrics, and by which dimensions."""

    namespace: str
    dimensions: list[list[str]] = []
    metrics: list[Metric] = []


class Metadata(msgspec.Struct, rename="pascal"):
    """The member `_aws`."""

    timestamp: int
    cloud_watch_metrics: list[Directive]


class Document(msgspec.Struct):
    """A log line that carries metrics; everything but the metadata is read on demand."""

    metadata: Metadata = msgspec.field(name="_aws")


@dataclass(frozen=True, slots=True)
class Point:
    """What one metric of one dimension set was; `time` in seconds since the epoch."""

    namespace: str
    name: str
    unit: str
    dimensions: tuple[tuple[str, str], ...]
    values: tuple[float, ...]
    time: float


_document = msgspec.json.Decoder(Document)
_members = msgspec.json.Decoder(dict[str, Any])


def points(line: bytes) -> list[Point]:
    """The metrics of a log line; none when it is no valid document of the format."""
    if MARK not in line:
        return []
    try:
        metadata = _document.decode(line).metadata
        return list(_points(metadata, _members.decode(line)))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []


def _points(metadata: Metadata, members: dict[str, Any]) -> Iterator[Point]:
    for directive in metadata.cloud_watch_metrics:
        for names in directive.dimensions or [[]]:
            if not all(isinstance(members.get(name), str) for name in names):
                continue
            dimensions = tuple(sorted((name, members[name]) for name in names))
            for metric in directive.metrics:
                values = _values(members.get(metric.name))
                if values:
                    yield Point(
                        directive.namespace,
                        metric.name,
                        metric.unit,
                        dimensions,
                        values,
                        metadata.timestamp / 1000,
                    )


def _values(member: Any) -> tuple[float, ...]:
    values = member if isinstance(member, list) else [member]
    good = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return tuple(float(value) for value in values[:MOST_VALUES]) if good else ()
