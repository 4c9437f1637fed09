"""Date and time functions. https://trino.io/docs/current/functions/datetime.html

A timestamp with time zone is an instant plus the zone it is shown in; the zone is part of the
type while it is known, so fields and truncation follow the local clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from sqlglot import exp

from local.athena.sql.convert import convert, local
from local.athena.sql.functions import Call
from local.athena.sql.functions.signatures import Maker, Template
from local.athena.sql.rendering import as_text
from local.athena.sql.translator import Translator, Typed
from local.athena.sql.types import (
    BIGINT,
    DATE,
    VARCHAR,
    Type,
    text,
    timestamp,
    zoned,
)

MOMENTS = ("date", "timestamp", "timestamp with time zone")
TIME_UNITS = ("millisecond", "second", "minute", "hour")
DATE_UNITS = ("day", "week", "month", "quarter", "year")
FIELDS = {
    "year": "year",
    "quarter": "quarter",
    "month": "month",
    "week": "week",
    "week_of_year": "week",
    "day": "day",
    "day_of_month": "day",
    "day_of_week": "isodow",
    "dow": "isodow",
    "day_of_year": "dayofyear",
    "doy": "dayofyear",
    "year_of_week": "isoyear",
    "yow": "isoyear",
    "hour": "hour",
    "minute": "minute",
    "second": "second",
    "millisecond": "millisecond",
}
MYSQL = {
    "a": "%a", "b": "%b", "c": "%-m", "d": "%d", "e": "%-d", "f": "%f", "H": "%H", "h": "%I",
    "I": "%I", "i": "%M", "j": "%j", "k": "%-H", "l": "%-I", "M": "%B", "m": "%m", "p": "%p",
    "r": "%I:%M:%S %p", "S": "%S", "s": "%S", "T": "%H:%M:%S", "v": "%V", "W": "%A", "x": "%G",
    "Y": "%Y", "y": "%y", "%": "%%",
}  # fmt: skip
JODA = {
    "yyyy": "%Y", "YYYY": "%Y", "y": "%Y", "Y": "%Y", "yy": "%y", "YY": "%y", "xxxx": "%G",
    "ww": "%V", "e": "%u", "E": "%a", "EE": "%a", "EEE": "%a", "EEEE": "%A", "D": "%-j",
    "DDD": "%j", "M": "%-m", "MM": "%m", "MMM": "%b", "MMMM": "%B", "d": "%-d", "dd": "%d",
    "a": "%p", "h": "%-I", "hh": "%I", "H": "%-H", "HH": "%H", "m": "%-M", "mm": "%M", "s": "%-S",
    "ss": "%S", "SSS": "%g",
}  # fmt: skip
JODA_TOKEN = re.compile(r"'(?:[^']|'')*'|([A-Za-z])\1*|[^A-Za-z']+")
OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})$")


def clock(value: Typed) -> str:
    """The wall clock of a moment: what its fields are taken from."""
    return local(value) if value.type.name == "timestamp with time zone" else value.sql


def back(sql: str, kind: Type) -> Typed:
    """A wall clock as a moment of the type it came from."""
    if kind == DATE:
        return Typed(f"CAST({sql} AS DATE)", DATE)
    if kind.name == "timestamp with time zone":
        return Typed(f"({sql} AT TIME ZONE {text(kind.zone or 'UTC')})", kind)
    return Typed(sql, kind)


def _moment(call: Call, at: int) -> Typed:
    return Typed(call.sql(at), call.type(at))


def _field(name: str) -> Maker:
    def make(call: Call) -> Typed:
        value = _moment(call, 0)
        if FIELDS[name] == "millisecond":
            return Typed(f"(millisecond({clock(value)}) % 1000)", BIGINT)
        if value.type.name.startswith("interval"):
            return Typed(f"CAST(extract({FIELDS[name]} FROM {value.sql}) AS BIGINT)", BIGINT)
        return Typed(f"{FIELDS[name]}({clock(value)})", BIGINT)

    return make


def _unit(call: Call) -> str:
    """What a moment, the last argument, is counted or cut in; a date has no hours."""
    unit = call.constant(0, "a unit").lower()
    is_date = call.type(len(call.nodes) - 1) == DATE
    if unit not in (DATE_UNITS if is_date else (*TIME_UNITS, *DATE_UNITS)):
        message = f"'{unit}' is not a valid {'DATE' if is_date else 'Timestamp'} field"
        call.translator.fail("INVALID_FUNCTION_ARGUMENT", message, call.node)
    return unit


def _trunc(call: Call) -> Typed:
    value, unit = _moment(call, 1), _unit(call)
    cut = f"date_trunc({text(unit)}, {clock(value)})"
    if value.type.name == "timestamp with time zone" and unit in TIME_UNITS:
        # Not back from the clock, which shows an hour twice when it is put back.
        return Typed(f"({value.sql} - ({clock(value)} - {cut}))", value.type)
    return back(cut, value.type)


def _add(call: Call) -> Typed:
    value = _moment(call, 2)
    unit, amount = _unit(call), f"CAST({call.sql(1)} AS INTEGER)"
    if unit == "quarter":
        unit, amount = "month", f"(3 * {amount})"
    step = f"to_{unit}s({amount})"
    if value.type.name == "timestamp with time zone" and unit in TIME_UNITS:
        return Typed(f"({value.sql} + {step})", value.type)
    return back(f"({clock(value)} + {step})", value.type)


def _diff(call: Call) -> Typed:
    """Whole units between two moments, towards zero; not boundaries crossed."""
    first, second = _moment(call, 1), _moment(call, 2)
    if first.type.zone != second.type.zone:
        second = Typed(second.sql, first.type)
    unit, sides = _unit(call), (clock(first), clock(second))
    if unit in TIME_UNITS:  # also where the clock is put forward or back
        sides = (first.sql, second.sql)
    return Typed(f"datesub({text(unit)}, {sides[0]}, {sides[1]})", BIGINT)


def mysql(call: Call, at: int) -> str:
    """A MySQL format as DuckDB's."""

    def one(found: re.Match[str]) -> str:
        if found[1] not in MYSQL:
            call.translator.unsupported(call.node, f"The format specifier {found[0]}")
        return MYSQL[found[1]]

    return re.sub(r"%(.)", one, call.constant(at, "a format"))


