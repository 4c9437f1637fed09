"""What is not in the table, and why, in SQL."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import test_pipeline
from tests.conftest import AWS
from tests.test_pipeline import Pipeline, samples, until

pipeline = test_pipeline.pipeline

WHERE = "shard_id, sequence_number, subsequence_number"


def test_the_reasons_of_rejected_records_are_counted_in_sql(pipeline: Pipeline) -> None:
    wrong = [
        (path.parent.name, path.read_bytes())
        for path in samples("flight", "rejected")
        for _ in range(2)  # a producer that repeats itself has each of its records shown
    ]
    before = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=1)
    payloads = [data for _, data in wrong]
    numbers = pipeline.put("flight", *payloads)
    given = ", ".join(f"'{number}'" for number in numbers)
    ours = f"FROM flight_rejected WHERE sequence_number IN ({given})"

    until(lambda: pipeline.sql(f"SELECT count(*) {ours}")[0][0] == len(wrong))
    counts = pipeline.sql(f"SELECT reason, count(*) {ours} GROUP BY 1")
    assert dict(counts) == Counter(reason for reason, _ in wrong)

    rows = pipeline.sql(
        "SELECT sequence_number, reason, payload_base64, payload, shard_id, subsequence_number,"
        f" arrived_at, rejected_at, arrival_date, detail {ours}"
    )
    assert {row[0]: (row[1], base64.b64decode(row[2])) for row in rows} == dict(
        zip(numbers, wrong, strict=True)
    )
    for row in rows:
        assert row[3] == base64.b64decode(row[2]).decode(errors="replace")
        assert row[4].startswith("shardId-") and row[5] == 0 and row[9]
        assert before <= row[6] <= row[7] <= datetime.now(UTC).replace(tzinfo=None)
        assert row[8] == row[6].date().isoformat()


def test_the_view_and_the_account_of_firehose_agree_on_every_payload(pipeline: Pipeline) -> None:
    data = b'{"event_id": "the account"}'
    pipeline.put("flight", data, data, data)
    query = "SELECT payload_base64 FROM flight_rejected"

    def agree() -> bool:
        lines = Counter(line.encode() for line in _raw(pipeline, "flight"))
        rows = Counter(row[0].encode() for row in pipeline.sql(query))
        return lines == rows and rows[base64.b64encode(data)] == 3

    until(agree)


def test_what_firehose_cannot_convert_is_there_with_its_code(pipeline: Pipeline) -> None:
    data = samples("device_telemetry", "valid")[0].read_bytes()
    flow = pipeline.flows["device_telemetry"]
    table = flow.get("DeliveredName", flow["TableName"])
    with _column(pipeline.aws, pipeline.lake["DatabaseName"], table, "release", "bigint"):
        [number] = pipeline.put("device_telemetry", data)
        found: list[Any] = []

        def there() -> bool:
            found[:] = pipeline.sql(
                f"SELECT reason, {WHERE}, detail, payload FROM device_telemetry_rejected"
                f" WHERE sequence_number = '{number}'"
            )
            return bool(found)

        until(there)
    [(reason, shard, sequence, subsequence, detail, payload)] = found
    assert (reason, sequence, subsequence) == ("DataFormatConversion.MalformedData", number, 0)
    assert shard.startswith("shardId-")
    assert detail.startswith("Data does not match the schema.")
    assert '"release"' in payload


def test_a_query_for_one_day_of_arrivals_reads_no_other(pipeline: Pipeline) -> None:
    today = datetime.now(UTC).date()
    count = "SELECT count(*) FROM flight_rejected WHERE arrival_date"
    with pipeline.connection() as connection:
        cursor = connection.cursor()
        cursor.execute(f"{count} < '{today - timedelta(days=1)}'")
        assert cursor.fetchall() == [(0,)]
        assert cursor.data_scanned_in_bytes == 0


def _raw(pipeline: Pipeline, event_type: str) -> Iterator[str]:
    for body in pipeline.objects(pipeline.flows[event_type]["ErrorPrefix"]):
        for line in body.splitlines():
            yield json.loads(line)["rawData"]


@contextmanager
def _column(aws: AWS, database: str, table_name: str, name: str, type_: str) -> Iterator[None]:
    """The table with another type of a column, as long as the block lasts."""
    glue = aws.client("glue")
    table = glue.get_table(DatabaseName=database, Name=table_name)["Table"]
    kept = {
        key: table[key]
        for key in ("Name", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
    }
    columns = [
        column | ({"Type": type_} if column["Name"] == name else {})
        for column in kept["StorageDescriptor"]["Columns"]
    ]
    changed = kept | {"StorageDescriptor": kept["StorageDescriptor"] | {"Columns": columns}}
    glue.update_table(DatabaseName=database, TableInput=changed)
    try:
        yield
    finally:
        glue.update_table(DatabaseName=database, TableInput=kept)


@pytest.mark.parametrize("table", ["errors", "verdicts", "rejected"])
def test_the_tables_are_described_by_the_catalog(pipeline: Pipeline, table: str) -> None:
    columns = pipeline.sql(f"DESCRIBE flight_{table}")
    assert columns
