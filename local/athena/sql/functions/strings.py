"""String, binary and regular expression functions.

https://trino.io/docs/current/functions/string.html, binary.html, regexp.html, url.html.
Patterns are RE2's here and Java's in Athena: look-around and back-references are refused.
"""

from __future__ import annotations

import re

from local.athena.sql.functions import Call
from local.athena.sql.functions.signatures import Template
from local.athena.sql.rendering import as_text
from local.athena.sql.translator import Typed
from local.athena.sql.types import VARCHAR, Type, text

JAVA_GROUP = re.compile(r"\\(.)|\$(\d)|\$\{(\w+)\}|(\$)")
SPECIFIER = re.compile(
    r"%(?P<flags>[-,0+ ]*)(?P<width>\d+)?(?:\.(?P<digits>\d+))?(?P<kind>[a-zA-Z%])"
)


def _replacement(call: Call, java: str) -> str:
    """Java's `$1` as RE2's `\\1`."""

    def group(found: re.Match[str]) -> str:
        escaped, number, name, bare = found.groups()
        if name or bare:
            call.translator.unsupported(call.node, f"The replacement {java}")
        if number:
            return f"\\{number}"
        return "\\\\" if escaped == "\\" else escaped

    return JAVA_GROUP.sub(group, java)


def _regexp_replace(call: Call) -> Typed:
    by = ""
    if len(call.nodes) == 3:
        by = _replacement(call, call.constant(2, "a replacement"))
    return Typed(f"regexp_replace({call.sql(0)}, {call.sql(1)}, {text(by)}, 'g')", VARCHAR)


def _format(call: Call) -> Typed:
    """format('%s is %,.2f', …), Java's, for the conversions that analysts use."""
    pattern = call.constant(0, "a format")
    pieces, start, used = [], 0, 0
    for found in SPECIFIER.finditer(pattern):
        pieces.append(text(pattern[start : found.start()]))
        start = found.end()
        if found["kind"] in "%n":
            pieces.append(text({"%": "%", "n": "\n"}[found["kind"]]))
            continue
        used += 1
        if used >= len(call.nodes):
            message = f"Format specifier '{found[0]}'"
            call.translator.fail("INVALID_FUNCTION_ARGUMENT", message, call.node)
        pieces.append(_specified(call, found, call.sql(used), call.type(used)))
    pieces.append(text(pattern[start:]))
    return Typed("(" + " || ".join(piece for piece in pieces if piece != "''") + " || '')", VARCHAR)


def _specified(call: Call, found: re.Match[str], sql: str, kind: Type) -> str:
    flags, width = found["flags"], found["width"]
    if found["kind"] == "s":
        shown = as_text(sql, kind)
    elif found["kind"] == "d" and kind.is_integer:
        shown = f"format('{{:,}}', {sql})" if "," in flags else f"CAST({sql} AS VARCHAR)"
    elif found["kind"] == "f" and kind.is_numeric:
        digits = int(found["digits"] or 6)
        shown = f"CAST(CAST(round({sql}, {digits}) AS DECIMAL(38, {digits})) AS VARCHAR)"
        if "," in flags:
            grouped = f"format('{{:,}}', CAST(split_part({shown}, '.', 1) AS BIGINT))"
            shown = f"{grouped} || substr({shown}, length(split_part({shown}, '.', 1)) + 1)"
    elif found["kind"] == "x" and kind.is_integer:
        shown = f"lower(to_hex({sql}))"
    else:
        call.translator.unsupported(call.node, f"The format specifier {found[0]} of {kind}")
    if "+" in flags or " " in flags:
        call.translator.unsupported(call.node, f"The format specifier {found[0]}")
    if width is None:
        return f"coalesce({shown}, 'null')"
    side, fill = ("rpad", " ") if "-" in flags else ("lpad", "0" if "0" in flags else " ")
    return f"{side}({shown}, CAST(greatest({width}, length({shown})) AS INTEGER), '{fill}')"


