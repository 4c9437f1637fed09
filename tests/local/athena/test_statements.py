"""Statements that are not queries: DDL, views, CREATE TABLE AS, INSERT INTO, UNLOAD."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from tests.local.athena import data
from tests.local.athena.conftest import PROJECTION, Athena

ROWS = data.flights()


def keys(athena: Athena, prefix: str) -> list[str]:
    listed = athena.s3.list_objects_v2(Bucket=data.BUCKET, Prefix=prefix)
    return [found["Key"] for found in listed.get("Contents", [])]


def body(athena: Athena, key: str) -> bytes:
    return bytes(athena.s3.get_object(Bucket=data.BUCKET, Key=key)["Body"].read())


def manifest(athena: Athena, execution: dict[str, Any]) -> list[str]:
    place = execution["Statistics"]["DataManifestLocation"].removeprefix(f"s3://{data.BUCKET}/")
    return body(athena, place).decode().split()


@pytest.fixture
def target(request: pytest.FixtureRequest) -> str:
    """A folder of the test's own."""
    return f"s3://{data.BUCKET}/made/{request.node.name.replace('[', '-').rstrip(']')}/"


@pytest.fixture
def dropped(athena: Athena) -> Iterator[list[str]]:
    """Tables to drop afterwards."""
    names: list[str] = []
    yield names
    for name in names:
        athena.ask(f"DROP TABLE IF EXISTS {name}")


# --- databases and tables


def test_databases_are_made_shown_and_dropped(athena: Athena) -> None:
    athena.ask("CREATE DATABASE IF NOT EXISTS other COMMENT 'one more'")
    athena.ask("CREATE SCHEMA IF NOT EXISTS other")
    assert athena.reason("CREATE DATABASE other").startswith("FAILED: Execution Error")
    shown = athena.ask("SHOW DATABASES LIKE 'oth*'")
    assert (shown.labels, shown.rows) == (["database_name"], [("other",)])
    athena.ask("CREATE EXTERNAL TABLE other.t (a int) STORED AS PARQUET LOCATION 's3://b/t/'")
    assert athena.reason("DROP DATABASE other").startswith("FAILED: Execution Error")
    athena.ask("DROP DATABASE other CASCADE")
    assert athena.ask("SHOW SCHEMAS LIKE 'oth*'").rows == []
    assert athena.reason("DROP DATABASE other").startswith("SCHEMA_NOT_FOUND")
    athena.ask("DROP DATABASE IF EXISTS other")


DDL = """
-- what the console writes
CREATE EXTERNAL TABLE IF NOT EXISTS `airline`.`logs` (
  `id` bigint COMMENT 'the \\'id\\'', /* in between */
  `at` timestamp,
  tags array<string>,
  `nested` struct<a:int,b:map<string,decimal(10,2)>>
)
COMMENT 'a table'
PARTITIONED BY (`day` string COMMENT 'when', kind int)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES ('ignore.malformed.json' = 'true')
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://athena-lake/logs/'
TBLPROPERTIES ('classification' = 'json', 'note' = 'it''s; fine')
"""


