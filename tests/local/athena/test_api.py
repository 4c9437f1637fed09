"""Athena's operations, line by line, through boto3."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conftest import KEY
from tests.local.athena import data
from tests.local.athena.conftest import OUTPUT, Athena

SLOW = "SELECT count(*) FROM flights a, flights b, flights c WHERE a.delay + b.delay > c.delay"


def refused(call: Any, **arguments: Any) -> tuple[str, str, str | None]:
    """The exception, message and Athena's own code of a refused call."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response: dict[str, Any] = dict(caught.value.response)
    error = response["Error"]
    return error["Code"], error["Message"], response.get("AthenaErrorCode")


def location(execution: dict[str, Any]) -> tuple[str, str]:
    bucket, _, key = execution["ResultConfiguration"]["OutputLocation"][5:].partition("/")
    return bucket, key


def body(athena: Athena, key: str) -> bytes:
    return bytes(athena.s3.get_object(Bucket=data.BUCKET, Key=key)["Body"].read())


# --- starting


def test_text_that_is_not_sql_is_refused_when_it_is_started(athena: Athena) -> None:
    code, message, athena_code = refused(athena.start, sql="SELEC 1")
    assert (code, athena_code) == ("InvalidRequestException", "MALFORMED_QUERY")
    assert message.startswith("line 1:1: mismatched input 'SELEC'. Expecting: 'ALTER', 'ANALYZE'")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 1 FROM", "line 1:14: mismatched input '<EOF>'"),
        ("SELECT a,, b FROM t", "line 1:10: mismatched input ','. Expecting: <expression>"),
        ("SELECT FROM t", "line 1:8: mismatched input 'FROM'"),
        ("SELECT (1", "line 1:10: mismatched input '<EOF>'"),
        ("SELECT 1\nFROM t\nWHERE", "line 3:6: mismatched input '<EOF>'. Expecting: <expression>"),
        ("SELECT x::int FROM t", "line 1:9: mismatched input '::'"),
        ("CREATE TABLE t (a wrong) LOCATION 's3://b/'", "line 1:16: mismatched input '('. Expe"),
        (
            "CREATE EXTERNAL TABLE t (a wrong) LOCATION 's3://b/'",
            "line 1:28: mismatched input 'wrong'. Expecting: <type>",
        ),
        ("DROP", "line 1:5: mismatched input '<EOF>'"),
        ("UNLOAD (SELECT 1) TO 5", "line 1:22: mismatched input '5'. Expecting: <string>"),
    ],
)
def test_a_syntax_error_says_where_it_is(athena: Athena, sql: str, message: str) -> None:
    code, found, athena_code = refused(athena.start, sql=sql)
    assert (code, athena_code) == ("InvalidRequestException", "MALFORMED_QUERY")
    assert found.startswith(message)


def test_only_one_statement_is_taken_and_its_semicolon_is_allowed(athena: Athena) -> None:
    assert athena.ask("SELECT 1;").values == [(1,)]
    _, message, _ = refused(athena.start, sql="SELECT 1; SELECT 2")
    assert message == "Only one sql statement is allowed. Got: SELECT 1; SELECT 2"


def test_a_query_needs_a_place_for_its_result(athena: Athena) -> None:
    code, message, _ = refused(athena.client.start_query_execution, QueryString="SELECT 1")
    assert code == "InvalidRequestException"
    assert message.startswith("No output location provided.")


def test_an_unknown_workgroup_or_catalog_is_refused(athena: Athena) -> None:
    assert refused(athena.start, sql="SELECT 1", WorkGroup="nobody")[1] == (
        "WorkGroup nobody is not found."
    )
    context = {"Catalog": "Other", "Database": data.DATABASE}
    assert refused(athena.start, sql="SELECT 1", QueryExecutionContext=context)[1] == (
        "Data catalog Other was not found"
    )


def test_a_client_token_starts_a_query_once(athena: Athena) -> None:
    token = str(uuid.uuid4())
    first = athena.start("SELECT 1", ClientRequestToken=token)
    assert athena.start("SELECT 1", ClientRequestToken=token) == first
    code, message, _ = refused(athena.start, sql="SELECT 2", ClientRequestToken=token)
    assert (code, message) == ("InvalidRequestException", "Idempotent parameters do not match")


