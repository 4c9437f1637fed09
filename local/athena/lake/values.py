"""Values in JSON and CSV files as values of a column's type, as Hive's readers take them."""

from __future__ import annotations

import base64
import json
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from local.athena.sql.types import FLOATS, INTEGERS, Type

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  Hive's timestamps have no zone
MILLISECONDS_FROM = 1e12
"""Numbers from here on are milliseconds since 1970, smaller ones are seconds."""


class Misfit(ValueError):
    """A value that its column cannot hold."""


def value(kind: Type, raw: Any) -> Any:
    """A JSON value in a column of this type; ValueError when it does not fit."""
    if raw is None:
        return None
    if kind.name == "array":
        items = raw if isinstance(raw, list) else [raw]
        return [value(kind.element, item) for item in items]
    if kind.name == "map":
        key, inner = kind.arguments
        return [(value(key, k), value(inner, v)) for k, v in _object(raw).items()]
    if kind.name == "row":
        found = {name.lower(): inner for name, inner in _object(raw).items()}
        fields = zip(kind.field_names, kind.arguments, strict=True)
        return {name: value(part, found.get(name.lower())) for name, part in fields}
    if kind.is_text:
        return raw if isinstance(raw, str) else json.dumps(raw, separators=(",", ":"))
    if isinstance(raw, list | dict):
        raise Misfit(f"{type(raw).__name__} where {kind} is expected")
    return scalar(kind, raw)


def _object(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise Misfit("no object where one is expected")
    return raw


def scalar(kind: Type, raw: Any) -> Any:
    """A number, boolean or text as a scalar of this type."""
    if kind.name == "boolean":
        return raw if isinstance(raw, bool) else str(raw).lower() == "true"
    if kind.name in INTEGERS:
        return int(Decimal(str(raw)))
    if kind.name in FLOATS:
        return float(raw)
    if kind.name == "decimal":
        unit = Decimal(1).scaleb(-kind.scale)
        return Decimal(str(raw)).quantize(unit, ROUND_HALF_UP)
    if kind.name == "date":
        return date.fromisoformat(str(raw)[:10])
    if kind.name == "timestamp":
        return moment(raw)
    if kind.name == "varbinary":
        return base64.b64decode(raw)
    raise ValueError(f"{kind} is not a type of this format")


def moment(raw: Any) -> datetime:
    """`yyyy-MM-dd HH:mm:ss[.S]`, with T and Z or without, or seconds or milliseconds."""
    if isinstance(raw, int | float):
        seconds = raw / 1000 if abs(raw) >= MILLISECONDS_FROM else raw
        return EPOCH + timedelta(seconds=seconds)
    return datetime.fromisoformat(str(raw).removesuffix("Z"))