def test_an_external_table_is_described_as_it_was_created(
    athena: Athena, dropped: list[str]
) -> None:
    dropped.append("logs")
    athena.ask(DDL)
    found = athena.glue.get_table(DatabaseName=data.DATABASE, Name="logs")["Table"]
    assert found["StorageDescriptor"]["Columns"] == [
        {"Name": "id", "Type": "bigint", "Comment": "the 'id'"},
        {"Name": "at", "Type": "timestamp"},
        {"Name": "tags", "Type": "array<string>"},
        {"Name": "nested", "Type": "struct<a:int,b:map<string,decimal(10,2)>>"},
    ]
    assert [key["Name"] for key in found["PartitionKeys"]] == ["day", "kind"]
    assert found["Parameters"]["note"] == "it's; fine"
    described = athena.ask("DESCRIBE logs")
    assert described.labels == ["col_name", "data_type", "comment"]
    cells = [[cell.strip() for cell in (line[0] or "").split("\t")] for line in described.rows]
    assert cells[0] == ["id", "bigint", "the 'id'"]
    assert ["# Partition Information", "", ""] in cells
    shown = "\n".join(line[0] or "" for line in athena.ask("SHOW CREATE TABLE logs").rows)
    assert "  `id` bigint COMMENT 'the 'id'', " in shown
    assert "PARTITIONED BY ( \n  `day` string COMMENT 'when', \n  `kind` int)" in shown
    assert "LOCATION\n  's3://athena-lake/logs/'" in shown
    columns = athena.ask("SHOW COLUMNS IN logs").rows
    assert [cell[0].strip() for cell in columns if cell[0]] == [
        "id", "at", "tags", "nested", "day", "kind",
    ]  # fmt: skip
    assert athena.ask("SHOW TBLPROPERTIES logs ('note')").rows == [("it's; fine",)]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("ALTER TABLE flights ADD COLUMNS (b string)", "ALTER TABLE ADD COLUMNS"),
        ("ALTER TABLE flights DROP PARTITION (event_date = 'x')", "ALTER TABLE DROP PARTITION"),
        ("ALTER TABLE flights REPLACE COLUMNS (z int)", "ALTER TABLE REPLACE COLUMNS"),
        ("ALTER TABLE flights SET LOCATION 's3://b/'", "ALTER TABLE SET LOCATION"),
        ("ALTER TABLE flights SET TBLPROPERTIES ('x' = 'y')", "ALTER TABLE SET TBLPROPERTIES"),
        ("CREATE EXTERNAL TABLE t (a int) LOCATION 's3://b/'", "Tables of text files"),
        (
            "CREATE EXTERNAL TABLE t (a int) ROW FORMAT DELIMITED LOCATION 's3://b/'",
            "ROW FORMAT DELIMITED",
        ),
        ("CREATE EXTERNAL TABLE t (a int) STORED AS TEXTFILE LOCATION 's3://b/'", "STORED AS TEXT"),
    ],
)
def test_what_the_local_athena_lacks_is_refused_by_its_name(
    athena: Athena, sql: str, what: str
) -> None:
    with pytest.raises(ClientError, match=what) as refused:
        athena.start(sql)
    assert "not supported by the local Athena" in str(refused.value)


@pytest.mark.parametrize("word", ["PREPARE p FROM SELECT 1", "EXECUTE p", "DEALLOCATE PREPARE p"])
def test_prepared_statements_are_refused(athena: Athena, word: str) -> None:
    name = word.split()[0]
    assert athena.reason(word) == f"NOT_SUPPORTED: {name} is not supported by the local Athena"


def test_dropping_a_table_leaves_its_objects(athena: Athena, target: str) -> None:
    athena.ask(f"CREATE TABLE gone WITH (external_location = '{target}') AS SELECT 1 AS a")
    athena.ask("DROP TABLE gone")
    assert athena.reason("SELECT * FROM gone").startswith("TABLE_NOT_FOUND")
    assert athena.reason("DROP TABLE gone").startswith("TABLE_NOT_FOUND")
    athena.ask("DROP TABLE IF EXISTS gone")
    assert len(keys(athena, target.removeprefix(f"s3://{data.BUCKET}/"))) == 1


def test_ddl_results_are_text_and_ddl_is_its_own_statement_type(athena: Athena) -> None:
    shown = athena.ask("SHOW TABLES IN airline 'carr*'")
    assert shown.execution["ResultConfiguration"]["OutputLocation"].endswith(".txt")
    assert (shown.execution["StatementType"], shown.rows) == ("UTILITY", [("carriers",)])
    made = athena.ask("CREATE DATABASE IF NOT EXISTS airline")
    assert (made.execution["StatementType"], made.rows) == ("DDL", [])


# --- views


def test_a_view_is_a_query_with_a_name(athena: Athena) -> None:
    athena.ask(
        "CREATE OR REPLACE VIEW late AS SELECT flight_id, carrier, delay, event_date "
        "FROM flights WHERE delay > 30"
    )
    late = [row for row in ROWS if row["delay"] is not None and row["delay"] > 30]
    assert athena.ask("SELECT count(*) FROM late").values == [(len(late),)]
    one = athena.ask("SELECT count(carrier) FROM late WHERE event_date = '2024-01-06'")
    assert one.values == [(sum(row["event_date"] == "2024-01-06" for row in late),)]
    assert one.scanned < athena.ask("SELECT count(carrier) FROM late").scanned / 20
    assert athena.ask("SHOW VIEWS").rows == [("late",)]
    shown = [line[0] for line in athena.ask("SHOW CREATE VIEW late").rows]
    assert shown[0] == "CREATE VIEW awsdatacatalog.airline.late AS"
    found = athena.glue.get_table(DatabaseName=data.DATABASE, Name="late")["Table"]
    assert found["TableType"] == "VIRTUAL_VIEW"
    assert found["ViewOriginalText"].startswith("/* Presto View: ")
    assert [c["Type"] for c in found["StorageDescriptor"]["Columns"]] == [
        "string", "string", "double", "string",
    ]  # fmt: skip
    assert athena.reason("CREATE VIEW late AS SELECT 1 AS x").startswith("TABLE_ALREADY_EXISTS")
    athena.ask("DROP VIEW late")
    assert athena.reason("SELECT * FROM late").startswith("TABLE_NOT_FOUND")
    athena.ask("DROP VIEW IF EXISTS late")