def test_parameters_are_expressions_in_the_order_of_the_question_marks(athena: Athena) -> None:
    answer = athena.ask(
        "SELECT ? || '?', x FROM (VALUES 1, 2, 3) AS t (x) WHERE x BETWEEN ? AND ? LIMIT ?",
        ExecutionParameters=["'it''s '", "2", "1 + 2", "5"],
    )
    assert answer.values == [("it's ?", 2), ("it's ?", 3)]
    assert answer.execution["ExecutionParameters"] == ["'it''s '", "2", "1 + 2", "5"]


def test_a_wrong_number_of_parameters_fails_the_query(athena: Athena) -> None:
    assert athena.reason("SELECT ? + ?", ExecutionParameters=["1"]) == (
        "INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: expected 2 but found 1"
    )


# --- describing


def test_a_finished_query_is_described_in_full(athena: Athena) -> None:
    found = athena.finish("SELECT carrier FROM carriers")
    key = f"results/{found['QueryExecutionId']}.csv"
    assert found["ResultConfiguration"] == {"OutputLocation": f"s3://{data.BUCKET}/{key}"}
    assert found["Query"] == "SELECT carrier FROM carriers"
    assert (found["StatementType"], found["SubstatementType"]) == ("DML", "SELECT")
    assert found["QueryExecutionContext"] == {
        "Database": data.DATABASE,
        "Catalog": "AwsDataCatalog",
    }
    assert found["Status"]["State"] == "SUCCEEDED"
    assert found["Status"]["SubmissionDateTime"] <= found["Status"]["CompletionDateTime"]
    assert found["WorkGroup"] == "primary"
    assert found["EngineVersion"]["EffectiveEngineVersion"] == "Athena engine version 3"
    statistics = found["Statistics"]
    assert statistics["DataScannedInBytes"] > 0
    assert statistics["ResultReuseInformation"] == {"ReusedPreviousResult": False}
    assert statistics["TotalExecutionTimeInMillis"] >= statistics["EngineExecutionTimeInMillis"]


def test_the_state_goes_from_queued_or_running_to_succeeded(athena: Athena) -> None:
    query_id = athena.start("SELECT count(*) FROM flights a CROSS JOIN flights b")
    states: list[str] = []
    while not states or states[-1] in ("QUEUED", "RUNNING"):
        found = athena.client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        if states[-1:] != [found["Status"]["State"]]:
            states.append(found["Status"]["State"])
    assert states[-1] == "SUCCEEDED"
    assert set(states[:-1]) <= {"QUEUED", "RUNNING"}


def test_an_unknown_query_is_refused(athena: Athena) -> None:
    for call in (athena.client.get_query_execution, athena.client.get_query_results):
        code, message, _ = refused(call, QueryExecutionId="0000")
        assert (code, message) == ("InvalidRequestException", "QueryExecution 0000 was not found")


def test_several_queries_are_described_at_once(athena: Athena) -> None:
    known = athena.finish("SELECT 1")["QueryExecutionId"]
    found = athena.client.batch_get_query_execution(QueryExecutionIds=[known, "missing"])
    assert [e["QueryExecutionId"] for e in found["QueryExecutions"]] == [known]
    assert [e["QueryExecutionId"] for e in found["UnprocessedQueryExecutionIds"]] == ["missing"]


def test_queries_are_listed_by_workgroup_newest_first_in_pages(athena: Athena) -> None:
    athena.client.create_work_group(Name="listed")
    ids = [athena.start("SELECT 1", WorkGroup="listed") for _ in range(5)]
    first = athena.client.list_query_executions(WorkGroup="listed", MaxResults=3)
    rest = athena.client.list_query_executions(
        WorkGroup="listed", MaxResults=3, NextToken=first["NextToken"]
    )
    assert first["QueryExecutionIds"] + rest["QueryExecutionIds"] == ids[::-1]
    assert "NextToken" not in rest


