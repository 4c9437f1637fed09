"""`headrace query` on a running local AWS."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ENVIRONMENT, Headrace, Place
from tests.conftest import ROOT

ALL = "SELECT carrier, distance, delay, price FROM flight ORDER BY distance"
FOOTER = r"[\d.]+ K?B scanned in [\d.]+ s; costs \$0\.000048 on AWS\.\n"


def test_a_table_has_numbers_to_the_right_and_its_cost_beside_it(headrace: Headrace) -> None:
    done = headrace("query", ALL)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "carrier  distance  delay  price",
        "B6              7   -3.0   0.05",
        "UA             12   null   null",
        "UA            100    1.5  10.50",
        "UA           null   null   null",
    ]
    assert re.fullmatch(FOOTER, done.stderr)


def test_json_has_typed_values(headrace: Headrace) -> None:
    done = headrace("query", f"{ALL} LIMIT 2", "--json")
    assert json.loads(done.stdout) == [
        {"carrier": "B6", "distance": 7, "delay": -3.0, "price": 0.05},
        {"carrier": "UA", "distance": 12, "delay": None, "price": None},
    ]
    assert re.fullmatch(FOOTER, done.stderr)


def test_csv_has_a_header(headrace: Headrace, tmp_path: Path) -> None:
    sql = tmp_path / "q.sql"
    sql.write_text(f"{ALL} LIMIT 1")
    done = headrace("query", "--file", str(sql), "--csv")
    assert done.stdout == "carrier,distance,delay,price\nB6,7,-3.0,0.05\n"


def test_parameters_are_literals_for_the_question_marks(headrace: Headrace) -> None:
    sql = "SELECT count(*) AS n FROM flight WHERE carrier = ? AND distance > ?"
    done = headrace("query", sql, "--param", "'UA'", "--param", "12", "--json")
    assert (done.stderr.count("\n"), json.loads(done.stdout)) == (1, [{"n": 1}])


def test_a_named_query_is_found_by_its_name(headrace: Headrace) -> None:
    done = headrace("query", "--name", "by_carrier", "--json")
    assert json.loads(done.stdout) == [
        {"carrier": "UA", "flights": 3},
        {"carrier": "B6", "flights": 1},
    ]


def test_one_day_reads_less_than_all_days(headrace: Headrace) -> None:
    def scanned(sql: str) -> str:
        return headrace("query", sql).stderr.split(" scanned")[0]

    day = scanned("SELECT carrier FROM flight WHERE event_date = '2013-01-01'")
    every = scanned("SELECT carrier FROM flight")
    assert day != every


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, r'Give one of "SQL", --file FILE or --name NAMED\.'),
        (["SELECT 1", "--name", "x"], 2, r'Give one of "SQL", --file FILE or --name NAMED\.'),
        (["SELECT 1", "--json", "--csv"], 2, r"Give one of --json and --csv\."),
        (
            ["--file", "/none.sql"],
            1,
            r"Cannot read /none\.sql: No such file or directory\. Give a file that holds SQL\.",
        ),
        (
            ["--name", "nope"],
            1,
            r"There is no query named 'nope' in this environment's workgroup; "
            r"there are: by_carrier\.",
        ),
        (["SELEC 1"], 1, r"Athena refuses the query: line 1:1: mismatched input .*"),
        (
            ["SELECT * FROM nothing"],
            1,
            r"The query failed in Athena: TABLE_NOT_FOUND: .*clitest\.nothing' does not exist.*",
        ),
        (
            ["SELECT 1", "--env", "nowhere"],
            1,
            r"There is no stack for the lake in environment 'nowhere' .*",
        ),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(
    headrace: Headrace, arguments: list[str], code: int, sentence: str
) -> None:
    done = headrace("query", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert re.fullmatch(rf"headrace: {sentence}\n", done.stderr)


def test_a_reader_that_goes_away_is_no_reason_to_complain(place: Place) -> None:
    sql = "SELECT * FROM UNNEST(sequence(1, 5000)) AS t(n)"
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", "query", sql, "--csv", "--env", ENVIRONMENT],
        cwd=ROOT,
        env=place.aws.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == b"n\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def on_a_terminal(place: Place, sql: str, **env: str) -> str:
    """What a terminal of 80 columns gets."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", "query", sql, "--env", ENVIRONMENT],
        cwd=ROOT,
        env=place.aws.env | {"TERM": "xterm", "COLUMNS": "80"} | env,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.wait(30) == 0
    shown = os.read(ours, 1 << 16).decode().replace("\r\n", "\n")
    os.close(ours)
    os.close(theirs)
    return shown


def test_a_terminal_has_dim_nulls_and_no_color_is_honoured(place: Place) -> None:
    sql = "SELECT carrier, distance FROM flight WHERE distance IS NULL"
    assert "\x1b[2m    null\x1b[0m" in on_a_terminal(place, sql)
    plain = on_a_terminal(place, sql, NO_COLOR="1", TERM="dumb")
    assert plain.splitlines() == ["carrier  distance", "UA           null"]


def test_what_is_wider_than_the_terminal_is_a_line_per_value(place: Place) -> None:
    sql = f"SELECT 1 AS one, '{'x' * 90}' AS wide"
    assert on_a_terminal(place, sql, TERM="dumb").splitlines() == [
        "row 1",
        "  one   1",
        f"  wide  {'x' * 90}",
    ]
