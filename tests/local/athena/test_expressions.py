"""Expressions: each with the answer that Trino's documentation gives, or its rules require."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.local.athena.conftest import Athena

CASES = [
    tuple(line.split(" ==> ", 1))
    for line in (Path(__file__).parent / "expressions.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]
BATCH = 40


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