# --- failing and stopping


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "SELECT * FROM nothing",
            "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.airline.nothing' does not exist",
        ),
        (
            "SELECT *\nFROM nowhere.t",
            "SCHEMA_NOT_FOUND: line 2:6: Schema 'nowhere' does not exist",
        ),
        (
            "SELECT wrong FROM flights",
            "COLUMN_NOT_FOUND: line 1:8: Column 'wrong' cannot be resolved",
        ),
        (
            "SELECT f.wrong FROM flights f",
            "COLUMN_NOT_FOUND: line 1:8: Column 'f.wrong' cannot be resolved",
        ),
        (
            "SELECT carrier FROM flights, carriers",
            "AMBIGUOUS_NAME: line 1:8: Column 'carrier' is ambiguous",
        ),
        ("SELECT nope(1)", "FUNCTION_NOT_FOUND: line 1:8: Function 'nope' not registered"),
        (
            "SELECT 1 WHERE 'a' = 1",
            "TYPE_MISMATCH: line 1:16: Cannot apply operator: varchar(1) = integer",
        ),
        (
            "SELECT count(*) FROM flights WHERE scheduled > '2024-01-01'",
            "TYPE_MISMATCH: line 1:36: Cannot apply operator: timestamp(3) > varchar(10)",
        ),
        (
            "SELECT carrier, count(*) FROM flights",
            "EXPRESSION_NOT_AGGREGATE: line 1:8: 'carrier' must be an aggregate expression or "
            "appear in GROUP BY clause",
        ),
        ("SELECT 1 / (number - number) FROM flights", "DIVISION_BY_ZERO: Division by zero"),
        (
            "SELECT CAST(carrier AS bigint) FROM carriers ORDER BY carrier",
            "INVALID_CAST_ARGUMENT: Cannot cast 'AA' to BIGINT",
        ),
        (
            "SELECT CAST(9223372036854775807 AS bigint) + number FROM flights",
            "NUMERIC_VALUE_OUT_OF_RANGE: ",
        ),
        (
            "SELECT (SELECT carrier FROM carriers)",
            "SUBQUERY_MULTIPLE_ROWS: Scalar sub-query has returned multiple rows",
        ),
        (
            "SELECT tags[9] FROM flights WHERE event_date = '2024-01-01'",
            "INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to array length",
        ),
        ("EXPLAIN SELECT 1", "NOT_SUPPORTED: EXPLAIN is not supported by the local Athena"),
        (
            "SELECT array_sort(tags, (a, b) -> 1) FROM flights",
            "NOT_SUPPORTED: line 1:8: array_sort with a lambda is not supported",
        ),
    ],
)
def test_a_query_fails_for_the_reason_that_athena_gives(
    athena: Athena, sql: str, reason: str
) -> None:
    assert athena.reason(sql).startswith(reason)


def test_a_failure_has_a_category_and_a_type(athena: Athena) -> None:
    status = athena.finish("SELECT * FROM nothing")["Status"]
    assert status["AthenaError"] == {
        "ErrorCategory": 2,
        "ErrorType": 1301,
        "Retryable": False,
        "ErrorMessage": status["StateChangeReason"],
    }


def test_results_of_a_failed_query_are_refused(athena: Athena) -> None:
    query_id = athena.finish("SELECT * FROM nothing")["QueryExecutionId"]
    assert refused(athena.client.get_query_results, QueryExecutionId=query_id) == (
        "InvalidRequestException",
        "Query did not finish successfully. Final query state: FAILED",
        "INVALID_QUERY_EXECUTION_STATE",
    )


def test_a_running_query_is_stopped_at_once_and_leaves_no_result(athena: Athena) -> None:
    query_id = athena.start(SLOW)
    assert refused(athena.client.get_query_results, QueryExecutionId=query_id)[2] == (
        "INVALID_QUERY_EXECUTION_STATE"
    )
    athena.client.stop_query_execution(QueryExecutionId=query_id)
    found = athena.wait(query_id)
    assert found["Status"]["State"] == "CANCELLED"
    athena.client.stop_query_execution(QueryExecutionId=query_id)
    assert athena.ask("SELECT 1").values == [(1,)]
    listed = athena.s3.list_objects_v2(Bucket=data.BUCKET, Prefix=f"results/{query_id}")
    assert listed["KeyCount"] == 0


