"""A contract changes: what the command says of it, and what becomes of the files that are there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyathena
import pytest

from tests import test_pipeline
from tests.conftest import AWS
from tests.local.delivery import conftest as delivery
from tests.local.delivery.conftest import Lab
from tests.local.lab import until
from tests.test_pipeline import Pipeline

pipeline = test_pipeline.pipeline
lab = delivery.lab

PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
HINTS = {"SizeInMBs": 64, "IntervalInSeconds": 1}
V1 = {"id": "bigint", "size": "int", "share": "float", "place": "struct<latitude:float>"}
OLD = {"id": 1, "size": 7, "share": 0.5, "place": {"latitude": 1.5}}


class Table:
    """A table that a delivery stream of its own writes, by the columns that it has then."""

    def __init__(self, lab: Lab, aws: AWS, columns: dict[str, str]) -> None:
        self.lab, self.aws = lab, aws
        place = lab.table(columns)
        self.database = place["DatabaseName"]
        self.change(columns)
        self.stream = lab.delivery(
            Prefix="data/",
            BufferingHints=HINTS,
            DataFormatConversionConfiguration={
                "SchemaConfiguration": {"RoleARN": delivery.ROLE, **place},
                "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
                "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
                "Enabled": True,
            },
        )

    def change(self, columns: dict[str, str]) -> None:
        """What a deployment does."""
        self.lab.glue.update_table(
            DatabaseName=self.database,
            TableInput={
                "Name": "rows",
                "TableType": "EXTERNAL_TABLE",
                "PartitionKeys": [],
                "StorageDescriptor": {
                    "Columns": [{"Name": name, "Type": kind} for name, kind in columns.items()],
                    "Location": f"s3://{self.lab.bucket}/data/",
                    "InputFormat": f"{PARQUET}.MapredParquetInputFormat",
                    "OutputFormat": f"{PARQUET}.MapredParquetOutputFormat",
                    "SerdeInfo": {"SerializationLibrary": f"{PARQUET}.serde.ParquetHiveSerDe"},
                },
            },
        )

    def deliver(self, row: dict[str, Any]) -> None:
        """A row, in a file of its own."""
        before = len(self.lab.keys("data/"))
        self.lab.put(self.stream, json.dumps(row).encode())
        until(lambda: len(self.lab.keys("data/")) == before + 1)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        with (
            pyathena.connect(
                s3_staging_dir=f"s3://{self.lab.bucket}/results/",
                schema_name=self.database,
                endpoint_url=self.aws.endpoint,
                region_name="us-east-1",
                aws_access_key_id="headrace",
                aws_secret_access_key="headrace",  # noqa: S106  the local AWS's
                poll_interval=0.05,
            ) as connection,
            connection.cursor() as cursor,
        ):
            rows: list[tuple[Any, ...]] = cursor.execute(query).fetchall()
            return rows


@pytest.mark.parametrize(
    ("columns", "row", "query", "expected"),
    [
        pytest.param(
            {**V1, "note": "string"},
            {**OLD, "id": 2, "note": "new"},
            "SELECT id, size, note FROM rows ORDER BY id",
            [(1, 7, None), (2, 7, "new")],
            id="new optional column",
        ),
        pytest.param(
            {"note": "array<struct<a:bigint>>", **V1},
            {**OLD, "id": 2, "note": [{"a": 1}]},
            "SELECT id, cardinality(note), size FROM rows ORDER BY id",
            [(1, None, 7), (2, 1, 7)],
            id="new column before the others",
        ),
        pytest.param(
            {**V1, "size": "bigint"},
            {**OLD, "id": 2, "size": 2**40},
            "SELECT id, size, size + 1 FROM rows ORDER BY id",
            [(1, 7, 8), (2, 2**40, 2**40 + 1)],
            id="wider whole number",
        ),
        pytest.param(
            {**V1, "share": "double"},
            {**OLD, "id": 2, "share": 0.1},
            "SELECT id, share FROM rows ORDER BY id",
            [(1, 0.5), (2, 0.1)],
            id="wider float",
        ),
        pytest.param(
            {**V1, "place": "struct<latitude:float,altitude:double>"},
            {**OLD, "id": 2, "place": {"latitude": 2.5, "altitude": 300.0}},
            "SELECT id, place.latitude, place.altitude FROM rows ORDER BY id",
            [(1, 1.5, None), (2, 2.5, 300.0)],
            id="new optional field of a struct",
        ),
        pytest.param(
            {**V1, "place": "struct<latitude:double>"},
            {**OLD, "id": 2, "place": {"latitude": 0.1}},
            "SELECT id, place.latitude FROM rows ORDER BY id",
            [(1, 1.5), (2, 0.1)],
            id="wider float in a struct",
        ),
    ],
)
def test_after_a_compatible_change_old_files_and_new_ones_answer_together(
    lab: Lab,
    aws: AWS,
    columns: dict[str, str],
    row: dict[str, Any],
    query: str,
    expected: list[tuple[Any, ...]],
) -> None:
    table = Table(lab, aws, V1)
    table.deliver(OLD)
    table.change(columns)
    assert table.sql("SELECT count(*) FROM rows WHERE id = 1") == [(1,)]
    table.deliver(row)
    assert table.sql(query) == expected


@pytest.mark.parametrize("type_", ["string", "date", "array<int>"])
def test_what_is_forbidden_does_make_old_files_unreadable(lab: Lab, aws: AWS, type_: str) -> None:
    table = Table(lab, aws, V1)
    table.deliver(OLD)
    table.change({**V1, "size": type_})
    with pytest.raises(pyathena.error.OperationalError, match="HIVE_BAD_DATA"):
        table.sql("SELECT size FROM rows")


@contextmanager
def deployed_as(pipeline: Pipeline, event_type: str, **changes: Any) -> Iterator[None]:
    """The deployed table with other columns or parameters, as an older contract would have left it;
    None takes one away."""
    glue, flow = pipeline.aws.client("glue"), pipeline.flows[event_type]
    where = {
        "DatabaseName": pipeline.lake["DatabaseName"],
        "Name": flow.get("DeliveredName", flow["TableName"]),
    }
    table = glue.get_table(**where)["Table"]
    kept = {
        key: table[key]
        for key in ("Name", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
    }
    storage = kept["StorageDescriptor"]
    columns = {column["Name"]: column for column in storage["Columns"]}
    parameters = dict(kept["Parameters"])
    for name, value in changes.items():
        if name in columns or name.startswith("old_"):
            columns[name] = {"Name": name, "Type": value}
        else:
            parameters[f"headrace.{name}"] = value
    older = kept | {
        "Parameters": parameters,
        "StorageDescriptor": storage
        | {"Columns": [column for column in columns.values() if column["Type"]]},
    }
    glue.update_table(DatabaseName=where["DatabaseName"], TableInput=older)
    try:
        yield
    finally:
        glue.update_table(DatabaseName=where["DatabaseName"], TableInput=kept)


def test_what_was_just_deployed_does_not_differ(pipeline: Pipeline) -> None:
    done = pipeline.aws.run("headrace", "contracts", "diff")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "",
        "The contracts are those deployed in environment 'dev'.\n",
    )


def test_compatible_changes_and_actions_are_told_and_may_be_deployed(pipeline: Pipeline) -> None:
    with deployed_as(pipeline, "flight", air_time=None, distance="int", partition_key="carrier"):
        done = pipeline.aws.run("headrace", "contracts", "diff", "flight", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        found = {one["where"]: (one["verdict"], one["what"]) for one in json.loads(done.stdout)}
        assert {where: found[where] for where in ("air_time", "distance", "partition_key")} == {
            "air_time": ("compatible", "is new (bigint)"),
            "distance": ("compatible", "is widened from int to bigint"),
            "partition_key": (
                "action",
                "changes from carrier to tail_number or event_id: keys move between shards",
            ),
        }
        other = pipeline.aws.run("headrace", "contracts", "diff", "device_telemetry", "--json")
        assert (other.returncode, json.loads(other.stdout)) == (0, [])


def test_a_forbidden_change_has_an_exit_code_of_its_own_and_stops_make_deploy(
    pipeline: Pipeline,
) -> None:
    with deployed_as(pipeline, "flight", old_remark="string", origin="bigint"):
        done = pipeline.aws.run("headrace", "contracts", "diff")
        assert (done.returncode, done.stderr) == (
            3,
            "headrace: 2 changes are forbidden in environment 'dev': do what is said instead, then"
            " deploy.\n",
        )
        assert "old_remark is gone" in done.stdout and "origin changes from" in done.stdout
        before = pipeline.aws.client("cloudformation").describe_stacks()["Stacks"]
        made = pipeline.aws.run("make", "--no-print-directory", "-o", ".setup", "deploy")
        assert made.returncode != 0
        assert "forbidden" in made.stderr and "origin changes from" in made.stdout
        after = pipeline.aws.client("cloudformation").describe_stacks()["Stacks"]
        assert [stack.get("LastUpdatedTime") for stack in after] == [
            stack.get("LastUpdatedTime") for stack in before
        ]


def test_before_the_first_deployment_every_type_is_new(pipeline: Pipeline) -> None:
    done = pipeline.aws.run("headrace", "contracts", "diff", "--env", "nowhere", "--json")
    assert done.returncode == 0
    assert {(one["verdict"], one["what"]) for one in json.loads(done.stdout)} == {
        ("compatible", "is new")
    }


def test_an_unknown_type_is_wrong_usage(pipeline: Pipeline) -> None:
    done = pipeline.aws.run("headrace", "contracts", "diff", "flights")
    assert done.returncode == 2
    assert "There is no event type 'flights'; there are: " in done.stderr
