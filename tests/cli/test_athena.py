"""The life of a query, against a scripted Athena."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.athena import Column, Database
from cli.errors import WrongQuery
from cli.prices import query_cost
from cli.stacks import Lake

LAKE = Lake(bucket_name="b", database_name="headrace_dev", work_group_name="headrace-dev")


def page(rows: list[list[str | None]], token: str | None = None) -> dict[str, Any]:
    data = [
        {"Data": [{} if text is None else {"VarCharValue": text} for text in row]} for row in rows
    ]
    columns = [{"Name": "n", "Type": "bigint"}, {"Name": "t", "Type": "varchar"}]
    answer: dict[str, Any] = {
        "ResultSet": {"Rows": data, "ResultSetMetadata": {"ColumnInfo": columns}}
    }
    return answer | ({"NextToken": token} if token else {})


class Athena:
    """Runs each query through `states`, then answers `pages`."""

    def __init__(
        self,
        states: list[dict[str, Any]],
        pages: dict[str | None, dict[str, Any]] | None = None,
        kind: str = "DML",
    ) -> None:
        self.states, self.pages, self.kind = states, pages or {}, kind
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def start_query_execution(self, **asked: Any) -> dict[str, Any]:
        self.calls.append(("start", asked))
        return {"QueryExecutionId": "q1"}

    def get_query_execution(self, **asked: Any) -> dict[str, Any]:
        assert asked == {"QueryExecutionId": "q1"}
        status = self.states.pop(0)
        if status["State"] == "ctrl-c":
            raise KeyboardInterrupt
        statistics = {"DataScannedInBytes": 20_000_000, "TotalExecutionTimeInMillis": 1500}
        return {
            "QueryExecution": {
                "Status": status,
                "Statistics": statistics,
                "StatementType": self.kind,
            }
        }

    def get_query_results(self, **asked: Any) -> dict[str, Any]:
        assert asked["MaxResults"] == 1000
        return self.pages[asked.get("NextToken")]

    def stop_query_execution(self, **asked: Any) -> None:
        self.calls.append(("stop", asked))


def database(athena: Any) -> Database:
    return Database(athena, LAKE)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits here; the pauses that would be made are collected."""
    made: list[float] = []
    monkeypatch.setattr("cli.athena.time.sleep", made.append)
    return made


def test_a_query_runs_in_the_environments_workgroup_and_database(pauses: list[float]) -> None:
    states = [{"State": state} for state in ("QUEUED", "RUNNING", "SUCCEEDED")]
    athena = Athena(states, {None: page([["n", "t"], ["1", "a"], [None, None]])})

    answer = database(athena).ask("SELECT", ["'x'", "1"])

    assert list(answer.rows) == [[1, "a"], [None, None]]
    assert answer.columns == [Column("n", "bigint"), Column("t", "varchar")]
    assert answer.footer == "20.0 MB scanned in 1.50 s; costs $0.000095 on AWS."
    assert athena.calls == [
        (
            "start",
            {
                "QueryString": "SELECT",
                "WorkGroup": "headrace-dev",
                "QueryExecutionContext": {"Database": "headrace_dev"},
                "ExecutionParameters": ["'x'", "1"],
            },
        )
    ]
    assert pauses == pytest.approx([0.02, 0.03])


def test_the_first_looks_are_quick_and_the_later_ones_a_second_apart(pauses: list[float]) -> None:
    states = [{"State": "RUNNING"}] * 20 + [{"State": "SUCCEEDED"}]
    database(Athena(states, {None: page([["n", "t"]])})).ask("SELECT")
    assert pauses[0] == 0.02
    assert pauses == sorted(pauses)
    assert pauses[-1] == 1.0


def test_rows_come_page_by_page_and_only_the_first_has_a_header() -> None:
    pages = {
        None: page([["n", "t"], ["1", "a"]], "two"),
        "two": page([["2", "n"]], "three"),
        "three": page([["3", "t"]]),
    }
    answer = database(Athena([{"State": "SUCCEEDED"}], pages)).ask("SELECT")
    assert list(answer.rows) == [[1, "a"], [2, "n"], [3, "t"]]


def test_describe_answers_its_columns_as_one_text() -> None:
    rows: list[list[str | None]] = [["1\ta   "], ["2"]]
    athena = Athena([{"State": "SUCCEEDED"}], {None: page(rows)}, kind="UTILITY")
    answer = database(athena).ask("DESCRIBE x")
    assert list(answer.rows) == [[1, "a"], [2, None]]


def test_ddl_has_no_header_and_costs_nothing() -> None:
    athena = Athena([{"State": "SUCCEEDED"}], {None: page([["1", "a"]])}, kind="DDL")
    answer = database(athena).ask("SHOW TABLES")
    assert list(answer.rows) == [[1, "a"]]
    assert answer.cost == 0.0
    assert query_cost(20_000_000) > 0.0


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (
            {"State": "FAILED", "StateChangeReason": "TABLE_NOT_FOUND: line 1:15:\n no"},
            "The query failed in Athena: TABLE_NOT_FOUND: line 1:15: no",
        ),
        ({"State": "FAILED"}, "The query failed in Athena: no reason given"),
        ({"State": "CANCELLED"}, "The query was stopped in Athena: someone stopped it"),
    ],
)
def test_a_query_that_fails_says_what_athena_says(status: dict[str, str], sentence: str) -> None:
    with pytest.raises(WrongQuery) as raised:
        database(Athena([status])).ask("SELECT")
    assert str(raised.value) == sentence


def test_a_query_that_athena_refuses_says_what_athena_says() -> None:
    class Refusing(Athena):
        def start_query_execution(self, **_: Any) -> dict[str, Any]:
            message = "line 1:1: mismatched input"
            answer = {"Error": {"Code": "InvalidRequestException", "Message": message}}
            raise ClientError(answer, "StartQueryExecution")  # type: ignore[arg-type]

    with pytest.raises(WrongQuery) as raised:
        database(Refusing([])).ask("SELEC")
    assert str(raised.value) == "Athena refuses the query: line 1:1: mismatched input"


def test_ctrl_c_stops_the_query_in_athena_too() -> None:
    athena = Athena([{"State": "RUNNING"}, {"State": "ctrl-c"}])
    with pytest.raises(KeyboardInterrupt):
        database(athena).ask("SELECT")
    assert athena.calls[1:] == [("stop", {"QueryExecutionId": "q1"})]