def test_more_queries_than_run_at_once_wait_and_a_waiting_one_can_be_stopped(
    athena: Athena,
) -> None:
    running = [athena.start(SLOW) for _ in range(4)]
    waiting = athena.start("SELECT 1")
    state = athena.client.get_query_execution(QueryExecutionId=waiting)["QueryExecution"]["Status"]
    athena.client.stop_query_execution(QueryExecutionId=waiting)
    for query_id in running:
        athena.client.stop_query_execution(QueryExecutionId=query_id)
    assert state["State"] == "QUEUED"
    assert athena.wait(waiting)["Status"]["State"] == "CANCELLED"
    assert {athena.wait(query_id)["Status"]["State"] for query_id in running} == {"CANCELLED"}


def test_queries_from_many_threads_do_not_disturb_each_other(athena: Athena) -> None:
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        client = Athena(athena.aws)
        answers[number] = client.ask(f"SELECT {number}, count(*) FROM flights").values

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: [(number, len(data.flights()))] for number in range(12)}


# --- results


def test_the_result_file_is_quoted_csv_with_a_header_and_empty_nulls(athena: Athena) -> None:
    found = athena.finish(
        """SELECT x, y AS "Mixed" FROM (VALUES ('a "b"', 1.50), (NULL, NULL), ('', 2)) AS t (x, y)
        ORDER BY y NULLS LAST"""
    )
    _, key = location(found)
    assert body(athena, key) == b'"x","Mixed"\n"a ""b""","1.50"\n"","2.00"\n,\n'


def test_a_page_begins_with_the_header_and_tells_null_from_empty(athena: Athena) -> None:
    query_id = athena.finish("SELECT x FROM (VALUES 'a', NULL, '', 'two\nlines') AS t (x)")
    found = athena.client.get_query_results(QueryExecutionId=query_id["QueryExecutionId"])
    rows = [row["Data"][0] for row in found["ResultSet"]["Rows"]]
    assert rows == [
        {"VarCharValue": "x"},
        {"VarCharValue": "a"},
        {},
        {"VarCharValue": ""},
        {"VarCharValue": "two\nlines"},
    ]


def test_results_come_in_pages_of_at_most_a_thousand_rows(athena: Athena) -> None:
    query_id = athena.finish("SELECT x FROM UNNEST(sequence(1, 2500)) AS t (x) ORDER BY x")[
        "QueryExecutionId"
    ]
    read = athena.client.get_query_results
    pages = [read(QueryExecutionId=query_id)]
    while "NextToken" in pages[-1]:
        pages.append(read(QueryExecutionId=query_id, NextToken=pages[-1]["NextToken"]))
    values = [[row["Data"][0]["VarCharValue"] for row in p["ResultSet"]["Rows"]] for p in pages]
    assert [len(page) for page in values] == [1000, 1000, 501]
    assert sum(values, []) == ["x", *map(str, range(1, 2501))]  # noqa: RUF017  three pages
    small = read(QueryExecutionId=query_id, MaxResults=2)
    assert len(small["ResultSet"]["Rows"]) == 2
    assert refused(read, QueryExecutionId=query_id, MaxResults=1001)[0] in (
        "InvalidRequestException",
        "ParamValidationError",
    )


def test_columns_are_described_with_type_precision_and_scale(athena: Athena) -> None:
    answer = athena.ask("SELECT 1 AS a, fare, carrier, 1e0, scheduled FROM flights LIMIT 1")
    keys = ("Name", "Type", "Precision", "Scale", "Nullable", "CaseSensitive")
    assert [tuple(column[key] for key in keys) for column in answer.columns] == [
        ("a", "integer", 10, 0, "UNKNOWN", False),
        ("fare", "decimal", 10, 2, "UNKNOWN", False),
        ("carrier", "varchar", 2147483647, 0, "UNKNOWN", True),
        ("_col3", "double", 17, 0, "UNKNOWN", False),
        ("scheduled", "timestamp", 3, 0, "UNKNOWN", False),
    ]


def test_the_metadata_object_is_the_protobuf_that_athena_writes(athena: Athena) -> None:
    found = athena.finish("SELECT ARRAY[1] AS ary")
    _, key = location(found)
    message = body(athena, f"{key}.metadata")
    assert message[:1] == b"\x0a"
    column = message[2 + message[1] :]
    assert column == (b'"\x19\x0a\x04hive\x22\x03ary*\x03ary2\x05arrayH\x03')


