"""Which partition a record belongs to: keys from the transform, or from a jq query of its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jq

from local.delivery.failure import Reason
from local.delivery.prefix import LAMBDA, Expression, Template, parse, partition_names, with_keys

ACTIVE_LIMIT = 500
"""Active partitions of a delivery stream; AWS raises it on request."""

CODE = "DynamicPartitioning"
NO_KEYS = Reason(
    f"{CODE}.MetadataExtractionFailed", "partitionKeys values must not be null or empty"
)
NOT_JSON = Reason(f"{CODE}.MetadataExtractionFailed", "Non JSON record provided")
TOO_MANY = Reason(
    f"{CODE}.ActivePartitionsLimitExceeded",
    f"The limit of {ACTIVE_LIMIT} active partitions is exceeded.",
)


class Unpartitioned(Exception):
    """A record without a partition, and why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.message)
        self.reason = reason


@cache
def program(query: str) -> Any:
    """A compiled jq query; raises ValueError with jq's own words."""
    return jq.compile(query)


def query_keys(query: str) -> set[str] | None:
    """The keys that a query makes, None when it needs a record to say."""
    try:
        made = program(query).input_value(None).first()
    except (ValueError, StopIteration):
        return None
    return set(made) if isinstance(made, dict) else None


class Partitions:
    """The partitions of one prefix."""

    def __init__(self, prefix: str, query: str | None) -> None:
        self._template = parse(prefix)
        self._names = tuple(dict.fromkeys(partition_names(prefix)))
        self._from_lambda = [(name.namespace == LAMBDA, name.value) for name in self._names]
        self._query = query

    def values(self, data: bytes, from_lambda: Mapping[str, str]) -> tuple[str, ...]:
        """What the record has for each key of the prefix; raises `Unpartitioned`."""
        from_query = self._extracted(data) if self._query else {}
        return tuple(
            [
                (from_lambda if theirs else from_query).get(name, "")
                for theirs, name in self._from_lambda
            ]
        )

    def template(self, values: tuple[str, ...]) -> Template:
        """The prefix of the partition with these values; raises `Unpartitioned`."""
        if not all(values):
            raise Unpartitioned(NO_KEYS)
        keys: dict[Expression, str] = dict(zip(self._names, values, strict=True))
        return with_keys(self._template, keys)

    def _extracted(self, data: bytes) -> dict[str, str]:
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise Unpartitioned(NOT_JSON) from error
        try:
            made = program(self._query or ".").input_value(document).first()
        except (ValueError, StopIteration) as error:
            reason = Reason(NO_KEYS.code, f"Failed to extract partition keys. {error}")
            raise Unpartitioned(reason) from error
        if not isinstance(made, dict):
            raise Unpartitioned(NO_KEYS)
        return {name: _text(value) for name, value in made.items() if value is not None}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
