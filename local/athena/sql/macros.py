"""What DuckDB lacks of Trino's behaviour, as DuckDB macros; made once per database.

An error is raised by casting a marked text to a number: unlike DuckDB's error() this may stand
inside TRY. `engine` takes the text out of DuckDB's message again.
"""

from __future__ import annotations

MARK = ("trino<", ">trino")
"""What surrounds an error's text."""

_DIGITS = "regexp_full_match(s, '[+-]?[0-9]+')"
_NUMBER = "regexp_full_match(trim(s), '[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?[dDfF]?')"
_DATE = "regexp_full_match(trim(s), '[+-]?[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}')"
_TIMESTAMP = (
    "regexp_full_match(trim(s), '[+-]?[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}"
    "( [0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\\.[0-9]{1,12})?)?)?')"
)
_ISO = (
    "regexp_full_match(s, '[0-9]{4}-[0-9]{2}(-[0-9]{2})?"
    "(T[0-9]{2}(:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?')"
)
_UTC = "regexp_full_match(s, '[^T]*(T[^Z+-]*(Z|[+-]00(:?00)?)?)?')"
_REST = "[89AB]."
_UTF8 = (
    f"[0-7].|(C[2-9A-F]|D.){_REST}|(E0[AB].|E[1-9ABCEF]{_REST}|ED[89].){_REST}"
    f"|(F0[9AB].|F[1-3]{_REST}|F48.){_REST}{_REST}"
)
"""One character in hexadecimal: table 3-7 of the Unicode standard."""
_CUT_OFF = f"E0[AB].|E[1-9ABCEF]{_REST}|ED[89].|(F0[9AB].|F[1-3]{_REST}|F48.)({_REST})?|.."