def test_an_empty_result_has_a_header_and_no_rows(athena: Athena) -> None:
    answer = athena.ask("SELECT carrier FROM carriers WHERE carrier = 'XX'")
    assert (answer.labels, answer.rows) == (["carrier"], [])


# --- workgroups


def test_a_workgroup_decides_where_results_go_if_it_enforces_it(athena: Athena) -> None:
    athena.client.create_work_group(
        Name="strict",
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": f"s3://{data.BUCKET}/strict"},
        },
    )
    athena.client.create_work_group(
        Name="kind",
        Configuration={
            "EnforceWorkGroupConfiguration": False,
            "ResultConfiguration": {"OutputLocation": f"s3://{data.BUCKET}/kind/"},
        },
    )
    strict = athena.finish("SELECT 1", WorkGroup="strict")
    assert location(strict)[1] == f"strict/{strict['QueryExecutionId']}.csv"
    own = athena.finish("SELECT 1", WorkGroup="kind")
    assert location(own)[1].startswith("results/")
    theirs = athena.finish("SELECT 1", WorkGroup="kind", ResultConfiguration={})
    assert location(theirs)[1].startswith("kind/")


def test_a_scan_limit_cancels_a_query_that_would_read_more(athena: Athena) -> None:
    block = data.parquet(
        [{"flight_id": f"{n:09d}{uuid.uuid4()}"} for n in range(250_000)],
        data.FLIGHTS.empty_table().select(["flight_id"]).schema,
        compression="none",
        use_dictionary=False,
    )
    athena.put("big/0.parquet", block)
    athena.table("big", data.storage(f"s3://{data.BUCKET}/big/", {"flight_id": "string"}))
    athena.client.create_work_group(
        Name="cheap", Configuration={"BytesScannedCutoffPerQuery": 10_000_000}
    )
    found = athena.finish("SELECT max(flight_id) FROM big", WorkGroup="cheap")
    assert found["Status"]["State"] == "CANCELLED"
    assert found["Status"]["StateChangeReason"] == "Bytes scanned limit was exceeded"
    assert athena.ask("SELECT count(*) FROM big", WorkGroup="cheap").values == [(250_000,)]
    athena.client.update_work_group(
        WorkGroup="cheap", ConfigurationUpdates={"RemoveBytesScannedCutoffPerQuery": True}
    )
    assert athena.ask("SELECT count(DISTINCT flight_id) FROM big", WorkGroup="cheap").values == [
        (250_000,)
    ]


def test_a_workgroup_is_made_changed_listed_and_deleted(athena: Athena) -> None:
    client = athena.client
    client.create_work_group(Name="team", Description="ours")
    assert refused(client.create_work_group, Name="team")[1] == "WorkGroup is already created"
    client.update_work_group(
        WorkGroup="team",
        Description="theirs",
        State="DISABLED",
        ConfigurationUpdates={
            "ResultConfigurationUpdates": {"OutputLocation": OUTPUT},
            "EnforceWorkGroupConfiguration": True,
            "BytesScannedCutoffPerQuery": 20_000_000,
        },
    )
    found = client.get_work_group(WorkGroup="team")["WorkGroup"]
    assert (found["Description"], found["State"]) == ("theirs", "DISABLED")
    assert found["Configuration"]["ResultConfiguration"] == {"OutputLocation": OUTPUT}
    assert found["Configuration"]["BytesScannedCutoffPerQuery"] == 20_000_000
    assert "team" in [group["Name"] for group in client.list_work_groups()["WorkGroups"]]
    assert refused(athena.start, sql="SELECT 1", WorkGroup="team")[1] == (
        "WorkGroup team is disabled."
    )
    client.delete_work_group(WorkGroup="team")
    assert refused(client.get_work_group, WorkGroup="team")[0] == "InvalidRequestException"