def joda(call: Call, at: int) -> str:
    """A Joda (Java) format as DuckDB's."""
    pieces = []
    for found in JODA_TOKEN.finditer(call.constant(at, "a format")):
        token = found[0]
        if token.startswith("'"):
            pieces.append(token[1:-1].replace("''", "'").replace("%", "%%") or "'")
        elif found[1] is None:
            pieces.append(token.replace("%", "%%"))
        elif token in JODA:
            pieces.append(JODA[token])
        else:
            call.translator.unsupported(call.node, f"The format {token}")
    return "".join(pieces)


def _shown(read: Callable[[Call, int], str]) -> Maker:
    def make(call: Call) -> Typed:
        pattern = read(call, 1)
        return Typed(f"strftime({clock(_moment(call, 0))}, {text(pattern)})", VARCHAR)

    return make


def _date_parse(call: Call) -> Typed:
    pattern = mysql(call, 1)
    return Typed(f"CAST(strptime({call.sql(0)}, {text(pattern)}) AS TIMESTAMP)", timestamp(3))


def _parse_datetime(call: Call) -> Typed:
    pattern = joda(call, 1)
    sql = f"CAST(strptime({call.sql(0)}, {text(pattern)}) AS TIMESTAMP) AT TIME ZONE 'UTC'"
    return Typed(f"({sql})", zoned(3))


def _now(call: Call) -> Typed:
    return Typed(f"TIMESTAMPTZ {text(_started(call).isoformat(' ', 'milliseconds'))}", zoned(3))


def _started(call: Call) -> datetime:
    return call.translator.context.now


def _today(call: Call) -> Typed:
    return Typed(f"DATE {text(_started(call).date().isoformat())}", DATE)


def _local_now(call: Call) -> Typed:
    moment = _started(call).replace(tzinfo=None).isoformat(" ", "milliseconds")
    return Typed(f"TIMESTAMP {text(moment)}", timestamp(3))


def _iso8601(call: Call) -> Typed:
    value = _moment(call, 0)
    if value.type == DATE:
        return Typed(as_text(value.sql, DATE), VARCHAR)
    shown = f"strftime({clock(value)}, '%Y-%m-%dT%H:%M:%S.%g')"
    if value.type.name == "timestamp":
        return Typed(shown, VARCHAR)
    if value.type.zone is not None:
        call.translator.unsupported(call.node, "to_iso8601 in a zone other than UTC")
    return Typed(f"({shown} || 'Z')", VARCHAR)


def _from_iso8601(call: Call) -> Typed:
    """The instant; asking for its local clock is refused unless the offset is UTC's."""
    inside = call.node.parent
    while isinstance(inside, exp.Paren):
        inside = inside.parent
    compared = isinstance(inside, exp.AtTimeZone | exp.Binary | exp.Between) or (
        isinstance(inside, exp.Anonymous) and inside.name.lower() in INSTANT_ONLY
    )
    return Typed(f"{'trino_iso' if compared else 'trino_iso_utc'}({call.sql(0)})", zoned(3))