TABLE: dict[str, Template] = {
    "chr(bigint) -> varchar": "chr(CAST({0} AS INTEGER))",
    "codepoint(varchar) -> integer": "unicode({0})",
    "concat(varchar, varchar...) -> varchar": lambda call: _joined(call),
    "concat_ws(varchar, array(varchar)) -> varchar": "array_to_string({1}, {0})",
    "concat_ws(varchar, varchar...) -> varchar": "concat_ws({all})",
    "format(varchar, ANY...) -> varchar": _format,
    "hamming_distance(varchar, varchar) -> bigint": "CAST(hamming({0}, {1}) AS BIGINT)",
    "length(varchar) -> bigint": "length({0})",
    "length(varbinary) -> bigint": "octet_length({0})",
    "levenshtein_distance(varchar, varchar) -> bigint": "CAST(levenshtein({0}, {1}) AS BIGINT)",
    "lower(varchar) -> varchar": "lower({0})",
    "upper(varchar) -> varchar": "upper({0})",
    "lpad(varchar, bigint, varchar) -> varchar": "lpad({0}, CAST({1} AS INTEGER), {2})",
    "rpad(varchar, bigint, varchar) -> varchar": "rpad({0}, CAST({1} AS INTEGER), {2})",
    "trim(varchar) -> varchar": "trino_trim({0})",
    "ltrim(varchar) -> varchar": "regexp_replace({0}, '^\\s+', '')",
    "rtrim(varchar) -> varchar": "regexp_replace({0}, '\\s+$', '')",
    "trim(varchar, varchar) -> varchar": "trim({0}, {1})",
    "ltrim(varchar, varchar) -> varchar": "ltrim({0}, {1})",
    "rtrim(varchar, varchar) -> varchar": "rtrim({0}, {1})",
    "replace(varchar, varchar) -> varchar": "replace({0}, {1}, '')",
    "replace(varchar, varchar, varchar) -> varchar": "replace({0}, {1}, {2})",
    "reverse(varchar) -> varchar": "reverse({0})",
    "split(varchar, varchar) -> array(varchar)": "string_split({0}, {1})",
    "split(varchar, varchar, bigint) -> array(varchar)": "trino_split({0}, {1}, {2})",
    "split_part(varchar, varchar, bigint) -> varchar": "trino_split_part({0}, {1}, {2})",
    "split_to_map(varchar, varchar, varchar) -> map(varchar, varchar)": (
        "map(list_transform(string_split({0}, {1}), LAMBDA p_: split_part(p_, {2}, 1)),"
        " list_transform(string_split({0}, {1}), LAMBDA p_: split_part(p_, {2}, 2)))"
    ),
    "starts_with(varchar, varchar) -> boolean": "starts_with({0}, {1})",
    "strpos(varchar, varchar) -> bigint": "strpos({0}, {1})",
    "substr(varchar, bigint) -> varchar": "trino_substr({0}, {1})",
    "substr(varchar, bigint, bigint) -> varchar": "trino_substring({0}, {1}, {2})",
    "substring(varchar, bigint) -> varchar": "trino_substr({0}, {1})",
    "substring(varchar, bigint, bigint) -> varchar": "trino_substring({0}, {1}, {2})",
    "translate(varchar, varchar, varchar) -> varchar": "translate({0}, {1}, {2})",
    "from_utf8(varbinary) -> varchar": "trino_from_utf8({0})",
    "to_utf8(varchar) -> varbinary": "encode({0})",
    "from_hex(varchar) -> varbinary": "from_hex({0})",
    "to_hex(varbinary) -> varchar": "hex({0})",
    "from_base64(varchar) -> varbinary": "from_base64({0})",
    "to_base64(varbinary) -> varchar": "to_base64({0})",
    "md5(varbinary) -> varbinary": "from_hex(md5({0}))",
    "sha1(varbinary) -> varbinary": "from_hex(sha1({0}))",
    "sha256(varbinary) -> varbinary": "from_hex(sha256({0}))",
    "uuid() -> uuid": "uuid()",
    "regexp_like(varchar, varchar) -> boolean": "regexp_matches({0}, {1})",
    "regexp_count(varchar, varchar) -> bigint": "len(regexp_extract_all({0}, {1}))",
    "regexp_extract(varchar, varchar) -> varchar": "trino_regexp_extract({0}, {1}, 0)",
    "regexp_extract(varchar, varchar, bigint) -> varchar": lambda call: _group(
        call, "trino_regexp_extract", VARCHAR
    ),
    "regexp_extract_all(varchar, varchar) -> array(varchar)": "regexp_extract_all({0}, {1})",
    "regexp_extract_all(varchar, varchar, bigint) -> array(varchar)": lambda call: _group(
        call, "regexp_extract_all", Type("array", (VARCHAR,))
    ),
    "regexp_replace(varchar, varchar) -> varchar": _regexp_replace,
    "regexp_replace(varchar, varchar, varchar) -> varchar": _regexp_replace,
    "regexp_split(varchar, varchar) -> array(varchar)": "regexp_split_to_array({0}, {1})",
    "url_encode(varchar) -> varchar": "replace(url_encode({0}), '%20', '+')",
    "url_decode(varchar) -> varchar": "url_decode(replace({0}, '+', ' '))",
    "url_extract_protocol(varchar) -> varchar": (
        "regexp_extract({0}, '^([A-Za-z][A-Za-z0-9+.-]*):', 1)"
    ),
    "url_extract_host(varchar) -> varchar": (
        "regexp_extract({0}, '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:]*)', 1)"
    ),
    "url_extract_path(varchar) -> varchar": (
        "url_decode(regexp_extract({0}, '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^?#]*)', 1))"
    ),
    "url_extract_query(varchar) -> varchar": "url_decode(regexp_extract({0}, '\\?([^#]*)', 1))",
    "url_extract_parameter(varchar, varchar) -> varchar": (
        "CASE WHEN regexp_matches({0}, '[?&]' || {1} || '(=|&|#|$)')"
        " THEN url_decode(regexp_extract({0}, '[?&]' || {1} || '=([^&#]*)', 1)) END"
    ),
}


def _joined(call: Call) -> Typed:
    return Typed(f"({' || '.join(call.sql(at) for at in range(len(call.nodes)))})", VARCHAR)


def _group(call: Call, function: str, kind: Type) -> Typed:
    """RE2's functions in DuckDB want the number of the group as a constant."""
    group = int(call.constant(2, "a group"))
    return Typed(f"{function}({call.sql(0)}, {call.sql(1)}, {group})", kind)
