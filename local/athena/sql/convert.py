"""Casts, explicit and implied, with Trino's rules about what may become what."""

from __future__ import annotations

from sqlglot import exp

from local.athena.sql.translator import Translator, Typed, translates
from local.athena.sql.types import (
    INTEGERS,
    JSON,
    VARCHAR,
    Type,
    array,
    common,
    map_of,
    parse,
    quote,
    text,
)

NUMBERS = {*INTEGERS, "real", "double", "decimal"}

# What each type may be cast to, besides itself.
CASTS: dict[str, set[str]] = {
    **{name: NUMBERS | {"varchar", "char", "boolean", "json"} for name in NUMBERS},
    "boolean": NUMBERS | {"varchar", "char", "json"},
    "varchar": NUMBERS
    | {"char", "boolean", "date", "time", "timestamp", "timestamp with time zone", "json", "uuid"}
    | {"varbinary", "interval day to second"},
    "char": {"varchar", "json"},
    "date": {"varchar", "char", "timestamp", "timestamp with time zone", "json"},
    "time": {"varchar", "timestamp", "json"},
    "timestamp": {"varchar", "char", "date", "time", "timestamp with time zone", "json"},
    "timestamp with time zone": {"varchar", "char", "date", "time", "timestamp"},
    "json": NUMBERS | {"varchar", "boolean", "array", "map", "row"},
    "array": {"json"},
    "map": {"json"},
    "row": {"json"},
    "uuid": {"varchar"},
    "interval day to second": {"varchar"},
    "interval year to month": {"varchar"},
}


@translates(exp.Cast, exp.TryCast)
def cast(translator: Translator, node: exp.Cast | exp.TryCast) -> Typed:
    value = translator.expression(node.this)
    wanted = declared(translator, node)
    if not castable(value.type, wanted):
        translator.fail("TYPE_MISMATCH", f"Cannot cast {value.type} to {wanted}", node)
    if isinstance(node.this, exp.Literal) and _is_zoned_literal(node, wanted):
        return zoned_literal(node.this.name, wanted)
    sql = convert(value.sql, value.type, wanted)
    return Typed(f"TRY({sql})" if isinstance(node, exp.TryCast) else sql, wanted)


def declared(translator: Translator, node: exp.Cast | exp.TryCast) -> Type:
    """The type a cast names."""
    spelled = node.args["to"].sql(dialect="trino")
    try:
        return parse(spelled)
    except ValueError:
        translator.fail("TYPE_NOT_FOUND", f"Unknown type: {spelled.lower()}", node)


def castable(source: Type, wanted: Type) -> bool:
    """Whether Trino has a cast from one to the other."""
    if source.name == "unknown":
        return True
    if source.name == wanted.name:
        return len(source.arguments) == len(wanted.arguments) and all(
            castable(one, other)
            for one, other in zip(source.arguments, wanted.arguments, strict=True)
        )
    return wanted.name in CASTS.get(source.name, set())


def convert(sql: str, source: Type, wanted: Type) -> str:
    """The SQL that makes a value of one type one of another, as Trino does it."""
    if source == wanted:
        return sql
    if source.name == "unknown":
        return f"CAST({sql} AS {wanted.duckdb})"
    special = SPECIAL.get((source.name, wanted.name)) or SPECIAL.get((source.name, "*"))
    if special is None:
        special = SPECIAL.get(("*", wanted.name))
    return special(sql, source, wanted) if special else f"CAST({sql} AS {wanted.duckdb})"


def coerce(value: Typed, wanted: Type) -> str:
    """A value where another type is wanted, when Trino converts it unasked."""
    return convert(value.sql, value.type, wanted)


def unify(
    translator: Translator, values: list[Typed], node: exp.Expr, what: str
) -> tuple[Type, list[str]]:
    """The type that all values share, and the values in it; TYPE_MISMATCH when there is none."""
    shared = values[0].type
    for value in values[1:]:
        wider = common(shared, value.type)
        if wider is None:
            translator.fail("TYPE_MISMATCH", f"{what}: {shared} vs {value.type}", node)
        shared = wider
    return shared, [coerce(value, shared) for value in values]


def _integer(sql: str, source: Type, wanted: Type) -> str:
    if source.name == "varchar":
        return f"CAST(trino_integer({sql}, {text(str(wanted).upper())}) AS {wanted.duckdb})"
    if source.name in ("real", "double"):
        return f"CAST(round({sql}) AS {wanted.duckdb})"
    return f"CAST({sql} AS {wanted.duckdb})"


def _varchar(sql: str, source: Type, wanted: Type) -> str:
    from local.athena.sql.rendering import as_varchar

    shown = sql if source.is_text else as_varchar(sql, source)
    if wanted.name == "char":
        return f"rpad({shown}, {wanted.precision}, ' ')"
    if wanted.precision == VARCHAR.precision or (source.precision or 0) == wanted.precision:
        return shown
    return f"substr({shown}, 1, {wanted.precision})"


def _rounded(sql: str, wanted: Type) -> str:
    """A timestamp or time to the digits its type has."""
    if (wanted.precision or 0) >= 6:
        return sql
    return f"trino_precision_{wanted.precision}({sql})"


def _timestamp(sql: str, source: Type, wanted: Type) -> str:
    if source.name == "timestamp with time zone":
        return _rounded(local(Typed(sql, source)), wanted)
    if (source.precision or 0) <= (wanted.precision or 0) and source.name == "timestamp":
        return sql
    return _rounded(f"CAST({sql} AS TIMESTAMP)", wanted)


