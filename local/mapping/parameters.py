"""The parameters of an event source mapping: defaults, ranges, and how AWS refuses a wrong one.

Ranges: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from local.mapping.filters import Filter, InvalidPattern
from local.mapping.lane import BATCH_BYTES, Limits
from local.mapping.window import STATE_BYTES

UNLIMITED = -1


class InvalidParameter(ValueError):
    """InvalidParameterValueException: the message is AWS's."""


@dataclass(frozen=True, slots=True)
class Range:
    """The allowed values of a number, its default, and whether -1 (no limit) is one of them."""

    least: int
    most: int
    default: int
    unlimited: bool = False

    def check(self, name: str, value: Any) -> int:
        """The value, or InvalidParameter."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidParameter(f"{name} must be an integer")
        if (self.unlimited and value == UNLIMITED) or self.least <= value <= self.most:
            return value
        side, bound = ("greater", self.least) if value < self.least else ("less", self.most)
        raise InvalidParameter(
            f"1 validation error detected: Value '{value}' at '{name[0].lower() + name[1:]}' failed"
            f" to satisfy constraint: Member must have value {side} than or equal to {bound}"
        )


STREAM_RANGES = {
    "BatchSize": Range(1, 10_000, 100),
    "MaximumBatchingWindowInSeconds": Range(0, 300, 0),
    "ParallelizationFactor": Range(1, 10, 1),
    "TumblingWindowInSeconds": Range(0, 900, 0),
    "MaximumRecordAgeInSeconds": Range(60, 604_800, UNLIMITED, unlimited=True),
    "MaximumRetryAttempts": Range(0, 10_000, UNLIMITED, unlimited=True),
}

STARTING_POSITIONS = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")
DESTINATIONS = ("sqs", "sns", "s3")
PATTERNS = 5
"""How many filter patterns a mapping may have; a quota that AWS raises to 10 on request."""


COMMON = {
    "BatchSize",
    "Enabled",
    "EventSourceArn",
    "FilterCriteria",
    "FunctionName",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "MetricsConfig",
    "Tags",
    "UUID",
}
"""What a mapping of any source takes."""
OF_STREAMS = {
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "StartingPosition",
    "StartingPositionTimestamp",
}


@dataclass(frozen=True, slots=True)
class Common:
    """The parameters that mappings of streams and of queues share, checked."""

    ranges: ClassVar[Mapping[str, Range]]
    numbers: dict[str, int]
    report: bool = False
    patterns: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()

    def changed(self, request: dict[str, Any], **own: Any) -> Self:
        """These parameters with what an UpdateEventSourceMapping request changes; and `own`."""
        return replace(
            self,
            numbers=self.numbers | numbers(request, self.ranges),
            report=reports(request, default=self.report),
            patterns=patterns(request, default=self.patterns),
            metrics=metrics(request, default=self.metrics),
            **own,
        )

    def shown(self) -> dict[str, Any]:
        """The parameters as the API shows them, with every default spelled out."""
        shown: dict[str, Any] = {
            "FunctionResponseTypes": ["ReportBatchItemFailures"] if self.report else [],
        }
        if self.patterns:
            shown["FilterCriteria"] = {"Filters": [{"Pattern": it} for it in self.patterns]}
        if self.metrics:
            shown["MetricsConfig"] = {"Metrics": list(self.metrics)}
        return shown | self.numbers


@dataclass(frozen=True, slots=True)
class Parameters(Common):
    """The parameters of a stream's mapping."""

    ranges = STREAM_RANGES
    bisect: bool = False
    destination: str | None = None
    starting_position: str = "TRIM_HORIZON"
    starting_timestamp: float | None = None

    def limits(self, retention: float) -> Limits:
        """What a lane obeys; `retention` (s) of the stream ends whatever nothing else does."""
        age, retries = (
            self.numbers["MaximumRecordAgeInSeconds"],
            self.numbers["MaximumRetryAttempts"],
        )
        return Limits(
            batch_size=self.numbers["BatchSize"],
            window=float(self.numbers["MaximumBatchingWindowInSeconds"]),
            retries=None if retries == UNLIMITED else retries,
            age=retention if age == UNLIMITED else min(float(age), retention),
            bisect=self.bisect,
            batch_bytes=BATCH_BYTES - (STATE_BYTES if self.tumbling else 0),
        )

    @property
    def factor(self) -> int:
        return self.numbers["ParallelizationFactor"]

    @property
    def tumbling(self) -> int:
        return self.numbers["TumblingWindowInSeconds"]

    def updated(self, request: dict[str, Any]) -> Parameters:
        """These parameters with what a request changes. Raises InvalidParameter."""
        refuse_others(request, COMMON | STREAM_RANGES.keys() | OF_STREAMS)
        return self.changed(
            request,
            bisect=boolean(request, "BisectBatchOnFunctionError", default=self.bisect),
            destination=destination(request, default=self.destination),
        )

    def shown(self) -> dict[str, Any]:
        failed = {"Destination": self.destination} if self.destination else {}
        shown = {
            "StartingPosition": self.starting_position,
            "BisectBatchOnFunctionError": self.bisect,
            "DestinationConfig": {"OnFailure": failed},
        }
        if self.starting_timestamp is not None:
            shown["StartingPositionTimestamp"] = self.starting_timestamp
        return Common.shown(self) | shown


