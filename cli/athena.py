"""Queries through the Athena API, in an environment's workgroup and database."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from cli.errors import WrongQuery
from cli.prices import query_cost
from cli.stacks import Lake
from cli.terminal import sized
from cli.values import Value, reader

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_athena.type_defs import QueryExecutionTypeDef

FIRST_POLL = 0.02
LAST_POLL = 1.0
"""Seconds between looks at a running query: quick at first, for the local AWS and small
queries; a second is soon enough for long ones."""
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an answer; `type` is Athena's word for it."""

    name: str
    type: str


class NamedQuery(NamedTuple):
    """A query that was deployed with the lake; its description says what it answers."""

    name: str
    description: str
    sql: str


@dataclass(frozen=True, slots=True)
class Execution:
    """A query that succeeded, without its rows: they are at `location` in S3."""

    id: str
    sql: str
    work_group: str
    location: str
    scanned_bytes: int
    seconds: float
    cost: float
    """USD, as Athena bills: nothing for DDL, SHOW and the like."""

    @property
    def footer(self) -> str:
        """What it took, as a sentence."""
        return _took(self.scanned_bytes, self.seconds, self.cost)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished query: its columns, and rows that are read page by page, once."""

    columns: list[Column]
    rows: Iterator[list[Value]]
    scanned_bytes: int
    seconds: float
    cost: float
    """USD, as Athena bills: nothing for DDL, SHOW and the like."""

    @property
    def footer(self) -> str:
        """What it took, as a sentence."""
        return _took(self.scanned_bytes, self.seconds, self.cost)

    def one(self) -> Value:
        """The first value of the first row, of an aggregate that has one."""
        for row in self.rows:
            return row[0]
        raise WrongQuery("Athena answered an aggregate without a row.")


class Database:
    """Runs SQL in one lake. Raises WrongQuery; Ctrl-C stops the query in Athena too."""

    def __init__(self, athena: "AthenaClient", lake: Lake) -> None:
        self._athena = athena
        self._lake = lake

    def ask(self, sql: str, parameters: Sequence[str] = ()) -> Answer:
        """Run a query to its end; `parameters` are SQL literals for its question marks."""
        return self.finish(self.start(sql, parameters))

    def start(self, sql: str, parameters: Sequence[str] = ()) -> str:
        """Start a query; its id."""
        from botocore.exceptions import ClientError

        given: dict[str, Any] = {"ExecutionParameters": list(parameters)} if parameters else {}
        try:
            started = self._athena.start_query_execution(
                QueryString=sql,
                WorkGroup=self._lake.work_group_name,
                QueryExecutionContext={"Database": self._lake.database_name},
                **given,
            )
        except ClientError as error:
            answer = error.response["Error"]
            if answer["Code"] != "InvalidRequestException":
                raise
            raise WrongQuery(f"Athena refuses the query: {answer['Message']}") from error
        return started["QueryExecutionId"]

    def finish(self, query_id: str) -> Answer:
        """Wait for a started query."""
        return self._answer(self.execution(query_id))

    def execution(self, query_id: str) -> Execution:
        """Wait for a started query, and leave its rows where they are."""
        try:
            found = self._wait(query_id)
        except KeyboardInterrupt:
            self._athena.stop_query_execution(QueryExecutionId=query_id)
            raise
        statistics = found.get("Statistics", {})
        scanned = statistics.get("DataScannedInBytes", 0)
        return Execution(
            id=query_id,
            sql=found.get("Query", ""),
            work_group=found.get("WorkGroup", ""),
            location=found.get("ResultConfiguration", {}).get("OutputLocation", ""),
            scanned_bytes=scanned,
            seconds=statistics.get("TotalExecutionTimeInMillis", 0) / 1000,
            cost=query_cost(scanned) if found.get("StatementType") == "DML" else 0.0,
        )

    def named(self) -> dict[str, NamedQuery]:
        """The workgroup's named queries, by name."""
        group = self._lake.work_group_name
        pages = self._athena.get_paginator("list_named_queries").paginate(WorkGroup=group)
        found = []
        for page in pages:
            if ids := page["NamedQueryIds"]:
                found += self._athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
        queries = [NamedQuery(q["Name"], q.get("Description", ""), q["QueryString"]) for q in found]
        return {query.name: query for query in sorted(queries)}

    def _wait(self, query_id: str) -> "QueryExecutionTypeDef":
        pause = FIRST_POLL
        while True:
            execution = self._athena.get_query_execution(QueryExecutionId=query_id)[
                "QueryExecution"
            ]
            status = execution["Status"]
            match status["State"]:
                case "SUCCEEDED":
                    return execution
                case "FAILED":
                    reason = status.get("StateChangeReason", "no reason given")
                    raise WrongQuery(f"The query failed in Athena: {reason}")
                case "CANCELLED":
                    reason = status.get("StateChangeReason", "someone stopped it")
                    raise WrongQuery(f"The query was stopped in Athena: {reason}")
            time.sleep(pause)
            pause = min(LAST_POLL, pause * 1.5)

    def _answer(self, execution: Execution) -> Answer:
        pages = self._pages(execution.id)
        first = next(pages)
        described = first["ResultSetMetadata"].get("ColumnInfo", [])
        columns = [Column(column["Name"], column["Type"]) for column in described]
        return Answer(
            columns=columns,
            rows=_rows(columns, first, pages),
            scanned_bytes=execution.scanned_bytes,
            seconds=execution.seconds,
            cost=execution.cost,
        )

    def _pages(self, query_id: str) -> Iterator[Any]:
        token: dict[str, Any] = {}
        while True:
            page = self._athena.get_query_results(
                QueryExecutionId=query_id, MaxResults=PAGE, **token
            )
            yield page["ResultSet"]
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


def _rows(columns: list[Column], first: Any, pages: Iterator[Any]) -> Iterator[list[Value]]:
    """Typed rows. A query's first row is its header; SHOW and DESCRIBE have none."""
    readers = [reader(column.type) for column in columns]
    names = [column.name for column in columns]
    for number, row in enumerate(row for page in chain([first], pages) for row in page["Rows"]):
        texts = _texts(row, len(columns))
        if number == 0 and texts == names:
            continue
        yield [
            None if text is None else read(text) for read, text in zip(readers, texts, strict=True)
        ]


def _texts(row: Any, width: int) -> list[str | None]:
    """The fields of a row. DESCRIBE answers several columns as one text with tabs."""
    texts = [field.get("VarCharValue") for field in row["Data"]]
    if len(texts) == 1 < width:
        texts = [part.strip() for part in (texts[0] or "").split("\t")]
    return (texts + [None] * width)[:width]


def _took(scanned_bytes: int, seconds: float, cost: float) -> str:
    return f"{sized(scanned_bytes)} scanned in {seconds:.2f} s; costs ${cost:.6f} on AWS."
