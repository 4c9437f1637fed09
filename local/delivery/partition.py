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
    """The partitions of one prefix: evaluated keys to templates, each made once."""

    def __init__(self, prefix: str, query: str | None) -> None:
        self._template = parse(prefix)
        self._names = tuple(dict.fromkeys(partition_names(prefix)))
        self._query = query
        self._made: dict[tuple[str, ...], Template] = {}

    def of(self, data: bytes, from_lambda: Mapping[str, str]) -> Template:
        """The template of the record's partition; raises `Unpartitioned`."""
        from_query = self._extracted(data) if self._query else {}
        values = tuple(
            (from_lambda if name.namespace == LAMBDA else from_query).get(name.value, "")
            for name in self._names
        )
        found = self._made.get(values)
        if found is None:
            if not all(values):
                raise Unpartitioned(NO_KEYS)
            keys: dict[Expression, str] = dict(zip(self._names, values, strict=True))
            found = with_keys(self._template, keys)
            if len(self._made) < ACTIVE_LIMIT * 4:
                self._made[values] = found
        return found

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