def test_a_workgroup_in_use_goes_only_with_all_it_holds(athena: Athena) -> None:
    client = athena.client
    client.create_work_group(Name="full")
    client.create_named_query(Name="q", Database="d", QueryString="SELECT 1", WorkGroup="full")
    assert refused(client.delete_work_group, WorkGroup="full")[1] == "WorkGroup full is not empty"
    client.delete_work_group(WorkGroup="full", RecursiveDeleteOption=True)
    assert refused(client.delete_work_group, WorkGroup="primary")[0] == "InvalidRequestException"


def test_a_scan_limit_below_ten_megabytes_is_refused(athena: Athena) -> None:
    unchecked = boto3.client(
        "athena",
        config=Config(parameter_validation=False),
        endpoint_url=athena.aws.endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY,
    )
    code, _, _ = refused(
        unchecked.create_work_group,
        Name="tiny",
        Configuration={"BytesScannedCutoffPerQuery": 10_000_000 - 1},
    )
    assert code == "InvalidRequestException"


# --- named queries


def test_a_named_query_is_kept_changed_and_deleted(athena: Athena) -> None:
    client = athena.client
    client.create_work_group(Name="names")
    made = client.create_named_query(
        Name="first", Database="d", QueryString="SELECT 1", WorkGroup="names", Description="one"
    )["NamedQueryId"]
    assert client.get_named_query(NamedQueryId=made)["NamedQuery"] == {
        "Name": "first",
        "Description": "one",
        "Database": "d",
        "QueryString": "SELECT 1",
        "NamedQueryId": made,
        "WorkGroup": "names",
    }
    client.update_named_query(NamedQueryId=made, Name="second", QueryString="SELECT 2")
    found = client.batch_get_named_query(NamedQueryIds=[made, "missing"])
    assert [(q["Name"], q["QueryString"]) for q in found["NamedQueries"]] == [
        ("second", "SELECT 2")
    ]
    assert [q["NamedQueryId"] for q in found["UnprocessedNamedQueryIds"]] == ["missing"]
    assert client.list_named_queries(WorkGroup="names")["NamedQueryIds"] == [made]
    client.delete_named_query(NamedQueryId=made)
    assert client.list_named_queries(WorkGroup="names")["NamedQueryIds"] == []
    assert refused(client.get_named_query, NamedQueryId=made)[0] == "InvalidRequestException"


# --- the catalog


def test_the_catalog_is_seen_through_athena(athena: Athena) -> None:
    client, name = athena.client, "AwsDataCatalog"
    assert client.get_data_catalog(Name=name)["DataCatalog"]["Type"] == "GLUE"
    listed = client.list_data_catalogs()["DataCatalogsSummary"]
    assert [catalog["CatalogName"] for catalog in listed] == [name]
    databases = client.list_databases(CatalogName=name)["DatabaseList"]
    assert {"default", data.DATABASE} <= {database["Name"] for database in databases}
    found = client.get_table_metadata(
        CatalogName=name, DatabaseName=data.DATABASE, TableName="flights"
    )["TableMetadata"]
    assert [(c["Name"], c["Type"]) for c in found["Columns"]] == list(data.GLUE_TYPES.items())
    assert found["PartitionKeys"] == [{"Name": "event_date", "Type": "string"}]
    assert found["Parameters"]["projection.enabled"] == "true"
    tables = client.list_table_metadata(
        CatalogName=name, DatabaseName=data.DATABASE, Expression="carr.*"
    )["TableMetadataList"]
    assert [table["Name"] for table in tables] == ["carriers"]
    code, _, _ = refused(
        client.get_table_metadata, CatalogName=name, DatabaseName=data.DATABASE, TableName="none"
    )
    assert code == "MetadataException"
    code, _, _ = refused(client.get_database, CatalogName=name, DatabaseName="none")
    assert code == "MetadataException"


def test_other_operations_are_refused_by_their_name(athena: Athena) -> None:
    assert refused(athena.client.create_notebook, WorkGroup="primary", Name="n")[:2] == (
        "InvalidRequestException",
        "CreateNotebook is not supported by the local Athena",
    )
    assert refused(athena.client.create_data_catalog, Name="x", Type="LAMBDA")[1] == (
        "CreateDataCatalog is not supported by the local Athena"
    )
    assert refused(athena.client.list_prepared_statements, WorkGroup="primary")[1] == (
        "ListPreparedStatements is not supported by the local Athena"
    )
