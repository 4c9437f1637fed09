"""A lake in the local AWS, and a way to ask it questions through boto3 alone."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import AWS
from tests.local.athena import data

OUTPUT = f"s3://{data.BUCKET}/results/"
PROJECTION = {
    "projection.enabled": "true",
    "projection.event_date.type": "date",
    "projection.event_date.format": "yyyy-MM-dd",
    "projection.event_date.range": "2024-01-01,NOW+1DAYS",
}
PARSERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint"), int),
    "double": float,
    "float": float,
    "decimal": Decimal,
    "boolean": {"true": True, "false": False}.__getitem__,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
}


class QueryError(AssertionError):
    """A query that did not succeed."""


@dataclass(frozen=True)
class Answer:
    """A finished query: as GetQueryExecution describes it, and its rows as text."""

    execution: dict[str, Any]
    columns: list[dict[str, Any]]
    rows: list[tuple[str | None, ...]]
    update_count: int | None

    @property
    def labels(self) -> list[str]:
        return [column["Label"] for column in self.columns]

    @property
    def types(self) -> list[str]:
        return [column["Type"] for column in self.columns]

    @property
    def scanned(self) -> int:
        return int(self.execution["Statistics"]["DataScannedInBytes"])

    @property
    def values(self) -> list[tuple[Any, ...]]:
        """The rows as Python values of the types that the API names."""
        parsers = [PARSERS.get(kind, str) for kind in self.types]
        return [
            tuple(
                None if cell is None else parse(cell)
                for parse, cell in zip(parsers, row, strict=True)
            )
            for row in self.rows
        ]


class Athena:
    """Athena through boto3."""

    def __init__(self, aws: AWS) -> None:
        self.aws = aws
        self.client: Any = aws.client("athena")
        self.s3: Any = aws.client("s3")
        self.glue: Any = aws.client("glue")

    def start(self, sql: str, **options: Any) -> str:
        asked = {
            "ResultConfiguration": {"OutputLocation": OUTPUT},
            "QueryExecutionContext": {"Database": data.DATABASE},
            **options,
        }
        return str(self.client.start_query_execution(QueryString=sql, **asked)["QueryExecutionId"])

    def wait(self, query_id: str) -> dict[str, Any]:
        """The execution in its final state."""
        for pause in itertools.chain([0.002] * 50, itertools.repeat(0.02)):
            found = self.client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return dict(found)
            time.sleep(pause)
        raise AssertionError

    def finish(self, sql: str, **options: Any) -> dict[str, Any]:
        return self.wait(self.start(sql, **options))

    def ask(self, sql: str, **options: Any) -> Answer:
        """The answer to a query; QueryError with its reason when it fails."""
        execution = self.finish(sql, **options)
        if execution["Status"]["State"] != "SUCCEEDED":
            raise QueryError(f"{execution['Status'].get('StateChangeReason')}\n{sql}")
        pages = list(
            self.client.get_paginator("get_query_results").paginate(
                QueryExecutionId=execution["QueryExecutionId"]
            )
        )
        rows = [
            tuple(cell.get("VarCharValue") for cell in row["Data"])
            for page in pages
            for row in page["ResultSet"]["Rows"]
        ]
        header = execution["ResultConfiguration"]["OutputLocation"].endswith(".csv")
        columns = pages[0]["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        return Answer(execution, columns, rows[header:], pages[0].get("UpdateCount"))

    def reason(self, sql: str, **options: Any) -> str:
        """Why a query fails."""
        execution = self.finish(sql, **options)
        assert execution["Status"]["State"] == "FAILED", execution["Status"]
        return str(execution["Status"]["StateChangeReason"])

    def table(self, name: str, described: dict[str, Any], **extra: Any) -> None:
        self.glue.create_table(
            DatabaseName=data.DATABASE,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "StorageDescriptor": described,
                **extra,
            },
        )

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=data.BUCKET, Key=key, Body=body)


@pytest.fixture(scope="session")
def athena(aws: AWS) -> Athena:
    """The airline's lake: `flights` by day with projection, `carriers` in one file."""
    made = Athena(aws)
    made.s3.create_bucket(Bucket=data.BUCKET)
    made.glue.create_database(DatabaseInput={"Name": data.DATABASE})
    for day, rows in data.days():
        half = len(rows) // 2
        for part, chosen in enumerate((rows[:half], rows[half:])):
            made.put(f"flights/event_date={day}/{part}.parquet", data.parquet(chosen))
    made.table(
        "flights",
        data.storage(f"s3://{data.BUCKET}/flights/", data.GLUE_TYPES),
        PartitionKeys=[{"Name": "event_date", "Type": "string"}],
        Parameters=PROJECTION,
    )
    made.put("carriers/all.parquet", _frame(data.carriers()))
    described = data.storage(
        f"s3://{data.BUCKET}/carriers/", dict.fromkeys(("carrier", "name", "country"), "string")
    )
    made.table("carriers", described)
    return made


def _frame(frame: Any) -> bytes:
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in frame.columns])
    return data.parquet(frame.to_dict("records"), schema)
