"""Expressions: each with the answer that Trino's documentation gives, or its rules require."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.local.athena.conftest import Athena

HERE = Path(__file__).parent
BATCH = 40


def table(name: str) -> list[tuple[str, str]]:
    """The lines `sql ==> expected` of a file."""
    lines = [line.partition(" ==> ") for line in (HERE / name).read_text().splitlines()]
    return [(sql, expected) for sql, arrow, expected in lines if arrow]


CASES = table("expressions.txt")
SELECTS = table("selects.txt")


def test_expressions_have_the_values_that_trino_gives(athena: Athena) -> None:
    assert len(CASES) > 200
    wrong = {}
    for start in range(0, len(CASES), BATCH):
        part = CASES[start : start + BATCH]
        answer = athena.ask(f"SELECT {', '.join(sql for sql, _ in part)}")
        for (sql, expected), cell in zip(part, answer.rows[0], strict=True):
            shown = "NULL" if cell is None else cell
            if shown != expected:
                wrong[sql] = (shown, expected)
    assert wrong == {}


def test_queries_over_values_have_the_rows_that_trino_gives(athena: Athena) -> None:
    assert len(SELECTS) > 100
    wrong = {}
    for sql, expected in SELECTS:
        found = athena.ask(sql).rows
        if found != ast.literal_eval(expected):
            wrong[sql] = (found, expected)
    assert wrong == {}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM (VALUES 1) t (a) FOR UPDATE",
        "SELECT a FROM (VALUES 1) t (a) LIMIT 1 BY a",
        "SELECT DISTINCT ON (a) a FROM (VALUES 1) t (a)",
        "SELECT * EXCEPT (a) FROM (VALUES (1, 2)) t (a, b)",
        "SELECT a FROM (VALUES 1) t (a) GROUP BY ALL",
        "SELECT a ILIKE 'x' FROM (VALUES 'x') t (a)",
        "SELECT 1 BETWEEN SYMMETRIC 2 AND 0",
        "SELECT a[1:2] FROM (VALUES ARRAY[1, 2]) t (a)",
        "SELECT 1 << 2",
        "SELECT 5 & 3",
        "SELECT 'a' 'b'",
        "SELECT 1 IS FALSE",
        "SELECT * FROM (SELECT 1 AS a) x ASOF JOIN (SELECT 1 AS a) y ON x.a = y.a",
        "SELECT * FROM (SELECT 1 AS a) x LEFT SEMI JOIN (SELECT 1 AS a) y ON x.a = y.a",
        "SELECT sum(a) OVER (w ORDER BY a) FROM (VALUES 1) t (a) WINDOW w AS (PARTITION BY a)",
        "SELECT a FROM (VALUES 1) t (a) UNION BY NAME SELECT 1",
        "SELECT a FROM (VALUES 1) t (a) LATERAL VIEW explode(ARRAY[1]) x AS y",
        "SELECT * FROM (VALUES (1, 2)) t (a, b) MATCH_RECOGNIZE (PARTITION BY a ORDER BY b "
        "MEASURES b AS m PATTERN (X) DEFINE X AS b > 0)",
        "SELECT array_sort(ARRAY[1], (a, b) -> 1)",
        "SELECT date_format(current_date, x) FROM (VALUES '%Y') t (x)",
        "SELECT json_extract('{}', '$..a')",
    ],
)
def test_what_is_not_translated_is_refused_and_never_overlooked(athena: Athena, sql: str) -> None:
    assert athena.reason(sql).startswith("NOT_SUPPORTED: line 1:")


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("1", "integer"),
        ("3000000000", "bigint"),
        ("1.5", "decimal"),
        ("1e0", "double"),
        ("CAST(1 AS real)", "float"),
        ("'a'", "varchar"),
        ("true", "boolean"),
        ("DATE '2024-01-01'", "date"),
        ("TIMESTAMP '2024-01-01 00:00:00'", "timestamp"),
        ("now()", "timestamp with time zone"),
        ("ARRAY[1]", "array"),
        ("MAP(ARRAY[1], ARRAY[2])", "map"),
        ("ROW(1, 2)", "row"),
        ("JSON '{}'", "json"),
        ("x'ff'", "varbinary"),
        ("INTERVAL '1' DAY", "interval day to second"),
    ],
)
def test_a_column_has_the_type_name_that_athena_uses(athena: Athena, sql: str, kind: str) -> None:
    assert athena.ask(f"SELECT {sql}").types == [kind]


DIRECTION = (
    "sequence stop value should be greater than or equal to start value if step is greater than "
    "zero otherwise stop should be less than or equal to start"
)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("date_diff('hour', DATE '2024-01-01', DATE '2024-01-02')", "'hour' is not a valid DATE"),
        ("date_trunc('minute', DATE '2024-01-01')", "'minute' is not a valid DATE field"),
        ("date_add('second', 1, DATE '2024-01-01')", "'second' is not a valid DATE field"),
        ("date_trunc('x', now())", "'x' is not a valid Timestamp field"),
        ("sequence(1, 5, -1)", DIRECTION),
        ("sequence(DATE '2024-02-01', DATE '2024-01-01', INTERVAL '1' MONTH)", DIRECTION),
        ("sequence(1, 5, 0)", "step must not be zero"),
        (
            "sequence(DATE '2024-01-01', DATE '2024-01-03', INTERVAL '36' HOUR)",
            "sequence step must be a day interval if start and end values are dates",
        ),
        ("sequence(0, 10000)", "result of sequence function must not have more than 10000 entries"),
    ],
)
def test_an_argument_that_trino_does_not_take_fails(athena: Athena, sql: str, message: str) -> None:
    reason = athena.reason(f"SELECT {sql}")
    assert (reason.partition(":")[0], message in reason) == ("INVALID_FUNCTION_ARGUMENT", True)