def create(request: dict[str, Any]) -> Parameters:
    """The parameters of a CreateEventSourceMapping request for a Kinesis stream.

    Raises InvalidParameter.
    """
    position = request.get("StartingPosition")
    if position not in STARTING_POSITIONS:
        raise InvalidParameter(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy"
            " constraint: Member must not be null."
            if position is None
            else f"Invalid StartingPosition: {position}"
        )
    timestamp = request.get("StartingPositionTimestamp")
    if (position == "AT_TIMESTAMP") != (timestamp is not None):
        raise InvalidParameter(
            "StartingPositionTimestamp must be given with StartingPosition AT_TIMESTAMP, and only"
            " with it."
        )
    initial = Parameters(
        numbers=defaults(STREAM_RANGES),
        starting_position=position,
        starting_timestamp=None if timestamp is None else float(timestamp),
    )
    return initial.updated(request)


def defaults(ranges: Mapping[str, Range]) -> dict[str, int]:
    return {name: bounds.default for name, bounds in ranges.items()}


def refuse_others(request: dict[str, Any], taken: Collection[str]) -> None:
    """Refuse, by name, what a mapping of this source does not take; empty values say nothing."""
    for name in sorted(request.keys() - taken):
        if request[name] not in (None, "", {}, []):
            raise InvalidParameter(
                f"Unsupported {name} parameter for given event source mapping type."
            )


def numbers(request: dict[str, Any], ranges: Mapping[str, Range]) -> dict[str, int]:
    return {
        name: bounds.check(name, request[name])
        for name, bounds in ranges.items()
        if request.get(name) is not None
    }


def boolean(request: dict[str, Any], name: str, *, default: bool) -> bool:
    value = request.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InvalidParameter(f"{name} must be a boolean")
    return value


def reports(request: dict[str, Any], *, default: bool) -> bool:
    kinds = request.get("FunctionResponseTypes")
    if kinds is None:
        return default
    if any(kind != "ReportBatchItemFailures" for kind in kinds):
        raise InvalidParameter(f"Unsupported FunctionResponseTypes: {kinds}")
    return bool(kinds)


def patterns(request: dict[str, Any], *, default: tuple[str, ...]) -> tuple[str, ...]:
    criteria = request.get("FilterCriteria")
    if criteria is None:
        return default
    found = tuple(member.get("Pattern") or "" for member in criteria.get("Filters") or [])
    if len(found) > PATTERNS:
        raise InvalidParameter(f"FilterCriteria may hold at most {PATTERNS} filters")
    try:
        Filter(list(found))
    except InvalidPattern as error:
        raise InvalidParameter(f"Invalid filter pattern definition. {error}") from error
    return found


def destination(request: dict[str, Any], *, default: str | None) -> str | None:
    """The ARN of the on-failure destination; an empty configuration takes it away."""
    config = request.get("DestinationConfig")
    if config is None:
        return default
    if config.get("OnSuccess", {}).get("Destination"):
        raise InvalidParameter("Unsupported DestinationConfig parameter for given event source")
    arn = config.get("OnFailure", {}).get("Destination")
    if arn and (arn.count(":") < 5 or arn.split(":")[2] not in DESTINATIONS):
        raise InvalidParameter(
            f"The destination ARN {arn} is invalid: a stream's on-failure destination is an SQS"
            " queue, an SNS topic or an S3 bucket."
        )
    return arn or None


def metrics(request: dict[str, Any], *, default: tuple[str, ...]) -> tuple[str, ...]:
    config = request.get("MetricsConfig")
    if config is None:
        return default
    found = tuple(config.get("Metrics") or ())
    if any(metric != "EventCount" for metric in found):
        raise InvalidParameter(f"Unsupported metrics: {', '.join(found)}")
    return found
