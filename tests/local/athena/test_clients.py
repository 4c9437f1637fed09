"""Clients that nobody here wrote, unchanged: the AWS CLI, PyAthena and awswrangler."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import boto3
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import fs

from tests.conftest import AWS
from tests.local.athena import data
from tests.local.athena.conftest import OUTPUT, Athena

ROWS = data.flights()
DAY = [row for row in ROWS if row["event_date"] == "2024-01-06"]
SQL = "SELECT flight_id, delay, distance, cancelled FROM flights WHERE event_date = '2024-01-06'"
EXPECTED = sorted((r["flight_id"], r["delay"], r["distance"], r["cancelled"]) for r in DAY)


def plain(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """A frame's rows with None for what is missing, in order of the first column."""
    rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
    return sorted(rows)


# --- the AWS CLI


def cli(aws: AWS, *arguments: str) -> dict[str, Any]:
    done = aws.run("aws", "athena", *arguments, "--output", "json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout)) if done.stdout.strip() else {}


def test_the_aws_cli_runs_a_query_and_prints_its_rows(aws: AWS, athena: Athena) -> None:
    started = cli(
        aws, "start-query-execution",
        "--query-string", "SELECT carrier, country FROM carriers ORDER BY 1 LIMIT 2",
        "--query-execution-context", f"Database={data.DATABASE}",
        "--result-configuration", f"OutputLocation={OUTPUT}",
    )  # fmt: skip
    athena.wait(started["QueryExecutionId"])
    results = cli(aws, "get-query-results", "--query-execution-id", started["QueryExecutionId"])
    assert [[c["VarCharValue"] for c in r["Data"]] for r in results["ResultSet"]["Rows"]] == [
        ["carrier", "country"],
        ["AA", "US"],
        ["BA", "GB"],
    ]


# --- PyAthena


@pytest.fixture
def environment(athena: Athena, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment of `headrace local env`: all that a client is told."""
    for name, value in athena.aws.env.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    boto3.setup_default_session()
    return athena.aws.endpoint


@pytest.fixture
def connect(environment: str) -> Iterator[Any]:
    """`connect(cursor_class)` gives a cursor of PyAthena."""
    import pyathena

    assert os.environ["AWS_ENDPOINT_URL"] == environment
    opened = []

    def make(kind: Any = None, **options: Any) -> Any:
        connection = pyathena.connect(
            s3_staging_dir=OUTPUT,
            schema_name=data.DATABASE,
            poll_interval=0.01,
            **({"cursor_class": kind} if kind else {}),
        )
        opened.append(connection)
        return connection.cursor(**options)

    yield make
    for connection in opened:
        connection.close()


def test_pyathena_fetches_typed_rows_over_many_pages(connect: Any) -> None:
    cursor = connect(arraysize=100)
    cursor.execute(SQL.partition(" WHERE")[0] + " ORDER BY flight_id")
    assert [column[:2] for column in cursor.description] == [
        ("flight_id", "varchar"),
        ("delay", "double"),
        ("distance", "bigint"),
        ("cancelled", "boolean"),
    ]
    wanted = sorted((r["flight_id"], r["delay"], r["distance"], r["cancelled"]) for r in ROWS)
    assert cursor.fetchall() == wanted
    assert cursor.data_scanned_in_bytes > 0


def test_pyathena_converts_dates_decimals_and_nested_values(connect: Any) -> None:
    cursor = connect()
    cursor.execute(
        "SELECT CAST(event_date AS date), scheduled, fare, tags, crew, seats, tail "
        "FROM flights WHERE flight_id = %(id)s",
        {"id": "20240101-000"},
    )
    row = next(r for r in ROWS if r["flight_id"] == "20240101-000")
    [found] = cursor.fetchall()
    assert found[:3] == (date(2024, 1, 1), row["scheduled"], row["fare"])
    assert isinstance(found[1], datetime)
    assert isinstance(found[2], Decimal)
    assert found[3] == row["tags"]
    assert int(found[4]["pilots"]) == row["crew"]["pilots"]
    assert {kind: int(count) for kind, count in found[5].items()} == row["seats"]


def test_pyathena_passes_parameters_for_question_marks(connect: Any) -> None:
    cursor = connect()
    cursor.execute(
        "SELECT count(*) FROM flights WHERE carrier = ? AND event_date = ?",
        ["'AA'", "'2024-01-06'"],
        paramstyle="qmark",
    )
    assert cursor.fetchone() == (sum(r["carrier"] == "AA" for r in DAY),)


def test_pyathena_dict_cursor(connect: Any) -> None:
    from pyathena.cursor import DictCursor

    cursor = connect(DictCursor)
    cursor.execute("SELECT carrier, name FROM carriers WHERE carrier = 'DL'")
    assert cursor.fetchall() == [{"carrier": "DL", "name": 'Delta, the "airline"'}]


@pytest.mark.filterwarnings("ignore:engine='auto'")  # PyAthena's, with this pandas
@pytest.mark.parametrize("unload", [False, True])
def test_pyathena_pandas_cursor(connect: Any, unload: bool) -> None:
    from pyathena.pandas.cursor import PandasCursor

    frame = connect(PandasCursor, unload=unload).execute(SQL).as_pandas()
    assert plain(frame) == EXPECTED


@pytest.mark.parametrize("unload", [False, True])
def test_pyathena_arrow_cursor(
    connect: Any, athena: Athena, monkeypatch: pytest.MonkeyPatch, unload: bool
) -> None:
    """This cursor reads S3 by pyarrow, with AWS's endpoint and no way to say another: the only
    client that has to be told in code."""
    from pyathena.arrow.cursor import ArrowCursor

    elsewhere = partial(fs.S3FileSystem, endpoint_override=athena.aws.endpoint)
    monkeypatch.setattr(fs, "S3FileSystem", elsewhere)
    table: pa.Table = connect(ArrowCursor, unload=unload).execute(SQL).as_arrow()
    assert plain(table.to_pandas()) == EXPECTED


def test_pyathena_reports_why_a_query_failed(connect: Any) -> None:
    from pyathena.error import OperationalError

    with pytest.raises(OperationalError, match=r"TABLE_NOT_FOUND: line 1:15: Table 'awsdata"):
        connect().execute("SELECT * FROM nothing")


def test_pyathena_reads_the_catalog(connect: Any) -> None:
    cursor = connect()
    assert "flights" in [table.name for table in cursor.list_table_metadata()]
    found = cursor.get_table_metadata("flights")
    assert [key.name for key in found.partition_keys] == ["event_date"]


# --- awswrangler


@pytest.fixture
def wr(environment: str) -> Any:
    """awswrangler, pointed at the local AWS by the environment alone."""
    assert os.environ["AWS_ENDPOINT_URL"] == environment
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import awswrangler
    return awswrangler


@pytest.mark.parametrize(
    "way",
    [
        {"ctas_approach": True},
        {"ctas_approach": False},
        {"ctas_approach": False, "unload_approach": True},
    ],
    ids=["ctas", "csv", "unload"],
)
def test_awswrangler_reads_a_query(wr: Any, athena: Athena, way: dict[str, bool]) -> None:
    target = f"s3://{data.BUCKET}/wrangler/{len(way)}{way['ctas_approach']}/"
    frame = wr.athena.read_sql_query(
        SQL, database=data.DATABASE, s3_output=target, athena_query_wait_polling_delay=0.01, **way
    )
    assert plain(frame) == EXPECTED
    assert frame.query_metadata["Statistics"]["DataScannedInBytes"] > 0
    temporary = athena.ask("SHOW TABLES 'temp_table*'")
    assert temporary.rows == []


def test_awswrangler_reads_in_chunks_with_parameters(wr: Any) -> None:
    chunks = wr.athena.read_sql_query(
        "SELECT flight_id FROM flights WHERE carrier = :carrier",
        database=data.DATABASE,
        s3_output=f"s3://{data.BUCKET}/wrangler/chunks/",
        ctas_approach=False,
        chunksize=50,
        params={"carrier": "LH"},
        athena_query_wait_polling_delay=0.01,
    )
    sizes = [len(chunk) for chunk in chunks]
    assert sum(sizes) == sum(r["carrier"] == "LH" for r in ROWS)
    assert set(sizes[:-1]) == {50}


def test_awswrangler_reads_the_files_themselves(wr: Any) -> None:
    frame = wr.s3.read_parquet(
        f"s3://{data.BUCKET}/flights/",
        dataset=True,
        columns=["flight_id", "distance"],
        partition_filter=lambda found: found["event_date"] == "2024-01-06",
    )
    assert plain(frame[["flight_id", "distance"]]) == sorted(
        (r["flight_id"], r["distance"]) for r in DAY
    )


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # awswrangler's, with this pandas
def test_awswrangler_writes_a_table_that_sql_reads(wr: Any, athena: Athena) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "name": ["a", None, "c"], "day": ["x", "x", "y"]})
    wr.s3.to_parquet(
        frame,
        path=f"s3://{data.BUCKET}/written/",
        dataset=True,
        database=data.DATABASE,
        table="written",
        partition_cols=["day"],
    )
    assert wr.catalog.get_table_types(data.DATABASE, "written") == {
        "id": "bigint",
        "name": "string",
        "day": "string",
    }
    assert athena.ask("SELECT * FROM written ORDER BY id").values == [
        (1, "a", "x"),
        (2, None, "x"),
        (3, "c", "y"),
    ]
    assert athena.ask("SELECT id FROM written WHERE day = 'y'").values == [(3,)]


def test_awswrangler_sees_and_repairs_tables(wr: Any, athena: Athena) -> None:
    assert "flights" in [table["Name"] for table in wr.catalog.get_tables(database=data.DATABASE)]
    described = wr.athena.describe_table("carriers", database=data.DATABASE, s3_output=OUTPUT)
    assert list(described["Column Name"]) == ["carrier", "name", "country"]
    shown = wr.athena.show_create_table("carriers", database=data.DATABASE, s3_output=OUTPUT)
    assert shown.startswith("CREATE EXTERNAL TABLE `carriers`(")
    athena.put("repaired/kind=new/0.parquet", data.parquet(DAY[:2]))
    athena.table(
        "repaired",
        data.storage(f"s3://{data.BUCKET}/repaired/", {"flight_id": "string"}),
        PartitionKeys=[{"Name": "kind", "Type": "string"}],
    )
    assert athena.ask("SELECT count(*) FROM repaired").values == [(0,)]
    assert wr.athena.repair_table("repaired", database=data.DATABASE, s3_output=OUTPUT) == (
        "SUCCEEDED"
    )
    assert athena.ask("SELECT count(*), min(kind) FROM repaired").values == [(2, "new")]