COMPARED = {"=": "eq", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
"""The macros that compare floating-point numbers as IEEE 754 has it."""

MACROS = {
    "trino_fail(m)": f"CAST('{MARK[0]}' || m || '{MARK[1]}' AS BIGINT)",
    "trino_bad_cast(s, t)": (
        "trino_fail('INVALID_CAST_ARGUMENT: Cannot cast ''' || s || ''' to ' || t)"
    ),
    "trino_bad_value(s, t)": (
        "trino_fail('INVALID_CAST_ARGUMENT: Value cannot be cast to ' || t || ': ' || s)"
    ),
    "trino_from_utf8(b)": (
        f"coalesce(TRY(decode(b)), decode(from_hex(array_to_string(list_transform("
        f"regexp_extract_all(hex(b), '{_UTF8}|{_CUT_OFF}'), LAMBDA c_:"
        f" CASE WHEN regexp_full_match(c_, '{_UTF8}') THEN c_ ELSE 'EFBFBD' END), ''))))"
    ),
    # casts from text
    "trino_integer(s, t)": (
        f"CASE WHEN s IS NULL OR {_DIGITS} THEN s ELSE CAST(trino_bad_cast(s, t) AS VARCHAR) END"
    ),
    "trino_double(s)": (
        f"CASE WHEN s IS NULL THEN NULL WHEN {_NUMBER} THEN CAST(rtrim(trim(s), 'dDfF') AS DOUBLE)"
        " WHEN trim(s) IN ('NaN', 'Infinity', '+Infinity', '-Infinity')"
        " THEN CAST(ltrim(trim(s), '+') AS DOUBLE) ELSE trino_bad_cast(s, 'DOUBLE') END"
    ),
    "trino_boolean(s)": (
        "CASE WHEN s IS NULL THEN NULL WHEN lower(s) IN ('true', 't', '1') THEN TRUE"
        " WHEN lower(s) IN ('false', 'f', '0') THEN FALSE"
        " ELSE CAST(trino_bad_cast(s, 'BOOLEAN') AS BOOLEAN) END"
    ),
    "trino_date(s)": (
        f"CAST(CASE WHEN s IS NULL OR {_DATE} THEN trim(s)"
        " ELSE CAST(trino_bad_value(s, 'date') AS VARCHAR) END AS DATE)"
    ),
    "trino_timestamp(s)": (
        f"CAST(CASE WHEN s IS NULL OR {_TIMESTAMP} THEN trim(s)"
        " ELSE CAST(trino_bad_value(s, 'timestamp') AS VARCHAR) END AS TIMESTAMP)"
    ),
    "trino_zoned(s)": (
        "CASE WHEN s IS NULL THEN NULL ELSE"
        " trino_timestamp(regexp_replace(s, ' [A-Z][A-Za-z/_]*$', ''))"
        " AT TIME ZONE coalesce(nullif(regexp_extract(s, ' ([A-Z][A-Za-z/_]*)$', 1), ''), 'UTC')"
        " END"
    ),
    "trino_json_varchar(j)": (
        "CASE json_type(j) WHEN 'NULL' THEN NULL WHEN 'OBJECT'"
        " THEN CAST(trino_bad_cast(CAST(j AS VARCHAR), 'VARCHAR') AS VARCHAR) WHEN 'ARRAY'"
        " THEN CAST(trino_bad_cast(CAST(j AS VARCHAR), 'VARCHAR') AS VARCHAR) ELSE j ->> '$' END"
    ),
    # Trino lowers a key before it looks for the field; most are in lower case already.
    "trino_json_member(j, n, i)": (
        "CASE WHEN json_type(j) = 'ARRAY' THEN json_extract(j, '$[' || i || ']')"
        " WHEN json_exists(j, '$.\"' || n || '\"') THEN json_extract(j, '$.\"' || n || '\"')"
        " ELSE json_extract(j, '$.\"' || list_filter(json_keys(j), LAMBDA k_: lower(k_) = n)[1]"
        " || '\"') END"
    ),
    # times
    "trino_precision_0(t)": "date_trunc('second', t + INTERVAL 500 MILLISECOND)",
    "trino_precision_1(t)": "time_bucket(INTERVAL 100 MILLISECOND, t + INTERVAL 50 MILLISECOND)",
    "trino_precision_2(t)": "time_bucket(INTERVAL 10 MILLISECOND, t + INTERVAL 5 MILLISECOND)",
    # The fastest that rounds; before 1970 it takes exact halves down, where Trino takes them up.
    "trino_precision_3(t)": "CAST(CAST(t AS TIMESTAMP_MS) AS TIMESTAMP)",
    "trino_precision_4(t)": "time_bucket(INTERVAL 100 MICROSECOND, t + INTERVAL 50 MICROSECOND)",
    "trino_precision_5(t)": "time_bucket(INTERVAL 10 MICROSECOND, t + INTERVAL 5 MICROSECOND)",
    "trino_date_sum(t)": (
        "CASE WHEN t = date_trunc('day', t) THEN CAST(t AS DATE) ELSE CAST(CAST(trino_fail("
        "'INVALID_FUNCTION_ARGUMENT: Cannot add hour, minutes or seconds to a date')"
        " AS VARCHAR) AS DATE) END"
    ),
    "trino_from_unixtime(x)": "make_timestamptz(CAST(round(x * 1000) AS BIGINT) * 1000)",
    "trino_iso(s)": (
        f"CAST(CASE WHEN s IS NULL OR {_ISO} THEN CASE WHEN length(s) = 7 THEN s || '-01'"
        " ELSE replace(s, ',', '.') END ELSE CAST(trino_fail('INVALID_FUNCTION_ARGUMENT: "
        "Invalid format: \"' || s || '\"') AS VARCHAR) END AS TIMESTAMP WITH TIME ZONE)"
    ),
    "trino_iso_utc(s)": (
        f"trino_iso(CASE WHEN s IS NULL OR {_UTC} THEN s ELSE CAST(trino_fail('NOT_SUPPORTED: "
        "The local clock of a timestamp with another offset than UTC is not kept by the local "
        "Athena; use AT TIME ZONE: ' || s) AS VARCHAR) END)"
    ),
    "trino_interval_text(i)": (
        "printf('%s%d %02d:%02d:%02d.%03d', CASE WHEN epoch_ms(i) < 0 THEN '-' ELSE '' END,"
        " abs(epoch_ms(i)) // 86400000, abs(epoch_ms(i)) // 3600000 % 24,"
        " abs(epoch_ms(i)) // 60000 % 60, abs(epoch_ms(i)) // 1000 % 60, abs(epoch_ms(i)) % 1000)"
    ),
    "trino_months_text(i)": (
        "printf('%s%d-%d', CASE WHEN i < INTERVAL 0 MONTH THEN '-' ELSE '' END,"
        " abs(extract(year FROM i)), abs(extract(month FROM i)))"
    ),
    # comparisons with NaN; DuckDB's isnan() trusts a file's statistics, which leave NaN out
    "trino_number(x)": "(isfinite(x) OR isinf(x))",
    **{
        f"trino_{name}(a, b)": (
            f"a {symbol} b AND (trino_number(a) OR b IS NULL) AND (trino_number(b) OR a IS NULL)"
        )
        for symbol, name in COMPARED.items()
    },
    # numbers
    "trino_modulus(a, b)": "CASE WHEN b = 0 THEN CAST('nan' AS DOUBLE) ELSE a % b END",
    "trino_divide(n, d)": (
        "CASE WHEN (n < 0) <> (d < 0) THEN -1 ELSE 1 END * ((2 * abs(n) + abs(d)) // (2 * abs(d)))"
    ),
    "trino_digits(p)": "ltrim(replace(p, '.', ''), '0')",
    "trino_fraction(p)": "coalesce(nullif(rtrim(substr(trino_digits(p), 2), '0'), ''), '0')",
    "trino_exponent(p, e)": (
        "coalesce(TRY_CAST(e AS INTEGER), 0) + length(split_part(p, '.', 1)) - 1"
        " - (length(replace(p, '.', '')) - length(trino_digits(p)))"
    ),
    "trino_scientific(t)": (
        "CASE WHEN t[1] = '-' THEN '-' ELSE '' END"
        " || trino_digits(split_part(ltrim(t, '-'), 'e', 1))[1] || '.'"
        " || trino_fraction(split_part(ltrim(t, '-'), 'e', 1)) || 'E'"
        " || trino_exponent(split_part(ltrim(t, '-'), 'e', 1), split_part(t, 'e', 2))"
    ),
    "trino_double_varchar(x)": (
        "CASE WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity'"
        " ELSE '-Infinity' END WHEN x = 0 THEN CASE WHEN CAST(x AS VARCHAR)[1] = '-' THEN '-0E0'"
        " ELSE '0E0' END ELSE trino_scientific(CAST(x AS VARCHAR)) END"
    ),
    "trino_double_text(x)": (
        "CASE WHEN abs(x) >= 1e-3 AND abs(x) < 1e7 OR x = 0 THEN CAST(x AS VARCHAR)"
        " ELSE trino_double_varchar(x) END"
    ),
    # text
    "trino_trim(s)": "regexp_replace(s, '^\\s+|\\s+$', '', 'g')",
    "trino_substr(s, p)": "CASE WHEN p = 0 OR abs(p) > length(s) THEN '' ELSE substr(s, p) END",
    "trino_substring(s, p, n)": (
        "CASE WHEN p = 0 OR n <= 0 OR abs(p) > length(s) THEN '' ELSE substr(s, p, n) END"
    ),
    "trino_split(s, d, n)": (
        "CASE WHEN len(string_split(s, d)) <= n THEN string_split(s, d) ELSE"
        " list_append(list_slice(string_split(s, d), 1, n - 1),"
        " array_to_string(list_slice(string_split(s, d), n, -1), d)) END"
    ),
    "trino_split_part(s, d, n)": (
        "string_split(s, d)[CASE WHEN n < 1 THEN trino_fail('INVALID_FUNCTION_ARGUMENT: "
        "Index must be greater than zero') ELSE n END]"
    ),
    # Only regexp_extract_all tells a group that took no part from an empty one.
    "trino_regexp_extract(s, p, g)": (
        "CASE WHEN regexp_matches(s, p) THEN coalesce(nullif(regexp_extract(s, p, g), ''),"
        " regexp_extract_all(s, p, g)[1]) END"
    ),
    "trino_hex(b)": "lower(hex(b))",
    "trino_bytes(b)": "rtrim(regexp_replace(lower(hex(b)), '(..)', '\\1 ', 'g'))",
    # arrays and maps
    "trino_subscript(a, i)": (
        "a[CASE WHEN i > len(a) THEN trino_fail('INVALID_FUNCTION_ARGUMENT: Array subscript must "
        "be less than or equal to array length: ' || i || ' > ' || len(a)) WHEN i = 0 THEN "
        "trino_fail('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1') WHEN i < 0 THEN "
        "trino_fail('INVALID_FUNCTION_ARGUMENT: Array subscript is negative: ' || i) ELSE i END]"
    ),
    "trino_element(a, i)": (
        "a[CASE WHEN i = 0 THEN trino_fail('INVALID_FUNCTION_ARGUMENT: SQL array indices start "
        "at 1') ELSE i END]"
    ),
    "trino_lookup(m, k)": (
        "map_extract(m, k)[CASE WHEN m IS NULL OR k IS NULL OR map_contains(m, k) THEN 1 ELSE"
        " trino_fail('INVALID_FUNCTION_ARGUMENT: Key not present in map: ' || k) END]"
    ),
    "trino_join(a, b)": "CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE list_concat(a, b) END",
    "trino_any(a)": (
        "CASE WHEN list_bool_or(a) THEN TRUE WHEN a IS NULL OR len(a) > list_count(a) THEN NULL"
        " ELSE FALSE END"
    ),
    "trino_all(a)": (
        "CASE WHEN NOT list_bool_and(a) THEN FALSE WHEN a IS NULL OR len(a) > list_count(a)"
        " THEN NULL ELSE TRUE END"
    ),
    "trino_overlap(a, b)": (
        "CASE WHEN list_has_any(a, b) THEN TRUE WHEN a IS NULL OR b IS NULL THEN NULL"
        " WHEN len(a) > 0 AND len(b) > 0 AND len(a) + len(b) > list_count(a) + list_count(b)"
        " THEN NULL ELSE FALSE END"
    ),
    "trino_step(a, b, s)": (
        "CASE WHEN s = 0 THEN trino_fail('INVALID_FUNCTION_ARGUMENT: step must not be zero')"
        " WHEN CASE WHEN s > 0 THEN b < a ELSE b > a END THEN trino_fail('INVALID_FUNCTION_ARGUMENT"
        ": sequence stop value should be greater than or equal to start value if step is greater "
        "than zero otherwise stop should be less than or equal to start') ELSE s END"
    ),
    "trino_days(i)": (
        "CASE WHEN epoch_ms(i) % 86400000 = 0 THEN epoch_ms(i) // 86400000 ELSE"
        " trino_fail('INVALID_FUNCTION_ARGUMENT: sequence step must be a day interval if start "
        "and end values are dates') END"
    ),
    "trino_sequence(a)": (
        "list_slice(a, 1, CASE WHEN len(a) > 10000 THEN trino_fail('INVALID_FUNCTION_ARGUMENT: "
        "result of sequence function must not have more than 10000 entries') ELSE len(a) END)"
    ),
    "trino_distinct(a)": "list_filter(a, LAMBDA x_, i_: list_position(a, x_) = i_)",
    "trino_slice(a, p, n)": (
        "CASE WHEN n = 0 OR abs(p) > len(a) THEN list_slice(a, 1, 0) WHEN p < 0 THEN"
        " list_slice(a, len(a) + p + 1, len(a) + p + n) ELSE list_slice(a, p, p + n - 1) END"
    ),
    "trino_first_keys(k, v)": (
        "CASE WHEN k IS NULL THEN NULL ELSE map(trino_distinct(k), list_transform("
        "trino_distinct(k), LAMBDA x_: v[list_position(k, x_)])) END"
    ),
}


def definitions() -> list[str]:
    """The statements that make the macros, in an order in which each finds the others."""
    return [f"CREATE MACRO {head} AS ({body})" for head, body in MACROS.items()]
