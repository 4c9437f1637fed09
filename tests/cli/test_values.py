"""Athena's texts as values, values as table, JSON and CSV."""

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest

from cli import answers
from cli.athena import Answer, Column
from cli.values import Value, reader


def answer(columns: dict[str, str], rows: list[list[Value]]) -> Answer:
    return Answer(
        columns=[Column(name, kind) for name, kind in columns.items()],
        rows=iter(rows),
        scanned_bytes=0,
        seconds=0.0,
        cost=0.0,
    )


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("bigint", "9223372036854775807", 9223372036854775807),
        ("tinyint", "-1", -1),
        ("integer", "7", 7),
        ("double", "1.5", 1.5),
        ("double", "1.0E10", 1e10),
        ("float", "NaN", "NaN"),
        ("double", "-Infinity", "-Infinity"),
        ("decimal", "12345678901234567890.10", Decimal("12345678901234567890.10")),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("varchar", "1", "1"),
        ("varchar", "", ""),
        ("timestamp", "2013-01-01 05:15:00.000", "2013-01-01 05:15:00.000"),
        ("date", "2013-01-01", "2013-01-01"),
        ("array", "[1, 2]", "[1, 2]"),
        ("row", "{a=1}", "{a=1}"),
        ("json", '{"a": [1, null]}', {"a": [1, None]}),
        ("json", "{a=1}", "{a=1}"),
    ],
)
def test_a_text_becomes_the_value_of_its_type(kind: str, text: str, value: Value) -> None:
    read = reader(kind)(text)
    assert (type(read), read) == (type(value), value)


def test_json_is_one_array_of_typed_objects_an_object_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [[1, "a\nb", None, Decimal("0.10")], [2, "é", True, Decimal(3)]]
    answers.as_json(answer(dict.fromkeys("abcd", "varchar"), rows))
    out = capsys.readouterr().out
    assert out == ('[{"a":1,"b":"a\\nb","c":null,"d":0.10},\n {"a":2,"b":"é","c":true,"d":3}]\n')
    assert len(json.loads(out)) == 2


def test_json_of_no_rows_is_an_empty_array(capsys: pytest.CaptureFixture[str]) -> None:
    answers.as_json(answer({"a": "bigint"}, []))
    assert capsys.readouterr().out == "[]\n"


def test_columns_of_one_name_keep_all_their_values() -> None:
    assert answers.unique(["a", "a", "b", "a", "a_2"]) == ["a", "a_2", "b", "a_3", "a_2_2"]


def test_csv_has_a_header_and_an_empty_field_for_null(capsys: pytest.CaptureFixture[str]) -> None:
    answers.as_csv(answer({"a": "bigint", "b": "varchar"}, [[1, 'x,"y"'], [None, True]]))
    assert capsys.readouterr().out == 'a,b\n1,"x,""y"""\n,true\n'


def test_a_table_puts_numbers_to_the_right_and_cuts_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wide = "w" * 100
    whole = answers.as_table(
        answer({"name": "varchar", "n": "bigint"}, [["a", 5], [None, 1234], [wide, 1]])
    )
    assert whole
    assert capsys.readouterr().out.splitlines() == [
        f"{'name':100}     n",
        f"{'a':100}     5",
        f"{'null':100}  1234",
        f"{wide}     1",
    ]


def test_a_payload_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    answers.as_table(answer({"a": "varchar"}, [["\x1b[2J[bold]x[/bold]\r\n"]]))
    assert capsys.readouterr().out.splitlines()[1] == "\\x1b[2J[bold]x[/bold]\\r\\n"


def test_a_long_table_says_that_rows_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    many: Iterator[list[Value]] = ([n] for n in range(answers.SHOWN + 1))
    shown = answer({"n": "bigint"}, [])
    assert not answers.as_table(
        Answer(columns=shown.columns, rows=many, scanned_bytes=0, seconds=0.0, cost=0.0)
    )
    assert len(capsys.readouterr().out.splitlines()) == answers.SHOWN + 1