INSTANT_ONLY = {"to_unixtime", "date_diff", "at_timezone", "min", "max", "count"}


def in_zone(translator: Translator, node: exp.Expr, value: Typed, zone: exp.Expr) -> Typed:
    """AT TIME ZONE: the same instant, shown elsewhere."""
    if not isinstance(zone, exp.Literal) or not zone.is_string:
        translator.unsupported(node, "AT TIME ZONE with a zone that is not constant")
    if value.type.name == "timestamp":
        value = Typed(f"({value.sql} AT TIME ZONE 'UTC')", _same_digits(value))
    if value.type.name != "timestamp with time zone":
        message = "Type of value must be a time or timestamp with or without time zone "
        message += f"(actual {value.type})"
        translator.fail("TYPE_MISMATCH", message, node)
    name = zone_name(translator, node, zone.name)
    return Typed(value.sql, _same_digits(value, name))


def _same_digits(value: Typed, zone: str | None = None) -> Type:
    digits = value.type.precision
    return zoned(3 if digits is None else digits, zone)


def zone_name(translator: Translator, node: exp.Expr, zone: str) -> str | None:
    """A zone as DuckDB knows it, None for UTC; whole hours become Etc/GMT zones."""
    if zone in ("UTC", "Z", "GMT", "+00:00"):
        return None
    found = OFFSET.match(zone)
    if found is None:
        return zone
    if found[3] != "00":
        translator.unsupported(node, f"The time zone {zone}")
    return f"Etc/GMT{'-' if found[1] == '+' else '+'}{int(found[2])}"


def _at_timezone(call: Call) -> Typed:
    return in_zone(call.translator, call.node, _moment(call, 0), call.nodes[1])


def _with_timezone(call: Call) -> Typed:
    zone = zone_name(call.translator, call.node, call.constant(1, "a zone"))
    kind = _same_digits(_moment(call, 0), zone)
    return Typed(f"({call.sql(0)} AT TIME ZONE {text(zone or 'UTC')})", kind)


def _from_unixtime_in(call: Call) -> Typed:
    zone = zone_name(call.translator, call.node, call.constant(1, "a zone"))
    return Typed(f"trino_from_unixtime({call.sql(0)})", zoned(3, zone))


def _date(call: Call) -> Typed:
    return Typed(convert(call.sql(0), call.type(0), DATE), DATE)


def _each(
    template: str, handler: Template, kinds: tuple[str, ...] = MOMENTS
) -> dict[str, Template]:
    return {template.replace("M", kind): handler for kind in kinds}


TABLE: dict[str, Template] = {
    **{
        key: make
        for name in FIELDS
        for key, make in _each(f"{name}(M) -> bigint", _field(name)).items()
    },
    **{
        f"{name}(interval day to second) -> bigint": _field(name)
        for name in ("day", "hour", "minute", "second")
    },
    **_each("date(M) -> date", _date, ("varchar", "timestamp", "timestamp with time zone", "date")),
    **_each("date_trunc(varchar, M) -> M", _trunc),
    **_each("date_add(varchar, bigint, M) -> M", _add),
    **_each("date_diff(varchar, M, M) -> bigint", _diff),
    **_each("date_format(M, varchar) -> varchar", _shown(mysql)),
    **_each("format_datetime(M, varchar) -> varchar", _shown(joda)),
    "date_parse(varchar, varchar) -> timestamp": _date_parse,
    "parse_datetime(varchar, varchar) -> timestamp with time zone": _parse_datetime,
    "from_unixtime(double) -> timestamp with time zone": "trino_from_unixtime({0})",
    "from_unixtime(double, varchar) -> timestamp with time zone": _from_unixtime_in,
    "to_unixtime(timestamp) -> double": "epoch({0})",
    "to_unixtime(timestamp with time zone) -> double": "epoch({0})",
    "from_iso8601_timestamp(varchar) -> timestamp with time zone": _from_iso8601,
    "from_iso8601_date(varchar) -> date": "trino_date({0})",
    **_each("to_iso8601(M) -> varchar", _iso8601),
    "now() -> timestamp with time zone": _now,
    "current_timestamp() -> timestamp with time zone": _now,
    "current_date() -> date": _today,
    "localtimestamp() -> timestamp": _local_now,
    "current_timezone() -> varchar": "'UTC'",
    **_each(
        "last_day_of_month(M) -> date",
        lambda call: Typed(f"last_day({clock(_moment(call, 0))})", DATE),
    ),
    "at_timezone(timestamp with time zone, varchar) -> timestamp with time zone": _at_timezone,
    "with_timezone(timestamp, varchar) -> timestamp with time zone": _with_timezone,
    "to_milliseconds(interval day to second) -> bigint": "epoch_ms({0})",
}