def test_a_view_runs_in_the_database_it_was_made_in(athena: Athena) -> None:
    athena.ask("CREATE OR REPLACE VIEW names AS SELECT name FROM carriers")
    elsewhere = {"QueryExecutionContext": {"Database": "default"}}
    assert athena.ask("SELECT count(*) FROM airline.names", **elsewhere).values == [(5,)]
    athena.ask("DROP VIEW names")


def test_a_view_whose_columns_have_changed_is_stale(athena: Athena, dropped: list[str]) -> None:
    dropped.append("under")
    athena.ask(
        "CREATE EXTERNAL TABLE under (a int) STORED AS PARQUET "
        f"LOCATION 's3://{data.BUCKET}/under/'"
    )
    athena.ask("CREATE VIEW over AS SELECT a FROM under")
    table = athena.glue.get_table(DatabaseName=data.DATABASE, Name="under")["Table"]
    changed = table["StorageDescriptor"] | {"Columns": data.columns({"a": "string"})}
    athena.glue.update_table(
        DatabaseName=data.DATABASE, TableInput={"Name": "under", "StorageDescriptor": changed}
    )
    assert athena.reason("SELECT * FROM over").startswith("VIEW_IS_STALE")
    athena.ask("DROP VIEW over")


# --- CREATE TABLE AS


def test_create_table_as_stores_a_query(athena: Athena, target: str, dropped: list[str]) -> None:
    dropped.append("copied")
    made = athena.ask(
        f"CREATE TABLE copied WITH (external_location = '{target}', write_compression = 'SNAPPY')"
        " AS SELECT flight_id, fare, scheduled, tags, crew, seats, cancelled FROM flights "
        "WHERE event_date = '2024-01-06'"
    )
    day = [row for row in ROWS if row["event_date"] == "2024-01-06"]
    assert (made.execution["StatementType"], made.rows, made.labels) == ("DDL", [], ["rows"])
    assert made.update_count == len(day)
    assert made.scanned > 0
    [stored] = manifest(athena, made.execution)
    assert stored.startswith(target)
    table = pq.read_table(
        io.BytesIO(body(athena, stored.removeprefix(f"s3://{data.BUCKET}/")))
    ).to_pylist(maps_as_pydicts="strict")
    assert sorted(table, key=lambda row: row["flight_id"]) == [
        {name: row[name] for name in table[0]} for row in day
    ]
    again = athena.ask("SELECT count(*), sum(fare), max(crew.pilots) FROM copied").values
    assert again == [(len(day), sum(r["fare"] for r in day), max(r["crew"]["pilots"] for r in day))]


def test_create_table_as_lies_under_the_query_without_a_location(
    athena: Athena, dropped: list[str]
) -> None:
    dropped.append("placed")
    made = athena.ask("CREATE TABLE placed AS SELECT 1 AS a UNION ALL SELECT 2")
    query_id = made.execution["QueryExecutionId"]
    output = f"s3://{data.BUCKET}/results/tables/{query_id}"
    assert made.execution["ResultConfiguration"]["OutputLocation"] == output
    assert manifest(athena, made.execution)[0].startswith(f"{output}/")
    assert athena.ask("SELECT sum(a) FROM placed").values == [(3,)]


