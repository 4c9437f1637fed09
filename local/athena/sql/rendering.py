"""Values as text: what CAST AS VARCHAR gives, and what stands in a result file.

All of it is SQL, so that DuckDB writes whole columns and Python never touches a value.
"""

from __future__ import annotations

from local.athena.sql.types import Type, quote, text

TIMES = {"date", "time", "timestamp", "timestamp with time zone"}


def as_varchar(sql: str, kind: Type) -> str:
    """CAST(… AS VARCHAR) in Trino's spelling."""
    if kind.name == "double":
        return f"trino_double_varchar({sql})"
    if kind.name == "real":
        return f"trino_scientific(CAST({sql} AS VARCHAR))"
    return _simple(sql, kind)


def as_text(sql: str, kind: Type) -> str:
    """A cell of a result: like CAST AS VARCHAR, but doubles as Java shows them, and nested."""
    if kind.name in ("double", "real"):
        return f"trino_double_text({sql})"
    if kind.name == "array":
        return f"'[' || {_listed(sql, kind.element)} || ']'"
    if kind.name == "map":
        key, value = kind.arguments
        pair = f"{_inner('e_.key', key)} || '=' || {_inner('e_.value', value)}"
        entries = f"list_transform(map_entries({sql}), LAMBDA e_: {pair})"
        return f"'{{' || array_to_string({entries}, ', ') || '}}'"
    if kind.name == "row":
        fields = zip(kind.names, kind.field_names, kind.arguments, strict=True)
        shown = " || ', ' || ".join(
            f"{text(f'{name or kept}=')} || {_inner(f'({sql}).{quote(kept)}', part)}"
            for name, kept, part in fields
        )
        return f"CASE WHEN ({sql}) IS NULL THEN NULL ELSE '{{' || {shown} || '}}' END"
    return _simple(sql, kind)


def _listed(sql: str, element: Type) -> str:
    items = f"list_transform({sql}, LAMBDA e_: {_inner('e_', element)})"
    return f"array_to_string({items}, ', ')"


def _inner(sql: str, kind: Type) -> str:
    return f"coalesce({as_text(sql, kind)}, 'null')"


def _simple(sql: str, kind: Type) -> str:
    if kind.is_text:
        return sql
    if kind.name == "timestamp":
        return _moment(sql, kind.precision or 0)
    if kind.name == "timestamp with time zone":
        zone = kind.zone or "UTC"
        wall = f"({sql} AT TIME ZONE {text(zone)})"
        return f"{_moment(wall, kind.precision or 0)} || {text(f' {zone}')}"
    if kind.name == "time":
        digits = kind.precision or 0
        moment = f"(DATE '1970-01-01' + {sql})"
        return f"substr({_moment(moment, digits)}, 12)"
    if kind.name == "varbinary":
        return f"trino_bytes({sql})"
    if kind.name == "interval day to second":
        return f"trino_interval_text({sql})"
    if kind.name == "interval year to month":
        return f"trino_months_text({sql})"
    return f"CAST({sql} AS VARCHAR)"


def _moment(sql: str, digits: int) -> str:
    if digits == 0:
        return f"strftime({sql}, '%Y-%m-%d %H:%M:%S')"
    if digits == 3:
        return f"strftime({sql}, '%Y-%m-%d %H:%M:%S.%g')"
    whole = f"strftime({sql}, '%Y-%m-%d %H:%M:%S.%f')"
    return (
        f"substr({whole}, 1, {20 + digits})" if digits < 6 else f"rpad({whole}, {20 + digits}, '0')"
    )


def for_json(sql: str, kind: Type) -> str:
    """A value whose to_json is what CAST AS JSON gives: times are text inside JSON."""
    if kind.name in TIMES:
        return _simple(sql, kind)
    if kind.name == "array" and _has_times(kind):
        return f"list_transform({sql}, LAMBDA j_: {for_json('j_', kind.element)})"
    if kind.name == "row" and _has_times(kind):
        fields = zip(kind.field_names, kind.arguments, strict=True)
        packed = ", ".join(
            f"{quote(n)} := {for_json(f'({sql}).{quote(n)}', part)}" for n, part in fields
        )
        return f"CASE WHEN ({sql}) IS NULL THEN NULL ELSE struct_pack({packed}) END"
    if kind.name == "map" and _has_times(kind):
        key, value = kind.arguments
        keys = f"list_transform(map_keys({sql}), LAMBDA j_: {for_json('j_', key)})"
        return f"map({keys}, list_transform(map_values({sql}), LAMBDA j_: {for_json('j_', value)}))"
    return sql


def _has_times(kind: Type) -> bool:
    return kind.name in TIMES or any(map(_has_times, kind.arguments))