def _zoned(sql: str, source: Type, _: Type) -> str:
    if source.name == "timestamp with time zone":
        return sql
    return f"CAST({sql} AS TIMESTAMP WITH TIME ZONE)"


def _date(sql: str, source: Type, _: Type) -> str:
    value = local(Typed(sql, source)) if source.name == "timestamp with time zone" else sql
    return f"CAST({value} AS DATE)"


def _row(sql: str, source: Type, wanted: Type) -> str:
    """Rows convert field by field, by position; DuckDB's own cast goes by name."""
    fields = ", ".join(
        f"{quote(new)} := {convert(f'({sql}).{quote(old)}', one, other)}"
        for old, new, one, other in zip(
            source.field_names, wanted.field_names, source.arguments, wanted.arguments, strict=True
        )
    )
    return f"CASE WHEN ({sql}) IS NULL THEN NULL ELSE struct_pack({fields}) END"


def _array(sql: str, source: Type, wanted: Type) -> str:
    item = convert("e_", source.element, wanted.element)
    return f"list_transform({sql}, LAMBDA e_: {item})"


def _map(sql: str, source: Type, wanted: Type) -> str:
    keys = _array(f"map_keys({sql})", array(source.arguments[0]), array(wanted.arguments[0]))
    values = _array(f"map_values({sql})", array(source.arguments[1]), array(wanted.arguments[1]))
    return f"CASE WHEN ({sql}) IS NULL THEN NULL ELSE map({keys}, {values}) END"


def _to_json(sql: str, source: Type, _: Type) -> str:
    from local.athena.sql.rendering import for_json

    return f"to_json({for_json(sql, source)})"


def _from_json(sql: str, _: Type, wanted: Type) -> str:
    if wanted.name == "varchar":
        return f"trino_json_varchar({sql})"
    if not wanted.arguments:
        return convert(f"trino_json_varchar({sql})", VARCHAR, wanted)
    if wanted.name == "array":
        made = _array(f"CAST({sql} AS JSON[])", array(JSON), wanted)
    elif wanted.name == "map":
        made = _map(f"CAST({sql} AS MAP(VARCHAR, JSON))", map_of(VARCHAR, JSON), wanted)
    else:
        return _json_row(sql, wanted)
    return f"CASE WHEN {_is_there(sql)} THEN {made} END"


def _is_there(sql: str) -> str:
    return f"coalesce(json_type({sql}), 'NULL') <> 'NULL'"


def _json_row(sql: str, wanted: Type) -> str:
    """The fields of a row: by name out of an object, by place out of an array.

    A list of one gives the value, and then its members, a name: what rows in rows and the casts
    of the fields say several times is worked out once.
    """
    fields = list(zip(wanted.field_names, wanted.arguments, strict=True))
    members = ", ".join(
        f"{quote(name)} := trino_json_member(r_, {text(name)}, {at})"
        for at, (name, _) in enumerate(fields)
    )
    made = ", ".join(
        f"{quote(name)} := {convert(f'm_.{quote(name)}', JSON, kind)}" for name, kind in fields
    )
    found = f"CASE WHEN {_is_there('r_')} THEN struct_pack({members}) END"
    found = f"list_transform([{sql}], LAMBDA r_: {found})"
    made = f"CASE WHEN m_ IS NOT NULL THEN struct_pack({made}) END"
    return f"list_transform({found}, LAMBDA m_: {made})[1]"


SPECIAL = {
    **{("*", name): _integer for name in INTEGERS},
    ("*", "varchar"): _varchar,
    ("*", "char"): _varchar,
    ("varchar", "date"): lambda sql, _, __: f"trino_date({sql})",
    ("varchar", "timestamp"): lambda sql, _, to: _rounded(f"trino_timestamp({sql})", to),
    ("varchar", "timestamp with time zone"): lambda sql, _, __: f"trino_zoned({sql})",
    ("varchar", "boolean"): lambda sql, _, __: f"trino_boolean({sql})",
    ("varchar", "double"): lambda sql, _, __: f"trino_double({sql})",
    ("varchar", "varbinary"): lambda sql, _, __: f"encode({sql})",
    ("*", "timestamp"): _timestamp,
    ("*", "timestamp with time zone"): _zoned,
    ("*", "date"): _date,
    ("*", "json"): _to_json,
    ("json", "*"): _from_json,
    ("row", "row"): _row,
    ("array", "array"): _array,
    ("map", "map"): _map,
}


def local(value: Typed) -> str:
    """The wall clock of a timestamp with time zone, where it is shown."""
    return f"({value.sql} AT TIME ZONE {text(value.type.zone or 'UTC')})"


def _is_zoned_literal(node: exp.Cast | exp.TryCast, wanted: Type) -> bool:
    return wanted.name == "timestamp with time zone" and isinstance(node.this, exp.Literal)


def zoned_literal(value: str, wanted: Type) -> Typed:
    """`TIMESTAMP '2020-01-01 00:00:00 Europe/Paris'` keeps its zone."""
    moment, _, zone = value.strip().rpartition(" ")
    name = "UTC" if zone in ("UTC", "Z", "+00:00") else zone
    kind = Type(wanted.name, precision=wanted.precision, zone=None if name == "UTC" else name)
    return Typed(f"(trino_timestamp({text(moment)}) AT TIME ZONE {text(name)})", kind)