@pytest.mark.parametrize("form", ["PARQUET", "ORC"])
def test_every_format_is_read_as_it_was_written(
    athena: Athena, target: str, dropped: list[str], form: str
) -> None:
    name = f"as_{form.lower()}"
    dropped.append(name)
    athena.ask(
        f"CREATE TABLE {name} WITH (format = '{form}', external_location = '{target}') AS "
        "SELECT flight_id, number, delay, distance, fare, cancelled, scheduled, "
        "date(event_date) AS day, tail FROM flights WHERE event_date < '2024-01-04'"
    )
    columns = ("flight_id", "number", "delay", "distance", "fare", "cancelled", "scheduled")
    found = athena.ask(f"SELECT * FROM {name} ORDER BY flight_id").values
    assert [row[:7] for row in found] == [
        tuple(row[column] for column in columns) for row in ROWS if row["event_date"] < "2024-01-04"
    ]
    assert [(str(row[7]), row[8]) for row in found] == [
        (row["event_date"], row["tail"]) for row in ROWS if row["event_date"] < "2024-01-04"
    ]


def test_create_table_as_makes_partitions(athena: Athena, target: str, dropped: list[str]) -> None:
    dropped.append("parted")
    made = athena.ask(
        f"CREATE TABLE parted WITH (external_location = '{target}', "
        "partitioned_by = ARRAY['origin', 'carrier']) AS SELECT flight_id, origin, carrier "
        "FROM flights WHERE event_date = '2024-01-06'"
    )
    day = [row for row in ROWS if row["event_date"] == "2024-01-06"]
    places = {(row["origin"], row["carrier"]) for row in day}
    assert len(manifest(athena, made.execution)) == len(places)
    shown = athena.ask("SHOW PARTITIONS parted").rows
    assert {line[0] for line in shown} == {f"origin={o}/carrier={c}" for o, c in places}
    found = athena.ask("SELECT flight_id FROM parted WHERE carrier = 'AA' ORDER BY 1")
    assert found.values == [(row["flight_id"],) for row in day if row["carrier"] == "AA"]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE TABLE x AS SELECT 1", "MISSING_COLUMN_NAME: line 1:1: Column name not specified"),
        (
            "CREATE TABLE x AS SELECT 1 AS a, 2 AS a",
            "DUPLICATE_COLUMN_NAME: line 1:1: Column name 'a' specified more than once",
        ),
        ("CREATE TABLE x AS SELECT NULL AS a", "COLUMN_TYPE_UNKNOWN: line 1:1: Column type is unk"),
        (
            "CREATE TABLE x AS SELECT now() AS a",
            "NOT_SUPPORTED: Unsupported Hive type: timestamp(3) with time zone",
        ),
        (
            "CREATE TABLE carriers AS SELECT 1 AS a",
            "TABLE_ALREADY_EXISTS: line 1:1: Table 'awsdata",
        ),
        (
            "CREATE TABLE x WITH (partitioned_by = ARRAY['a']) AS SELECT 1 AS a, 2 AS b",
            "HIVE_COLUMN_ORDER_MISMATCH",
        ),
        ("CREATE TABLE x WITH (format = 'AVRO') AS SELECT 1 AS a", "NOT_SUPPORTED: Writing avro"),
        (
            f"CREATE TABLE x WITH (external_location = 's3://{data.BUCKET}/carriers/') "
            "AS SELECT 1 AS a",
            "HIVE_PATH_ALREADY_EXISTS",
        ),
        (
            "CREATE TABLE x WITH (partitioned_by = ARRAY['b']) AS SELECT 1 AS a, b FROM "
            "UNNEST(sequence(1, 101)) AS t (b)",
            "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open writers",
        ),
    ],
)
def test_a_table_that_cannot_be_made_says_why(athena: Athena, sql: str, reason: str) -> None:
    assert athena.reason(sql).startswith(reason)
    assert athena.ask("SHOW TABLES 'x'").rows == []


def test_a_table_without_data_has_columns(athena: Athena, dropped: list[str]) -> None:
    dropped.append("hollow")
    made = athena.ask("CREATE TABLE hollow AS SELECT * FROM carriers WITH NO DATA")
    assert made.update_count == 0
    assert athena.ask("SELECT * FROM hollow").labels == ["carrier", "name", "country"]


# --- INSERT INTO


