"""JSON functions. https://trino.io/docs/current/functions/json.html"""

from __future__ import annotations

import re

from local.athena.sql.functions import Call
from local.athena.sql.functions.signatures import Template
from local.athena.sql.translator import Typed
from local.athena.sql.types import BIGINT, JSON, VARCHAR, text

STEP = re.compile(r"""\.([A-Za-z_][\w\-]*)|\[(\d+)\]|\[["']([^"'\]]*)["']\]""")


def path(call: Call, at: int) -> str:
    """A JSON path of names and positions as DuckDB writes it."""
    given = call.constant(at, "a JSON path")
    steps, end = [], 1
    for found in STEP.finditer(given, 1):
        if found.start() != end:
            break
        name, position, quoted = found.groups()
        steps.append(f"[{position}]" if position else f'."{name or quoted}"')
        end = found.end()
    if not given.startswith("$") or end != len(given):
        call.translator.unsupported(call.node, f"The JSON path {given}")
    return text("$" + "".join(steps))


def _source(call: Call) -> str:
    """The value as JSON; text that is not JSON is null, as json_extract has it."""
    if call.type(0) == JSON:
        return call.sql(0)
    return f"TRY(CAST({call.sql(0)} AS JSON))"


def _extract(call: Call) -> Typed:
    return Typed(f"json(json_extract({_source(call)}, {path(call, 1)}))", JSON)


def _scalar(call: Call) -> Typed:
    source, where = _source(call), path(call, 1)
    kind = f"json_type({source}, {where})"
    found = f"json_extract_string({source}, {where})"
    return Typed(f"CASE WHEN {kind} NOT IN ('OBJECT', 'ARRAY') THEN {found} END", VARCHAR)


def _size(call: Call) -> Typed:
    source, where = _source(call), path(call, 1)
    return Typed(
        f"CAST(CASE json_type({source}, {where}) WHEN 'OBJECT'"
        f" THEN len(json_keys({source}, {where})) WHEN 'ARRAY'"
        f" THEN json_array_length({source}, {where}) ELSE 0 END AS BIGINT)",
        BIGINT,
    )


def _array_length(call: Call) -> Typed:
    source = _source(call)
    sql = f"CASE WHEN json_type({source}) = 'ARRAY' THEN json_array_length({source}) END"
    return Typed(f"CAST({sql} AS BIGINT)", BIGINT)


def _array_get(call: Call) -> Typed:
    index = f"CASE WHEN {call.sql(1)} < 0 THEN '#' ELSE '' END || {call.sql(1)}"
    return Typed(f"json_extract({_source(call)}, '$[' || {index} || ']')", JSON)


def _array_contains(call: Call) -> Typed:
    from local.athena.sql.types import BOOLEAN

    items = f"CAST({_source(call)} AS JSON[])"
    return Typed(f"list_contains({items}, to_json({call.sql(1)}))", BOOLEAN)


def _both(template: str, handler: Template) -> dict[str, Template]:
    return {template.replace("J", kind): handler for kind in ("varchar", "json")}


TABLE: dict[str, Template] = {
    **_both("json_extract(J, varchar) -> json", _extract),
    **_both("json_extract_scalar(J, varchar) -> varchar", _scalar),
    **_both("json_size(J, varchar) -> bigint", _size),
    **_both("json_array_length(J) -> bigint", _array_length),
    **_both("json_array_get(J, bigint) -> json", _array_get),
    **_both("json_array_contains(J, varchar) -> boolean", _array_contains),
    **_both("json_array_contains(J, bigint) -> boolean", _array_contains),
    **_both("json_array_contains(J, boolean) -> boolean", _array_contains),
    **_both("is_json_scalar(J) -> boolean", lambda call: _is_scalar(call)),
    "json_parse(varchar) -> json": "json({0})",
    "json_format(json) -> varchar": "CAST({0} AS VARCHAR)",
}


def _is_scalar(call: Call) -> Typed:
    from local.athena.sql.types import BOOLEAN

    return Typed(f"(json_type({_source(call)}) NOT IN ('OBJECT', 'ARRAY'))", BOOLEAN)