def test_insert_adds_rows_and_partitions(athena: Athena, dropped: list[str]) -> None:
    dropped.append("growing")
    athena.ask(
        "CREATE EXTERNAL TABLE growing (id bigint, name string, score double) "
        "PARTITIONED BY (day string) STORED AS PARQUET "
        f"LOCATION 's3://{data.BUCKET}/growing/'"
    )
    first = athena.ask("INSERT INTO growing VALUES (1, 'a', 0.5, 'x'), (2, NULL, NULL, 'y')")
    assert (first.update_count, first.execution["SubstatementType"]) == (2, "INSERT")
    athena.ask("INSERT INTO growing (day, id) SELECT 'x', 3")
    assert athena.ask("SELECT * FROM growing ORDER BY id").values == [
        (1, "a", 0.5, "x"),
        (2, None, None, "y"),
        (3, None, None, "x"),
    ]
    assert athena.ask("SHOW PARTITIONS growing").rows == [("day=x",), ("day=y",)]
    assert athena.reason("INSERT INTO growing SELECT 'one', 'a', 0.5, 'x'").startswith(
        "TYPE_MISMATCH: line 1:1: Insert query has mismatched column types: "
        "Table: [bigint, varchar, double, varchar], Query: [varchar(3), "
    )
    assert athena.reason("INSERT INTO growing (nope) SELECT 1").startswith("COLUMN_NOT_FOUND")


def test_insert_follows_a_projections_template(athena: Athena) -> None:
    athena.table(
        "templated",
        data.storage(f"s3://{data.BUCKET}/templated/", {"id": "bigint"}),
        PartitionKeys=[{"Name": "event_date", "Type": "string"}],
        Parameters={
            **PROJECTION,
            "storage.location.template": f"s3://{data.BUCKET}/templated/at-${{event_date}}/",
        },
    )
    athena.ask("INSERT INTO templated VALUES (1, '2024-01-05')")
    [key] = keys(athena, "templated/")
    assert key.startswith("templated/at-2024-01-05/")
    assert athena.ask("SELECT * FROM templated").values == [(1, "2024-01-05")]


# --- UNLOAD


def unloaded(athena: Athena, target: str, options: str) -> list[str]:
    made = athena.ask(
        f"UNLOAD (SELECT carrier, name FROM carriers ORDER BY 1) TO '{target}' WITH ({options})"
    )
    assert (made.update_count, made.execution["StatementType"]) == (5, "DML")
    return [
        place.removeprefix(f"s3://{data.BUCKET}/") for place in manifest(athena, made.execution)
    ]


def test_unload_writes_each_format(athena: Athena, target: str) -> None:
    expected = [(code, name) for code, name, _ in data.CARRIERS]
    [stored] = unloaded(athena, f"{target}parquet/", "format = 'PARQUET', compression = 'ZSTD'")
    read = pq.read_table(io.BytesIO(body(athena, stored)))
    assert list(zip(*read.to_pydict().values(), strict=True)) == expected
    [stored] = unloaded(athena, f"{target}orc/", "format = 'ORC'")
    read = orc.ORCFile(io.BytesIO(body(athena, stored))).read()
    assert list(zip(*read.to_pydict().values(), strict=True)) == expected
    for form in ("JSON", "TEXTFILE"):
        sql = f"UNLOAD (SELECT 1 AS a) TO '{target}{form}/' WITH (format = '{form}')"
        assert athena.reason(sql).startswith(f"NOT_SUPPORTED: Writing {form.lower()}")


def test_unload_can_be_partitioned_and_wants_an_empty_target(athena: Athena, target: str) -> None:
    sql = (
        f"UNLOAD (SELECT name, country FROM carriers) TO '{target}' "
        "WITH (format = 'PARQUET', partitioned_by = ARRAY['country'])"
    )
    made = athena.ask(sql)
    folders = {place.split("/")[-2] for place in manifest(athena, made.execution)}
    assert folders == {"country=US", "country=GB", "country=DE", "country=AU"}
    assert athena.reason(sql).startswith("HIVE_PATH_ALREADY_EXISTS")


def test_information_schema_is_the_catalog(athena: Athena) -> None:
    found = athena.ask(
        "SELECT column_name, data_type, extra_info FROM information_schema.columns "
        "WHERE table_schema = 'airline' AND table_name = 'flights' ORDER BY ordinal_position"
    ).values
    assert found[0] == ("flight_id", "varchar", None)
    assert found[-1] == ("event_date", "varchar", "partition key")
    kinds = {row[0]: row[1] for row in found}
    assert kinds["crew"] == "row(pilots integer, captain varchar)"
    assert kinds["fare"] == "decimal(10,2)"
    assert athena.ask(
        "SELECT table_type FROM information_schema.tables WHERE table_name = 'carriers'"
    ).values == [("BASE TABLE",)]
    assert ("airline",) in athena.ask("SELECT schema_name FROM information_schema.schemata").values
